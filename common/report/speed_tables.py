"""What was measured of time and memory, arranged to be read: metrics in, DataFrames out."""

import numpy as np
import pandas as pd

from common.report.tables import column

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


def _degree(runs):
    known = [
        runs[column].dropna().median()
        for column in PARALLEL_DEGREE
        if column in runs and runs[column].notna().any()
    ]
    return known[0] if known else np.nan


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
