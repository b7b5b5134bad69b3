"""Tables of models, arranged to be read: metrics, cards and predictions in, DataFrames out."""

from pathlib import Path
from typing import Any

import pandas as pd
from numpy import ndarray
from pandas import DataFrame

from common.models.files import read_cards
from common.report.tables import column
from common.scores import SCORES

BASELINES = {"five_star": "majority", "rating": "mean"}
IMBALANCE_SCORES = ["f1_macro", "balanced_accuracy", "ece", "accuracy"]


def leaderboard(data_dir: Path, metrics: DataFrame, task: str) -> DataFrame:
    """A row per model, the trivial baseline first, then by the first of the task's SCORES on test.

    Columns: model, features, the scores on test, interval (of the first score, 95%), behind_best
    (its paired 95% interval), "<score> (<split>)" for the first two on the other splits, and
    learns: whether the model beats the baseline on test. Text classifiers that were only compared
    stand among the saved models. Empty when nothing was trained.
    """
    first, worse_first = SCORES[task][0], task == "rating"
    entries = sorted(_compared(metrics, task), key=lambda entry: entry["name"] != BASELINES[task])
    if not entries:
        return DataFrame()
    entries += [card for card in read_cards(data_dir).values() if card["task"] == task]
    table = DataFrame([_board_row(entry, task) for entry in entries])
    baseline = table[first][0]
    table["learns"] = table[first] < baseline if worse_first else table[first] > baseline
    rest = table.iloc[1:].sort_values(first, ascending=worse_first)
    return pd.concat([table.iloc[:1], rest], ignore_index=True)


def _compared(metrics: DataFrame, task: str) -> list[dict[str, Any]]:
    """What cards say, of the baselines and of models that were compared but not saved."""
    rows = metrics[
        metrics["name"].str.startswith("model.")
        & column(metrics, "features").isin(["none", "text"])
        & (column(metrics, "task") == task)
    ]
    entries: dict[str, dict[str, Any]] = {}
    for _, row in rows.iterrows():
        empty = {"name": row["label.model"], "features": row["label.features"]}
        scores = entries.setdefault(row["label.model"], empty).setdefault(row["label.split"], {})
        scores[row["name"].removeprefix("model.")] = row["value"]
    first = SCORES[task][0]
    for entry in entries.values():
        test = entry["test"]
        for name, score in (("intervals", first), ("behind_best", f"{first}_behind_best")):
            if f"{score}_low" in test:
                entry[name] = {"test": {first: (test[f"{score}_low"], test[f"{score}_high"])}}
    return list(entries.values())


def _board_row(entry: dict[str, Any], task: str) -> dict[str, Any]:
    scores, features = SCORES[task], entry["features"]
    row = {"model": entry["name"].removesuffix(f"-{features}"), "features": features}
    row |= {score: entry["test"].get(score) for score in scores}
    for name, key in (("interval", "intervals"), ("behind_best", "behind_best")):
        ends = entry.get(key, {}).get("test", {}).get(scores[0])
        row[name] = ends and "{:.4f} to {:.4f}".format(*ends).replace("-", "\N{MINUS SIGN}")
    for split in ("future", "unseen_text"):
        for score in scores[:2]:
            row[f"{score} ({split})"] = entry.get(split, {}).get(score)
    return row


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
        .rename_axis(None, axis=1)
        .reset_index()
    )
    return table.sort_values(["model", "f1_macro"], ascending=[True, False], ignore_index=True)


def imbalance_sentence(table: DataFrame) -> str:
    """Which answer wins for each model, and what it costs in calibration."""
    parts = []
    for model, ways in table.groupby("model"):
        best, none = ways.iloc[0], ways[ways["way"] == "none"].iloc[0]
        parts.append(
            f"for {model}, {best['way'].replace('_', ' ')} has the best macro-F1 "
            f"({best['f1_macro']:.4f}, {none['f1_macro']:.4f} without), with a calibration error "
            f"of {best['ece']:.4f} ({none['ece']:.4f} without)"
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
    models = ", ".join(f"{model} {rows:,.0f}" for model, rows in sizes.items())
    return (
        f"Drawn from the {train:,} reviews of the training split, as more teach these no more: "
        f"{models}."
    )


def confusion(truth: ndarray, predicted: ndarray) -> DataFrame:
    """Reviews by what they are and what was predicted, both (n,) bool for five stars: truth,
    predicted ("five stars" or "fewer"), reviews, share (of the truth's)."""
    names = ((True, "five stars"), (False, "fewer"))
    rows = []
    for is_five, name in names:
        for said_five, said in names:
            reviews = int(((truth == is_five) & (predicted == said_five)).sum())
            share = reviews / max(int((truth == is_five).sum()), 1)
            rows.append({"truth": name, "predicted": said, "reviews": reviews, "share": share})
    return DataFrame(rows)


def search_grids(metrics: DataFrame) -> DataFrame:
    """The parameter sets of the grid searches: model, features, value (mean over folds), rows,
    score, across and down (the parameters as text)."""
    sets = metrics[metrics["name"].isin(["model.cell_auc", "model.cell_rmse"])]
    if not len(sets):
        return DataFrame()
    keys = ["label.model", "label.features", "label.cell", "name"]
    grids = sets.groupby(keys, sort=False).agg(value=("value", "mean"), rows=("rows", "first"))
    grids = grids.rename_axis(["model", "features", "cell", "score"]).reset_index()
    parameters = grids["cell"].str.split(", ", n=1)
    return grids.assign(
        score=grids["score"].str.removeprefix("model.cell_"),
        across=parameters.str[0],
        down=parameters.str[1].fillna(""),
    )
