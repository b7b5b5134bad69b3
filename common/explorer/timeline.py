"""Charts over time, as several pages show them."""

from collections.abc import Callable
from typing import Any

import streamlit as st
from pandas import DataFrame, Series

from common.charts.time import marked, shades
from common.explorer.widgets import show_bars, show_chart

SAID, FEW = 4, 5  # shades, reviews


def show_over_time(
    charts: dict[str, str],
    table: DataFrame,
    eda: dict[str, DataFrame],
    key: str = "",
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """{name: title} of charts of a table with start and end, and what is shaded in words; the first
    chart gives a clicked bar's days to `on_click`."""
    if len(table) < 2:
        st.caption("All are of one day or week: charts over time are left out.")
        return
    for name, title in charts.items():
        chart = marked(name, table, title, eda)
        if on_click and name == "reviews_by_time":
            show_bars(chart, key, ["from_day", "to_day"], on_click)
        else:
            show_chart(chart)
    whys = shades(eda, table)["why"].tolist()
    if whys:
        more = f"; and {len(whys) - SAID} more" if len(whys) > SAID else ""
        st.caption(f"Shaded: {'; '.join(whys[:SAID])}{more}.")


def means(table: DataFrame) -> DataFrame:
    """The table of `by_time` with mean_rating, and with share where it says `among` how many the
    reviews are; a mean of two reviews is no news where others are of hundreds."""
    table = table.assign(mean_rating=table["stars"] / enough(table["reviews"]))
    if "among" in table:
        table["share"] = table["reviews"] / enough(table["among"])
    return table


def enough(number: Series) -> Series:
    """The numbers, NaN where they are 0 or few for these."""
    return number.where(number >= max(min(FEW, number.median()), 1))
