"""The explorer's page about reviews: search and filters, charts that filter, the reviews
behind them. Their text is shown as text, never as Markdown.
"""

from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from pandas import DataFrame

from common.charts.base import draw
from common.explorer.filters import KINDS, Choice, chosen
from common.explorer.loaded import load
from common.explorer.review_index import SAMPLED_TEXTS
from common.explorer.timeline import show_time
from common.explorer.widgets import (
    number_of,
    plain,
    show_bars,
    show_chart,
    show_numbers,
    show_table,
)
from common.report import tables
from common.spreadsheet import spreadsheet_csv

SHOWN_REVIEWS, TOP_NAMES, MOST_DOWNLOADED = 200, 10, 100_000
BARS = ["author_app_version", "app", "store", "language"]  # kinds with a chart


@st.cache_data(max_entries=20, show_spinner="Counting")
def count(key: tuple, _choice: Choice) -> dict[str, DataFrame]:
    """What the page's charts and table show of the chosen reviews, by name."""
    index, chosen, filters = _choice.reviews, _choice.chosen, _choice.filters
    days = index.by_day(chosen)
    if filters["words"] or filters.get("about"):
        among = index.where(**filters | {"words": "", "about": None})
        found, days = days["reviews"], index.by_day(among)
        days = days.assign(found=found.reindex(days.index, fill_value=0))
    named = {kind: index.most_reviewed(chosen, kind, TOP_NAMES) for kind in BARS}
    most_liked = index.shown(index.most_liked(chosen, SHOWN_REVIEWS))
    return named | {
        "days": days,
        "ratings": index.ratings(chosen),
        "words": index.words(chosen),
        "most_liked": most_liked,
    }


def page(data_dir: Path) -> None:
    choice = chosen(data_dir)
    number = int(choice.chosen.sum())
    st.markdown(plain(f"{number:,} of {number_of(len(choice.reviews))}: {choice.text}."))
    if not number:
        return st.info(
            "No review fits these filters: widen them in the sidebar.",
            icon=":material/filter_alt_off:",
        )
    found = count(choice.key, choice)
    ratings = found["ratings"].set_index("review_rating")
    reviews = ratings["reviews"]
    numbers = {
        "Reviews": f"{number:,}",
        "Five stars": f"{reviews[5] / number:.1%}",
        "1 and 2 stars": f"{reviews[[1, 2]].sum() / number:.1%}",
        "Mean rating": f"{(reviews * reviews.index).sum() / number:.2f}",
        "Mean characters": f"{(reviews * ratings['mean_characters']).sum() / number:,.0f}",
    }
    show_numbers(numbers, 5)
    what = " and ".join(filter(None, (choice.filters["words"], choice.filters.get("about"))))
    eda = load(tables.eda_tables, data_dir)
    key = f"{hash(choice.key)}"
    share = f"Share of the other filters' reviews: {what}" if what else ""
    show_time(found["days"], eda, f"time-{key}", of_days, share)
    show_bars_of(choice, found, key)
    st.subheader("The reviews behind it")
    caption = f"A review a row: the most liked {len(found['most_liked'])} of {number_of(number)}."
    show_table(found["most_liked"], caption, placeholder="")
    download(choice, number)
    if eda and choice.chosen.all():
        st.subheader("Texts written most often")
        st.write(tables.repeats_sentence(eda["repeats"]))
        show_table(eda["repeated_texts"], "A text a row, the commonest first.")


def of_days(bar: dict[str, Any]) -> None:
    """Filter by the days of a clicked bar."""
    for name, end in (("first", bar["from_day"]), ("last", bar["to_day"])):
        st.session_state[name] = date.fromisoformat(end)


def of_bar(name: str, field: str, bar: dict[str, Any]) -> None:
    """Filter by the value of a clicked bar: of stars or of a kind, or a word to search for."""
    st.session_state[name] = bar[field] if name == "words" else [bar[field]]


def show_bars_of(choice: Choice, found: dict[str, DataFrame], key: str) -> None:
    """The charts by stars, names and words, two beside each other; those without rows left out."""
    columns, missing = st.columns(2), []
    with columns[0]:
        bar = partial(of_bar, "stars", "review_rating")
        show_bars(draw("ratings", found["ratings"]), f"ratings-{key}", ["review_rating"], bar)
    with columns[1]:
        show_chart(draw("length_by_rating", found["ratings"]))
    drawn = 0
    for kind in BARS:
        if len(found[kind]) and len(choice.reviews.kinds[kind].categories) > 1:
            with columns[drawn % 2]:
                title = f"{KINDS[kind][0]} with the most reviews"
                chart = draw("most_reviewed", found[kind], title)
                show_bars(chart, f"{kind}-{key}", ["name"], partial(of_bar, kind, "name"))
            drawn += 1
    if not len(found["author_app_version"]):
        missing.append("app versions: none of these reviews says its own")
    if len(found["words"]):
        with columns[drawn % 2]:
            bar = partial(of_bar, "words", "word")
            show_bars(draw("words", found["words"]), f"words-{key}", ["word"], bar)
        counted = min(int(choice.chosen.sum()), SAMPLED_TEXTS)
        st.caption(f"Words are counted in {number_of(counted)} of these; click one for its trend.")
    else:
        missing.append("words: too few reviews have the same ones, or all are of one class")
    if missing:
        st.caption(f"Left out: {'; '.join(missing)}.")


def download(choice: Choice, number: int) -> None:
    """Offer the chosen reviews, whole; the file is made when it is asked for."""
    rows = np.flatnonzero(choice.chosen)[:MOST_DOWNLOADED]
    first = f"the first {MOST_DOWNLOADED:,} of " if number > MOST_DOWNLOADED else ""
    st.download_button(
        f"Download {first}{number_of(number)}",
        lambda: spreadsheet_csv(choice.reviews.read(rows).to_pandas()),
        file_name="reviews.csv",
        mime="text/csv",
        on_click="ignore",
    )
