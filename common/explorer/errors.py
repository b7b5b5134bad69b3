"""The explorer's page of misclassified reviews."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import streamlit as st
from pandas import DataFrame

from common.charts.base import draw
from common.explorer.filters import choose
from common.explorer.loaded import Scorers, classifiers, load, test_split
from common.explorer.review_index import ReviewIndex
from common.explorer.widgets import not_run, show_chart, show_effects, show_table
from common.predict import one_review
from common.spreadsheet import spreadsheet_csv

SHOWN_ERRORS, ERROR_TEXTS = 500, 50_000
STORED_FIELDS = ["review_text", "author_app_version", "review_timestamp", "review_likes"]


@st.cache_data(
    max_entries=4,
    show_spinner="Reading the misclassified reviews",
    hash_funcs={ReviewIndex: id},
)
def stored_fields(index: ReviewIndex, rows: np.ndarray) -> DataFrame:
    return index.read(rows, STORED_FIELDS).to_pandas()


def page(data_dir: Path) -> None:
    cards = classifiers(data_dir)
    if not cards:
        return not_run("04_cpu_models.py", data_dir, "The models whose errors stand here.")
    choice = choose(data_dir)
    split = test_split(data_dir)
    left, middle, right = st.columns(3)
    name = left.selectbox(
        "Model", list(cards), key="model", bind="query-params", help="Best validation AUC first"
    )
    least = middle.slider(
        "Confidence, at least",
        min_value=0.5,
        max_value=0.99,
        step=0.01,
        key="sure",
        bind="query-params",
        help="The probability of the class that was wrongly predicted",
    )
    script = right.selectbox(
        "Language script", ["all", *sorted(set(split.script))], key="script", bind="query-params"
    )
    words = st.text_input("Text contains", key="contains", max_chars=100, bind="query-params")

    probability = split.predicted(cards[name])
    predictions = DataFrame(
        {
            "review_rating": split.rating,
            "p_five_star": probability,
            "confidence": np.maximum(probability, 1 - probability),
            "script": split.script,
        },
        index=split.positions,
    )
    asked = choice.chosen[split.positions] & ((split.script == script) | (script == "all"))
    is_wrong = (probability > 0.5) != (split.rating == 5)
    wrong = predictions[asked & is_wrong & (predictions["confidence"] >= least)]
    surest = wrong.nlargest(ERROR_TEXTS, "confidence").sort_index()
    fields = stored_fields(choice.reviews, surest.index.to_numpy())
    errors = fields.join(surest.reset_index(drop=True))
    if words:
        errors = errors[errors["review_text"].str.contains(words, case=False, regex=False)]
    st.write(
        f"{len(wrong):,} of {asked.sum():,} test reviews ({len(wrong) / max(asked.sum(), 1):.1%}; "
        f"{choice.text}) are predicted wrongly, with that confidence"
        + (f"; {len(errors):,} of them contain the words." if words else ".")
    )
    if errors.empty:
        return st.info(
            "No error fits: lower the confidence, or widen the filters.",
            icon=":material/filter_alt_off:",
        )
    show_errors(errors, name, load(Scorers, data_dir))


def show_errors(errors: DataFrame, name: str, scorers: Scorers) -> None:
    """Errors by rating, the surest of them, and the words that pushed the one that was clicked."""
    by_rating = errors.groupby("review_rating").size().rename("errors").reset_index()
    show_chart(draw("errors", by_rating))
    surest = errors.sort_values("confidence", ascending=False, kind="stable", ignore_index=True)
    surest = surest.head(SHOWN_ERRORS)
    st.write(f"The {len(surest):,} surest. Choose a row to see which words pushed it.")
    clicked = show_table(
        surest[["review_rating", "p_five_star", *STORED_FIELDS[:3], "script", "review_likes"]],
        placeholder="",
        key="errors-table",
        on_select="rerun",
        selection_mode="single-row",
    ).selection.rows
    row = clicked[0] if clicked and clicked[0] < len(surest) else 0
    error = surest.iloc[row]
    st.subheader("What pushed it")
    st.text(error["review_text"] or "(no text)")
    if name in scorers.models:
        schema = one_review("").schema
        review = pa.Table.from_pandas(surest.iloc[[row]], schema, preserve_index=False)
        title = f"P(five stars) {error['p_five_star']:.1%}, rated {error['review_rating']}"
        show_effects(scorers, name, review, title)
    st.download_button(
        "Download these errors", spreadsheet_csv(surest), file_name="errors.csv", mime="text/csv"
    )
