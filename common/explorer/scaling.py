"""The explorer's page about speed: what parallelism bought, and training on ranks."""

from pathlib import Path

import streamlit as st
from pandas import DataFrame

from common.charts import speed as speed_charts
from common.charts.base import draw
from common.explorer.widgets import not_run, show_chart, show_charts, show_table
from common.metrics import read_metrics
from common.report import launches, speed_tables

RANKS = "Rows per second. 2 x 1: two ranks of one thread each."


def what_parallelism_bought(data_dir: Path, metrics: DataFrame) -> None:
    st.header("What parallelism bought")
    table = speed_tables.verdicts(metrics)
    if not len(table):
        return not_run("01_load.py --compare", data_dir, "The plain, serial ways to compare with.")
    show_chart(speed_charts.verdicts(table))
    with st.expander("What each step does, and the figures"):
        st.write(speed_tables.works(metrics))
        show_table(table.drop(columns=["low", "high"]), "A way a row. Ratio: medians, same run.")
    st.header("The whole")
    whole = speed_tables.whole(metrics)
    if whole:
        st.write(whole.text)
        show_chart(speed_charts.whole(whole.table, "Seconds by step"))
    points = speed_tables.by_cores(table)
    if len(points):
        st.header("More cores")
        show_chart(speed_charts.by_cores(points))
        show_list(speed_tables.serial_shares(points))
    st.header("From which number of reviews on")
    sizes = speed_tables.by_size(speed_tables.scaling_runs(data_dir, metrics))
    if sizes["reviews"].nunique() < 2:
        st.info("Measured on one number of reviews only; this measures on three:")
        return st.code(f"bash run_all.sh --scaling --data-dir {data_dir}", language="bash")
    show_chart(speed_charts.by_size(sizes))
    show_list(speed_tables.break_even(sizes))


def show_list(sentences: list[str]) -> None:
    st.markdown("\n".join(f"- {said}" for said in sentences))


def show_tables(tables: dict[str, DataFrame]) -> None:
    """Each table that has rows, under its caption."""
    for caption, table in tables.items():
        if len(table):
            show_table(table, caption)


def page(data_dir: Path) -> None:
    metrics = read_metrics(data_dir)
    what_parallelism_bought(data_dir, metrics)
    st.header("Training NetflixNet: threads or ranks")
    runs = launches.training(metrics)
    if not len(runs):
        return not_run("05_gpu_train.py", data_dir, "Training with one rank, DDP and FSDP.")
    show_tables({RANKS: launches.threads_or_ranks(metrics)})
    show_tables({launches.SHARDING: launches.sharding(metrics)})
    with st.expander("Every launch"):
        show_table(runs, f"A launch a row. {launches.LAUNCHES}")
    losses, shares = launches.loss_curves(metrics), launches.step_shares(metrics)
    for model in runs["model"].unique():
        st.subheader(f"Steps of {model}")
        charts = [
            draw("step_loss", losses[losses["model"] == model]),
            speed_charts.step_shares(shares[shares["model"] == model]),
        ]
        show_charts(charts, 2)
