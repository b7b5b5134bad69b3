"""The explorer's page Predict: a review typed, or a file of them, scored live by every saved model."""

import tempfile
from datetime import datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from common.charts import models as model_charts
from common.explorer.widgets import not_run, show_chart, show_table
from common.features.transformer import Transformer
from common.models.explain import CHARACTERS, what_if, word_effects
from common.models.files import load_models, read_cards
from common.predict import Predictor, one_review, write_scores
from common.report import model_tables
from common.store import InputError, published, require

MOST_CHARACTERS, PREVIEWED = 200_000, 20
EXAMPLES = {
    "Praise": "Great app, I watch it every day and it never lets me down!",
    "Mixed": "Good shows, but it keeps crashing since the last update. Please fix it.",
    "Complaint": "Terrible. They charged me twice and support does not answer. Cancelled.",
    "Sarcasm": "Wonderful, another price rise. Just what I needed.",
    "Short": "ok",
}


@st.cache_resource(max_entries=2, show_spinner=False)
def _load(data_dir, stamp):
    models, wrong = load_models(data_dir)
    for model in models.values():
        if hasattr(model.estimator, "n_jobs"):
            model.estimator.n_jobs = 1  # starting threads takes longer than scoring a review
    return Transformer.load(data_dir), models, wrong


def load_scorers(data_dir):
    """(Transformer, {name: Model}, [what is wrong with the others]), kept until the artifacts change."""
    return _load(data_dir, stamp_of(data_dir))


def stamp_of(data_dir):
    files = [
        Path(data_dir) / "features" / "transformer.json",
        *sorted(Path(data_dir, "models").glob("*/card.json")),
    ]
    return tuple((path.parent.name, path.stat().st_mtime_ns) for path in files if path.exists())


def one_of(text, likes, version, moment):
    """`one_review` of what a table's cells hold."""
    return one_review(
        text,
        likes,
        None if pd.isna(version) else version,
        None if pd.isna(moment) else pd.Timestamp(moment).to_pydatetime(),
    )


def effects_chart(effects, title):
    if len(effects):
        show_chart(model_charts.effects(effects.head(15), title))
        st.caption("How far the probability of five stars falls when the word is left out.")
    else:
        st.caption(f"Words are left out one by one in texts of 1 to {CHARACTERS:,} characters.")


def predict(data_dir, manifest):
    st.title("Predict")
    cards = read_cards(data_dir)
    if {card["task"] for card in cards.values()} != {"five_star", "rating"}:
        return not_run("04_cpu_models.py", data_dir, "The models that score a review.")
    with st.spinner("Loading the models"):
        transformer, models, wrong = load_scorers(data_dir)
    for message in wrong:
        st.error("A model is left out:")
        st.text(message)
    names = [name for name, model in models.items() if model.card["task"] == "five_star"]
    if not names:
        return
    review = typed()
    features = transformer.transform(review)
    found = pd.DataFrame(
        [
            {
                "model": name,
                "features": model.card["features"],
                "task": model.card["task"],
                "value": float(model.predict(features)[0]),
            }
            for name, model in models.items()
        ]
    )
    name = st.selectbox(
        "Model",
        names,
        key="model",
        bind="query-params",
        help="Best validation AUC first: that one scores files and exports too",
    )
    first, second = st.columns(2)
    probability = found.loc[found["model"] == name, "value"].iloc[0]
    first.metric("Probability of five stars", f"{probability:.1%}")
    first.progress(probability)
    ratings = found[found["task"] == "rating"]
    if len(ratings):
        second.metric(
            "Predicted rating",
            f"{ratings['value'].iloc[0]:.2f} of 5 stars",
            help=f"By {ratings['model'].iloc[0]}",
        )
        second.progress((ratings["value"].iloc[0] - 1) / 4)
    st.caption(
        f"Without a model, the best guess is the share of five stars in training: {transformer_share(data_dir):.1%}."
    )
    left, right = st.columns(2)
    with left:
        st.subheader("Every saved model")
        show_table(model_tables.side_by_side(found), placeholder="")
    with right:
        st.subheader("Which words count")
        effects_chart(word_effects(models[name], transformer, review), f"Words and {name}")
    st.subheader("What if")
    for column, (what, table) in zip(
        st.columns(3), what_if(models[name], transformer, review, common_versions(data_dir)).items()
    ):
        show_chart(
            model_charts.what_if(table, f"Another {what}" if what != "likes" else "Other likes"),
            column,
        )
    st.caption("One thing changed, the rest as above; orange: as it is.")
    score_upload(data_dir, name)


def typed():
    """A pa.Table of the review in the form."""

    def take(text):
        st.session_state["text"] = text

    st.session_state.setdefault("text", EXAMPLES["Mixed"])
    with st.container(horizontal=True):
        for label, text in EXAMPLES.items():
            st.button(label, on_click=take, args=(text,), help=text)
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
    return one_review(
        text, likes, version.strip() or None, datetime.combine(day, time(12)) if day else None
    )


@st.cache_data(max_entries=4, show_spinner=False)
def _common(data_dir, stamp):
    rows = pd.read_parquet(require(data_dir, "features/rows.parquet"), columns=["rating", "split"])
    share = float((rows.loc[rows["split"] == "train", "rating"] == 5).mean())
    known = [pd.read_parquet(path) for path in published(data_dir, "eda/versions.parquet")]
    versions = known[0] if known else pd.DataFrame(columns=["author_app_version", "reviews"])
    most = versions.nlargest(40, "reviews")["author_app_version"].to_numpy(object)
    return share, sorted(
        most[np.linspace(0, len(most) - 1, 5).astype(int)].tolist() if len(most) else []
    )


def transformer_share(data_dir):
    return _common(data_dir, stamp_of(data_dir))[0]


def common_versions(data_dir):
    return _common(data_dir, stamp_of(data_dir))[1]


def score_upload(data_dir, name):
    st.subheader("Score a whole export")
    limit = st.get_option("server.maxUploadSize")
    upload = st.file_uploader(
        f"CSV or CSV.gz of at most {limit} MB, with the columns that 01_load.py accepts; ratings are not needed",
        type=["csv", "gz"],
    )
    if upload is None or not st.button("Score it"):
        return
    bar = st.progress(0.0, "Scoring")
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "reviews.csv", Path(folder) / "scores.csv"
        source.write_bytes(upload.getbuffer())
        try:
            records, unreadable = write_scores(
                source, out, Predictor(data_dir, name), lambda share: bar.progress(share, "Scoring")
            )
        except InputError as error:
            bar.empty()
            st.error("The file cannot be scored:")
            return st.text(str(error).replace(str(source), upload.name))
        bar.empty()
        st.write(
            f"{records:,} records scored by {name}; {unreadable:,} could not be read (see their reason). The first {min(PREVIEWED, records)}:"
        )
        show_table(pd.read_csv(out, nrows=PREVIEWED, dtype={"review_id": str}), placeholder="")
        st.download_button(
            "Download the scores",
            out.read_bytes(),
            file_name="scores.csv",
            mime="text/csv",
            on_click="ignore",
        )
