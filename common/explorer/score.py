"""The explorer's page Score: a review typed, or a file of them, scored by saved models."""

import io
import tempfile
from contextlib import suppress
from datetime import datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st
from pandas import DataFrame

from common.charts.base import draw
from common.explorer import TABLES
from common.explorer.export import NUMBERS, SAID, Scored, score_export
from common.explorer.loaded import Scorers, load
from common.explorer.review_index import ReviewIndex
from common.explorer.search import has, pattern
from common.explorer.widgets import (
    not_run,
    plain,
    show_chart,
    show_effects,
    show_numbers,
    show_table,
)
from common.loading.convert import SUFFIXES
from common.models.files import read_cards
from common.predict import NO_TEXT, Predictor, one_review
from common.report.formats import column_name, model_name
from common.scores import curves, five_star_scores, stability_index
from common.store import InputError

MOST_CHARACTERS, KNOWN_BY, KNOWN_IN = 200_000, 1_000, 200_000  # characters of a review; reviews
PREVIEWED = 20
PREDICTED = {"five_star": "p_five_star", "rating": "predicted_rating"}  # task -> column
EXAMPLES = TABLES["examples"]


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
                "model": model_name(name),
                PREDICTED[model.card["task"]]: float(model.predict(features)[0]),
            }
            for name, model in models.items()
        ],
        columns=["model", *PREDICTED.values()],
    )
    name = st.selectbox(
        "Model",
        names,
        format_func=model_name,
        key="model",
        bind="query-params",
        help="Best validation AUC first: that one scores files and exports too",
    )
    show_answers(predictions, name, float(scorers.transformer.base_rates[-1]))
    with suppress(InputError, OSError):  # without reviews, there is nothing to compare with
        for remark in remarks(data_dir, review):
            st.info(plain(remark), icon=":material/info:")
    left, right = st.columns(2)
    with left:
        st.subheader("Every saved model")
        show_table(predictions, "A model a row, of each question the best first.", placeholder="")
    with right:
        st.subheader("Which words count")
        show_effects(scorers, name, review, model_name(name))
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
    probability = predictions.set_index("model")["p_five_star"][model_name(name)]
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


def remarks(data_dir: Path, review: pa.Table) -> list[str]:
    """What a prediction of a typed review should be taken with: no words, unknown ones, or an
    unknown version."""
    row = review.to_pylist()[0]
    text, version = row["review_text"], row["author_app_version"]
    if not text.strip():
        return [f"There is {NO_TEXT}."]
    index = load(ReviewIndex, data_dir)
    words = set(filter(None, map(pattern, text[:KNOWN_BY].split())))
    said = []
    if not words:
        said.append("The review has no words: a prediction rests on its length and signs alone.")
    elif not has(index.text[:KNOWN_IN], words).any():
        said.append("None of its words is known: a prediction rests on its length and form.")
    if version and version not in index.names.get("author_app_version", []):
        said.append(f"No review is of version {version}: the models know none like it.")
    return said


def score_upload(data_dir: Path, name: str) -> None:
    """Score an uploaded export; what came of it stays until another one is scored."""
    st.header("Score a whole export")
    limit = st.get_option("server.maxUploadSize")
    upload = st.file_uploader(
        f"Any export that 01_load.py recognises, of at most {limit} MB; ratings are not needed",
        type=[suffix[1:] for suffix in SUFFIXES],
    )
    if upload is not None and st.button("Score it"):
        bar = st.progress(0.0, "Scoring")
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, f"upload{Path(upload.name).suffix}")
            source.write_bytes(upload.getbuffer())
            try:
                st.session_state["scored"] = score_export(
                    upload.name,
                    source,
                    Predictor(data_dir, name),
                    load(ReviewIndex, data_dir),
                    lambda share: bar.progress(share, "Scoring"),
                )
            except InputError as error:
                st.error("The file cannot be scored:")
                st.text(str(error).replace(str(source), upload.name))
            finally:
                bar.empty()
    if "scored" in st.session_state:
        show_scored(st.session_state["scored"], load(ReviewIndex, data_dir))


def show_scored(scored: Scored, index: ReviewIndex) -> None:
    """What a scored export looks like beside the loaded reviews, and how right the models are."""
    st.subheader(scored.file)
    st.markdown(plain(f"Scored by {model_name(scored.model)}: {scored.written}."))
    st.download_button(
        "Download the scores",
        scored.csv,
        file_name="scores.csv",
        on_click="ignore",
        help="The file's own columns, and what the models say of each record",
    )
    numbers, loaded = scored.numbers, index.table
    stars = {
        "predicted, this file": numbers["predicted_rating"].round(),
        "given, this file": numbers["review_rating"],
        "given, loaded reviews": loaded["review_rating"],
    }
    shares = {of: column.value_counts(normalize=True) for of, column in stars.items()}
    table = pd.concat(shares, names=["of", "stars"]).rename("share").reset_index()
    show_chart(draw("predicted", table.astype({"stars": int})))
    version = loaded.get("author_app_version", pd.Series(None, loaded.index))
    loaded = loaded.assign(has_version=version.notna())
    given = numbers[NUMBERS[:4]].dropna(axis=1, how="all")
    psi = [stability_index(loaded[name].astype(float), given[name].dropna()) for name in given]
    show_table(
        DataFrame({"column": map(column_name, given), "psi": psi}),
        "A column a row: how far this file's values are from the loaded reviews' (population "
        "stability index: below 0.1 alike, above 0.25 other reviews).",
    )
    rated = numbers.dropna(subset=["review_rating", "p_five_star"])
    if len(rated):
        show_accuracy(
            (rated["review_rating"] == 5).to_numpy(), rated["p_five_star"].to_numpy(float)
        )
    first = pd.read_csv(io.BytesIO(scored.csv), nrows=PREVIEWED, dtype=str, keep_default_na=False)
    said, own = first.columns[-len(SAID) :], first.columns[: -len(SAID)]
    show_table(first[[*said, *own]], f"A record a row, the first {len(first)}.", "")


def show_accuracy(truth: np.ndarray, probability: np.ndarray) -> None:
    """How right probabilities of five stars are where the file has ratings; truth: (n,) bool."""
    scores, share = five_star_scores(truth, probability), truth.mean()
    numbers = {
        "Right about five stars": f"{scores['accuracy']:.1%}",
        "The commoner class": f"{max(share, 1 - share):.1%}",
        "Calibration error": f"{scores['ece']:.1%}",
    }
    show_numbers(numbers)
    if "auc" in scores:
        points = curves(truth, probability)["calibration"]
        show_chart(draw("calibration", points.assign(model="this file", order=points.index)))
