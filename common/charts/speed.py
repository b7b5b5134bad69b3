"""Altair charts about time, memory and scaling, shared by 06 and the app: DataFrame in, chart out."""

import altair as alt

from common.charts.base import BLUE, GREEN, GREY, ORANGE, PALETTE, bars, base

LAWS = ["ideal", "Amdahl", "Universal Scalability Law"]


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


def beyond(table):
    """Speed-up on assumed networks, a line each, beside the ideal one. table: as scaling.beyond."""
    shared = base(table, "DDP on networks that were assumed").encode(
        alt.X(
            "ranks:Q",
            title="ranks",
            scale=alt.Scale(type="log", base=2),
            axis=alt.Axis(values=sorted(table["ranks"].unique().tolist())),
        )
    )
    scale = alt.Scale(type="log", base=2)
    lines = shared.mark_line(point=True).encode(
        alt.Y("speed_up:Q", title="times as fast as one rank", scale=scale),
        alt.Color(
            "network:N",
            title=None,
            scale=alt.Scale(range=PALETTE),
            legend=alt.Legend(orient="bottom", columns=1, labelLimit=400),
        ),
        alt.Shape("network:N", legend=None),
        tooltip=[
            "network",
            "ranks",
            alt.Tooltip("speed_up:Q", format=".2f"),
            alt.Tooltip("step_ms:Q", format=".2f"),
            "pays",
        ],
    )
    return (
        shared.mark_line(color=GREY, strokeDash=[5, 4]).encode(alt.Y("ranks:Q", scale=scale))
        + lines
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


def laws(points, fitted, title):
    """Measured speed-up by ranks beside the ideal and the fitted laws. points: ranks, speed_up, low, high; fitted: ranks, law, speed_up,
    low, high (of the law's 95% interval, where it has one)."""
    x = alt.X(
        "ranks:Q",
        title="ranks",
        scale=alt.Scale(type="log", base=2, domain=[1, int(fitted["ranks"].max())]),
        axis=alt.Axis(format="d"),
    )
    y = alt.Y("speed_up:Q", title="times as fast as one rank", scale=alt.Scale(type="log", base=2))
    curves = base(fitted, title).encode(
        x,
        alt.Color(
            "law:N",
            title=None,
            scale=alt.Scale(domain=LAWS, range=[GREY, BLUE, GREEN]),
            legend=alt.Legend(orient="bottom"),
        ),
    )
    band = (
        curves.transform_filter("isValid(datum.low)")
        .mark_area(opacity=0.2)
        .encode(alt.Y("low:Q", scale=alt.Scale(type="log", base=2)), alt.Y2("high:Q"))
    )
    lines = curves.mark_line().encode(
        y,
        alt.StrokeDash("law:N", legend=None),
        tooltip=["law", "ranks", alt.Tooltip("speed_up:Q", format=".2f")],
    )
    measured = alt.Chart(points).encode(
        x,
        tooltip=[
            "ranks",
            alt.Tooltip("speed_up:Q", format=".2f"),
            alt.Tooltip("low:Q", format=".2f"),
            alt.Tooltip("high:Q", format=".2f"),
        ],
    )
    return (
        band
        + lines
        + measured.mark_rule(color=ORANGE, strokeWidth=2).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
        + (measured.mark_point(color=ORANGE, filled=True, size=80, opacity=1).encode(y))
    )
