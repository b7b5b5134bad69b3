"""The filters in the sidebar that the explorer's pages share, and links to pages with some set."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from common.explorer.loaded import load
from common.explorer.review_index import ReviewIndex
from common.toml import toml_beside

FILTERS = toml_beside(__file__)
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
    """A link to a page of the explorer with these filters, or without any, those set now."""
    st.page_link(st.session_state["pages"][page], label=label, query_params=filters or None)


def read_address(known: dict[str, list]) -> None:
    """Set the filters as the address says: those of its values that there are."""
    for name, nothing in EMPTY.items():
        given = st.query_params.get_all(name)
        there = {str(value): value for value in known.get(name, given)}
        fit = [there[text] for text in given if text in there]
        st.session_state[name] = fit if nothing == [] else (*fit, nothing)[0]


def write_address(filters: dict[str, Any]) -> None:
    """Let the address carry the filters.

    Streamlit's own binding loses them where the page is changed while another is still drawn.
    """
    address = {
        name: list(map(str, value if isinstance(value, list) else [value]))
        for name, value in filters.items()
        if value
    }
    for name in EMPTY.keys() & st.query_params.keys() - address.keys():
        del st.query_params[name]
    if any(st.query_params.get_all(name) != values for name, values in address.items()):
        st.query_params.update(address)


def chosen(data_dir: Path) -> Choice:
    """What the filters choose that were drawn before the page; InputError without reviews."""
    load(ReviewIndex, data_dir)
    return st.session_state["choice"]


def choose(data_dir: Path, unfolded: bool, arrived: bool) -> Choice:
    """Draw the filters, which the address carries, and apply them.

    An address is read where its page was just reached, by a link or going back in the browser.
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
    back = getattr(get_script_run_ctx(), "is_history_navigation", False)
    if back or (arrived and EMPTY.keys() & st.query_params.keys()):
        read_address(known)
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
            filters[name] = getattr(st, spec["widget"])(key=name, persist_state="session", **given)
        st.button("Clear the filters", on_click=st.session_state.update, args=(EMPTY,))
    write_address(filters)
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
