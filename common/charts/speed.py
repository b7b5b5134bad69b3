"""Altair charts of time, memory and scaling, shared by 06 and the app: table in, chart out."""

import altair as alt
import pandas as pd

from common.charts.base import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALETTE,
    PERCENT,
    UNIT_INTERVAL,
    AnyChart,
    bars,
    base,
    tips,
)

PARTS = ["compute", "communication", "data", "idle"]


def ratios(table: pd.DataFrame) -> alt.LayerChart:
    """Bars of how many times as fast each variant is, with a line at 1. table: what, ratio."""
    even = alt.Chart().mark_rule(color=GREY, strokeDash=[5, 4]).encode(x=alt.datum(1))
    title, unit = "Speed beside the baseline", "times as fast (dashed: as fast)"
    return bars(table, "ratio", "what", title, unit) + even


def by_step(table: pd.DataFrame) -> dict[str, AnyChart]:
    """{name: chart} of the time and the peak memory of each step. table: step, seconds,
    peak_bytes."""
    memory = table.dropna(subset="peak_bytes")
    memory = memory.assign(peak_gb=memory["peak_bytes"] / 1e9)
    title, unit = "Peak memory by step", "GB, summed over processes (training: a rank)"
    return {
        "time_by_step": bars(table, "seconds", "step", "Time by step", "seconds"),
        "memory_by_step": bars(memory, "peak_gb", "step", title, unit),
    }


def step_loss(table: pd.DataFrame) -> alt.Chart:
    """Loss of the first global batches, a line a run. table: step, loss, run."""
    scale, legend = alt.Scale(range=PALETTE), alt.Legend(orient="bottom", columns=2)
    chart = base(table, "Loss on the same global batches").mark_line(point=True)
    return chart.encode(
        alt.X("step:Q", title="global batch"),
        alt.Y("loss:Q", title="loss (nats)", scale=alt.Scale(zero=False)),
        alt.Color("run:N", scale=scale, legend=legend),
        alt.StrokeDash("run:N"),
        tooltip=tips("run", "step", loss=".6f"),
    )


def step_shares(table: pd.DataFrame) -> alt.Chart:
    """Where a step's time goes, a bar a rank. table: run, rank, part, share, of one model."""
    table = table.assign(who=table["run"] + ", rank " + table["rank"].astype(int).astype(str))
    scale = alt.Scale(domain=PARTS, range=[BLUE, ORANGE, GREEN, "#c8c8c8"])
    colour = alt.Color("part:N", title=None, scale=scale)
    chart = bars(table, "share", "who", "Where a step's time goes", "", colour)
    return (
        chart.encode(
            alt.X("share:Q", title="share of a step", axis=PERCENT, scale=UNIT_INTERVAL),
            alt.Order("order:Q"),
            tooltip=tips("who", "part", share=".1%"),
        )
        .transform_calculate(order=f"indexof({PARTS}, datum.part)")
        .properties(height=22 * max(table["who"].nunique(), 3))
    )


def memory(table: pd.DataFrame) -> alt.Chart:
    """What torch's allocator held during the profiled steps. table: ms, bytes."""
    chart = base(table.assign(mb=table["bytes"] / 1e6), "Memory of the tensors")
    return chart.mark_area(color=BLUE, opacity=0.5, interpolate="step-after").encode(
        alt.X("ms:Q", title="milliseconds"),
        alt.Y("mb:Q", title="MB"),
        tooltip=tips("ms", mb=",.2f"),
    )


def speed_ups(points: pd.DataFrame, curves: pd.DataFrame, title: str) -> alt.LayerChart:
    """Measured speed-up by ranks, from the slowest to the fastest epoch, beside the ideal and the
    fitted one. points: ranks, ratio, low, high; curves: law, ranks, speed_up."""
    log = alt.Scale(type="log", base=2)
    x = alt.X("ranks:Q", scale=log, axis=alt.Axis(format="d"))
    y = alt.Y("speed_up:Q", title="times as fast as one rank", scale=log)
    colours = alt.Scale(domain=["ideal", "Amdahl"], range=[GREY, BLUE])
    law = alt.Color("law:N", title=None, scale=colours, legend=alt.Legend(orient="bottom"))
    figures = tips("ranks", ratio=".2f", low=".2f", high=".2f")
    measured = alt.Chart(points).encode(x, tooltip=figures)
    return (
        base(curves, title).mark_line().encode(x, y, law)
        + measured.mark_rule(color=ORANGE, strokeWidth=2).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
        + measured.mark_point(color=ORANGE, filled=True, size=80, opacity=1).encode(y="ratio:Q")
    )
