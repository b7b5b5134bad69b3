"""The explorer's page about releases: which ones stand out against others on the same days."""

from pathlib import Path

import streamlit as st

from common.charts.reviews import eda_charts
from common.explorer.loaded import load
from common.explorer.widgets import not_run, plain, reviews_behind, show_bars, show_table
from common.report.findings import releases_text
from common.report.page import SECTIONS
from common.report.tables import eda_tables


def page(data_dir: Path) -> None:
    eda = load(eda_tables, data_dir)
    if not eda:
        return not_run("02_eda.py", data_dir, "What each release did to ratings.")
    table, groups = eda["releases"], eda["complaint_releases"]
    if table.empty:
        return st.info(
            "No review says which version of the app it is about: releases cannot be told apart.",
            icon=":material/info:",
        )
    for text in releases_text(table):
        st.markdown(plain(text))
    drawn = eda_charts({"releases": table})
    if drawn:
        show_bars(
            drawn["releases"],
            "releases-chart",
            ["release"],
            lambda bar: st.session_state.update({"shown-release": bar["release"]}),
        )
    st.caption(SECTIONS["releases"]["text"][0])
    order = table.sort_values(["stands_out", "reviews"], ascending=False)["release"].tolist()
    release = st.selectbox(
        "Release (or click one in the chart)", order, key="shown-release", bind="query-params"
    )
    about = groups[(groups["release"] == release) & groups["stands_out"]]
    if len(about):
        show_table(
            about.drop(columns=["release", "stands_out"]),
            f"A complaint a row: those that stand out in release {release}, by the share of its "
            "reviews that are of 1 or 2 stars and about it, beside others on the same days.",
        )
    reviews_behind(data_dir, f"of 1 or 2 stars, release {release}", release=[release], stars=[1, 2])
    st.subheader("All releases")
    show_table(
        table, "A release a row, in order of appearance; empty where too few to compare.", ""
    )
