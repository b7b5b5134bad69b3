"""The explorer's page of misclassified reviews."""

import numpy as np
import streamlit as st

from common.charts import models as model_charts
from common.explorer.filters import choose
from common.explorer.models import held_out
from common.explorer.predict import effects_chart, load_scorers, one_of
from common.explorer.widgets import not_run, show_chart, show_table
from common.models.explain import word_effects
from common.models.files import read_cards
from common.predict import spreadsheet_csv

SHOWN_ERRORS, ERROR_TEXTS = 500, 50_000


@st.cache_data(max_entries=4, show_spinner="Reading the misclassified reviews")
def error_texts(key, _index, _rows):
    return _index.texts(
        _rows, ["review_text", "author_app_version", "review_timestamp", "review_likes"]
    )


def errors(data_dir, manifest):
    st.title("Errors")
    cards = {
        name: card for name, card in read_cards(data_dir).items() if card["task"] == "five_star"
    }
    if not cards:
        return not_run("04_cpu_models.py", data_dir, "The models whose errors stand here.")
    choice = choose(data_dir)
    held = held_out(data_dir, choice.index)
    left, middle, right = st.columns(3)
    name = left.selectbox(
        "Model", list(cards), key="model", bind="query-params", help="Best validation AUC first"
    )
    sure = middle.slider(
        "Confidence, at least",
        0.5,
        0.99,
        0.5,
        0.01,
        key="sure",
        bind="query-params",
        help="The probability of the class that was wrongly predicted",
    )
    script = right.selectbox(
        "Language script", ["all", *sorted(set(held.script))], key="script", bind="query-params"
    )
    words = st.text_input("Text contains", key="contains", max_chars=100, bind="query-params")
    probability = held.predicted(cards[name])
    five = probability > 0.5
    confidence = np.where(five, probability, 1 - probability)
    asked = choice.chosen[held.at] & ((held.script == script) | (script == "all"))
    wrong = asked & (five != (held.rating == 5)) & (confidence >= sure)
    rows = np.flatnonzero(wrong)
    if len(rows) > ERROR_TEXTS:  # the surest are the most telling
        rows = np.sort(rows[np.argsort(-confidence[rows], kind="stable")[:ERROR_TEXTS]])
    found = error_texts((choice.key, name, sure, script), choice.index, held.at[rows])
    found = found.assign(
        review_rating=held.rating[rows],
        p_five_star=probability[rows],
        confidence=confidence[rows],
        script=held.script[rows],
    )
    if words:
        found = found[found["review_text"].str.contains(words, case=False, regex=False)]
    of = int(asked.sum())
    st.write(
        f"{int(wrong.sum()):,} of {of:,} test reviews ({wrong.sum() / max(of, 1):.1%}; {choice.text}) are predicted wrongly, with that confidence"
        + (f"; {len(found):,} of them contain the words." if words else ".")
    )
    if not len(found):
        return st.info(
            "No error fits: lower the confidence, or widen the filters.",
            icon=":material/filter_alt_off:",
        )
    by = found.groupby("review_rating").size().rename("errors").reset_index()
    show_chart(model_charts.errors(by, "Errors by the rating that was given"))
    found = found.sort_values("confidence", ascending=False, kind="stable", ignore_index=True).head(
        SHOWN_ERRORS
    )
    st.write(f"The {len(found):,} surest. Choose a row to see which words pushed it.")
    columns = [
        "review_rating",
        "p_five_star",
        "review_text",
        "author_app_version",
        "review_timestamp",
        "script",
        "review_likes",
    ]
    picked = show_table(
        found[columns],
        placeholder="",
        key="errors-table",
        on_select="rerun",
        selection_mode="single-row",
    )
    at = (
        picked.selection.rows[0]
        if picked.selection.rows and picked.selection.rows[0] < len(found)
        else 0
    )
    row = found.iloc[at]
    st.subheader("What pushed it")
    st.text(row["review_text"] or "(no text)")
    transformer, loaded, _ = load_scorers(data_dir)
    if name in loaded:
        review = one_of(
            row["review_text"],
            int(row["review_likes"]),
            row["author_app_version"],
            row["review_timestamp"],
        )
        effects_chart(
            word_effects(loaded[name], transformer, review),
            f"P(five stars) {row['p_five_star']:.1%}, rated {row['review_rating']}",
        )
    st.download_button(
        "Download these errors", spreadsheet_csv(found), file_name="errors.csv", mime="text/csv"
    )
