"""What was measured, arranged to be read: the tables that 06 and the app share. Metrics and cards in, DataFrames out.

A figure that was not measured is NaN, shown as "not measured"; nothing here has a default for one.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common.models.files import read_cards
from common.scores import SCORES
from common.store import require

BASELINES = {"five_star": "majority", "rating": "mean"}
SPLITS = ("test", "future", "unseen_text")
# What each step compares: metric, the label that names the variant, the baseline's value of it, the label that names the part.
COMPARISONS = (
    ("load", "load.seconds", "engine", "pandas", None),
    ("explore", "eda.seconds", "variant", "serial", "part"),
    ("features", "features.seconds", "variant", "serial", "part"),
    ("tune", "model.search_seconds", "variant", "serial", "model"),
)
WAYS = (
    "Loading: blocks is this project's loader, which beside parsing checks every record, removes repeated ids and writes Parquet; the "
    "other engines parse only, but original, the study's cleaning, which writes a CSV again, and parquet, which reads the five columns of "
    "the analysis back from what blocks wrote. Exploring: serial is the same code in one process; original is seven Dask passes over a CSV. "
    "Features: metadata are the same pieces through each tool, pandas is plain pandas, original the study's one-hot columns by Dask. Tuning: "
    "parallel and serial fit once for several cells, exhaustive is GridSearchCV on all workers."
)
PARALLEL_DEGREE = ["label.workers", "label.n_jobs"]


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


def headlines(metrics):
    """Speed-ups at a glance: step, ours and the original study's way on the same rows (seconds), how many times as fast, and the same
    beside the plain way (one process; for loading, pandas)."""
    table, found = parallel(metrics), []
    for step, part, ours in (
        ("load", "", "blocks"),
        ("explore", "the seven", "parallel"),
        ("features", "metadata", "dask_processes"),
        ("features", "all", "parallel"),
    ):
        seconds = table[(table["step"] == step) & (table["part"] == part)].set_index("variant")[
            "seconds"
        ]
        if ours in seconds and len(seconds) > 1:
            plain = seconds.get("pandas" if step == "load" else "serial", np.nan)
            found.append(
                {
                    "step": f"{step} {part}".strip(),
                    "seconds": seconds[ours],
                    "original_seconds": seconds.get("original", np.nan),
                    "original_ratio": seconds.get("original", np.nan) / seconds[ours],
                    "plain_seconds": plain,
                    "plain_ratio": plain / seconds[ours],
                }
            )
    tuned = searches(metrics)
    if len(tuned) and "all_seconds" in tuned:
        own = tuned[["original_seconds", "all_seconds"]].sum()
        found.append(
            {
                "step": "tune the study's three grids",
                "seconds": own["all_seconds"],
                "original_seconds": own["original_seconds"],
                "original_ratio": own["original_seconds"] / own["all_seconds"],
            }
        )
    return pd.DataFrame(found)


def steps(metrics):
    """Time and peak memory by step: step, seconds (median), peak_bytes (summed over a script's processes; for training, of a rank)."""
    found, training = (
        [],
        metrics[metrics["name"].isin(["train.epoch_seconds", "train.peak_rss_bytes_per_rank"])],
    )
    for script, name, label, value in (
        ("01_load", "load", "engine", "blocks"),
        ("02_eda", "eda", "part", "everything"),
        ("03_features", "features", "part", "all"),
        ("04_cpu_models", "models", None, None),
    ):
        rows = metrics[metrics["step"] == script]
        seconds = rows[rows["name"] == f"{name}.seconds"]
        seconds = seconds[column(seconds, label) == value] if label else seconds
        if "label.variant" in seconds:
            seconds = seconds[
                seconds["label.variant"].isna() | (seconds["label.variant"] == "parallel")
            ]
        found.append(
            {
                "step": script,
                "seconds": seconds["value"].median(),
                "peak_bytes": rows.loc[rows["name"] == f"{name}.peak_rss_bytes", "value"].max(),
            }
        )
    for step, rows in training.groupby("step"):
        seconds = rows[
            (rows["name"] == "train.epoch_seconds") & (column(rows, "strategy") != "original")
        ]
        found.append(
            {
                "step": step,
                "seconds": seconds.groupby("label.model")["value"].sum().sum(),
                "peak_bytes": rows.loc[
                    rows["name"] == "train.peak_rss_bytes_per_rank", "value"
                ].max(),
            }
        )
    table = pd.DataFrame(found)
    return table[table["seconds"].notna() & (table["seconds"] > 0)].reset_index(drop=True)


def searches(metrics):
    """The study's grids searched its way, on its columns, and here, by fits that serve several cells: model, rows, original (seconds),
    then for metadata and for all features seconds, times as fast, and the best cell's score (AUC or RMSE) beside the original's."""
    seconds = metrics[metrics["name"] == "model.search_seconds"]
    scores = metrics[
        (column(metrics, "split") == "validation")
        & metrics["name"].isin(["model.auc", "model.rmse"])
    ]
    found = []
    for _, row in seconds[column(seconds, "variant") == "original"].iterrows():
        own = seconds[
            (seconds["label.model"] == row["label.model"])
            & (seconds["label.variant"] == "parallel")
        ].set_index("label.features")["value"]
        score = scores[scores["label.model"] == row["label.model"]].set_index("label.features")[
            "value"
        ]
        entry = {
            "model": row["label.model"],
            "rows": row["rows"],
            "original_seconds": row["value"],
            "original_score": score.get("original"),
        }
        for features in own.index:
            entry |= {
                f"{features}_seconds": own[features],
                f"{features}_ratio": row["value"] / own[features],
                f"{features}_score": score.get(features),
            }
        found.append(entry)
    return pd.DataFrame(found)


def serial_shares(metrics):
    """Amdahl's serial share of each search, from its seconds on several numbers of workers: model, points, serial_share."""
    rows = metrics[metrics["name"] == "model.serial_share"]
    return pd.DataFrame(
        {
            "model": column(rows, "model"),
            "points": column(rows, "points"),
            "serial_share": rows["value"],
        }
    ).reset_index(drop=True)


def parallel(metrics):
    """What parallelism bought, step by step: step, part, variant, workers, repeats, seconds (median), fastest, slowest, ratio.

    ratio: baseline's median divided by the variant's; above 1 the variant is faster. The baseline's own row comes first.
    """
    found = []
    for step, name, label, baseline, part in COMPARISONS:
        rows = metrics[(metrics["name"] == name) & column(metrics, label).notna()]
        parts = column(rows, part).fillna("")
        if part == "model":
            parts = parts + " on " + column(rows, "features")
        for part_name, group in rows.groupby(parts):
            base = group.loc[column(group, label) == baseline, "value"].median()
            for variant, runs in sorted(
                group.groupby(f"label.{label}"), key=lambda item: item[0] != baseline
            ):
                found.append(
                    {
                        "step": step,
                        "part": part_name,
                        "variant": variant,
                        "workers": _degree(runs),
                        "repeats": len(runs),
                        "seconds": runs["value"].median(),
                        "fastest": runs["value"].min(),
                        "slowest": runs["value"].max(),
                        "ratio": base / runs["value"].median(),
                    }
                )
    return pd.DataFrame(
        found,
        columns=[
            "step",
            "part",
            "variant",
            "workers",
            "repeats",
            "seconds",
            "fastest",
            "slowest",
            "ratio",
        ],
    )


def ratios(table):
    """The rows of `parallel` that were compared with their baseline, with a column `what` that names each."""
    compared = table[(table["ratio"] != 1) & table["ratio"].notna()]
    named = (
        compared["step"]
        + (" " + compared["part"]).where(compared["part"] != "", "")
        + ", "
        + compared["variant"]
    )
    return compared.assign(what=named)


def column(rows, label):
    """A label of metrics rows as a Series; NaN where there is no such label."""
    return (
        rows[f"label.{label}"]
        if label and f"label.{label}" in rows
        else pd.Series(np.nan, rows.index, dtype=object)
    )


def _degree(runs):
    known = [
        runs[column].dropna().median()
        for column in PARALLEL_DEGREE
        if column in runs and runs[column].notna().any()
    ]
    return known[0] if known else np.nan


def splits(metrics):
    """Reviews in each split: {name: count}."""
    rows = metrics[metrics["name"] == "features.rows"]
    return dict(zip(column(rows, "split"), rows["value"].astype(int)))


def eda_tables(data_dir):
    """{name: DataFrame} of what 02_eda.py published; empty before it ran."""
    if not Path(data_dir, "eda").exists():
        return {}
    return {
        path.stem: pd.read_parquet(path)
        for path in sorted(require(data_dir, "eda").glob("*.parquet"))
    }


def repeats_sentence(repeats):
    """What 02's table of repeats says."""
    row = repeats.iloc[0]
    found = f"{row['repeated_share']:.1%} of the reviews repeat the text of another one."
    if row["often_repeated_reviews"]:
        found += (
            f" {row['often_repeated_reviews']:,.0f} have a text that was written five times or more, with contradicting ratings: no "
            f"classifier of five stars that knows the text alone can be right on more than {row['best_accuracy']:.1%} of those."
        )
    return found
