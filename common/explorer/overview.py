"""The explorer's first page: what the run found, and what parallelism bought."""

import pandas as pd
import streamlit as st

from common.explorer.widgets import not_run, show_table
from common.metrics import read_metrics
from common.report import claims, model_tables, speed_tables, tables


def overview(data_dir, manifest):
    st.title("Smarter Netflix Predictions")
    st.write(
        "Will a review have five stars, and how many stars? And at each step: what does parallelism buy, measured?"
    )
    metrics, eda = read_metrics(data_dir), tables.eda_tables(data_dir)
    numbers = {
        "Reviews loaded": f"{manifest['loaded']:,}",
        "Records quarantined": f"{manifest['quarantined']:,}",
    }
    if eda:
        days = eda["cumulative"]["day"]
        numbers["Written"] = f"{days.min():%Y-%m} to {days.max():%Y-%m}"
        numbers["Five-star share"] = (
            f"{eda['ratings'].set_index('review_rating')['share'].get(5, 0):.1%}"
        )
    board = model_tables.leaderboard(data_dir, metrics, "five_star")
    if len(board) > 1:
        numbers["Best accuracy on test"] = f"{board['accuracy'][1]:.4f}"
        numbers["Majority class"] = f"{board['accuracy'][0]:.4f}"
    for columns, items in (
        (st.columns(3), list(numbers.items())[:3]),
        (st.columns(3), list(numbers.items())[3:]),
    ):
        for column, (label, value) in zip(columns, items):
            column.metric(label, value)
    if len(board) > 1:
        st.caption(
            f"Best by AUC on test: {board['model'][1]} on {board['features'][1]}, AUC {board['auc'][1]:.4f} (0.5 for the majority class)."
        )
    st.header("Speed-ups at a glance")
    headlines = speed_tables.headlines(metrics)
    if len(headlines):
        show_table(headlines)
        st.caption(
            "Plain: pandas for loading, else the same code in one process. Original: the study's way on the same rows. Above 1x ours is faster; the page "
            "Scaling has every repeat."
        )
    else:
        not_run("01_load.py --compare", data_dir, "The plain ways to compare with.")
    st.header("The original study's claims, and what was measured here")
    st.table(claims.compared(data_dir, metrics).set_index("step"))
    st.caption(claims.EVIDENCE)
    st.header("Where the reviews come from")
    st.write(
        f"{manifest['records']:,} records: {manifest['loaded']:,} loaded, {manifest['quarantined']:,} quarantined."
    )
    show_table(
        pd.DataFrame(manifest["sources"])[["name", "header_family", "bytes", "records", "sha256"]]
    )
    if manifest["reasons"]:
        st.write(
            "Why records were quarantined (one can have several reasons; its bytes are kept whole under quarantine/):"
        )
        show_table(pd.DataFrame(manifest["reasons"].items(), columns=["reason", "records"]))
    sizes = tables.splits(metrics)
    if sizes:
        st.write(
            "Splits: future is the newest tenth by time, unseen text the part of test whose text no training review has."
        )
        show_table(pd.DataFrame(sizes.items(), columns=["split", "reviews"]))
