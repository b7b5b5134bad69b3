"""The explorer's page Answer first: liked reviews without a reply that sound unhappy."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import streamlit as st
from pandas import DataFrame

from common.explorer.filters import Choice, chosen
from common.explorer.loaded import Scorers, load
from common.explorer.widgets import not_run, number_of, plain, show_table
from common.models.files import Model, read_cards
from common.predict import one_review
from common.schema import with_title

MOST_LIKED = 500  # of which ratings are predicted


@st.cache_data(max_entries=8, show_spinner="Predicting ratings")
def predict(
    key: tuple, _choice: Choice, _chosen: np.ndarray, _scorers: Scorers, _model: Model
) -> DataFrame:
    """The most liked of the chosen reviews, with predicted_rating by the best rating model."""
    index = _choice.reviews
    rows = np.sort(index.most_liked(_chosen, MOST_LIKED))
    reviews = with_title(index.read(rows))
    reviews = reviews.select(one_review("").schema.names)
    table = index.shown(rows)
    features = _scorers.transformer.transform(reviews)
    table.insert(0, "predicted_rating", _model.predict(features))
    has_text = pc.not_equal(pc.utf8_trim_whitespace(reviews["review_text"]), "").to_numpy()
    return table[has_text].sort_values("review_likes", ascending=False, kind="stable")


def page(data_dir: Path) -> None:
    if "rating" not in {card["task"] for card in read_cards(data_dir).values()}:
        return not_run("04_cpu_models.py", data_dir, "The model that predicts ratings.")
    choice = chosen(data_dir)
    scorers = load(Scorers, data_dir)
    rows, replied = choice.chosen, choice.reviews.replied
    if replied is None:
        st.info(
            "These exports do not say which reviews were answered: all count as not answered.",
            icon=":material/info:",
        )
    else:
        rows = rows & ~replied
    st.markdown(plain(f"{number_of(int(rows.sum()))} without a reply: {choice.text}."))
    most = st.slider(
        "Predicted stars, at most",
        min_value=1.0,
        max_value=5.0,
        value=2.5,
        step=0.1,
        key="at-most",
        bind="query-params",
        help="What the text sounds like, whatever stars it came with",
    )
    model = scorers.best("rating")
    if not rows.any() or model is None:
        return st.info("No review fits: widen the filters.", icon=":material/filter_alt_off:")
    liked = predict((*choice.key, "unanswered"), choice, rows, scorers, model)
    table = liked[liked["predicted_rating"] <= most]
    show_table(
        table,
        f"A review a row, the most liked first: {len(table)} of the {len(liked)} most liked have "
        f"at most {most:.1f} predicted stars. The model has read these reviews in training, and "
        "predicts them better than new ones.",
        placeholder="",
    )
