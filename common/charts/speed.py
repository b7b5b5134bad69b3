"""Altair charts of time, memory and scaling, shared by 06 and the app: table in, chart out."""

import altair as alt
from pandas import DataFrame

from common.charts.base import AnyChart, draw

PARTS = ["compute", "communication", "data", "idle"]


def ratios(table: DataFrame) -> AnyChart:
    """Bars of how many times as fast each variant is, with a line at 1. table: what, ratio."""
    even = alt.Chart().mark_rule(color="#7f7f7f", strokeDash=[5, 4]).encode(x=alt.datum(1))
    return draw("ratios", table) + even


def by_step(table: DataFrame) -> dict[str, AnyChart]:
    """{name: chart} of the time and the peak memory of each step. table: step, seconds,
    peak_bytes."""
    memory = table.dropna(subset="peak_bytes")
    memory = memory.assign(peak_gb=memory["peak_bytes"] / 1e9)
    return {
        "time_by_step": draw("time_by_step", table),
        "memory_by_step": draw("memory_by_step", memory),
    }


def step_shares(table: DataFrame) -> AnyChart:
    """Where a step's time goes, a bar a rank. table: run, rank, part, share, of one model."""
    who = table["run"] + ", rank " + table["rank"].astype(int).astype(str)
    return draw("step_shares", table.assign(who=who, order=table["part"].map(PARTS.index)))


def speed_ups(points: DataFrame, curves: DataFrame, title: str) -> AnyChart:
    """Measured speed-up by ranks, from the slowest to the fastest epoch, beside the ideal and the
    fitted one. points: ranks, ratio, low, high; curves: law, ranks, speed_up."""
    return draw("laws", curves, title) + draw("speed_ups", points)
