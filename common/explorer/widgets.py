"""How the explorer's pages put tables, charts and hints on the page."""

import altair as alt
import pandas as pd
import streamlit as st

from common.predict import neutralise
from common.report.formats import heading, of_column


def not_run(script, data_dir, what):
    """Say what is missing and which command makes it."""
    st.info(f"{what} Not run yet; this makes it:", icon=":material/hourglass_empty:")
    st.code(f"python {script} --data-dir {data_dir}", language="bash")


def show_table(table, **options):
    """A table whose columns sort as what they are: numbers formatted as in the report, text as text, missing figures named.

    Cells that a spreadsheet would run as a formula get an apostrophe, because the page offers every table as a download.
    """
    shown, columns = pd.DataFrame(table), {}
    for name, cells in shown.items():
        label = heading(name)
        if cells.dtype == bool:
            shown = shown.assign(**{name: cells.map({True: "yes", False: "no"})})
        elif pd.api.types.is_numeric_dtype(cells):
            columns[name] = st.column_config.NumberColumn(
                label, format=of_column(name, cells).streamlit
            )
            continue
        elif cells.dtype == object or pd.api.types.is_string_dtype(cells):
            shown = shown.assign(
                **{name: neutralise(cells.astype("str").where(cells.notna(), None))}
            )
        columns[name] = st.column_config.Column(label)
    return st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        column_config=columns,
        **{"placeholder": "not measured", **options},
    )


def show_chart(chart, where=st, **options):
    """Draw a chart as wide as there is room, and as high as it says: Streamlit would take titles and legends from its height."""
    return where.altair_chart(
        chart.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding")),
        width="stretch",
        **options,
    )
