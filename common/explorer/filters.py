"""The filters in the sidebar that the explorer's pages share, and links to pages with some set."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

import numpy as np
import pandas as pd
import streamlit as st

from common.explorer.loaded import load
from common.explorer.review_index import ReviewIndex

FILTERS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
EMPTY: dict[str, Any] = {name: [] for name in FILTERS} | {"words": "", "first": None, "last": None}


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

    def alone(self, rows: np.ndarray, what: str) -> str:
        """How many there are of `what`, (reviews,) bool, and how many each filter alone leaves."""
        left = [
            f"{said(name, value)}: {(rows & self.reviews.where(**{name: value})).sum():,}"
            for name, value in self.filters.items()
            if value
        ]
        each = f", each filter alone leaves: {'; '.join(left)}" if left else ""
        return f"{rows.sum():,} {what}{each}."


def link(page: str, label: str, **filters: Any) -> None:
    """A link to a page of the explorer, which then has these filters and no others.

    Streamlit takes what widgets keep in the address out of a link: `ask` is not one of these.
    """
    query = {"ask": urlencode(filters, doseq=True)} if filters else None
    st.page_link(st.session_state["pages"][page], label=label, query_params=query)


def ask(known: dict[str, list]) -> None:
    """Set the filters as a link asks, those of its values that there are."""
    values = parse_qs(st.query_params["ask"])
    del st.query_params["ask"]
    for name, nothing in EMPTY.items():
        given = values.get(name, [])
        fit = [value for value in known.get(name, given) if str(value) in given]
        st.session_state[name] = fit if nothing == [] else (*fit, nothing)[0]


def chosen(data_dir: Path) -> Choice:
    """What the filters choose that were drawn before the page; InputError without reviews."""
    load(ReviewIndex, data_dir)
    return st.session_state["choice"]


def choose(data_dir: Path, unfolded: bool) -> Choice:
    """Draw the filters, which the address bar carries, and apply them.

    They keep their values from page to page because the pages do not draw them themselves.
    """
    index = load(ReviewIndex, data_dir)
    days = pd.date_range(index.table["day"].min(), index.table["day"].max()).date.tolist()
    groups = index.groups["group"].unique().tolist()
    known = {
        "stars": [1, 2, 3, 4, 5],
        "first": days,
        "last": days,
        "about": groups,
        **index.names,
    }
    if "ask" in st.query_params:
        ask(known)
    filters: dict[str, Any] = {}
    with st.sidebar.expander("Filters", expanded=unfolded):
        for name, spec in FILTERS.items():
            given = dict(spec["given"])
            if name in ("first", "last"):
                given |= {"value": None, "min_value": days[0], "max_value": days[-1]}
            elif name != "words":
                given["options"] = known.get(name, [])
                if len(given["options"]) < 2:
                    continue
            filters[name] = getattr(st, spec["widget"])(
                key=name, bind="query-params", persist_state="session", **given
            )
        st.button("Clear the filters", on_click=st.session_state.update, args=(EMPTY,))
    text = ", ".join(said(name, value) for name, value in filters.items() if value)
    return Choice(
        index,
        index.where(**filters),
        (data_dir, id(index), str(filters)),
        text or "all reviews",
        filters,
    )


def said(name: str, value: Any) -> str:
    """A filter in words."""
    value = " or ".join(map(str, value)) if isinstance(value, list) else value
    return FILTERS[name]["said"].format(value).replace("of 1 stars", "of 1 star")
