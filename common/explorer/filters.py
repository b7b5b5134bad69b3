"""The filters in the sidebar that the explorer's pages share, and links to pages with some set."""

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

import numpy as np
import pandas as pd
import streamlit as st

from common.explorer.loaded import load
from common.explorer.review_index import ReviewIndex

KINDS = {  # kind -> label, what nothing chosen means, the plural
    "release": ("Releases", "All releases"),
    "author_app_version": ("App versions", "All versions"),
    "app": ("Apps", "All apps"),
    "store": ("Stores", "All stores"),
    "language": ("Languages", "All languages"),
    "script": ("Scripts", "All scripts"),
}
REPLIED = {"answered": True, "not answered": False}
HELP = """Words, all of which must occur; "a phrase"; crash\\* for all words that begin so;
\\-word or NOT word for what must not occur; OR between alternatives."""
NOTHING: dict[str, Any] = {
    "words": "",
    "stars": [],
    "first": None,
    "last": None,
    "about": None,
    "replied": None,
    **{kind: [] for kind in KINDS},
}


class Choice(NamedTuple):
    """What the sidebar chooses of all reviews.

    chosen: (reviews,) bool; key: equal for equal choices, for caches; text: what the filters say;
    filters: as `ReviewIndex.where` takes them.
    """

    reviews: ReviewIndex
    chosen: np.ndarray
    key: tuple
    text: str
    filters: dict[str, Any]


def link(page: str, label: str, **filters: Any) -> None:
    """A link to a page of the explorer, which then has these filters and no others.

    Streamlit takes what widgets keep in the address out of a link: `ask` is not one of these.
    """
    query = {"ask": urlencode(filters, doseq=True)} if filters else None
    st.page_link(st.session_state["pages"][page], label=label, query_params=query)


def asked(index: ReviewIndex) -> None:
    """Set the filters as a link asks, those of its values that there are."""
    if "ask" not in st.query_params:
        return
    values = parse_qs(st.query_params["ask"])
    del st.query_params["ask"]
    one = {name: found[0] for name, found in values.items()}
    st.session_state.update(NOTHING)
    st.session_state["words"] = one.get("words", "")[:200]
    st.session_state["stars"] = [n for n in range(1, 6) if str(n) in values.get("stars", [])]
    for name in ("first", "last"):
        day = pd.to_datetime(one.get(name), errors="coerce")
        if pd.notna(day):
            day = min(max(day.to_datetime64(), index.day.min()), index.day.max())
            st.session_state[name] = day.astype("datetime64[D]").item()
    if one.get("about") in set(index.groups["group"]):
        st.session_state["about"] = one["about"]
    for kind, names in index.kinds.items():
        st.session_state[kind] = [name for name in values.get(kind, []) if name in names.categories]


def chosen(data_dir: Path) -> Choice:
    """What the filters choose that were drawn before the page; InputError without reviews."""
    load(ReviewIndex, data_dir)
    return st.session_state["choice"]


def choose(data_dir: Path, unfolded: bool) -> Choice:
    """Draw the filters, which the address bar carries, and apply them.

    They keep their values from page to page because the pages do not draw them themselves.
    """
    index = load(ReviewIndex, data_dir)
    asked(index)
    kept: dict[str, Any] = dict(bind="query-params", persist_state="session")
    first_day, last_day = index.day.min().item(), index.day.max().item()
    filters: dict[str, Any] = {}
    with st.sidebar.expander("Filters", expanded=unfolded):
        filters["words"] = st.text_input(
            "Search the texts",
            key="words",
            placeholder='crash* OR "log in" -update',
            max_chars=200,
            help=HELP,
            **kept,
        )
        filters["stars"] = st.pills(
            "Stars", range(1, 6), selection_mode="multi", key="stars", **kept
        )
        days = dict(min_value=first_day, max_value=last_day, format="YYYY-MM-DD", **kept)
        filters["first"] = st.date_input("First day", value=None, key="first", **days)
        filters["last"] = st.date_input("Last day", value=None, key="last", **days)
        for kind, (label, everything) in KINDS.items():
            if kind in index.kinds and len(index.kinds[kind].categories) > 1:
                filters[kind] = st.multiselect(
                    label,
                    index.names(kind),
                    key=kind,
                    placeholder=everything,
                    select_all=False,
                    filter_mode="contains",
                    help="The most reviewed first",
                    **kept,
                )
        groups = index.groups["group"].unique().tolist()
        if groups:
            filters["about"] = st.selectbox(
                "Complaint about", groups, index=None, key="about", placeholder="Anything", **kept
            )
        if index.replied is not None:
            replied = st.selectbox(
                "Reply",
                list(REPLIED),
                index=None,
                key="replied",
                placeholder="With or without",
                **kept,
            )
            filters["replied"] = REPLIED.get(replied)
        st.button("Clear the filters", on_click=st.session_state.update, args=(NOTHING,))
    return Choice(
        reviews=index,
        chosen=index.where(**filters),
        key=(data_dir, id(index), *map(str, filters.values())),
        text=", ".join(said(**filters)) or "all reviews",
        filters=filters,
    )


def said(
    words: str,
    stars: list[int],
    first: date | None,
    last: date | None,
    about: str | None = None,
    replied: bool | None = None,
    **kinds: list[str],
) -> list[str]:
    """The filters in words."""
    text = [f"with {words}"] if words else []
    if stars:
        numbers = " or ".join(map(str, sorted(stars)))
        text.append(f"of {numbers} star{'s' * (numbers != '1')}")
    text += [f"from {first}"] * bool(first) + [f"to {last}"] * bool(last)
    text += [f"about {about.lower()}"] if about else []
    text += [] if replied is None else ["answered" if replied else "not answered"]
    for kind, names in kinds.items():
        text += [f"{KINDS[kind][0].lower().removesuffix('s')} {' or '.join(names)}"] * bool(names)
    return text
