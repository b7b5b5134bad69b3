"""The explorer's page about complaints: what costs stars, since when, and who says so."""

from pathlib import Path

import streamlit as st
from pandas import DataFrame

from common.charts.base import draw
from common.charts.time import marked
from common.explorer.loaded import load
from common.explorer.timeline import shades
from common.explorer.widgets import (
    not_run,
    plain,
    reviews_behind,
    show_bars,
    show_chart,
    show_table,
)
from common.report.findings import complaints_text
from common.report.page import SECTIONS
from common.report.tables import eda_tables


def page(data_dir: Path) -> None:
    eda = load(eda_tables, data_dir)
    if not eda:
        return not_run("02_eda.py", data_dir, "What people complain of.")
    table = eda["complaints"]
    table = table[table["reviews"] > 0]
    if table.empty:
        return st.info("No review speaks of any group of complaints.", icon=":material/info:")
    for text in complaints_text(eda):
        st.markdown(plain(text))
    show_bars(
        draw("complaints", table),
        "complaints-chart",
        ["group"],
        lambda bar: st.session_state.update({"shown-group": bar["group"]}),
    )
    st.caption(plain(SECTIONS["complaints"]["text"][0]))
    group = st.selectbox(
        "Complaint (or click one in the chart)",
        table["group"].tolist(),
        key="shown-group",
        bind="query-params",
    )
    by_week(eda, group)
    reviews_behind(data_dir, f"about {group.lower()}", about=group, stars=[1, 2])
    left, right = st.columns(2)
    with left:
        typical = eda["typical_reviews"]
        typical = typical[typical["group"] == group].drop(columns="group")
        show_table(
            typical, "A review a row: those with the most of its terms for their length.", ""
        )
    with right:
        terms = eda["complaint_words"]
        terms = terms[terms["group"] == group][["term", "source"]]
        show_table(terms, "A term a row: what puts a review into this group.")
    st.subheader("All groups")
    show_table(table, "A group a row, the one that costs most stars first.")


def by_week(eda: dict[str, DataFrame], group: str) -> None:
    """The share of a week's reviews that are of 1 or 2 stars and about the group."""
    weeks = eda["complaint_weeks"]
    weeks = weeks[weeks["group"] == group]
    if len(weeks) < 2:
        st.caption("All reviews are of one week: a chart by week is left out.")
        return
    start = weeks["week"]
    end = start.shift(-1).fillna(start + DataFrame({"d": ["7D"]})["d"].astype("timedelta64[s]")[0])
    day = "%Y-%m-%d"
    table = weeks.assign(start=start, end=end, share=weeks["low_share"], found=weeks["low"])
    table = table.assign(from_day=start.dt.strftime(day), to_day=end.dt.strftime(day))
    title = "Share of a week's reviews of 1 or 2 stars and about it"
    show_chart(marked(draw("share_by_time", table, title), eda, table))
    shades(eda, table)
