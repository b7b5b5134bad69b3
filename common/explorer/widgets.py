"""How the explorer's pages put tables, charts and hints on the page."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pyarrow as pa
import streamlit as st

from common.charts import models as model_charts
from common.charts.base import AnyChart
from common.explorer.loaded import Scorers
from common.models.explain import CHARACTERS, word_effects
from common.report.formats import heading, of_column
from common.spreadsheet import neutralise


def not_run(script: str, data_dir: Path, what: str) -> None:
    """Say what is missing and which command makes it."""
    st.info(f"{what} Not run yet; this makes it:", icon=":material/hourglass_empty:")
    st.code(f"python {script} --data-dir {data_dir}", language="bash")


def show_numbers(numbers: dict[str, str], columns: int) -> None:
    """Figures with their names above them, so many beside each other."""
    for number, (label, value) in enumerate(numbers.items()):
        if number % columns == 0:
            row = st.columns(columns)
        row[number % columns].metric(label, value)


def show_table(table: pd.DataFrame, placeholder: str = "not measured", **options: Any) -> Any:
    """A table whose columns sort as what they are, their numbers written as in the report.

    Cells that a spreadsheet would run as a formula get an apostrophe, because the page offers
    every table as a download.
    """
    shown, columns = table.copy(), {}
    for name, cells in table.items():
        columns[name] = st.column_config.Column(heading(name))
        if cells.dtype.kind == "b":
            shown[name] = cells.map({True: "yes", False: "no"})
        elif cells.dtype.kind == "O":
            shown[name] = neutralise(cells.astype("str").where(cells.notna(), None))
        elif pd.api.types.is_numeric_dtype(cells):
            form = of_column(name, cells).streamlit
            columns[name] = st.column_config.NumberColumn(heading(name), format=form)
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


def show_charts(charts: Iterable[AnyChart], columns: int) -> None:
    """Draw charts beside each other, of which there are no more than columns."""
    for column, chart in zip(st.columns(columns), charts):
        with column:
            show_chart(chart)


def show_effects(scorers: Scorers, name: str, review: pa.Table, title: str) -> None:
    """What each word of a review adds to a model's probability of five stars."""
    effects = word_effects(scorers.models[name], scorers.transformer, review)
    if effects.empty:
        st.caption(f"Words are left out one by one in texts of 1 to {CHARACTERS:,} characters.")
        return
    show_chart(model_charts.effects(effects.head(15), title))
    st.caption("How far the probability of five stars falls when the word is left out.")
