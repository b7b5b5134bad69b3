"""The explorer's first page: what the run found, and what parallelism bought."""

from pathlib import Path

import streamlit as st
from pandas import DataFrame

from common.explorer.widgets import not_run, show_numbers, show_table
from common.loading import quarantine_sentence
from common.metrics import read_metrics
from common.report import claims, model_tables, speed_tables, tables
from common.store import read_json


def page(data_dir: Path) -> None:
    st.write(
        "Will a review have five stars, and how many stars? And at each step: what does "
        "parallelism buy, measured?"
    )
    manifest, metrics = read_json(data_dir, "manifest.json"), read_metrics(data_dir)
    at_a_glance(data_dir, manifest, metrics)
    st.header("Speed-ups at a glance")
    headlines = speed_tables.headlines(metrics)
    if len(headlines):
        show_table(headlines)
        st.caption(
            "Plain: pandas for loading, else the same code in one process. Original: the study's "
            "way on the same rows. Above 1x ours is faster; the page Scaling has every repeat."
        )
    else:
        not_run("01_load.py --compare", data_dir, "The plain ways to compare with.")
    st.header("The original study's claims, and what was measured here")
    st.table(claims.compared(data_dir, metrics).set_index("step"))
    st.caption(claims.EVIDENCE)
    provenance(manifest, tables.splits(metrics))


def at_a_glance(data_dir: Path, manifest: dict, metrics: DataFrame) -> None:
    """How many reviews, of when, and how well the best model does beside the majority class."""
    numbers = {
        "Reviews loaded": f"{manifest['loaded']:,}",
        "Records quarantined": f"{manifest['quarantined']:,}",
    }
    eda = tables.eda_tables(data_dir)
    if eda:
        days = eda["cumulative"]["day"]
        shares = eda["ratings"].set_index("review_rating")["share"]
        numbers["Written"] = f"{days.min():%Y-%m} to {days.max():%Y-%m}"
        numbers["Five-star share"] = f"{shares.get(5, 0):.1%}"
    board = model_tables.leaderboard(data_dir, metrics, "five_star")
    if len(board) < 2:
        return show_numbers(numbers, 3)
    majority, best = board.iloc[0], board.iloc[1]
    numbers["Best accuracy on test"] = f"{best['accuracy']:.4f}"
    numbers["Majority class"] = f"{majority['accuracy']:.4f}"
    show_numbers(numbers, 3)
    st.caption(
        f"Best by AUC on test: {best['model']} on {best['features']}, AUC {best['auc']:.4f} "
        "(0.5 for the majority class)."
    )


def provenance(manifest: dict, splits: dict[str, int]) -> None:
    """Which files the reviews come from, what was quarantined, and how they were split."""
    st.header("Where the reviews come from")
    st.write(quarantine_sentence(manifest))
    sources = DataFrame(manifest["sources"])
    show_table(sources[["name", "records", "bytes", "ids", "sha256"]])
    if splits:
        st.write(
            "Splits: future is the newest tenth by time, unseen text the part of test whose text "
            "no training review has."
        )
        show_table(DataFrame(splits.items(), columns=["split", "reviews"]))
