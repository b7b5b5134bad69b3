"""Tables of models, arranged to be read: metrics, cards and predictions in, DataFrames out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray
from pandas import DataFrame
from scipy.special import stdtrit

from common.models.files import read_cards
from common.report.formats import column_name, model_name
from common.report.tables import column
from common.scores import SCORES

BASELINES = {"five_star": "majority-none", "rating": "mean-none"}
NARROW = (
    0.01  # interval of accuracy or AUC (RMSE: stars), in which a fourth decimal tells something
)
IMBALANCE_SCORES = ["f1_macro", "balanced_accuracy", "ece", "accuracy"]


def leaderboard(data_dir: Path, metrics: DataFrame, task: str) -> DataFrame:
    """A row per model, the trivial baseline first, then by the first of the task's SCORES on test.

    Columns: model (its name), the scores on test, interval (of the first score, 95%), behind_best
    (its paired 95% interval), "<score> (<split>)" for the first two on the other splits, and
    learns: whether the model beats the baseline on test. Text classifiers that were only compared
    stand among the saved models. Empty when nothing was trained. attrs["decimals"]: of scores.
    """
    scores, first = SCORES[task], SCORES[task][0]
    compared = _compared(metrics, task)
    if compared.empty:
        return compared
    cards = [card for card in read_cards(data_dir).values() if card["task"] == task]
    flat = pd.concat([compared, pd.json_normalize(cards)], ignore_index=True)
    named = {"name": "model"} | {f"test.{score}": score for score in scores}
    named |= {f"intervals.test.{first}": "interval", f"behind_best.test.{first}": "behind_best"}
    for split in ("future", "unseen_text"):
        named |= {f"{split}.{score}": f"{score} ({split})" for score in scores[:2]}
    table = flat.reindex(columns=[*named]).rename(columns=named)
    table["model"] = table["model"].map(model_name)
    table.attrs["decimals"] = _decimals(table["interval"][0])
    for name in ("interval", "behind_best"):
        table[name] = table[name].map(_span)
    best = flat["name"].isin(flat.get("behind_best.model", []))
    table["behind_best"] = table["behind_best"].mask(best, "best in validation")
    ahead = (table[first] - table[first][0]) * (-1 if task == "rating" else 1)
    table["learns"] = ahead > 0
    order = ahead[1:].sort_values(ascending=False).index
    return table.loc[[0, *order]].reset_index(drop=True)


def _decimals(ends: list[float]) -> int:
    return 4 if np.ptp(ends) < NARROW else 3


def _span(ends: Any) -> str | None:
    """Two ends in words; none where they are missing."""
    if np.isnan(ends).any():
        return None
    return " to ".join(f"{end:.{_decimals(ends)}f}" for end in ends).replace("-", "\N{MINUS SIGN}")


def _compared(metrics: DataFrame, task: str) -> DataFrame:
    """What cards say, flat, of the baseline, which comes first, and of models that were compared
    but not saved."""
    rows = metrics[
        metrics["name"].str.startswith("model.")
        & column(metrics, "features").isin(["none", "text"])
        & (column(metrics, "task") == task)
    ]
    if rows.empty:
        return DataFrame()
    rows = rows.assign(
        name=rows["label.model"] + "-" + rows["label.features"],
        key=rows["label.split"] + "." + rows["name"].str.removeprefix("model."),
    )
    table = rows.pivot_table("value", "name", "key", aggfunc="last").reset_index()
    first = SCORES[task][0]
    for name, score in (("intervals", first), ("behind_best", f"{first}_behind_best")):
        ends = table.reindex(columns=[f"test.{score}_low", f"test.{score}_high"])
        table[f"{name}.test.{first}"] = ends.to_numpy().tolist()
    return table.sort_values("name", key=lambda name: name != BASELINES[task])


def boards(data_dir: Path, metrics: DataFrame) -> dict[str, DataFrame]:
    """{task: leaderboard} of the tasks that have one."""
    tables = {task: leaderboard(data_dir, metrics, task) for task in SCORES}
    return {task: table for task, table in tables.items() if len(table)}


def imbalance(metrics: DataFrame) -> DataFrame:
    """What each answer to class imbalance is worth, on out-of-fold rows: model, way, f1_macro,
    balanced_accuracy, ece, accuracy; the best way of a model first."""
    rows = metrics[column(metrics, "split") == "out_of_fold"]
    if not len(rows):
        return DataFrame()
    table = (
        rows.assign(score=rows["name"].str.removeprefix("model."))
        .pivot(index=["label.model", "label.imbalance"], columns="score", values="value")
        .rename_axis(["model", "way"])[IMBALANCE_SCORES]
        .reset_index()
    )
    table["model"] = table["model"].map(model_name)
    table["way"] = table["way"].str.replace("smote", "SMOTE").str.replace("_", " ")
    return table.sort_values(["model", "f1_macro"], ascending=[True, False], ignore_index=True)


def imbalance_sentence(table: DataFrame) -> str:
    """Which answer wins for each model, and what it costs in calibration."""
    parts = []
    for model, ways in table.groupby("model"):
        best, none = ways.iloc[0], ways[ways["way"] == "none"].iloc[0]
        parts.append(
            f"for {model}, {best['way']} has the best macro-F1 "
            f"({best['f1_macro']:.3f}, {none['f1_macro']:.3f} without), with a calibration error "
            f"of {best['ece']:.3f} ({none['ece']:.3f} without)"
        )
    return (
        f"Unequal classes: {'; '.join(parts)}. Threshold is tuned, SMOTE makes rows, inside the "
        "training folds only."
    )


def samples_sentence(metrics: DataFrame, train: int) -> str:
    """Which models were fitted on fewer rows than the train split has; "" where none was."""
    fits = metrics[(metrics["name"] == "model.fit_seconds") & (metrics["rows"] < train)]
    if not len(fits):
        return ""
    sizes = fits.drop_duplicates("label.model").set_index("label.model")["rows"]
    models = ", ".join(f"{model_name(model)} {rows:,.0f}" for model, rows in sizes.items())
    return (
        f"Drawn from the {train:,} reviews of the training split, as more teach these no more: "
        f"{models}."
    )


def confusion(truth: ndarray, predicted: ndarray) -> DataFrame:
    """Reviews by what they are and what was predicted, both (n,) bool for five stars: truth,
    predicted ("five stars" or "fewer"), reviews, share (of the truth's)."""
    names = "five stars", "fewer"
    said = {"truth": np.where(truth, *names), "predicted": np.where(predicted, *names)}
    every = pd.MultiIndex.from_product([names, names], names=said)
    reviews = DataFrame(said).value_counts().reindex(every, fill_value=0)
    share = reviews / reviews.groupby("truth").transform("sum").clip(lower=1)
    return DataFrame({"reviews": reviews, "share": share}).reset_index()


def search_grids(metrics: DataFrame) -> dict[str, DataFrame]:
    """{title: parameter sets of a grid search}, as `_cells` says."""
    sets = metrics[metrics["name"].isin(["model.cell_auc", "model.cell_rmse"])]
    grids = {}
    for (model, features, name), rows in sets.groupby(
        ["label.model", "label.features", "name"], sort=False
    ):
        score = name.removeprefix("model.cell_")
        folds = rows.pivot_table("value", "label.cell", "repeat", sort=False)
        title = f"{model_name(f'{model}-{features}')}: {column_name(score)}"
        grids[title] = _cells(folds if score == "auc" else -folds, rows["rows"].iloc[0])
    return grids


def _cells(folds: DataFrame, rows: int) -> DataFrame:
    """A row per parameter set (index: its text) with its score on each fold (columns), the higher
    the better: across and down (the parameters), label, value (mean), and strength, 1 of the best
    and 0 of what is behind by as much as the worst, or as twice what folds alone put between two.

    A set is as good (in the label) where a paired 95% interval of how far it is behind holds 0,
    Student's t, for folds that share training rows: Nadeau and Bengio, Machine Learning 52, 2003.
    """
    value, k = folds.mean(axis=1), folds.shape[1]
    behind = folds.loc[value.idxmax()] - folds
    noise = stdtrit(max(k - 1, 1), 0.975) * behind.std(axis=1) * np.sqrt(1 / k + 1 / max(k - 1, 1))
    behind = behind.mean(axis=1)
    widest = np.nanmax([behind.max(), 2 * noise[behind > 0].median(), 1e-9])
    sign = np.where(behind == 0, " \N{BLACK STAR}", np.where(behind > noise, "", " \u2248"))
    parameters = folds.index.str.partition(", ")
    return DataFrame(
        {
            "across": parameters.get_level_values(0),
            "down": parameters.get_level_values(2),
            "value": value.abs(),
            "label": value.abs().map("{:.3f}".format) + sign,
            "strength": 1 - behind / widest,
            "rows": rows,
        }
    )
