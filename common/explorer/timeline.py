"""Reviews, and their mean rating, over time, as several pages show them."""

from collections.abc import Callable
from typing import Any

import streamlit as st
from pandas import DataFrame

from common.charts.base import draw
from common.charts.time import breaks, by_time, marked
from common.explorer.widgets import show_bars, show_chart

SHADES_SAID, FEW = 4, 5  # shades, reviews


def show_time(
    days: DataFrame,
    eda: dict[str, DataFrame],
    key: str,
    on_click: Callable[[dict[str, Any]], None] | None = None,
    share: str = "",
) -> None:
    """Two charts of a table by day (index) with reviews and stars (their sum), and a third of the
    share of `found` where `share` says of what; `on_click` is given a clicked bar's days."""
    if len(days) < 2:
        st.caption(f"All are of one day, {days.index[0]:%Y-%m-%d}: charts over time are left out.")
        return
    table = by_time(days)
    # A mean of two reviews is no news where others are of hundreds.
    few = min(FEW, table["reviews"].median())
    number = table["reviews"].where(table["reviews"] >= max(few, 1))
    table["mean_rating"] = table["stars"] / number
    if share:
        table["share"] = table["found"] / number
        show_chart(marked(draw("share_by_time", table, share), eda, table))
    bars = draw("reviews_by_time", table)
    if on_click:
        show_bars(marked(bars, eda, table), key, ["from_day", "to_day"], on_click)
    else:
        show_chart(marked(bars, eda, table))
    show_chart(marked(draw("rating_by_time", table), eda, table))
    shades(eda, table)


def shades(eda: dict[str, DataFrame], table: DataFrame) -> None:
    """Say what is shaded in the charts of a table of `by_time`."""
    if eda:
        whys = breaks(eda, table["start"].iloc[0], table["end"].iloc[-1])["why"].tolist()
        more = f"; and {len(whys) - SHADES_SAID} more" * (len(whys) > SHADES_SAID)
        if whys:
            st.caption(f"Shaded: {'; '.join(whys[:SHADES_SAID])}{more}.")
