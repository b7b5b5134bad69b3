"""The explorer's page Answer first: liked reviews without a reply that sound unhappy."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from pandas import DataFrame

from common.explorer.filters import Choice, chosen
from common.explorer.loaded import Scorers, load
from common.explorer.widgets import no_rows, not_run, number_of, plain, show_table, slider
from common.models.files import read_cards
from common.schema import with_title

MOST_LIKED = 500  # of which ratings are predicted


@st.cache_data(max_entries=8, show_spinner="Predicting ratings")
def predict(key: tuple, _choice: Choice, _rows: np.ndarray, _scorers: Scorers) -> DataFrame:
    """The most liked of the reviews in _rows (bool) that have a text, with predicted_rating by the
    best rating model: the most liked first, of equally liked ones the lowest."""
    table = _choice.reviews.most_liked(_rows, MOST_LIKED).query("review_text.str.strip() != ''")
    order = np.argsort(table.index)
    reviews = with_title(_choice.reviews.read(table.index[order]))
    features = _scorers.transformer.transform(reviews)
    predicted = pd.Series(_scorers.best("rating").predict(features), table.index[order])
    table.insert(0, "predicted_rating", predicted)
    by = ["review_likes", "predicted_rating"]
    return table.sort_values(by, ascending=[False, True])


def page(data_dir: Path) -> None:
    if "rating" not in {card["task"] for card in read_cards(data_dir).values()}:
        return not_run("04_cpu_models.py", data_dir, "The model that predicts ratings.")
    choice = chosen(data_dir)
    table = choice.reviews.table
    unanswered = np.ones(len(table), bool)
    if "reply" in table:
        unanswered = (table["reply"] == "not answered").to_numpy()
    else:
        no_rows("These exports do not say which reviews were answered: all count as not answered.")
    rows = choice.chosen & unanswered
    st.markdown(plain(f"{number_of(int(rows.sum()))} without a reply: {choice.text}."))
    sounds = "What the text sounds like, whatever stars it came with"
    most = slider("Predicted stars, at most", "at-most", 1.0, 5.0, 2.5, help=sounds)
    if not rows.any():
        left = choice.alone(unanswered, "reviews without a reply")
        return no_rows(plain(f"No review is left. There are {left}"))
    liked = predict((*choice.key, "unanswered"), choice, rows, load(Scorers, data_dir))
    table = liked[liked["predicted_rating"] <= most]
    show_table(
        table,
        f"A review a row, the most liked first: {len(table)} of the {len(liked)} most liked have "
        f"at most {most:.1f} predicted stars. The model has read these reviews in training, and "
        "predicts them better than new ones.",
        "",
    )
