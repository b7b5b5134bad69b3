"""Altair charts of time, memory and scaling, shared by 06 and the app: table in, chart out."""

import numpy as np
import pandas as pd
from pandas import DataFrame

from common.charts.base import AnyChart, draw


def verdicts(table: DataFrame, title: str = "") -> AnyChart:
    """A dot and an interval for each way, under the name of its step and of its baseline. table: as
    of `speed_tables.verdicts`."""
    is_base = table["verdict"] == "baseline"
    claim = np.where(table["low"].le(1) & table["high"].ge(1), "within noise", "told apart")
    claim = np.where(table["low"].isna(), "once", claim)
    rows = table["step"] + "|" + table["way"]
    heads = table["step"] + "#|" + table["step"]
    ways = table["way"].mask(is_base, "1x: " + table["way"])
    return draw(
        "verdicts", table.assign(claim=claim, row=rows.mask(is_base, heads), way=ways), title
    )


def whole(table: DataFrame, title: str) -> AnyChart:
    """A stacked bar a way, its total at the end. table: way, step, seconds."""
    ends = table.groupby("way", sort=False)["seconds"].cumsum()
    totals = ends.where(~table["way"].duplicated(keep="last"))
    bars = table.assign(to=ends, total=totals)
    return draw("whole", bars.assign(**{"from": ends - table["seconds"]}), title)


def by_size(table: DataFrame) -> AnyChart:
    """As `verdicts`, a row for each number of reviews. table: as of `speed_tables.by_size`."""
    sizes = table["reviews"].map("{:,.0f} reviews".format)
    table = table.assign(step=table["step"] + ", " + table["way"], way=sizes)
    heads = table.drop_duplicates("step").assign(verdict="baseline", way="one process")
    rows = pd.concat([heads, table], ignore_index=True)
    rows = rows.iloc[rows["step"].factorize()[0].argsort(kind="stable")]
    return verdicts(rows, "Times as fast, by the number of reviews")


def by_step(table: DataFrame) -> dict[str, AnyChart]:
    """{name: chart} of the time and the peak memory of each step. table: step, seconds,
    peak_bytes."""
    tables = {"time_by_step": table, "memory_by_step": table.dropna(subset="peak_bytes")}
    return {name: draw(name, rows) for name, rows in tables.items()}


def step_shares(table: DataFrame) -> AnyChart:
    """Where a step's time goes, a bar a rank. table: run, rank, part, share, of one model."""
    who = table["run"] + ", rank " + table["rank"].astype(int).astype(str)
    return draw("step_shares", table.assign(who=who))
