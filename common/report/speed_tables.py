"""What was measured of time and memory, arranged to be read: metrics in, DataFrames out."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas import DataFrame

from common.metrics import verdict
from common.report.tables import column

# What each step compares: metric, the label that names the variant, its value for the baseline, and
# the label that names the part of the step.
COMPARISONS = (
    ("load", "load.seconds", "engine", "pandas", ""),
    ("explore", "eda.seconds", "variant", "serial", "part"),
    ("features", "features.seconds", "variant", "serial", "part"),
    ("tune", "model.search_seconds", "variant", "serial", "model"),
)
WHOLE_STEPS = ["load.seconds", "eda.seconds", "features.seconds", "models.seconds"]
WAYS = (
    "Loading: blocks is this project's loader, which beside parsing checks every record, removes "
    "repeated ids and writes Parquet, as duckdb_all and polars_all do; the others parse only, but "
    "original, the study's cleaning, which writes a CSV again, and parquet, which reads the five "
    "columns of the analysis back from what blocks wrote. Exploring: serial is the same code in "
    "one process; original is "
    "seven Dask passes over a CSV. Features: metadata are the same row ranges through each tool, "
    "pandas is plain pandas, original the study's one-hot columns by Dask. Tuning: parallel and "
    "serial fit once for several parameter sets, exhaustive is GridSearchCV on all workers."
)


class Timing(NamedTuple):
    """Repeats of a variant of a part of a step, beside the baseline's; ratio is the baseline's
    median divided by the variant's: above 1 the variant is faster."""

    step: str
    part: str
    variant: str
    workers: float
    repeats: int
    seconds: float  # median
    fastest: float
    slowest: float
    ratio: float
    verdict: str


def parallel(metrics: DataFrame) -> DataFrame:
    """What parallelism bought, step by step: a Timing a row, the baseline's own first."""
    timings = []
    for step, metric, label, baseline, part in COMPARISONS:
        rows = metrics[metrics["name"] == metric]
        parts = column(rows, part).fillna("")
        if part == "model":
            parts = parts + " on " + column(rows, "features")
        variants = column(rows, label)
        workers = column(rows, "workers").combine_first(column(rows, "n_jobs")).astype(float)
        # The baseline sorts before the others of its part.
        groups = rows["value"].groupby([parts, variants != baseline, variants])
        for (part_name, is_compared, variant), seconds in groups:
            base = rows.loc[(parts == part_name) & (variants == baseline), "value"]
            comparison = verdict(base.tolist(), seconds.tolist())
            timings.append(
                Timing(
                    step,
                    part_name,
                    variant,
                    workers[seconds.index].median(),
                    len(seconds),
                    seconds.median(),
                    seconds.min(),
                    seconds.max(),
                    comparison.ratio,
                    comparison.text if is_compared else "baseline",
                )
            )
    return DataFrame(timings, columns=Timing._fields)


def ratios(table: DataFrame) -> DataFrame:
    """The rows of `parallel` that were compared with their baseline; a column `what` names each."""
    compared = table[(table["verdict"] != "baseline") & table["ratio"].notna()]
    parts = (" " + compared["part"]).where(compared["part"] != "", "")
    return compared.assign(what=compared["step"] + parts + ", " + compared["variant"])


