"""The explorer's page about reviews: search and filters, charts that filter, the reviews behind
them. Their text is shown as text, never as Markdown.
"""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from pandas import DataFrame

from common.charts.base import draw
from common.charts.time import by_time
from common.explorer.filters import FILTERS, Choice, chosen
from common.explorer.loaded import load
from common.explorer.review_index import SAMPLED_TEXTS
from common.explorer.summary import OVER_TIME
from common.explorer.timeline import means, show_over_time
from common.explorer.widgets import (
    no_rows,
    number_of,
    plain,
    set_filter,
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
    index, rows, filters = _choice.reviews, _choice.chosen, _choice.filters
    days = index.sums(rows, "day")[["reviews", "stars"]]
    if filters["words"] or filters.get("about"):
        others = index.where(**filters | {"words": "", "about": []})
        among = index.sums(others, "day")["reviews"]
        days = days.reindex(among.index, fill_value=0).assign(among=among)
    kinds = {kind: index.sums(rows, kind) for kind in BARS if kind in index.table}
    return {
        kind: sums.nlargest(TOP_NAMES, "reviews").rename_axis("name").reset_index()
        for kind, sums in kinds.items()
    } | {
        "days": days.asfreq("D", fill_value=0),
        "ratings": index.sums(rows, "review_rating").reindex(range(1, 6), fill_value=0),
        "words": index.words(rows),
        "most_liked": index.most_liked(rows, SHOWN_REVIEWS),
    }


def page(data_dir: Path) -> None:
    choice = chosen(data_dir)
    number = int(choice.chosen.sum())
    st.markdown(plain(f"{number:,} of {number_of(len(choice.reviews))}: {choice.text}."))
    if not number:
        return no_rows("No review fits these filters: widen them in the sidebar.")
    found, key = count(choice.key, choice), str(hash(choice.key))
    reviews, sums = found["ratings"]["reviews"], found["ratings"].sum()
    show_numbers(
        {
            "Reviews": f"{number:,}",
            "Five stars": f"{reviews[5] / number:.1%}",
            "1 and 2 stars": f"{sums['low'] / number:.1%}",
            "Mean rating": f"{sums['stars'] / number:.2f}",
            "Mean characters": f"{sums['characters'] / number:,.0f}",
        }
    )
    eda, table, charts = load(tables.eda_tables, data_dir), means(by_time(found["days"])), OVER_TIME
    if "share" in table:
        charts = {"share_by_time": "Share found, of what else is chosen"} | charts
    show_over_time(charts, table, eda, f"time-{key}", of_days)
    show_bars_of(found, key)
    counted = min(number, SAMPLED_TEXTS)
    st.caption(f"Words are counted in {number_of(counted)} of these; click one for its trend.")
    st.subheader("The reviews behind it")
    most_liked = found["most_liked"]
    show_table(most_liked, f"A review a row: the most liked {len(most_liked)} of {number:,}.", "")
    rows = np.flatnonzero(choice.chosen)[:MOST_DOWNLOADED]
    st.download_button(
        f"Download {number_of(len(rows))}",
        lambda: spreadsheet_csv(choice.reviews.read(rows).to_pandas()),
        file_name="reviews.csv",
        on_click="ignore",
        help=f"All columns, of the first {MOST_DOWNLOADED:,} at most",
    )
    if eda and choice.chosen.all():
        st.subheader("Texts written most often")
        st.write(tables.repeats_sentence(eda["repeats"]))
        show_table(eda["repeated_texts"], "A text a row, the commonest first.")


def of_days(bar: dict[str, Any]) -> None:
    """Filter by the days of a clicked bar."""
    for name, end in (("first", "from_day"), ("last", "to_day")):
        set_filter(name, date.fromisoformat(bar[end]))


def of_value(name: str, field: str, bar: dict[str, Any]) -> None:
    """Filter by what a clicked bar is of."""
    set_filter(name, bar[field] if name == "words" else [bar[field]])


def show_bars_of(found: dict[str, DataFrame], key: str) -> None:
    """The charts by stars, names and words, two beside each other; those without rows left out."""
    bars = {"stars": ("ratings", "review_rating", "")}
    for kind in BARS:
        title = f"{FILTERS[kind]['given']['label']} with the most reviews"
        bars[kind] = ("most_reviewed", "name", title)
    bars["words"] = ("words", "word", "")
    drawn: list[Callable[[], object]] = []
    ratings = found["ratings"].reset_index()
    ratings["share"] = ratings["reviews"] / ratings["reviews"].sum()
    for name, (spec, field, title) in bars.items():
        rows = ratings if name == "stars" else found.get(name, ())
        if len(rows):
            chart, clicked = draw(spec, rows, title), partial(of_value, name, field)
            drawn.append(partial(show_bars, chart, f"{name}-{key}", [field], clicked))
        elif name in ("words", "author_app_version"):
            st.caption(f"{FILTERS[name]['given']['label']}: no chart, these have none or too few.")
    drawn.insert(1, partial(show_chart, draw("length_by_rating", ratings)))
    for first in range(0, len(drawn), 2):  # in this order on a phone, too
        for column, show in zip(st.columns(2), drawn[first : first + 2]):
            with column:
                show()
