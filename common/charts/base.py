"""What all charts share: colours that hold up under colour blindness (Okabe-Ito), size, bars, selections."""

import altair as alt

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7f7f7f"
PALETTE = [BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", GREY]
WIDTH, HEIGHT = 420, 240
AnyChart = alt.Chart | alt.LayerChart


def base(data, title):
    """A chart of the usual size, its title at the left."""
    return alt.Chart(data, title=alt.Title(title, anchor="start"), width=WIDTH, height=HEIGHT)


def clickable(chart, field):
    """The chart with a selection "bar" of one mark, by its value of `field`."""
    bar = alt.selection_point("bar", fields=[field], toggle=False)
    return chart.add_params(bar).encode(opacity=alt.condition(bar, alt.value(1), alt.value(0.35)))


def bars(table, x, y, title, unit):
    """Horizontal bars of column x by label column y, each thick enough for its label."""
    return (
        base(table, title)
        .mark_bar(color=BLUE)
        .encode(
            alt.Y(
                f"{y}:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)
            ),
            alt.X(f"{x}:Q", title=unit),
            tooltip=[y, alt.Tooltip(f"{x}:Q", format=",.4~g")],
        )
        .properties(height=18 * len(table))
    )
