"""What was measured of time and memory, arranged to be read: metrics in, DataFrames out."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas import DataFrame

from common.metrics import Verdict, amdahl_serial_share, read_metrics, verdict
from common.report import scaling
from common.report.formats import HUMAN, heading
from common.report.tables import column
from common.toml import toml_beside

SPECS = toml_beside(__file__, "comparisons.toml")
WHOLE_STEPS = ["load.seconds", "eda.seconds", "features.seconds", "models.seconds"]
ALL_CORES = SPECS["names"]["parallel"]
remembered_verdict = lru_cache(4096)(verdict)  # a page asks for the same ones again
HERE, OTHER, ORIGINAL = "this project", "another tool", "original study"


class Comparison(NamedTuple):
    """Ways to do the same work."""

    spec: dict[str, Any]  # of comparisons.toml
    title: str  # the step, and of which model where there are several
    # By what people call them, the baseline first: kind (HERE, OTHER or ORIGINAL), workers, and
    # seconds (a tuple, of each repeat).
    ways: DataFrame


def comparisons(metrics: DataFrame) -> Iterator[Comparison]:
    """What comparisons.toml names, where the baseline and another way were measured."""
    metrics = pd.concat([metrics, scaling.launch_seconds(metrics)])
    for spec in SPECS["comparison"]:
        rows = metrics[metrics["name"] == spec["metric"]]
        for label, values in spec.get("where", {}).items():
            rows = rows[column(rows, label).isin(values)]
        rows = rows.assign(
            part=column(rows, spec.get("each", "")).fillna(""),
            way=column(rows, spec["label"]),
            workers=column(rows, "workers").combine_first(column(rows, "n_jobs")).astype(float),
        )
        names = SPECS["names"] | spec.get("ways", {})
        for part, own in rows.groupby("part", sort=False):
            ways = own.groupby("way", sort=False).agg(
                workers=("workers", "median"), seconds=("value", tuple)
            )
            others = [ways.index == "original", ways.index.isin(spec.get("others", ()))]
            ways["kind"] = np.select(others, [ORIGINAL, OTHER], HERE)
            is_base = ways.index == spec["baseline"]
            ways.index = [names.get(way, heading(way)) for way in ways.index]
            order = np.select([is_base, *others, ways.index == ALL_CORES], [0, 4, 3, 1], 2)
            if is_base.any() and len(ways) > 1:
                title = ": ".join(filter(None, (spec["step"], HUMAN["models"].get(part, part))))
                yield Comparison(spec, title, ways.iloc[order.argsort(kind="stable")])


def works(metrics: DataFrame) -> str:
    """What each step that was compared does, in sentences."""
    said = {spec["step"]: spec["work"] for spec, *_ in comparisons(metrics)}
    return " ".join(f"{step}: {work[:1].lower()}{work[1:]}" for step, work in said.items())


class Timing(NamedTuple):
    """One way of a step; ratio, low and high are the Verdict's beside the baseline."""

    step: str
    way: str
    kind: str
    workers: float
    repeats: int
    seconds: float  # median
    fastest: float
    slowest: float
    ratio: float
    low: float
    high: float
    verdict: str  # or "baseline"


def verdicts(metrics: DataFrame) -> DataFrame:
    """What parallelism bought: a Timing a row, each comparison's baseline before the others."""
    timings = []
    for _, title, ways in comparisons(metrics):
        base = ways["seconds"].iloc[0]
        for way in ways.itertuples():
            outcome = remembered_verdict(base, way.seconds)
            timings.append(
                Timing(
                    title,
                    way.Index,
                    way.kind,
                    way.workers,
                    len(way.seconds),
                    float(np.median(way.seconds)),
                    min(way.seconds),
                    max(way.seconds),
                    *outcome[:3],
                    "baseline" if way.seconds is base else outcome.text,
                )
            )
    return DataFrame(timings, columns=Timing._fields)


class Whole(NamedTuple):
    """The pipeline in one process and on all cores: way, step and seconds a row; the totals'
    Verdict, of which a repeat is the sum of that repeat of every step."""

    table: DataFrame
    total: Verdict

    @property
    def text(self) -> str:
        one, cores = self.table.groupby("way", sort=False)["seconds"].sum()
        return (
            f"{one:.1f} s in one process, {cores:.1f} s on all cores, the start of their processes "
            f"included: {self.total.text}. Of the steps that were measured both ways."
        )


def whole(metrics: DataFrame) -> Whole | None:
    """The steps that were measured both ways, as a whole; None where none was."""
    start = metrics.loc[metrics["name"] == "load.client_seconds", "value"].median()
    steps = [
        (spec["step"], ways["seconds"].iloc[0], ways["seconds"][ALL_CORES])
        for spec, _, ways in comparisons(metrics)
        if "whole" in spec and ALL_CORES in ways.index
    ]
    if not steps:
        return None
    medians = [(step, np.median(one), np.median(cores)) for step, one, cores in steps]
    table = DataFrame(
        [("start of processes", 0.0, start), *medians], columns=["step", "one process", ALL_CORES]
    )
    table = table.melt("step", var_name="way", value_name="seconds").dropna()
    _, *repeats = zip(*steps)
    one, cores = (np.sum(list(zip(*of_steps)), axis=1) for of_steps in repeats)
    return Whole(
        table.groupby(["way", "step"], sort=False, as_index=False)["seconds"].sum(),
        verdict(one, cores + np.nan_to_num(start)),
    )


