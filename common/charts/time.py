"""Charts over time: days, weeks or months, with breaks shaded and named, and releases marked."""

from typing import Any

import altair as alt
import pandas as pd
from pandas import DataFrame, DatetimeIndex

from common.charts.base import AnyChart, draw

MOST_DAYS, MOST_WEEKS_DAYS = 100, 1_100  # of the span that is drawn by day, by week
LABELS = 7  # releases, or breaks, named across a chart
MARK = 0.004  # of the span: how wide the shade of a single day is at least


def by_time(days: DataFrame) -> DataFrame:
    """Sums of a table by day (index) over days, weeks from Monday or months, as its span is long.

    Also start, and end, where the next begins; from_day and to_day are its days as text.
    """
    span = (days.index[-1] - days.index[0]).days
    every = "D" if span < MOST_DAYS else "W-MON" if span < MOST_WEEKS_DAYS else "MS"
    table = days.resample(every, closed="left", label="left").sum()
    starts = DatetimeIndex(table.index)
    ends = starts + pd.tseries.frequencies.to_offset(every)
    table = table.assign(start=starts, end=ends)
    table["from_day"] = starts.strftime("%Y-%m-%d")
    table["to_day"] = (ends - pd.Timedelta("1D")).strftime("%Y-%m-%d")
    return table.reset_index(drop=True)


def breaks(eda: dict[str, DataFrame], start: pd.Timestamp, end: pd.Timestamp) -> DataFrame:
    """What is shaded between two days: start, end, middle, why in words, and the label of some."""
    width = (end - start) * MARK
    rows = []
    for row in eda["periods"][1:].itertuples():
        why = f"break on {row.first_day:%Y-%m-%d}: {row.begins}"
        rows.append((row.first_day - width, row.first_day + width, why, "break"))
    for row in eda["gaps"].itertuples():
        day = pd.Timedelta("1D")
        why = f"{row.first_day:%Y-%m-%d} to {row.last_day:%Y-%m-%d}: few or no reviews"
        rows.append((row.first_day, row.last_day + day, why, "gap"))
    table = DataFrame(rows, columns=["start", "end", "why", "label"])
    table = table[(table["end"] > start) & (table["start"] < end)]
    table = table.assign(middle=table["start"] + (table["end"] - table["start"]) / 2)
    named = apart(table.sort_values("label", kind="stable")["middle"], start, end)
    return table.assign(label=table["label"].where(table.index.isin(named), ""))


def apart(days: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> list:
    """Index of the days, the first ones first, whose names do not overlap across a chart."""
    least = (end - start) / LABELS
    kept: dict[Any, pd.Timestamp] = {}
    for index, day in days.items():
        inside = start + least / 4 <= day <= end - least / 4
        if inside and all(abs(day - other) >= least for other in kept.values()):
            kept[index] = day
    return list(kept)


def marked(chart: AnyChart, eda: dict[str, DataFrame], table: DataFrame) -> AnyChart:
    """The chart over time of a table of `by_time`, with 02's breaks and gaps shaded, and the
    releases marked that stand out or have the most reviews."""
    if not eda:
        return chart
    start, end = table["start"].iloc[0], table["end"].iloc[-1]
    shades = breaks(eda, start, end)
    order = eda["releases"].sort_values(["stands_out", "reviews"], ascending=False)
    releases = order.loc[apart(order["first_day"], start, end)]
    layers = [draw("breaks", shades)] if len(shades) else []
    layers += [draw("release_marks", releases)] if len(releases) else []
    if not layers:
        return chart
    layers = [layer.properties(height=chart.height) for layer in layers]
    return alt.layer(*layers, chart).properties(title=chart.title)
