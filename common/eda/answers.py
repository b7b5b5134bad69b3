"""What the counted tables answer: the original study's seven questions, and what a product analyst
asks next. Another answer is one more entry in `further_answers`.
"""

import numpy as np
import pandas as pd
from pandas import DataFrame, Series

from common.eda.complaints import complaints
from common.eda.counts import BIN_EDGES, Tables
from common.eda.releases import releases
from common.eda.statistics import log_odds
from common.eda.terms import new_terms

Frames = dict[str, DataFrame]

TOP_VERSIONS, TOP_TEXTS = 10, 20
WORDS_A_SIDE, MIN_REVIEWS_OF_WORD = 20, 20
MIN_REPEATS = 5
PLANNED = ["health", "periods", "gaps", "complaint_words", "typical_reviews", "covered"]


def all_answers(
    tables: Tables, again: Tables | None = None, planned: Frames | None = None
) -> Frames:
    """The original study's seven answers by name, and from all tables what it did not ask.

    tables: of the first counts; again, planned: see common/eda/recount.py.
    """
    frames = {name: table.to_pandas() for name, table in {**tables, **(again or {})}.items()}
    answers = study_answers(frames) | {"most_liked": frames["most_liked"]}
    return answers | further_answers(frames | planned) if planned else answers


def study_answers(frames: Frames) -> Frames:
    """The six of the study's seven that need by_day and by_version alone."""
    ratings = _sums(frames["by_day"], "review_rating", "reviews", "characters", "review_likes")
    reviews, stars = ratings["reviews"], ratings[["review_rating"]]
    days = _sums(frames["by_day"], "day")
    months = _sums(days, days["day"].dt.to_period("M").dt.to_timestamp().rename("month"))
    versions = _with_share(_sums(frames["by_version"], "author_app_version"))
    return {
        "ratings": stars.assign(reviews=reviews, share=reviews / reviews.sum()),
        "by_month": _with_share(months),
        "top_versions": _most_reviews(versions, "author_app_version", TOP_VERSIONS),
        "length_by_rating": stars.assign(mean_characters=ratings["characters"] / reviews),
        "likes_by_rating": stars.assign(mean_likes=ratings["review_likes"] / reviews),
        "cumulative": days[["day", "reviews"]].assign(cumulative=days["reviews"].cumsum()),
    }


def further_answers(frames: Frames) -> Frames:
    """What the study did not ask, by name."""
    periods = frames["health"].set_index("day")["period"]
    return complaints(frames) | {
        **{name: frames[name] for name in PLANNED},
        "five_star_share": five_star_share(frames["by_day"]),
        "releases": releases(frames["by_release"], periods),
        "lengths": distribution(frames["lengths"]),
        "likes": distribution(frames["likes"]),
        "words": separating(word_scores(frames["words"])),
        "new_terms": new_terms(frames),
        "missing": missing(frames["missing"], frames["lengths"]),
        "repeats": repeats(frames["texts"]),
        "repeated_texts": repeated_texts(frames["texts"]),
    }


def _sums(table: DataFrame, key: str | Series, *measures: str) -> DataFrame:
    """Sums for each value of the key, of `reviews` and `five_star` unless named."""
    return table.groupby(key)[list(measures or ("reviews", "five_star"))].sum().reset_index()


def _with_share(table: DataFrame) -> DataFrame:
    return table.assign(five_star_share=table["five_star"] / table["reviews"])


def _most_reviews(table: DataFrame, name: str, rows: int) -> DataFrame:
    """`name`, reviews and five_star_share of the rows with the most reviews."""
    order = table.sort_values(["reviews", name], ascending=[False, True], ignore_index=True)
    return order.head(rows)[[name, "reviews", "five_star_share"]]


def five_star_share(by_day: DataFrame) -> DataFrame:
    """Reviews, those of five stars and their share by day, NaN on days without a review."""
    days = _sums(by_day, "day").set_index("day").asfreq("D", fill_value=0)
    return days.assign(share=days["five_star"] / days["reviews"]).reset_index()


def missing(counts: DataFrame, lengths: DataFrame) -> DataFrame:
    """Reviews without a value, and their share, by column, the most first."""
    # A text is never null, but can be empty.
    empty = lengths.loc[lengths["at_least"] == 0, "reviews"].sum()
    nulls = counts["missing"].where(counts["column"] != "review_text", empty)
    table = counts.assign(missing=nulls, share=nulls / counts["reviews"])
    return table.sort_values(["missing", "column"], ascending=[False, True], ignore_index=True)


def distribution(bins: DataFrame) -> DataFrame:
    """Reviews in each bin [at_least, below) by rating, and their share of the rating's reviews."""
    table = bins.sort_values(["review_rating", "at_least"], ignore_index=True)
    edges = np.append(BIN_EDGES, np.iinfo(np.int64).max)
    return table.assign(
        below=edges[np.searchsorted(BIN_EDGES, table["at_least"]) + 1],
        share=table["reviews"] / table.groupby("review_rating")["reviews"].transform("sum"),
    )


def repeats(texts: DataFrame) -> DataFrame:
    """One row: reviews, distinct texts, the share of reviews that repeat an earlier one's text, and
    best_accuracy: the most that any classifier of five stars can reach on texts of MIN_REPEATS
    reviews and more, because reviews with one text contradict each other.
    """
    often = texts[texts["reviews"] >= MIN_REPEATS]
    often_reviews, reviews = often["reviews"].sum(), texts["reviews"].sum()
    right = np.maximum(often["five_star"], often["reviews"] - often["five_star"]).sum()
    row = {
        "reviews": reviews,
        "distinct_texts": len(texts),
        "repeated_share": 1 - len(texts) / (reviews or np.nan),
        "often_repeated_reviews": often_reviews,
        "best_accuracy": right / (often_reviews or np.nan),
    }
    return DataFrame([row])


def repeated_texts(texts: DataFrame) -> DataFrame:
    """The texts with the most reviews, of those that are among the commonest of some file."""
    repeated = _with_share(texts.dropna(subset="frequent_text").query("reviews > 1"))
    repeated = repeated.rename(columns={"frequent_text": "review_text"})
    return _most_reviews(repeated, "review_text", TOP_TEXTS)


def word_scores(words: DataFrame) -> DataFrame:
    """Of each word (index) of MIN_REVIEWS_OF_WORD reviews: reviews and five-star reviews that have
    it, the z-score of its log-odds between five stars and fewer, and five_star_share.
    """
    table = _sums(words, "word").set_index("word").query("reviews >= @MIN_REVIEWS_OF_WORD")
    five_star, fewer = table["five_star"], table["reviews"] - table["five_star"]
    return _with_share(
        table.assign(z=log_odds(five_star, fewer, five_star.sum(), fewer.sum(), 0.01))
    )


def separating(scores: DataFrame) -> DataFrame:
    """The words of `word_scores` that separate five stars from fewer best, on either side."""
    order = scores.sort_values("z", ascending=False, kind="stable")
    praise, complaint = order.head(WORDS_A_SIDE), order.tail(WORDS_A_SIDE)
    return pd.concat([praise[praise["z"] > 0], complaint[complaint["z"] < 0]]).reset_index()
