"""Each answer from counted tables, against loops over the reviews that they were counted from."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from common.eda import answers
from common.eda.statistics import log_odds


def reviews_of(n=400, days=75, seed=0):
    rng = np.random.default_rng(seed)
    rating = rng.integers(1, 6, n)
    day = rng.choice(np.delete(np.arange(days), [20, 21, 50]), n)
    return pd.DataFrame(
        {
            "day": pd.Timestamp("2024-01-15") + pd.to_timedelta(day, "D"),
            "review_rating": rating,
            "reviews": 1,
            "five_star": (rating == 5).astype(int),
            "characters": rng.integers(0, 90, n),
            "review_likes": rng.integers(0, 40, n) * (rng.random(n) < 0.3),
            "author_app_version": [f"{k}.0" if k else None for k in rng.integers(0, 14, n)],
        }
    )


@pytest.fixture
def reviews():
    return reviews_of()


def test_the_studys_answers_are_sums_of_the_reviews(reviews):
    keys = ["day", "review_rating"]
    measures = ["reviews", "five_star", "characters", "review_likes"]
    version = ["reviews", "five_star"]
    frames = {
        "by_day": reviews.groupby(keys)[measures].sum().reset_index(),
        "by_version": reviews.groupby("author_app_version")[version].sum().reset_index(),
    }
    found = answers.study_answers(frames)
    for rating in range(1, 6):
        group, place = reviews[reviews["review_rating"] == rating], rating - 1
        row = found["ratings"].iloc[place]
        assert row.tolist() == [rating, len(group), pytest.approx(len(group) / 400)]
        means = {"length": "characters", "likes": "review_likes"}
        for name, column in means.items():
            table = found[f"{name}_by_rating"]
            assert list(table) == ["review_rating", f"mean_{column.removeprefix('review_')}"]
            assert table.iloc[place].tolist() == [rating, pytest.approx(group[column].mean())]
    month = reviews["day"].dt.strftime("%Y-%m-01")
    for row in found["by_month"].itertuples():
        group = reviews[month == str(row.month.date())]
        assert (row.reviews, row.five_star) == (len(group), group["five_star"].sum())
        assert row.five_star_share == pytest.approx(group["five_star"].mean())
    assert len(found["by_month"]) == month.nunique()
    top = found["top_versions"]
    counts = reviews["author_app_version"].value_counts()
    assert top["reviews"].tolist() == counts.head(10).tolist()
    assert list(top) == ["author_app_version", "reviews", "five_star_share"]
    for row in top.itertuples():
        group = reviews[reviews["author_app_version"] == row.author_app_version]
        assert (row.reviews, row.five_star_share) == (len(group), group["five_star"].mean())
    order = list(zip(-top["reviews"], top["author_app_version"]))
    assert order == sorted(order)  # of as many reviews, by name
    cumulative = found["cumulative"]
    assert list(cumulative) == ["day", "reviews", "cumulative"]
    for row in cumulative.itertuples():
        assert row.reviews == (reviews["day"] == row.day).sum()
        assert row.cumulative == (reviews["day"] <= row.day).sum()


def test_the_share_of_five_stars_is_that_of_the_day(reviews):
    by_day = reviews.groupby(["day", "review_rating"])[["reviews", "five_star"]].sum()
    table = answers.five_star_share(by_day.reset_index())
    assert table["day"].tolist() == list(pd.date_range(reviews["day"].min(), reviews["day"].max()))
    for row in table.itertuples():
        today = reviews[reviews["day"] == row.day]["five_star"]
        assert (row.reviews, row.five_star) == (len(today), today.sum())
        assert row.share == pytest.approx(today.mean(), nan_ok=True)
    assert table["share"].isna().sum() == (table["reviews"] == 0).sum() == 3


def test_missing_values_count_empty_texts():
    counts = pd.DataFrame(
        {
            "column": ["b", "review_text", "a", "review_id"],
            "missing": [3, 0, 3, 0],
            "reviews": 10,
        }
    )
    lengths = pd.DataFrame({"at_least": [0, 0, 1, 2], "reviews": [4, 1, 3, 2]})
    table = answers.missing(counts, lengths)
    assert table["column"].tolist() == ["review_text", "a", "b", "review_id"]
    assert table["missing"].tolist() == [5, 3, 3, 0]
    assert table["share"].tolist() == [0.5, 0.3, 0.3, 0]


def test_a_distribution_is_of_bins_of_each_rating():
    bins = pd.DataFrame(
        {
            "at_least": [5, 0, 5_000_000, 1, 2],
            "review_rating": [2, 1, 1, 2, 2],
            "reviews": [1, 3, 1, 2, 7],
        }
    )
    table = answers.distribution(bins)
    assert table["review_rating"].tolist() == [1, 1, 2, 2, 2]
    assert table["at_least"].tolist() == [0, 5_000_000, 1, 2, 5]
    assert table["below"].tolist() == [1, np.iinfo(np.int64).max, 2, 5, 10]
    assert table["share"].tolist() == pytest.approx([0.75, 0.25, 0.2, 0.7, 0.1])


def texts_of(*rows):
    names = ["reviews", "five_star", "frequent_text"]
    return pd.DataFrame(rows, columns=names).astype({"frequent_text": object})


def test_the_best_accuracy_is_that_of_the_commoner_class_of_each_text():
    texts = texts_of((4, 0, "d"), (5, 1, "a"), (9, 7, None), (1, 1, None), (1, 0, None))
    (row,) = answers.repeats(texts).to_dict("records")
    assert row == {
        "reviews": 20,
        "distinct_texts": 5,
        "repeated_share": pytest.approx(15 / 20),
        "often_repeated_reviews": 14,
        "best_accuracy": pytest.approx((4 + 7) / 14),
    }
    (none,) = answers.repeats(texts_of((2, 1, "a"))).to_dict("records")
    assert none["often_repeated_reviews"] == 0
    assert np.isnan(none["best_accuracy"])
    (empty,) = answers.repeats(texts[:0]).to_dict("records")
    assert np.isnan(empty["repeated_share"])


def test_repeated_texts_are_the_commonest_that_some_file_names():
    rows = [(30 - k // 2, k % 7, f"text {25 - k:02}") for k in range(25)]
    table = answers.repeated_texts(texts_of(*rows, (99, 1, None), (1, 1, "once")))
    assert list(table) == ["review_text", "reviews", "five_star_share"]
    best = sorted((-reviews, text, five) for reviews, five, text in rows)[:20]
    assert list(table.itertuples(index=False, name=None)) == [
        (text, -reviews, pytest.approx(five / -reviews)) for reviews, text, five in best
    ]
    assert len(answers.repeated_texts(texts_of((2, 1, "twice"), (1, 1, "once")))) == 1


def test_words_are_scored_between_five_stars_and_fewer():
    words = pd.DataFrame(
        {
            "word": ["love", "love", "bad", "so", "rare", "edge"],
            "reviews": [30, 20, 60, 100, 19, 20],
            "five_star": [28, 17, 3, 51, 19, 20],
            "short": 0,
        }
    )
    table = answers.word_scores(words)
    assert table.index.tolist() == ["bad", "edge", "love", "so"]
    assert table.loc["love", ["reviews", "five_star", "five_star_share"]].tolist() == [50, 45, 0.9]
    five, fewer = 45 + 3 + 51 + 20, 5 + 57 + 49 + 0
    for word, row in table.iterrows():
        here, there = row["five_star"], row["reviews"] - row["five_star"]
        a, b = here + 0.01 * row["reviews"], there + 0.01 * row["reviews"]
        whole = 0.01 * (five + fewer)
        odds = np.log(a / (five + whole - a)) - np.log(b / (fewer + whole - b))
        assert row["z"] == pytest.approx(odds / np.sqrt(1 / a + 1 / b)), word


def test_the_words_that_separate_best_are_shown_from_either_side():
    z = np.append(np.linspace(9, 0.1, 25), [0, -3, -1])
    scores = pd.DataFrame({"z": z, "reviews": 30}, index=pd.Index([f"w{k}" for k in range(28)]))
    scores.index.name = "word"
    table = answers.separating(scores.sample(frac=1, random_state=0))
    assert table["word"].tolist() == [*[f"w{k}" for k in range(20)], "w27", "w26"]
    few = answers.separating(scores[20:])
    assert few["word"].tolist() == ["w20", "w21", "w22", "w23", "w24", "w27", "w26"]


def test_log_odds_of_equal_sets_are_chance():
    """z-scores of words that both sets use alike are those of a normal variate."""
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.full(300, 5.0))
    ours, theirs = (rng.multinomial(60_000, share) for _ in range(2))
    z = log_odds(ours, theirs, 60_000, 60_000, 1e-6)
    beyond = np.mean(np.abs(z) > norm.ppf(0.975))
    assert 0.02 < beyond < 0.08
