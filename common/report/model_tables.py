"""What was measured of models, arranged to be read: metrics, cards and predictions in, DataFrames out."""

import numpy as np
import pandas as pd

from common.models.files import read_cards
from common.report.tables import column
from common.scores import SCORES

BASELINES = {"five_star": "majority", "rating": "mean"}
SPLITS = ("test", "future", "unseen_text")


def leaderboard(data_dir, metrics, task):
    """A row per model, the trivial baseline first, then by the first of the task's SCORES on test.

    Columns: model, features, the scores on test, interval (of the first score, 95%), behind_best (its paired 95% interval),
    "<score> (<split>)" for the first two on the other splits, and learns: whether the model beats the baseline on test. Text
    classifiers that were only compared stand among the saved models. Empty when nothing was trained.
    """
    first = SCORES[task][0]
    own = metrics[
        metrics["name"].str.startswith("model.")
        & column(metrics, "features").isin(["none", "text"])
        & (column(metrics, "task") == task)
    ]
    entries = [
        {
            "name": model,
            "features": features,
            **{
                split: {
                    row["name"].removeprefix("model."): row["value"] for _, row in rows.iterrows()
                }
                for split, rows in group.groupby("label.split")
            },
        }
        for (model, features), group in (
            own.groupby(["label.model", "label.features"]) if len(own) else ()
        )
    ]
    for entry in entries:
        ends = entry["test"].get(f"{first}_low"), entry["test"].get(f"{first}_high")
        behind = (
            entry["test"].get(f"{first}_behind_best_low"),
            entry["test"].get(f"{first}_behind_best_high"),
        )
        entry |= {"intervals": {"test": {first: ends}}, "behind_best": {"test": {first: behind}}}
    entries.sort(key=lambda entry: entry["name"] != BASELINES[task])
    measured = bool(entries)
    entries += [card for card in read_cards(data_dir).values() if card["task"] == task]
    table = pd.DataFrame(
        [
            {
                "model": entry["name"].removesuffix(f"-{entry['features']}"),
                "features": entry["features"],
                **{score: entry["test"].get(score) for score in SCORES[task]},
                "interval": _ends(entry.get("intervals", {}).get("test", {}).get(first)),
                "behind_best": _ends(entry.get("behind_best", {}).get("test", {}).get(first)),
                **{
                    f"{score} ({split})": entry.get(split, {}).get(score)
                    for split in SPLITS[1:]
                    for score in SCORES[task][:2]
                },
            }
            for entry in entries
        ]
    )
    if not measured:
        return table.iloc[:0]
    baseline, sign = table[first].iloc[0], 1 if task == "five_star" else -1
    table["learns"] = sign * table[first] > sign * baseline
    rest = table.iloc[1:].sort_values(first, ascending=task != "five_star")
    return pd.concat([table.iloc[:1], rest], ignore_index=True)


def _ends(interval):
    return (
        None
        if interval is None or interval[0] is None
        else "{:.4f} to {:.4f}".format(*interval).replace("-", "\u2212")
    )


def imbalance(metrics):
    """What each answer to unequal classes is worth: model, way, f1_macro, balanced_accuracy, ece, accuracy, on rows out of fold."""
    rows = metrics[column(metrics, "split") == "out_of_fold"]
    if not len(rows):
        return pd.DataFrame()
    wide = rows.assign(score=rows["name"].str.removeprefix("model.")).pivot(
        index=["label.model", "label.imbalance"], columns="score", values="value"
    )
    wide = wide.rename_axis(["model", "way"]).reset_index().rename_axis(None, axis=1)
    return wide[["model", "way", "f1_macro", "balanced_accuracy", "ece", "accuracy"]].sort_values(
        ["model", "f1_macro"], ascending=[True, False], ignore_index=True
    )


def imbalance_sentence(table):
    """Which answer wins for each model, and what it costs in calibration."""
    parts = []
    for model, own in table.groupby("model"):
        best, none = own.iloc[0], own[own["way"] == "none"].iloc[0]
        parts.append(
            f"for {model}, {best['way'].replace('_', ' ')} has the best macro-F1 ({best['f1_macro']:.4f}, {none['f1_macro']:.4f} without), with "
            f"a calibration error of {best['ece']:.4f} ({none['ece']:.4f} without)"
        )
    return f"Unequal classes: {'; '.join(parts)}. Threshold is tuned, SMOTE makes rows, inside the training folds only."


def confusion(truth, chosen):
    """Reviews by what they are and what was predicted: truth, predicted ("five stars" or "fewer"), reviews, share (of the truth's)."""
    found = []
    for is_five, name in ((True, "five stars"), (False, "fewer")):
        for said_five, said in ((True, "five stars"), (False, "fewer")):
            number = int(np.count_nonzero((truth == is_five) & (chosen == said_five)))
            found.append(
                {
                    "truth": name,
                    "predicted": said,
                    "reviews": number,
                    "share": number / max(np.count_nonzero(truth == is_five), 1),
                }
            )
    return pd.DataFrame(found)


def side_by_side(predictions):
    """Every model's answer to one review: model, features, p_five_star or predicted_rating. predictions: model, features, task, value."""
    wide = predictions.pivot_table(
        index=["model", "features"], columns="task", values="value", sort=False, observed=True
    ).reset_index()
    return wide.rename(columns={"five_star": "p_five_star", "rating": "predicted_rating"})


def search_grids(metrics):
    """The cells of the grid searches: model, features, across and down (parameters as text), score, value (mean over folds), rows."""
    cells = metrics[metrics["name"].isin(["model.cell_auc", "model.cell_rmse"])]
    if not len(cells):
        return pd.DataFrame()
    keys = ["label.model", "label.features", "label.cell", "name"]
    found = (
        cells.groupby(keys, sort=False)
        .agg(value=("value", "mean"), rows=("rows", "first"))
        .reset_index()
    )
    found = found.rename(columns={"label.model": "model", "label.features": "features"}).assign(
        score=found["name"].str.removeprefix("model.cell_")
    )
    first = found["label.cell"].str.split(", ", n=1)
    return found.assign(across=first.str[0], down=first.str[1].fillna("")).drop(
        columns=["name", "label.cell"]
    )
