"""The explorer's page about the original study: its claims, and what was measured here."""

from pathlib import Path

import streamlit as st
from pandas import DataFrame

from common.explorer.widgets import plain, show_table
from common.metrics import read_metrics
from common.report import claims, tables
from common.report.page import SECTIONS


def page(data_dir: Path) -> None:
    metrics = read_metrics(data_dir)
    st.header("The original study's claims, and what was measured here")
    for claim in claims.compared(data_dir, metrics).to_dict("records"):
        st.subheader(claim.pop("step"))
        st.markdown("\n".join(f"- *{said}*: {plain(text)}" for said, text in claim.items()))
    st.caption(SECTIONS["original_study"]["text"][1])
    splits = tables.splits(metrics)
    if splits:
        show_table(
            DataFrame(splits.items(), columns=["split", "reviews"]),
            "A split a row: future is the newest tenth by time, unseen text the part of test whose "
            "text no training review has.",
        )
