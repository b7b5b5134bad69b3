"""The explorer's pages about models: how good they are, and where they go wrong."""

import numpy as np
import pandas as pd
import streamlit as st

from common.charts import models as model_charts
from common.explorer.filters import choose
from common.explorer.widgets import not_run, show_chart, show_table
from common.metrics import read_metrics
from common.models.files import read_cards
from common.models.predictions import HeldOut
from common.report import model_tables
from common.scores import SCORES, curves, five_star_scores
from common.store import published, require


@st.cache_resource(max_entries=2, show_spinner=False)
def load_held_out(data_dir, stamp):
    return HeldOut(data_dir)


def held_out(data_dir, index):
    """The test split, checked against the loaded reviews."""
    found = load_held_out(
        data_dir, require(data_dir, "features/transformer.json").stat().st_mtime_ns
    )
    found.check(len(index))
    return found


def models(data_dir, manifest):
    st.title("Models")
    metrics, cards = read_metrics(data_dir), read_cards(data_dir)
    if not len(model_tables.leaderboard(data_dir, metrics, "five_star")):
        return not_run("04_cpu_models.py", data_dir, "The models and their scores.")
    leaderboard(data_dir, metrics)
    names = [name for name, card in cards.items() if card["task"] == "five_star"]
    if len(names) > 1:
        compare_two(data_dir, cards, names)
    search_grids(metrics)
    unequal = model_tables.imbalance(metrics)
    if len(unequal):
        st.header("Unequal classes")
        st.write(model_tables.imbalance_sentence(unequal))
        show_table(unequal)
    st.header("Metadata features")
    st.write("Chosen on the training reviews by mutual information with five stars (in nats).")
    show_chart(
        model_charts.feature_scores(pd.read_parquet(require(data_dir, "features/scores.parquet")))
    )
    texts = published(data_dir, "models/*/card.md")
    if texts:
        st.header("Model cards")
        chosen = st.selectbox("Model card", texts, format_func=lambda path: path.parent.name)
        st.markdown(chosen.read_text(encoding="utf-8").replace("# ", "#### "))


def leaderboard(data_dir, metrics):
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
    show_table(board)
    st.caption(
        "The first row is what a model must beat; one that does not is shown as not learning. The chart's dashed line is that row. "
        "Test reviews are never used for fitting or for choosing."
    )
    show_chart(
        model_charts.leaderboard(
            board.assign(value=board[score]), f"{score} on test", "Scores on the test split"
        )
    )


def compare_two(data_dir, cards, names):
    """Two models side by side on the test reviews that the sidebar chooses."""
    st.header("Two models side by side")
    choice = choose(data_dir)
    held = held_out(data_dir, choice.index)
    left, right = st.columns(2)
    pair = [
        left.selectbox("First model", names, index=0, key="first-model", bind="query-params"),
        right.selectbox("Second model", names, index=1, key="second-model", bind="query-params"),
    ]
    flat = pd.DataFrame(
        {
            name: pd.json_normalize(
                {**cards[name], "intervals": None, "failures": None, "behind_best": None}
            ).iloc[0]
            for name in pair
        }
    )
    differs = (
        flat[flat.iloc[:, 0].astype(str) != flat.iloc[:, -1].astype(str)]
        .astype(str)
        .replace("nan", "")
    )
    with st.expander(f"What differs: {len(differs)} entries of their cards"):
        show_table(differs.rename_axis("entry").reset_index(), placeholder="")
    chosen = choice.chosen[held.at]
    truth = held.rating[chosen] == 5
    st.write(f"{len(truth):,} of {len(chosen):,} test reviews: {choice.text}.")
    if truth.all() or not truth.any():
        return st.info(
            "These reviews are all of one class: widen the filters in the sidebar.",
            icon=":material/filter_alt_off:",
        )
    threshold = st.slider(
        "Threshold: five stars from this probability on",
        0.01,
        0.99,
        0.5,
        0.01,
        key="threshold",
        bind="query-params",
    )
    predicted = {name: held.predicted(cards[name])[chosen] for name in dict.fromkeys(pair)}
    majority = np.full(len(truth), float(truth.mean()))
    rows = {
        "majority class": five_star_scores(truth, majority, np.full(len(truth), truth.mean() > 0.5))
    }
    rows |= {
        name: five_star_scores(truth, values, values >= threshold)
        for name, values in predicted.items()
    }
    show_table(
        pd.DataFrame.from_dict(rows, orient="index")
        .rename_axis("model")
        .reset_index()[["model", *SCORES["five_star"]]]
    )
    drawn = {name: curves(truth, values) for name, values in predicted.items()}
    kinds = (
        ("roc", "false_positive_rate", "true_positive_rate", "ROC", "chance"),
        ("precision_recall", "recall", "precision", "Precision and recall", None),
        ("calibration", "predicted", "observed", "Calibration", "perfect"),
    )
    for column, (kind, x, y, title, diagonal) in zip(st.columns(3), kinds):
        table = pd.concat(
            [
                found[kind].assign(model=name, order=range(len(found[kind])))
                for name, found in drawn.items()
            ]
        )
        show_chart(model_charts.curve(table, x, y, title, diagonal), column)
    for column, (name, values) in zip(st.columns(2), predicted.items()):
        show_chart(
            model_charts.confusion(
                model_tables.confusion(truth, values >= threshold), f"{name} at {threshold:.2f}"
            ),
            column,
        )


def search_grids(metrics):
    grids = model_tables.search_grids(metrics)
    if not len(grids):
        return
    st.header("Search grids")
    names = list(dict.fromkeys(zip(grids["model"], grids["features"])))
    model, features = st.selectbox("Search", names, format_func=", ".join)
    own = grids[(grids["model"] == model) & (grids["features"] == features)]
    st.write(
        f"Mean over the folds of {own['rows'].iloc[0]:,.0f} training reviews; the best cell was fitted on the whole training split."
    )
    show_chart(model_charts.grid(own, own["score"].iloc[0], f"{model} on {features}"))
