"""The explorer's page about speed: what parallelism bought, and training on ranks."""

from pathlib import Path

import streamlit as st
from pandas import DataFrame

from common.charts import speed as speed_charts
from common.charts.base import draw
from common.explorer.widgets import not_run, show_chart, show_charts, show_table
from common.metrics import read_metrics
from common.report import launches, scaling, speed_tables


def what_parallelism_bought(data_dir: Path, metrics: DataFrame) -> None:
    st.header("What parallelism bought")
    table = speed_tables.parallel(metrics)
    if not len(table):
        return not_run("01_load.py", data_dir, "The first timings.")
    st.write(
        "Ratio: the baseline's median time divided by the variant's, in the same run. Above 1 the "
        "variant is faster."
    )
    compared = speed_tables.ratios(table)
    if len(compared):
        show_chart(speed_charts.ratios(compared))
    else:
        not_run("01_load.py --compare", data_dir, "The plain, serial ways to compare with.")
    show_table(table, f"A way a row. {speed_tables.WAYS}")
    show_tables(
        {
            "The study's grids, searched its way and here": speed_tables.searches(metrics),
            "Share of each search that more workers do not shorten (Amdahl)": (
                speed_tables.serial_shares(metrics)
            ),
        }
    )


def show_tables(tables: dict[str, DataFrame]) -> None:
    """Each table that has rows, under its caption."""
    for caption, table in tables.items():
        if len(table):
            show_table(table, caption)


def page(data_dir: Path) -> None:
    metrics = read_metrics(data_dir)
    what_parallelism_bought(data_dir, metrics)
    st.header("Training NetflixNet on ranks")
    runs = launches.training(metrics)
    if not len(runs):
        return not_run("05_gpu_train.py", data_dir, "Training with one rank, DDP and FSDP.")
    show_table(runs, f"A launch a row. {launches.LAUNCHES}")
    st.write(launches.original_network(metrics))
    show_speed_ups(metrics)
    losses, shares = launches.loss_curves(metrics), launches.step_shares(metrics)
    for model in runs["model"].unique():
        st.subheader(f"Steps of {model}")
        charts = [
            draw("step_loss", losses[losses["model"] == model]),
            speed_charts.step_shares(shares[shares["model"] == model]),
        ]
        show_charts(charts, 2)
    show_tables(launches.scaling_study(metrics))


def show_speed_ups(metrics: DataFrame) -> None:
    """The measured speed-ups of chosen launches, beside the ideal one and, where it can hold,
    Amdahl's."""
    studies = scaling.studies(metrics)
    if studies:
        st.subheader("More ranks")
        number = st.selectbox(
            "Launches", range(len(studies)), format_func=lambda number: studies[number].title
        )
        study = studies[number]
        show_chart(speed_charts.speed_ups(study.points, scaling.curves(study), study.title))
        st.caption("Orange: measured medians, from the slowest to the fastest epoch.")
