"""The filters in the sidebar that the explorer's pages share."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from common.explorer.loaded import load
from common.explorer.review_index import ReviewIndex


class Choice(NamedTuple):
    """What the sidebar chooses of all reviews.

    chosen: (reviews,) bool; key: equal for equal choices, for caches; text: what the filters say.
    """

    reviews: ReviewIndex
    chosen: np.ndarray
    key: tuple
    text: str


def choose(data_dir: Path) -> Choice:
    """Draw the filters, which the address bar carries, and apply them."""
    index = load(ReviewIndex, data_dir)
    shared = dict(bind="query-params", persist_state="session")
    days = dict(
        min_value=index.day.min().item(),
        max_value=index.day.max().item(),
        format="YYYY-MM-DD",
        **shared,
    )
    with st.sidebar:
        st.subheader("Reviews from")
        start = st.date_input("First day", value=None, key="first", **days)
        end = st.date_input("Last day", value=None, key="last", **days)
        versions = st.multiselect(
            "App versions",
            index.versions(),
            key="version",
            placeholder="All versions",
            help="The most reviewed first",
            **shared,
        )
        ratings = st.pills("Stars", [1, 2, 3, 4, 5], selection_mode="multi", key="stars", **shared)
    said = [
        f"from {start}" * bool(start),
        f"to {end}" * bool(end),
        ", ".join(f"version {name}" for name in versions),
        ("with " + " or ".join(map(str, sorted(ratings))) + " stars") * bool(ratings),
    ]
    return Choice(
        reviews=index,
        chosen=index.where(start, end, versions, ratings),
        key=(data_dir, id(index), start, end, tuple(versions), tuple(ratings)),
        text=", ".join(filter(None, said)) or "all reviews",
    )
