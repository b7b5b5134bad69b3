"""The explorer's page Predict: a review typed, or a file of them, scored by every saved model."""

import tempfile
from datetime import datetime, time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import streamlit as st
from pandas import DataFrame

from common.explorer.loaded import Scorers, load
from common.explorer.widgets import not_run, show_effects, show_table
from common.loading.convert import SUFFIXES
from common.models.files import read_cards
from common.predict import Predictor, one_review, write_scores
from common.store import InputError

MOST_CHARACTERS, PREVIEWED = 200_000, 20
PREDICTED = {"five_star": "p_five_star", "rating": "predicted_rating"}  # task -> column
EXAMPLES = {
    "Praise": "Great app, I watch it every day and it never lets me down!",
    "Mixed": "Good shows, but it keeps crashing since the last update. Please fix it.",
    "Complaint": "Terrible. They charged me twice and support does not answer. Cancelled.",
    "Sarcasm": "Wonderful, another price rise. Just what I needed.",
    "Short": "ok",
}


def page(data_dir: Path) -> None:
    if {card["task"] for card in read_cards(data_dir).values()} != {"five_star", "rating"}:
        return not_run("04_cpu_models.py", data_dir, "The models that score a review.")
    with st.spinner("Loading the models"):
        scorers = load(Scorers, data_dir)
    transformer, models = scorers.transformer, scorers.models
    for message in scorers.wrong:
        st.error("A model is left out:")
        st.text(message)
    names = [name for name, model in models.items() if model.card["task"] == "five_star"]
    if not names:
        return
    review = typed()
    features = transformer.transform(review)
    predictions = DataFrame(
        [
            {
                "model": name,
                "features": model.card["features"],
                PREDICTED[model.card["task"]]: float(model.predict(features)[0]),
            }
            for name, model in models.items()
        ],
        columns=["model", "features", *PREDICTED.values()],
    )
    name = st.selectbox(
        "Model",
        names,
        key="model",
        bind="query-params",
        help="Best validation AUC first: that one scores files and exports too",
    )
    show_answers(predictions, name, float(scorers.transformer.base_rates[-1]))
    left, right = st.columns(2)
    with left:
        st.subheader("Every saved model")
        show_table(predictions, placeholder="")
    with right:
        st.subheader("Which words count")
        show_effects(scorers, name, review, f"Words and {name}")
    score_upload(data_dir, name)


def typed() -> pa.Table:
    """The review in the form, one row."""
    st.session_state.setdefault("text", EXAMPLES["Mixed"])
    with st.container(horizontal=True):
        for label, text in EXAMPLES.items():
            st.button(label, on_click=st.session_state.update, kwargs={"text": text}, help=text)
    title = st.text_input("Title", placeholder="For stores whose reviews have one", max_chars=1000)
    text = st.text_area(
        "Review",
        key="text",
        placeholder="Write a review",
        max_chars=MOST_CHARACTERS,
        help="Ctrl+Enter scores it",
    )
    left, middle, right = st.columns(3)
    likes = left.number_input(
        "Likes", min_value=0, max_value=1_000_000, value=0, key="likes", bind="query-params"
    )
    version = middle.text_input(
        "App version",
        placeholder="8.120.0 build 10 50712",
        max_chars=100,
        key="app-version",
        bind="query-params",
    )
    day = right.date_input("Written on", value=None, key="day", bind="query-params")
    text = f"{title}\n{text}" if title else text
    return one_review(text, likes, version.strip(), day and datetime.combine(day, time(12)))


def show_answers(predictions: DataFrame, name: str, share: float) -> None:
    """What the classifier `name` and the best rating model say, and what is to be beaten."""
    left, right = st.columns(2)
    probability = predictions.set_index("model")["p_five_star"][name]
    left.metric("Probability of five stars", f"{probability:.1%}")
    left.progress(probability)
    ratings = predictions.dropna(subset="predicted_rating")
    if len(ratings):
        best = ratings.iloc[0]
        rating = best["predicted_rating"]
        right.metric("Predicted rating", f"{rating:.2f} of 5 stars", help=f"By {best['model']}")
        right.progress((rating - 1) / 4)
    st.caption(
        f"Without a model, the best guess is the share of five stars in training: {share:.1%}."
    )


def score_upload(data_dir: Path, name: str) -> None:
    st.subheader("Score a whole export")
    limit = st.get_option("server.maxUploadSize")
    upload = st.file_uploader(
        f"Any export that 01_load.py recognises, of at most {limit} MB; ratings are not needed",
        type=[suffix[1:] for suffix in SUFFIXES],
    )
    if upload is None or not st.button("Score it"):
        return
    bar = st.progress(0.0, "Scoring")
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "reviews.csv"), Path(folder, "scores.csv")
        source.write_bytes(upload.getbuffer())
        try:
            written = write_scores(
                source, out, Predictor(data_dir, name), lambda share: bar.progress(share, "Scoring")
            )
        except InputError as error:
            st.error("The file cannot be scored:")
            return st.text(str(error).replace(str(source), upload.name))
        finally:
            bar.empty()
        st.write(f"Scored by {name}: {written}. The first {min(PREVIEWED, written.records)}:")
        show_table(pd.read_csv(out, nrows=PREVIEWED, dtype={"review_id": str}), placeholder="")
        st.download_button(
            "Download the scores",
            out.read_bytes(),
            file_name="scores.csv",
            mime="text/csv",
            on_click="ignore",
        )