def headlines(metrics: DataFrame) -> DataFrame:
    """Speed-ups at a glance: step, seconds here, and seconds and ratio beside the original study's
    way on the same rows and beside the plain way (one process; for loading, pandas)."""
    seconds = parallel(metrics).set_index(["step", "part", "variant"])["seconds"]
    rows = []
    for step, part, variant, plain in (
        ("load", "", "blocks", "pandas"),
        ("explore", "the seven", "parallel", "serial"),
        ("features", "metadata", "dask_processes", "serial"),
        ("features", "all", "parallel", "serial"),
    ):
        times = [seconds.get((step, part, way), np.nan) for way in (variant, "original", plain)]
        rows.append((f"{step} {part}".strip(), *times))
    grids = searches(metrics)
    if "all_seconds" in grids:
        total = grids[["all_seconds", "original_seconds"]].sum()
        rows.append(("tune the study's three grids", *total, np.nan))
    columns = ["step", "seconds", "original_seconds", "plain_seconds"]
    table = DataFrame(rows, columns=columns).dropna(subset="seconds")
    table = table.dropna(subset=columns[2:], how="all", ignore_index=True)
    table.insert(3, "original_ratio", table["original_seconds"] / table["seconds"])
    return table.assign(plain_ratio=table["plain_seconds"] / table["seconds"])


def steps(metrics: DataFrame) -> DataFrame:
    """Time and peak memory by step: step, seconds (median; of training, the sum of all epochs),
    peak_bytes (summed over a script's processes; of training, a rank's)."""
    here = metrics[
        (column(metrics, "engine").fillna("blocks") == "blocks")
        & (column(metrics, "variant").fillna("parallel") == "parallel")
        & column(metrics, "part").fillna("all").isin(["all", "everything"])
        & (column(metrics, "strategy") != "original")
    ]
    epochs = here[here["name"] == "train.epoch_seconds"].groupby("step")["value"].sum()
    whole = here[here["name"].isin(WHOLE_STEPS)].groupby("step")["value"].median()
    peaks = metrics[metrics["name"].str.contains("peak_rss_bytes")].groupby("step")["value"].max()
    table = DataFrame({"seconds": pd.concat([whole, epochs]), "peak_bytes": peaks})
    return table.dropna(subset="seconds").rename_axis("step").reset_index()


def searches(metrics: DataFrame) -> DataFrame:
    """The study's grids searched its way, on its columns, and here, by fits that serve several
    parameter sets: model, rows, original_seconds and _score (AUC or RMSE), then for metadata and
    for all features seconds, ratio (times as fast) and score."""
    seconds = metrics[metrics["name"] == "model.search_seconds"]
    scores = metrics[
        (column(metrics, "split") == "validation")
        & metrics["name"].isin(["model.auc", "model.rmse"])
    ]
    rows = []
    for _, original in seconds[column(seconds, "variant") == "original"].iterrows():
        model = original["label.model"]
        here = seconds[(seconds["label.model"] == model) & (seconds["label.variant"] == "parallel")]
        score = scores[scores["label.model"] == model].set_index("label.features")["value"]
        row = {
            "model": model,
            "rows": original["rows"],
            "original_seconds": original["value"],
            "original_score": score.get("original"),
        }
        for features, value in zip(here["label.features"], here["value"]):
            row[f"{features}_seconds"] = value
            row[f"{features}_ratio"] = original["value"] / value
            row[f"{features}_score"] = score.get(features)
        rows.append(row)
    return DataFrame(rows)


def serial_shares(metrics: DataFrame) -> DataFrame:
    """Amdahl's serial share of each search that ran on several numbers of workers: model, workers,
    and serial_share as text: a figure, or words where the law cannot hold."""
    figures = metrics[metrics["name"] == "model.serial_share"]
    shares = dict(zip(column(figures, "model"), figures["value"].map("{:.1%}".format)))
    seconds = metrics[
        (metrics["name"] == "model.search_seconds")
        & (column(metrics, "features") == "all")
        & (column(metrics, "variant") != "exhaustive")
    ]
    rows = []
    for model, own in seconds.groupby(column(seconds, "model")):
        medians = own.groupby("label.n_jobs")["value"].median()
        if len(medians) > 1:
            slower = medians.iloc[1:].max() > medians.iloc[0]
            share = "slower with more workers" if slower else shares.get(model, "not measured")
            rows.append((model, ", ".join(f"{n:.0f}" for n in medians.index), share))
    return DataFrame(rows, columns=["model", "workers", "serial_share"])
