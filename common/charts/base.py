"""What charts share: colours that hold up under colour blindness (Okabe-Ito), size, axes, bars."""

import altair as alt
import pandas as pd

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7f7f7f"
PALETTE = [BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", GREY]
WIDTH, HEIGHT = 420, 240
PERCENT, UPRIGHT = alt.Axis(format="%"), alt.Axis(labelAngle=0)
UNIT_INTERVAL = alt.Scale(domain=[0, 1])
AnyChart = alt.Chart | alt.LayerChart


def base(data: pd.DataFrame, title: str) -> alt.Chart:
    """A chart of the usual size, its title at the left."""
    return alt.Chart(data, title=alt.Title(title, anchor="start"), width=WIDTH, height=HEIGHT)


def names(column: str) -> alt.Y:
    """A vertical axis of names, in the table's order, each shown whole."""
    axis = alt.Axis(labelLimit=260, labelOverlap=False)
    return alt.Y(f"{column}:N", sort=None, title=None, axis=axis)


def tips(*columns: str, **formats: str) -> list[alt.Tooltip]:
    """Tooltips: columns as they are, then figures in their formats."""
    figures = [alt.Tooltip(f"{name}:Q", format=form) for name, form in formats.items()]
    return [alt.Tooltip(column) for column in columns] + figures


def clickable(chart: AnyChart, field: str) -> AnyChart:
    """The chart with a selection "bar" of one mark, by its value of `field`."""
    bar = alt.selection_point("bar", fields=[field], toggle=False)
    return chart.add_params(bar).encode(opacity=alt.condition(bar, alt.value(1), alt.value(0.35)))


def bars(
    table: pd.DataFrame, x: str, y: str, title: str, unit: str, *channels: alt.Color, **formats: str
) -> alt.Chart:
    """Horizontal bars of column x by label column y, each thick enough for its label; formats:
    those of the tooltip's figures, by default x alone."""
    chart = base(table, title).mark_bar(color=BLUE)
    shown = tips(y, **formats or {x: ",.4~g"})
    chart = chart.encode(names(y), alt.X(f"{x}:Q", title=unit), *channels, tooltip=shown)
    return chart.properties(height=18 * len(table))


def by_rating(table: pd.DataFrame, column: str, title: str, unit: str, **formats: str) -> alt.Chart:
    """A bar of a figure for each number of stars; formats: those of the tooltip's figures."""
    chart = base(table, title).mark_bar(color=BLUE)
    return chart.encode(
        alt.X("review_rating:O", title="stars", axis=UPRIGHT),
        alt.Y(f"{column}:Q", title=unit),
        tooltip=tips("review_rating", **formats),
    )
