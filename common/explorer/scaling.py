"""The explorer's pages about the run as a whole: what it found, what parallelism bought, and where the time went."""

import pandas as pd
import streamlit as st

from common.charts import speed as speed_charts
from common.explorer.widgets import not_run, show_chart, show_table
from common.metrics import read_metrics
from common.report import launches, scaling, speed_tables

RANKS = [2**k for k in range(7)]


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
    draw_laws(metrics)
    for draw, table, title in (
        (speed_charts.step_loss, launches.loss_curves(metrics), "Loss on the same global batches"),
        (speed_charts.step_shares, launches.step_shares(metrics), "Where a step's time goes"),
    ):
        models = list(table.groupby("model"))
        for column, (model, own) in zip(st.columns(max(2, len(models))), models):
            show_chart(draw(own).properties(title=f"{title}: {model}"), column)
    for caption, table in launches.scaling_study(metrics).items():
        if caption != launches.BEYOND:
            st.write(caption)
            show_table(table)


def draw_laws(metrics):
    """Measured points, the ideal and the fitted laws, and what they say of a number of ranks that can be moved."""
    runs = scaling.epochs(metrics)
    laws, beyond = scaling.laws(runs), scaling.beyond(metrics)
    if not len(laws):
        return
    st.subheader("More ranks")
    names = [
        f"{law.model}, {law.strategy}, {law.threads_per_rank:.0f} threads a rank, batches of {law.global_batch:,.0f}"
        for law in laws.itertuples()
    ]
    left, right = st.columns(2)
    law = laws.iloc[
        names.index(
            left.selectbox(
                "Fitted to",
                names,
                index=next((i for i, name in enumerate(names) if name.startswith("text, ddp")), 0),
            )
        )
    ]
    ranks = right.select_slider(
        "What if there were so many ranks?", RANKS, value=4, key="ranks", bind="query-params"
    )
    points = scaling.speed_ups(
        runs, law["model"], law["strategy"], law["threads_per_rank"], law["global_batch"]
    )
    curves = scaling.law_curves(law, RANKS)
    show_chart(
        speed_charts.laws(
            points, curves, f"{law['model']}, {law['strategy']}: measured and fitted"
        ),
        left,
    )
    if len(beyond):
        show_chart(speed_charts.beyond(beyond), right)
    own = curves[curves["ranks"] == ranks]
    found = pd.concat(
        [
            own.assign(source=own["law"]),
            beyond[beyond["ranks"] == ranks].assign(
                source=beyond["network"], low=float("nan"), high=float("nan")
            ),
        ]
        if len(beyond)
        else [own.assign(source=own["law"])]
    )
    show_table(
        found.assign(efficiency=found["speed_up"] / ranks)[
            ["source", "ranks", "speed_up", "low", "high", "efficiency"]
        ],
        placeholder="",
    )
    st.caption(
        "Orange: measured medians, from the slowest to the fastest epoch. Amdahl's band is the law's 95% interval. Both laws were fitted on this machine; the "
        "networks are assumptions, with this machine's compute."
    )