def scaling_runs(data_dir: Path, metrics: DataFrame) -> list[DataFrame]:
    """The metrics of a data directory, and of the runs on parts of its reviews, scaling/<N> of one
    in N; runs on parts of earlier, more or fewer reviews there are left out."""
    runs, whole = [metrics], loaded_reviews(metrics)
    for folder in data_dir.glob("scaling/[0-9]*/"):
        part = read_metrics(folder)
        if 0.95 < loaded_reviews(part) * int(folder.name) / whole < 1.05:
            runs.append(part)
    return runs


def loaded_reviews(metrics: DataFrame) -> float:
    """How many reviews a run loaded; NaN where it does not say."""
    return metrics.loc[metrics["name"] == "load.loaded", "value"].max()


def by_size(runs: Sequence[DataFrame]) -> DataFrame:
    """How all cores, or DDP, compare at each of several sizes measured: reviews and the columns of
    `verdicts`, the fewest reviews first. runs: as of `scaling_runs`."""
    sizes = []
    for rows in runs:
        reviews = loaded_reviews(rows)
        parts = {title for spec, title, _ in comparisons(rows) if "whole" in spec}
        table = verdicts(rows)
        is_cores = (table["way"] == ALL_CORES) | table["way"].str.startswith("DDP")
        is_told = table["low"].notna()  # once is too seldom
        sizes.append(table[table["step"].isin(parts) & is_cores & is_told].assign(reviews=reviews))
    table = pd.concat(sizes).sort_values("reviews", kind="stable", ignore_index=True)
    several = table.groupby(["step", "way"])["reviews"].transform("nunique") > 1
    return table[several.astype(bool)]


def break_even(sizes: DataFrame) -> list[str]:
    """From which of the measured sizes on each way is faster, a sentence each, and one for those
    that never are; sizes: as `by_size`."""
    sentences, never = [], []
    for (step, way), own in sizes.groupby(["step", "way"], sort=False):
        slower = own[~(own["low"] > 1)]
        faster = own[own["reviews"] > slower["reviews"].max()] if len(slower) else own
        if faster.empty:
            never.append(f"{step}, {way}")
            continue
        first = faster.iloc[0]
        text = f"{step}, {way}: faster from {first['reviews']:,.0f} reviews on ({first['verdict']})"
        if len(slower):
            before = slower.iloc[-1]
            text += f"; at {before['reviews']:,.0f}: {before['verdict']}"
        sentences.append(f"{text}.")
    if never:
        most = f"{sizes['reviews'].max():,.0f} reviews"
        sentences.append(f"Not faster, or within noise, up to {most}: {'; '.join(never)}.")
    return sentences


def steps(metrics: DataFrame) -> DataFrame:
    """Time and peak memory by step: step, seconds (median; of training, the sum of all epochs),
    peak_bytes (summed over a script's processes; of training, a rank's)."""
    here = metrics[column(metrics, "strategy") != "original"]
    for label, values in SPECS["ours"].items():
        here = here[column(here, label).fillna(values[0]).isin(values)]
    epochs = here[here["name"] == "train.epoch_seconds"].groupby("step")["value"].sum()
    whole = here[here["name"].isin(WHOLE_STEPS)].groupby("step")["value"].median()
    peaks = metrics[metrics["name"].str.contains("peak_rss_bytes")].groupby("step")["value"].max()
    table = DataFrame({"seconds": pd.concat([whole, epochs]), "peak_bytes": peaks})
    return table.dropna(subset="seconds").rename_axis("step").reset_index()


def by_cores(timings: DataFrame) -> DataFrame:
    """This project's ways of a search or a training that ran on three numbers of cores and more:
    what ("Training: NetflixNet, DDP") and the columns of `verdicts`, of which timings are; each
    begins with the baseline."""
    own = timings[timings["step"].str.match("Training|Tuning") & (timings["kind"] == HERE)]
    ranks = own["way"].str.extract("^([A-Z ]+), ", expand=False)
    own = own.assign(what=own["step"] + (", " + ranks).fillna(""))
    is_base = own["verdict"] == "baseline"
    whats = own.loc[~is_base, ["step", "what"]].drop_duplicates()
    points = pd.concat([own[is_base].drop(columns="what").merge(whats, on="step"), own[~is_base]])
    points = points[points.groupby("what")["workers"].transform("nunique") > 2]
    return points.sort_values(["what", "workers"], ignore_index=True)


def serial_shares(points: DataFrame) -> list[str]:
    """Amdahl's serial share where the law can hold, a sentence each; points: as of `by_cores`."""
    sentences = []
    for what, own in points.groupby("what"):
        share = amdahl_serial_share(own.groupby("workers")["seconds"].min().to_dict())
        if pd.notna(share):
            text = f"{what}: more cores do not shorten {share:.1%} of the time"
            sentences.append(f"{text} (Amdahl's law, fitted).")
    return sentences
