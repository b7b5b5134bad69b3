"""The explorer's page of misclassified reviews."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy import ndarray
from pandas import DataFrame, Series

from common.charts.base import draw
from common.explorer.filters import Choice, chosen
from common.explorer.loaded import Scorers, classifiers, load
from common.explorer.review_index import ReviewIndex
from common.explorer.widgets import (
    no_rows,
    not_run,
    plain,
    show_chart,
    show_effects,
    show_table,
    slider,
)
from common.models.predictions import TestSplit
from common.report.formats import model_name
from common.schema import with_title
from common.spreadsheet import spreadsheet_csv

SHOWN_ERRORS = 500
SHOWN = [
    "review_rating",
    "p_five_star",
    "review_text",
    "author_app_version",
    "day",
    "script",
    "review_likes",
]


def page(data_dir: Path) -> None:
    cards = classifiers(data_dir)
    if not cards:
        return not_run("04_cpu_models.py", data_dir, "The models whose errors stand here.")
    choice = chosen(data_dir)
    split = load(TestSplit, data_dir)
    left, right = st.columns(2)
    name = left.selectbox(
        "Model",
        list(cards),
        format_func=model_name,
        key="model",
        bind="query-params",
        help="Best validation AUC first",
    )
    with right:
        about = "The probability of the class that was wrongly predicted"
        least = slider("Confidence, at least", "sure", 0.5, 0.99, 0.5, help=about)
    probability = split.predicted(cards[name])
    confidence = np.maximum(probability, 1 - probability)
    asked = choice.chosen[split.positions]
    anywhere = (probability > 0.5) != (split.rating == 5)
    wrong = asked & anywhere & (confidence >= least)
    surest = np.flatnonzero(wrong)
    surest = surest[np.argsort(-confidence[surest], kind="stable")]
    share = wrong.sum() / max(asked.sum(), 1)
    text = f"{wrong.sum():,} of {asked.sum():,} test reviews ({share:.1%}; {choice.text})"
    st.markdown(plain(f"{text} are predicted wrongly, with that confidence."))
    if not wrong.any():
        return no_rows(plain(no_error(choice, split.positions, anywhere, confidence)))
    errors = choice.reviews.shown(split.positions[surest[:SHOWN_ERRORS]]).assign(
        p_five_star=probability[surest[:SHOWN_ERRORS]]
    )
    by_rating = Series(split.rating[wrong]).value_counts().sort_index()
    show_chart(draw("errors", by_rating.rename_axis("review_rating").reset_index(name="errors")))
    show_errors(errors, name, choice.reviews, load(Scorers, data_dir))


def no_error(choice: Choice, positions: ndarray, wrong: ndarray, confidence: ndarray) -> str:
    """Which filter leaves no error. positions: (n,) of the test reviews; wrong: (n,) bool."""
    fit = choice.chosen[positions] & wrong
    if fit.any():
        return (
            f"The confidence leaves no error: of {fit.sum():,} that fit the filters, the surest "
            f"has {confidence[fit].max():.2f}."
        )
    errors = np.zeros(len(choice.chosen), bool)
    errors[positions[wrong]] = True
    return f"No error is left. The test split has {choice.alone(errors, 'errors')}"


def show_errors(errors: DataFrame, name: str, index: ReviewIndex, scorers: Scorers) -> None:
    """The surest errors, and the words that pushed the one that was clicked."""
    clicked = show_table(
        errors[[column for column in SHOWN if column in errors]],
        f"A review a row: the {len(errors):,} surest errors. Choose one to see what pushed it.",
        placeholder="",
        key="errors-table",
        on_select="rerun",
        selection_mode="single-row",
    ).selection.rows
    row = clicked[0] if clicked and clicked[0] < len(errors) else 0
    error = errors.iloc[row]
    st.subheader("What pushed it")
    st.text(error["review_text"] or "(no text)")
    if name in scorers.models:
        review = with_title(index.read(errors.index[[row]]))
        title = f"P(five stars) {error['p_five_star']:.1%}, rated {error['review_rating']}"
        show_effects(scorers, name, review, title)
    st.download_button(
        "Download these errors", spreadsheet_csv(errors), file_name="errors.csv", mime="text/csv"
    )
