"""The explorer's page about the original study: its claims, and what was measured here."""

from pathlib import Path

import streamlit as st
from pandas import DataFrame

from common.explorer.widgets import not_run, show_table
from common.metrics import read_metrics
from common.report import claims, speed_tables, tables


def page(data_dir: Path) -> None:
    metrics = read_metrics(data_dir)
    st.header("Speed-ups at a glance")
    headlines = speed_tables.headlines(metrics)
    if len(headlines):
        show_table(
            headlines,
            "A step a row. Plain: pandas for loading, else the same code in one process. Original: "
            "the study's way on the same rows. Above 1x ours is faster; the page Scaling has every "
            "repeat.",
        )
    else:
        not_run("01_load.py --compare", data_dir, "The plain ways to compare with.")
    st.header("The original study's claims, and what was measured here")
    st.table(claims.compared(data_dir, metrics).set_index("step"))
    st.caption(claims.EVIDENCE)
    splits = tables.splits(metrics)
    if splits:
        show_table(
            DataFrame(splits.items(), columns=["split", "reviews"]),
            "A split a row: future is the newest tenth by time, unseen text the part of test whose "
            "text no training review has.",
        )
