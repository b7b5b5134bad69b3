"""The explorer's page about models: how good they are, side by side, and how they were chosen."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy import ndarray
from pandas import DataFrame

from common.charts import models as model_charts
from common.charts.base import draw
from common.explorer.filters import chosen
from common.explorer.loaded import classifiers, load
from common.explorer.widgets import (
    no_rows,
    not_run,
    plain,
    show_chart,
    show_charts,
    show_table,
    slider,
)
from common.metrics import read_metrics
from common.models.files import Card
from common.models.predictions import TestSplit
from common.report import model_tables
from common.report.formats import HUMAN, column_name, model_name
from common.scores import SCORES, curves, five_star_scores
from common.store import published, require

# Entries of cards: the others are figures, which stand on the page, or names of files.
DIFFER = r"^(inputs|kind|origin|params|rows|final\.rows|seed|trained|data$|validation\.(auc|rmse))"


def page(data_dir: Path) -> None:
    metrics = read_metrics(data_dir)
    boards = model_tables.boards(data_dir, metrics)
    if "five_star" not in boards:
        return not_run("04_cpu_models.py", data_dir, "The models and their scores.")
    models = sorted(pd.concat(boards.values())["model"])
    leaderboard(boards, models)
    cards = classifiers(data_dir)
    if len(cards) > 1:
        compare_two(data_dir, cards, models)
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
        chosen = st.selectbox(
            "Model card", texts, format_func=lambda path: model_name(path.parent.name)
        )
        st.markdown(chosen.read_text(encoding="utf-8").replace("# ", "#### "))


def leaderboard(boards: dict[str, DataFrame], models: list[str]) -> None:
    """The table and the chart of a task's leaderboard; models: all there are, for their colours."""
    left, right = st.columns(2)
    questions = {"five_star": "Five stars?", "rating": "How many stars?"}
    task = left.segmented_control(
        "Question",
        list(boards),
        default="five_star",
        required=True,
        key="question",
        bind="query-params",
        format_func=questions.get,
    )
    board = boards[task]
    score = right.selectbox(
        "Score on the chart", SCORES[task], key=f"score-{task}", format_func=column_name
    )
    show_table(
        board,
        "A model a row. The first row is what a model must beat; one that does not is shown as not "
        "learning. The chart's dashed line is that row. Test reviews are never used for fitting or "
        "for choosing.",
    )
    board, axis = board.assign(value=board[score]), f"{column_name(score)} on test"
    show_chart(model_charts.leaderboard(board, axis, "Scores on the test split", models))


def compare_two(data_dir: Path, cards: dict[str, Card], models: list[str]) -> None:
    """Two models side by side on the test reviews that the sidebar chooses."""
    st.header("Two models side by side")
    choice = chosen(data_dir)
    split = load(TestSplit, data_dir)
    pair = [
        column.selectbox(
            f"{label} model",
            list(cards),
            index=index,
            format_func=model_name,
            key=f"{label.lower()}-model",
            bind="query-params",
        )
        for index, (column, label) in enumerate(zip(st.columns(2), ("First", "Second")))
    ]
    predicted = {model_name(name): split.predicted(cards[name]) for name in pair}
    show_differences({model_name(name): cards[name] for name in pair})
    asked = choice.chosen[split.positions]
    truth = split.rating[asked] == 5
    st.markdown(plain(f"{len(truth):,} of {len(asked):,} test reviews: {choice.text}."))
    if truth.all() or not truth.any():
        return no_rows("These reviews are all of one class: widen the filters in the sidebar.")
    label = "Threshold: five stars above this probability"
    threshold = slider(label, "threshold", 0.01, 0.99, 0.5)
    share = np.full(len(truth), truth.mean())
    rows = [judged("Majority class", truth, share, share > 0.5)]
    for name, probability in predicted.items():
        rows.append(judged(name, truth, probability[asked], probability[asked] > threshold))
    table = DataFrame(rows)
    show_table(
        table[["model", "precision", "recall", *SCORES["five_star"]]],
        f"A model a row, on the test reviews that the filters choose. Precision: of those that it "
        f"calls five stars at {threshold:.2f}, the share rated so. Recall: of those rated five "
        "stars, the share that it calls so. The curves' dots are at that threshold.",
        "none called so",
    )
    curves_of = {name: curves(truth, probability[asked]) for name, probability in predicted.items()}
    draw_curves(curves_of, table[1:].assign(threshold=threshold), models)
    show_charts([draw("confusion", row["confusion"], row["model"]) for row in rows[1:]])


def judged(name: str, truth: ndarray, probability: ndarray, decision: ndarray) -> dict[str, Any]:
    """A model's scores, its confusion, and where its decision (n,) lies on the curves."""
    confusion = model_tables.confusion(truth, decision)
    recall, _, false_positive_rate, _ = confusion["share"]
    return five_star_scores(truth, probability, decision) | {
        "model": name,
        "confusion": confusion,
        "precision": truth[decision].mean() if decision.any() else None,
        "recall": recall,
        "true_positive_rate": recall,
        "false_positive_rate": false_positive_rate,
    }


def show_differences(cards: dict[str, Card]) -> None:
    """The entries in which two cards differ: what the models are, and how they were made."""
    entries = DataFrame({name: pd.json_normalize(card).iloc[0] for name, card in cards.items()})
    entries = entries.filter(regex=DIFFER, axis=0).fillna("\N{EN DASH}")
    entries = entries.map(lambda value: f"{value:.4g}" if isinstance(value, float) else str(value))
    entries = entries.replace(HUMAN["features"])
    differing = entries[entries.iloc[:, 0] != entries.iloc[:, -1]]
    names = differing.index.str.replace("params.", "").str.replace(".", ": ")
    names = names.map(lambda name: model_name(name) if "-" in name else column_name(name))
    with st.expander(f"What differs: {len(differing)} entries of their cards"):
        show_table(differing.set_axis(names).rename_axis("entry").reset_index(), "An entry a row.")


def draw_curves(
    drawn: dict[str, dict[str, DataFrame]], chosen: DataFrame, models: list[str]
) -> None:
    """ROC, precision and recall, and calibration: a line a model, and a dot at the threshold."""
    charts = []
    for kind in ("roc", "precision_recall", "calibration"):
        lines = {name: points[kind].assign(chosen=False) for name, points in drawn.items()}
        table = pd.concat(lines, names=["model", "order"]).reset_index()
        if kind != "calibration":
            dots = chosen.assign(chosen=True).dropna(subset="precision")
            table = pd.concat([table, dots.reindex(columns=table.columns)])
        charts.append(draw(kind, table, **model_charts.of_models(table, models)))
    show_charts(charts)


def search_grids(metrics: DataFrame) -> None:
    grids = model_tables.search_grids(metrics)
    if not grids:
        return
    st.header("Search grids")
    title = st.selectbox("Search", list(grids))
    grid = grids[title]
    st.write(
        f"Mean over the folds of {grid['rows'].iloc[0]:,.0f} training reviews, the darker the "
        "better: \N{BLACK STAR} the best parameter set, which was fitted on the whole training "
        "split, and \u2248 those that the folds do not tell apart from it (95%, paired). The "
        "colours span twice what the folds alone put between two sets, or more."
    )
    show_chart(draw("grid", grid, title))
