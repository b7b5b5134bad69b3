"""The explorer's pages of 02's tables: releases, complaints, and what is new, each with the reviews
behind it."""

from pathlib import Path

import pandas as pd
import streamlit as st
from pandas import DataFrame

from common.charts.base import AnyChart, draw
from common.charts.reviews import eda_charts
from common.charts.time import by_time
from common.explorer.filters import link
from common.explorer.loaded import load
from common.explorer.review_index import ReviewIndex
from common.explorer.timeline import means, show_over_time
from common.explorer.widgets import (
    no_rows,
    not_run,
    plain,
    reviews_behind,
    set_filter,
    show_bars,
    show_table,
)
from common.report.findings import complaints_text, releases_text
from common.report.page import SECTIONS
from common.report.tables import Frames, eda_tables

WEEK = pd.Timedelta("7D")
NEW = 20  # terms


def page(name: str, data_dir: Path) -> None:
    """The page of this name in SECTIONS: what was found, then how, then the table."""
    eda = load(eda_tables, data_dir)
    if not eda:
        return not_run("02_eda.py", data_dir, "What was found in the reviews.")
    st.markdown(plain(SECTIONS[name]["text"][0]))
    {"releases": releases, "complaints": complaints, "new": new}[name](data_dir, eda)


def pick(chart: AnyChart, field: str, label: str, values: list[str]) -> str:
    """One of some values of a field, clicked in the chart or chosen below it."""
    key = f"shown-{field}"
    show_bars(chart, f"{field}-chart", [field], lambda bar: set_filter(key, bar[field]))
    label += " (or click one in the chart)"
    return st.selectbox(label, values, key=key, bind="query-params")


def releases(data_dir: Path, eda: Frames) -> None:
    table, groups = eda["releases"], eda["complaint_releases"]
    if table.empty:
        return no_rows("No review says which version of the app it is about.")
    st.markdown(plain(" ".join(releases_text(table))))
    order = table.sort_values(["stands_out", "reviews"], ascending=False)
    charts = eda_charts({"releases": table})
    chart = charts.get("releases") or draw("release_sizes", order.head(NEW))
    release = pick(chart, "release", "Release", order["release"].tolist())
    groups = groups.query("release == @release and stands_out").drop(columns="stands_out")
    if len(groups):
        show_table(
            groups,
            "A complaint a row that stands out in this release: its share of reviews of 1 or 2 "
            "stars about it, beside others on the same days.",
        )
    reviews_behind(data_dir, f"of 1 or 2 stars, release {release}", release=[release], stars=[1, 2])
    show_table(
        table, "A release a row, in order of appearance; empty where too few to compare.", ""
    )


def complaints(data_dir: Path, eda: Frames) -> None:
    table = eda["complaints"].query("reviews > 0")
    if table.empty:
        return no_rows("No review speaks of any group of complaints.")
    st.markdown(plain(" ".join(complaints_text(eda))))
    group = pick(draw("complaints", table), "group", "Complaint", table["group"].tolist())
    index = load(ReviewIndex, data_dir)
    low = index.sums(index.where(about=[group], stars=[1, 2]), "day")["reviews"]
    among = eda["health"].set_index("day")["reviews"]
    days = DataFrame({"among": among, "reviews": low, "stars": 0}).fillna(0)
    title = "Share of reviews of 1 or 2 stars about it"
    show_over_time({"share_by_time": title}, means(by_time(days)), eda)
    what = f"of 1 or 2 stars about {group.lower()}"
    reviews_behind(data_dir, what, about=[group], stars=[1, 2])
    typical = eda["typical_reviews"].query("group == @group").drop(columns="group")
    show_table(typical, "A review a row: those with the most of its terms for their length.", "")
    terms = eda["complaint_words"].query("group == @group")[["term", "source"]]
    show_table(terms, "A term a row: what puts a review into this group.")
    show_table(table, "A group a row, the one that costs most stars first.")


def new(data_dir: Path, eda: Frames) -> None:
    table = eda["new_terms"]
    if table.empty:
        return no_rows("No term is new in any week.")
    table = table.assign(name=table["term"] + ", " + table["week"].dt.strftime("%Y-%m-%d"))
    chart = draw("new_terms", table.head(NEW))
    name = pick(chart, "name", "Term and week", table["name"].tolist())
    row = table[table["name"] == name].iloc[0]
    words, first = f'"{row["term"]}"', row["week"].date()
    link("Reviews", f"How often {plain(words)} was written over time", words=words)
    last = (row["week"] + WEEK).date() - pd.Timedelta("1D")
    reviews_behind(
        data_dir, f"with {words} from {first} to {last}", words=words, first=first, last=last
    )
    show_table(table.drop(columns="name"), "A term in a week a row, the newest first.")
