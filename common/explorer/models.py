"""The explorer's page about models: how good they are, side by side, and how they were chosen."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from numpy import ndarray
from pandas import DataFrame

from common.charts import models as model_charts
from common.charts.base import draw
from common.explorer.filters import chosen
from common.explorer.loaded import classifiers, test_split
from common.explorer.widgets import not_run, show_chart, show_charts, show_table
from common.metrics import read_metrics
from common.models.files import Card
from common.report import model_tables
from common.scores import SCORES, curves, five_star_scores
from common.store import published, require


def page(data_dir: Path) -> None:
    metrics = read_metrics(data_dir)
    if model_tables.leaderboard(data_dir, metrics, "five_star").empty:
        return not_run("04_cpu_models.py", data_dir, "The models and their scores.")
    leaderboard(data_dir, metrics)
    cards = classifiers(data_dir)
    if len(cards) > 1:
        compare_two(data_dir, cards)
    search_grids(metrics)
    imbalance = model_tables.imbalance(metrics)
    if len(imbalance):
        st.header("Unequal classes")
        st.write(model_tables.imbalance_sentence(imbalance))
        show_table(imbalance, "A way of a model a row, judged on folds of the training reviews.")
    st.header("Metadata features")
    st.write("Chosen on the training reviews by mutual information with five stars (in nats).")
    scores = pd.read_parquet(require(data_dir, "features/scores.parquet"))
    show_chart(model_charts.feature_scores(scores))
    texts = published(data_dir, "models/*/card.md")
    if texts:
        st.header("Model cards")
        chosen = st.selectbox("Model card", texts, format_func=lambda path: path.parent.name)
        st.markdown(chosen.read_text(encoding="utf-8").replace("# ", "#### "))


def leaderboard(data_dir: Path, metrics: DataFrame) -> None:
    left, middle, right = st.columns(3)
    task = left.segmented_control(
        "Question",
        list(SCORES),
        default="five_star",
        required=True,
        key="question",
        bind="query-params",
        format_func={"five_star": "Five stars?", "rating": "How many stars?"}.get,
    )
    board = model_tables.leaderboard(data_dir, metrics, task)
    kinds = sorted(set(board["features"].iloc[1:]))
    chosen = middle.pills(
        "Features",
        kinds,
        selection_mode="multi",
        key="features",
        bind="query-params",
        help="None chosen: all",
    )
    score = right.selectbox("Score on the chart", SCORES[task], key=f"score-{task}")
    board = board[board["features"].isin(chosen or kinds) | (board.index == 0)]
    show_table(
        board,
        "A model a row. The first row is what a model must beat; one that does not is shown as not "
        "learning. The chart's dashed line is that row. Test reviews are never used for fitting or "
        "for choosing.",
    )
    board = board.assign(value=board[score])
    show_chart(model_charts.leaderboard(board, f"{score} on test", "Scores on the test split"))


def compare_two(data_dir: Path, cards: dict[str, Card]) -> None:
    """Two models side by side on the test reviews that the sidebar chooses."""
    st.header("Two models side by side")
    choice = chosen(data_dir)
    split = test_split(data_dir)
    left, right = st.columns(2)
    names = list(cards)
    pair = [
        left.selectbox("First model", names, key="first-model", bind="query-params"),
        right.selectbox("Second model", names, index=1, key="second-model", bind="query-params"),
    ]
    show_differences({name: cards[name] for name in pair})
    asked = choice.chosen[split.positions]
    truth = split.rating[asked] == 5
    st.write(f"{len(truth):,} of {len(asked):,} test reviews: {choice.text}.")
    if truth.all() or not truth.any():
        return st.info(
            "These reviews are all of one class: widen the filters in the sidebar.",
            icon=":material/filter_alt_off:",
        )
    threshold = st.slider(
        "Threshold: five stars above this probability",
        min_value=0.01,
        max_value=0.99,
        value=0.5,
        step=0.01,
        key="threshold",
        bind="query-params",
    )
    predicted = {name: split.predicted(cards[name])[asked] for name in dict.fromkeys(pair)}
    share = np.full(len(truth), truth.mean())
    scores = [{"model": "majority class"} | five_star_scores(truth, share)]
    for name, probability in predicted.items():
        decision = probability > threshold
        scores.append({"model": name} | five_star_scores(truth, probability, decision))
    show_table(
        DataFrame(scores, columns=["model", *SCORES["five_star"]]),
        "A model a row, on the test reviews that the filters choose.",
    )
    draw_curves(truth, predicted)
    confusions = [
        draw(
            "confusion",
            model_tables.confusion(truth, probability > threshold),
            f"{name} at {threshold:.2f}",
        )
        for name, probability in predicted.items()
    ]
    show_charts(confusions, 2)


def show_differences(cards: dict[str, Card]) -> None:
    """The entries in which two cards differ, without those that are figures of the evaluation."""
    left_out = dict.fromkeys(["intervals", "failures", "behind_best"])
    entries = DataFrame(
        {name: pd.json_normalize(card | left_out).iloc[0] for name, card in cards.items()}
    ).astype(str)
    differing = entries[entries.iloc[:, 0] != entries.iloc[:, -1]].replace("nan", "")
    with st.expander(f"What differs: {len(differing)} entries of their cards"):
        show_table(differing.rename_axis("entry").reset_index(), "An entry a row.", "")


def draw_curves(truth: ndarray, predicted: dict[str, ndarray]) -> None:
    """ROC, precision and recall, and calibration, a line a model; truth: (n,) bool."""
    drawn = {name: curves(truth, probability) for name, probability in predicted.items()}
    charts = []
    for kind in ("roc", "precision_recall", "calibration"):
        lines = {name: points[kind] for name, points in drawn.items()}
        charts.append(draw(kind, pd.concat(lines, names=["model", "order"]).reset_index()))
    show_charts(charts, 3)


def search_grids(metrics: DataFrame) -> None:
    grids = model_tables.search_grids(metrics)
    if grids.empty:
        return
    st.header("Search grids")
    searches = dict(list(grids.groupby(["model", "features"], sort=False)))
    model, features = st.selectbox("Search", list(searches), format_func=", ".join)
    grid = searches[model, features]
    st.write(
        f"Mean over the folds of {grid['rows'].iloc[0]:,.0f} training reviews; the best parameter "
        "set was fitted on the whole training split."
    )
    show_chart(model_charts.grid(grid, grid["score"].iloc[0], f"{model} on {features}"))
