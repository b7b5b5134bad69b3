"""The explorer's pages about reviews, and the filters in the sidebar that pages share. Review text is shown as text, never as Markdown."""

import pandas as pd
import streamlit as st

from common.charts import reviews as charts
from common.charts.base import clickable
from common.explorer.filters import choose
from common.explorer.widgets import show_chart, show_table
from common.report import tables

SHOWN_REVIEWS = 200
BARS = {
    "ratings": "review_rating",
    "by_month": "period",
    "top_versions": "author_app_version",
}  # chart -> what a bar stands for


@st.cache_data(max_entries=20, show_spinner="Counting")
def count(key, _choice, _data_dir):
    """(answers about the chosen reviews, reviews whose words were counted). Without a filter: what 02_eda.py published."""
    known = tables.eda_tables(_data_dir)
    if known and not _choice.filtered:
        return known, int(known["ratings"]["reviews"].sum())
    words, counted = _choice.index.separating_words(_choice.chosen)
    return _choice.index.answers(_choice.chosen) | {"words": words}, counted


def reviews(data_dir, manifest):
    st.title("Reviews")
    choice = choose(data_dir)
    number = int(choice.chosen.sum())
    st.write(f"{number:,} of {len(choice.index):,} reviews: {choice.text}.")
    if not number:
        return st.info(
            "No review fits these filters: widen them in the sidebar.",
            icon=":material/filter_alt_off:",
        )
    answers, counted = count(choice.key, choice, data_dir)
    ratings = answers["ratings"].set_index("review_rating")["reviews"]
    lengths = answers["length_by_rating"].set_index("review_rating")["mean_characters"]
    for column, (label, value) in zip(
        st.columns(4),
        (
            ("Reviews", f"{number:,}"),
            ("Five-star share", f"{ratings.get(5, 0) / number:.1%}"),
            ("Mean rating", f"{(ratings * ratings.index).sum() / number:.2f}"),
            ("Mean length", f"{(ratings * lengths).sum() / number:,.0f} characters"),
        ),
    ):
        column.metric(label, value)
    behind = draw_all(answers, choice)
    st.caption(
        f"Words: counted in {counted:,} of these reviews. Shares and ratings of versions have 95% intervals."
    )
    st.subheader("The reviews behind it")
    st.write(
        "Click a bar of the first three charts to see its reviews; click it again to see all that the filters choose. The most liked come first."
    )
    chosen, what = narrow(choice, behind)
    found = show_behind(choice.key, what, choice.index, chosen)
    st.write(f"{int(chosen.sum()):,} reviews, {what}; the first {len(found):,}:")
    show_table(found.drop(columns="row"), placeholder="")
    if "repeats" in answers:
        st.subheader("Texts written most often")
        st.write(tables.repeats_sentence(answers["repeats"]))
        show_table(answers["repeated_texts"])
    else:
        st.caption(
            "Repeated texts and words by year are counted over all reviews: clear the filters to see them."
        )


def draw_all(answers, choice):
    """All charts, two or three beside each other; {chart: value of its clicked bar}."""
    behind, drawn = {}, charts.eda_charts(answers)
    drawn = {name: drawn[name] for name in (*BARS, *drawn) if name in drawn}
    columns = st.columns(3)
    for number, (name, chart) in enumerate(drawn.items()):
        if name in BARS:
            picked = show_chart(
                clickable(chart, BARS[name]),
                columns[number % 3],
                key=f"chart-{name}",
                on_select="rerun",
            )
            values = (picked or {}).get("selection", {}).get("bar", [])
            behind |= {name: values[0][BARS[name]]} if values else {}
        else:
            show_chart(chart, columns[number % 3])
    return behind


def narrow(choice, behind):
    """(mask, words) of the chosen reviews that the clicked bars stand for."""
    index, chosen, said = choice.index, choice.chosen.copy(), []
    for name, value in behind.items():
        if BARS[name] == "review_rating":
            chosen &= index.where(ratings=[int(value)])
            said.append(f"{int(value)} stars")
        elif BARS[name] == "period":
            month = pd.Period(value, "M")
            chosen &= index.where(month.start_time.date(), month.end_time.date())
            said.append(f"of {value}")
        else:
            chosen &= index.where(versions=[value])
            said.append(f"version {value}")
    return chosen, " and ".join(said) or choice.text


@st.cache_data(max_entries=20, show_spinner=False)
def show_behind(key, what, _index, _chosen):
    return _index.behind(_chosen, SHOWN_REVIEWS)
