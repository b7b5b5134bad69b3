"""The explorer's page about another run: what differs, and what each bought within itself."""

from pathlib import Path

import streamlit as st

from common.explorer.widgets import show_table
from common.report import runs


def page(data_dir: Path) -> None:
    st.write(
        "Another run is another data directory: of another machine, other versions or other "
        "reviews. What differs between runs may come from any of these. Times are compared as "
        "ratios, each taken within its run."
    )
    named = st.text_input("Its data directory", key="with", bind="query-params")
    if not named:
        return
    here, there = map(runs.metrics_of, (data_dir, Path(named)))
    st.header("What differs between the runs")
    show_table(runs.origins(here, there), "What differs a row; all else is the same.", "none")
    st.header("Speed-ups that differ")
    table, others = runs.speed_ups(here, there)
    if len(table):
        show_table(table, "A way a row, beside its baseline in the same run: intervals lie apart.")
    st.write(f"Other ways, timed once or not told apart from noise: {others}.")
    st.header("Scores that differ")
    if set(here["reviews"]) != set(there["reviews"]):
        st.write("The runs are of other reviews: scores of their models are not compared.")
        return
    models, alike = runs.scores(here, there)
    if len(models):
        show_table(
            models, "A score of a model a row, on the same test reviews; Models has intervals."
        )
    st.write(f"Scores that are the same: {alike}.")
