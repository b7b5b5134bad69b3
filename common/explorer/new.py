"""The explorer's page What is new: terms that a week has more often than the weeks before it."""

from datetime import timedelta
from pathlib import Path

import streamlit as st

from common.charts.base import draw
from common.explorer.filters import link
from common.explorer.loaded import load
from common.explorer.widgets import not_run, reviews_behind, show_bars, show_table
from common.report.page import SECTIONS
from common.report.tables import eda_tables

SHOWN = 20  # terms


def page(data_dir: Path) -> None:
    eda = load(eda_tables, data_dir)
    if not eda:
        return not_run("02_eda.py", data_dir, "What each week has that those before it had not.")
    table = eda["new_terms"]
    st.caption(SECTIONS["new"]["text"][0])
    if table.empty:
        return st.info("No term is new in any week.", icon=":material/info:")
    weeks = table["week"].dt.strftime("%Y-%m-%d")
    table = table.assign(name=table["term"] + ", " + weeks)
    title = "New terms of the newest weeks"
    show_bars(
        draw("new_terms", table.head(SHOWN), title),
        "new-chart",
        ["name"],
        lambda bar: st.session_state.update({"shown-term": bar["name"]}),
    )
    name = st.selectbox(
        "Term and week (or click one in the chart)",
        table["name"].tolist(),
        key="shown-term",
        bind="query-params",
    )
    row = table[table["name"] == name].iloc[0]
    first = row["week"].date()
    link("Reviews", f"How often “{row['term']}” was written over time", words=f'"{row["term"]}"')
    reviews_behind(
        data_dir,
        f"with “{row['term']}” in the week from {first}",
        words=f'"{row["term"]}"',
        first=first,
        last=first + timedelta(days=6),
    )
    st.subheader("All new terms")
    show_table(table.drop(columns="name"), "A term in a week a row, the newest first.")
