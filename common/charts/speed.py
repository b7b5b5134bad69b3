"""Altair charts about time, memory and scaling, shared by 06 and the app: DataFrame in, chart out."""

import altair as alt
import pandas as pd

from common.charts.base import BLUE, GREEN, GREY, ORANGE, PALETTE, bars, base


def ratios(table):
    """Bars of how many times as fast each variant is, with a line at 1. table: what, ratio."""
    even = alt.Chart().mark_rule(color=GREY, strokeDash=[5, 4]).encode(x=alt.datum(1))
    return (
        bars(table, "ratio", "what", "Speed beside the baseline", "times as fast (dashed: as fast)")
        + even
    )


def by_step(table):
    """{name: chart} of the time and the peak memory of each step. table: as tables.steps."""
    memory = table.dropna(subset="peak_bytes").assign(
        peak_gb=lambda known: known["peak_bytes"] / 1e9
    )
    return {
        "time_by_step": bars(table, "seconds", "step", "Time by step", "seconds"),
        "memory_by_step": bars(
            memory,
            "peak_gb",
            "step",
            "Peak memory by step",
            "GB, summed over processes (training: a rank)",
        ),
    }


def step_loss(table):
    """Loss of the first global batches, a line a run. table: step, loss, run."""
    return (
        base(table, "Loss on the same global batches")
        .mark_line(point=True)
        .encode(
            alt.X("step:Q", title="global batch"),
            alt.Y("loss:Q", title="loss (nats)", scale=alt.Scale(zero=False)),
            alt.Color(
                "run:N",
                scale=alt.Scale(range=PALETTE),
                legend=alt.Legend(orient="bottom", columns=2),
            ),
            alt.StrokeDash("run:N"),
            tooltip=["run", "step", alt.Tooltip("loss:Q", format=".6f")],
        )
    )


def step_shares(table):
    """Where a step's time goes, a bar a rank. table: run, rank, part, share, of one model."""
    table = table.assign(who=table["run"] + ", rank " + table["rank"].astype(int).astype(str))
    parts = ["compute", "communication", "data", "idle"]
    return (
        base(table, "Where a step's time goes")
        .mark_bar()
        .encode(
            alt.Y(
                "who:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)
            ),
            alt.X(
                "share:Q",
                title="share of a step",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            alt.Color(
                "part:N",
                title=None,
                scale=alt.Scale(domain=parts, range=[BLUE, ORANGE, GREEN, "#c8c8c8"]),
            ),
            alt.Order("order:Q"),
            tooltip=["who", "part", alt.Tooltip("share:Q", format=".1%")],
        )
        .transform_calculate(order=f"indexof({parts}, datum.part)")
        .properties(height=22 * max(table["who"].nunique(), 3))
    )


def memory(table):
    """What torch's allocator held during the profiled steps. table: ms, bytes."""
    return (
        base(table.assign(mb=table["bytes"] / 1e6), "Memory of the tensors")
        .mark_area(color=BLUE, opacity=0.5, interpolate="step-after")
        .encode(
            alt.X("ms:Q", title="milliseconds"),
            alt.Y("mb:Q", title="MB"),
            tooltip=["ms", alt.Tooltip("mb:Q", format=",.2f")],
        )
    )


def speed_ups(points: pd.DataFrame, curves: pd.DataFrame, title: str) -> alt.LayerChart:
    """Measured speed-up by ranks, from the slowest to the fastest epoch, beside the ideal and the
    fitted one. points: ranks, ratio, low, high; curves: law, ranks, speed_up."""
    log = alt.Scale(type="log", base=2)
    x = alt.X("ranks:Q", scale=log, axis=alt.Axis(format="d"))
    y = alt.Y("speed_up:Q", title="times as fast as one rank", scale=log)
    colours = alt.Scale(domain=["ideal", "Amdahl"], range=[GREY, BLUE])
    law = alt.Color("law:N", title=None, scale=colours, legend=alt.Legend(orient="bottom"))
    shown = [alt.Tooltip(name, format=".3~g") for name in ("ranks", "ratio", "low", "high")]
    measured = alt.Chart(points).encode(x, tooltip=shown)
    return (
        base(curves, title).mark_line().encode(x, y, law)
        + measured.mark_rule(color=ORANGE, strokeWidth=2).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
        + measured.mark_point(color=ORANGE, filled=True, size=80, opacity=1).encode(y="ratio:Q")
    )
