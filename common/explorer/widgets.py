"""How the explorer's pages put tables, charts and hints on the page."""

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pyarrow as pa
import streamlit as st

from common.charts.base import AnyChart, clickable, draw
from common.explorer.filters import link
from common.explorer.loaded import Scorers, load
from common.explorer.review_index import ReviewIndex
from common.models.explain import CHARACTERS, word_effects
from common.report.formats import column_name, of_column
from common.spreadsheet import neutralise

BEHIND = 50  # reviews


def not_run(script: str, data_dir: Path, what: str) -> None:
    """Say what is missing and which command makes it."""
    st.info(f"{what} Not run yet; this makes it:", icon=":material/hourglass_empty:")
    st.code(f"python {script} --data-dir {data_dir}", language="bash")


def show_numbers(numbers: dict[str, str]) -> None:
    """Figures with their names above them, as many beside each other as there is room for."""
    with st.container(horizontal=True, gap="medium"):
        for label, value in numbers.items():
            st.metric(label, value, width="content")


def show_table(
    table: pd.DataFrame, caption: str, placeholder: str = "not measured", **options: Any
) -> Any:
    """A table whose columns sort as what they are, and above it what a row is.

    Cells that a spreadsheet would run as a formula get an apostrophe, because the page offers
    every table as a download.
    """
    st.caption(caption)
    shown, columns = table.copy(), {}
    for name, cells in table.items():
        heading = column_name(name)
        width = "large" if name == "review_text" else None
        columns[name] = st.column_config.Column(heading, width=width)
        if cells.dtype.kind == "b":
            shown[name] = cells.map({True: "yes", False: "no"})
        elif cells.dtype.kind == "O":
            text = cells.astype("str")
            shown[name] = neutralise(text.where(cells.notna(), None))
        elif cells.dtype.kind == "M":
            columns[name] = st.column_config.DateColumn(heading, format="YYYY-MM-DD")
        elif pd.api.types.is_numeric_dtype(cells):
            form = of_column(name, cells, table.attrs.get("decimals", 3)).streamlit
            shown[name] = cells * 100 if form.endswith("%%") else cells
            columns[name] = st.column_config.NumberColumn(heading, format=form)
    return st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        column_config=columns,
        placeholder=placeholder,
        **options,
    )


def show_chart(chart: AnyChart, **options: Any) -> Any:
    """Draw a chart as wide as there is room, and as high as it says.

    Streamlit would take titles and legends from its height.
    """
    return st.altair_chart(
        chart.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding")),
        width="stretch",
        **options,
    )


def show_bars(
    chart: AnyChart, key: str, fields: Sequence[str], on_click: Callable[[dict[str, Any]], None]
) -> None:
    """A chart of whose bars a clicked one is given to `on_click` as {field: value}, before the page
    is drawn again; key: another one wherever the chart shows something else."""

    def clicked() -> None:
        bars = st.session_state[key]["selection"].get("bar")
        if bars:
            on_click(bars[0])

    show_chart(clickable(chart, fields), key=key, on_select=clicked)


def reviews_behind(data_dir: Path, what: str, **filters: Any) -> None:
    """The most liked of the reviews that some filters choose, and a link to all of them."""
    index = load(ReviewIndex, data_dir)
    chosen = index.where(**filters)
    table = index.most_liked(chosen, BEHIND)
    st.subheader("The reviews behind it")
    link("Reviews", "Open them on the page Reviews", **filters)
    number = number_of(int(chosen.sum()))
    show_table(table, f"A review a row: the most liked {len(table)} of {number} {what}.", "")


def slider(label: str, key: str, low: float, high: float, value: float, **more: Any) -> float:
    """A number between two, which the address carries."""
    step = 0.1 if high > 1 else 0.01
    return st.slider(label, low, high, value, step, key=key, bind="query-params", **more)


def no_rows(why: str) -> None:
    """Say why there is nothing to show."""
    st.info(why, icon=":material/filter_alt_off:")


def set_filter(name: str, value: Any) -> None:
    """Set a widget of the sidebar, or another one, before the page is drawn again."""
    st.session_state[name] = value


def plain(text: str) -> str:
    """A text that Markdown shows as it is."""
    return re.sub(r"([^\w\s])", r"\\\1", text, flags=re.ASCII)


def number_of(number: int) -> str:
    """ "1 review", "1,200 reviews"."""
    return f"{number:,} review{'s' * (number != 1)}"


def show_charts(charts: Collection[AnyChart]) -> None:
    """Draw charts beside each other."""
    for column, chart in zip(st.columns(len(charts)), charts):
        with column:
            show_chart(chart)


def show_effects(scorers: Scorers, name: str, review: pa.Table, title: str) -> None:
    """What each word of a review adds to a model's probability of five stars."""
    effects = word_effects(scorers.models[name], scorers.transformer, review)
    if effects.empty:
        st.caption(f"Words are left out one by one in texts of 1 to {CHARACTERS:,} characters.")
        return
    show_chart(draw("effects", effects.head(15), title))
    st.caption("How far the probability of five stars falls when the word is left out.")
