"""Charts over time: days, weeks or months, with breaks shaded and named, and releases marked."""

import altair as alt
import pandas as pd
from pandas import DataFrame, Series, Timestamp

from common.charts.base import AnyChart, draw

LABELS = 7  # releases, or shades, named across a chart
MARK = 0.004  # of the span: how far a shade reaches beyond its days
GRAINS = {100: "D", 1_100: "W-MON", 10**6: "MS"}  # days of the span, below: what a bar is


def by_time(days: DataFrame) -> DataFrame:
    """Sums of a table by day (index) over days, weeks from Monday or months, as its span is long.

    start and end are where a bar begins and the next one; from_day and to_day its days as text.
    """
    span = (days.index[-1] - days.index[0]).days
    every = next(grain for most, grain in GRAINS.items() if span < most)
    table = (
        days.resample(every, closed="left", label="left").sum().rename_axis("start").reset_index()
    )
    table["end"] = table["start"] + pd.tseries.frequencies.to_offset(every)
    last = table["end"] - pd.Timedelta("1D")
    return table.assign(from_day=table["start"].astype(str), to_day=last.astype(str))


def shades(eda: dict[str, DataFrame], table: DataFrame) -> DataFrame:
    """What is shaded in a chart of a table over time: start, end, middle, why, and the label of
    those that have room for one."""
    if not eda:
        return DataFrame(columns=["why"])
    first, last = table["start"].min(), table["end"].max()
    breaks = eda["periods"][1:].eval("last_day = first_day").assign(label="break")
    gaps = eda["gaps"].assign(label="gap", begins="few or no reviews")
    rows = pd.concat([breaks, gaps], ignore_index=True)
    rows = rows.query("last_day >= @first and first_day <= @last")
    margin = (last - first) * MARK
    rows = rows.assign(
        start=rows["first_day"] - margin,
        end=rows["last_day"] + margin,
        why=[
            f"{row.first_day:%Y-%m-%d}{f' to {row.last_day:%Y-%m-%d}' * (row.label == 'gap')}: "
            f"{row.begins}"
            for row in rows.itertuples()
        ],
    )
    rows = rows.assign(middle=rows["start"] + (rows["end"] - rows["start"]) / 2)
    named = rows.index.isin(apart(rows["middle"], first, last))
    return rows.assign(label=rows["label"].where(named, ""))


def apart(days: Series, first: Timestamp, last: Timestamp) -> list:
    """Index of the days, the earlier rows first, whose names do not overlap across a chart."""
    room = (last - first) / LABELS
    kept = days[:0]
    for index, day in days[days.between(first + room / 4, last - room / 4)].items():
        if ((kept - day).abs() >= room).all():
            kept = days.loc[[*kept.index, index]]
    return kept.index.tolist()


def marked(name: str, table: DataFrame, title: str, eda: dict[str, DataFrame]) -> AnyChart:
    """The chart of a table over time, with 02's breaks and gaps shaded, where lines stop, and the
    releases marked that stand out or have the most reviews."""
    if not eda:
        return draw(name, table.assign(period=0), title)
    period = eda["periods"]["first_day"].searchsorted(table["end"])
    chart = draw(name, table.assign(period=period), title)
    order = eda["releases"].sort_values(["stands_out", "reviews"], ascending=False)
    named = apart(order["first_day"], table["start"].min(), table["end"].max())
    drawn = {"breaks": shades(eda, table), "release_marks": order.loc[named]}
    layers = [draw(name, rows) for name, rows in drawn.items() if len(rows)]
    layers = [layer.properties(height=chart.height) for layer in layers]
    return alt.layer(*layers, chart).properties(title=chart.title)
