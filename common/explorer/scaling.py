"""The explorer's pages about the run as a whole: what it found, what parallelism bought, and where the time went."""

import streamlit as st

from common.charts import speed as speed_charts
from common.explorer.widgets import not_run, show_chart, show_table
from common.metrics import read_metrics
from common.report import launches, scaling, speed_tables


def what_parallelism_bought(data_dir, metrics):
    table = speed_tables.parallel(metrics)
    st.header("What parallelism bought")
    st.write(
        "Ratio: the baseline's median time divided by the variant's, in the same run. Above 1 the variant is faster."
    )
    if not len(table):
        return not_run("01_load.py", data_dir, "The first timings.")
    compared = speed_tables.ratios(table)
    if len(compared):
        show_chart(speed_charts.ratios(compared))
    else:
        not_run("01_load.py --compare", data_dir, "The plain, serial ways to compare with.")
    show_table(table)
    st.caption(speed_tables.WAYS)
    for title, found in (
        ("The study's grids, searched its way and here", speed_tables.searches(metrics)),
        (
            "Share of each search that more workers do not shorten (Amdahl)",
            speed_tables.serial_shares(metrics),
        ),
    ):
        if len(found):
            st.subheader(title)
            show_table(found)


def scaling_page(data_dir, manifest):
    st.title("Scaling")
    metrics = read_metrics(data_dir)
    what_parallelism_bought(data_dir, metrics)
    st.header("Training NetflixNet on ranks")
    runs = launches.training(metrics)
    if not len(runs):
        return not_run("05_gpu_train.py", data_dir, "Training with one rank, DDP and FSDP.")
    show_table(runs)
    st.caption(launches.LAUNCHES)
    st.write(launches.original_network(metrics))
    draw_speed_ups(metrics)
    for draw, table, title in (
        (speed_charts.step_loss, launches.loss_curves(metrics), "Loss on the same global batches"),
        (speed_charts.step_shares, launches.step_shares(metrics), "Where a step's time goes"),
    ):
        models = list(table.groupby("model"))
        for column, (model, rows) in zip(st.columns(max(2, len(models))), models):
            show_chart(draw(rows).properties(title=f"{title}: {model}"), column)
    for caption, table in launches.scaling_study(metrics).items():
        st.write(caption)
        show_table(table)


def draw_speed_ups(metrics):
    """The measured speed-ups of the launches that are chosen, beside the ideal one and, where it
    can hold, Amdahl's."""
    studies = scaling.studies(metrics)
    if not studies:
        return
    st.subheader("More ranks")
    study = studies[
        st.selectbox("Launches", range(len(studies)), format_func=lambda i: studies[i].title)
    ]
    show_chart(speed_charts.speed_ups(study.points, scaling.curves(study), study.title))
    st.caption("Orange: measured medians, from the slowest to the fastest epoch.")
