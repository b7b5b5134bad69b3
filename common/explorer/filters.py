"""The filters in the sidebar that the explorer's pages share."""

from pathlib import Path
from types import SimpleNamespace

import streamlit as st

from common.explorer.review_index import ReviewIndex


@st.cache_resource(max_entries=2, show_spinner=False)
def load_index(data_dir, stamp):
    """The ReviewIndex of a data directory, kept until the reviews that `stamp` stands for change."""
    return ReviewIndex(data_dir)


def index_of(data_dir):
    return load_index(data_dir, (Path(data_dir) / "manifest.json").stat().st_mtime_ns)


def choose(data_dir):
    """The sidebar's filters, which the address bar carries: index, chosen (n,) bool, key (hashable), and text, what they say."""
    index = index_of(data_dir)
    first, last = index.period()
    with st.sidebar:
        st.subheader("Reviews from")
        days = dict(
            min_value=first,
            max_value=last,
            format="YYYY-MM-DD",
            bind="query-params",
            persist_state="session",
        )
        start = st.date_input("First day", value=None, key="first", **days)
        end = st.date_input("Last day", value=None, key="last", **days)
        versions = st.multiselect(
            "App versions",
            index.versions(),
            key="version",
            placeholder="All versions",
            bind="query-params",
            persist_state="session",
            help="The most reviewed first",
        )
        ratings = st.pills(
            "Stars",
            [1, 2, 3, 4, 5],
            selection_mode="multi",
            key="stars",
            bind="query-params",
            persist_state="session",
        )
    parts = [
        f"from {start}" * bool(start),
        f"to {end}" * bool(end),
        ", ".join(f"version {name}" for name in versions),
        ("with " + " or ".join(map(str, sorted(ratings))) + " stars") * bool(ratings),
    ]
    chosen = index.where(start, end, versions, ratings)
    return SimpleNamespace(
        index=index,
        chosen=chosen,
        key=(data_dir, id(index), start, end, tuple(versions), tuple(ratings)),
        text=", ".join(filter(None, parts)) or "all reviews",
        filtered=any(parts),
    )
