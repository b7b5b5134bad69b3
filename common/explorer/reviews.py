"""The explorer's page about reviews. Their text is shown as text, never as Markdown."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from pandas import DataFrame

from common.charts import reviews as charts
from common.charts.base import AnyChart, clickable
from common.explorer.filters import Choice, choose
from common.explorer.review_index import SAMPLED_TEXTS
from common.explorer.widgets import show_chart, show_numbers, show_table
from common.report import tables

SHOWN_REVIEWS = 200
BARS = {  # chart -> what a bar stands for
    "ratings": "review_rating",
    "by_month": "period",
    "top_versions": "author_app_version",
}


@st.cache_data(max_entries=20, show_spinner="Counting")
def count(key: tuple, _choice: Choice, _data_dir: Path) -> dict[str, DataFrame]:
    """Answers about the chosen reviews; without a filter: what 02_eda.py published."""
    published = _choice.chosen.all() and tables.eda_tables(_data_dir)
    return published or _choice.reviews.answers(_choice.chosen)


def page(data_dir: Path) -> None:
    choice = choose(data_dir)
    number = int(choice.chosen.sum())
    st.write(f"{number:,} of {len(choice.reviews):,} reviews: {choice.text}.")
    if not number:
        return st.info(
            "No review fits these filters: widen them in the sidebar.",
            icon=":material/filter_alt_off:",
        )
    answers = count(choice.key, choice, data_dir)
    ratings = answers["ratings"].set_index("review_rating")["reviews"]
    lengths = answers["length_by_rating"].set_index("review_rating")["mean_characters"]
    numbers = {
        "Reviews": f"{number:,}",
        "Five-star share": f"{ratings.get(5, 0) / number:.1%}",
        "Mean rating": f"{(ratings * ratings.index).sum() / number:.2f}",
        "Mean length": f"{(ratings * lengths).sum() / number:,.0f} characters",
    }
    show_numbers(numbers, 4)
    clicked = draw_all(charts.eda_charts(answers))
    counted = number if "repeats" in answers else min(number, SAMPLED_TEXTS)
    st.caption(
        f"Words: counted in {counted:,} of these reviews. Effects of releases have 95% intervals."
    )
    st.subheader("The reviews behind it")
    st.write(
        "Click a bar of the first three charts to see its reviews; click it again to see all that "
        "the filters choose. The most liked come first."
    )
    behind = narrow(choice, clicked)
    most_liked = reviews_behind(behind.key, behind)
    st.write(f"{behind.chosen.sum():,} reviews, {behind.text}; the first {len(most_liked):,}:")
    show_table(most_liked, placeholder="")
    if "repeats" in answers:
        st.subheader("Texts written most often")
        st.write(tables.repeats_sentence(answers["repeats"]))
        show_table(answers["repeated_texts"])
    else:
        st.caption("Repeated texts are counted over all reviews: clear the filters to see them.")


def draw_all(drawn: dict[str, AnyChart]) -> dict:
    """All charts, three beside each other; returns {chart: value of its clicked bar}."""
    clicked, columns = {}, st.columns(3)
    for number, name in enumerate(sorted(drawn, key=lambda name: name not in BARS)):
        with columns[number % 3]:
            if name not in BARS:
                show_chart(drawn[name])
                continue
            chart = clickable(drawn[name], BARS[name])
            event = show_chart(chart, key=f"chart-{name}", on_select="rerun")
            bars = (event or {}).get("selection", {}).get("bar", [])
            if bars:
                clicked[name] = bars[0][BARS[name]]
    return clicked


def narrow(choice: Choice, clicked: dict) -> Choice:
    """Those of the chosen reviews that the clicked bars stand for."""
    filters: dict[str, Any] = {}
    said = []
    if rating := clicked.get("ratings"):
        filters["ratings"] = [int(rating)]
        said.append(f"{int(rating)} stars")
    if period := clicked.get("by_month"):
        month = pd.Period(period, "M")
        filters |= dict(first=month.start_time.date(), last=month.end_time.date())
        said.append(f"of {period}")
    if version := clicked.get("top_versions"):
        filters["versions"] = [version]
        said.append(f"version {version}")
    text = " and ".join(said) or choice.text
    chosen = choice.chosen & choice.reviews.where(**filters)
    return choice._replace(chosen=chosen, text=text, key=(*choice.key, text))


@st.cache_data(max_entries=20, show_spinner=False)
def reviews_behind(key: tuple, _choice: Choice) -> DataFrame:
    return _choice.reviews.most_liked(_choice.chosen, SHOWN_REVIEWS)
