"""Complaints: groups of seed words and what goes with them, against counts by plain Python."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from making import synthetic, tables_of, write
from scipy.stats import binomtest

from common.eda import complaints
from common.eda.words import split_words, term_hashes, terms_of, texts_of

SEEDS = {"Start": ["crash*", "does not"], "Price": ["expensive"], "Nothing": ["zzz*"]}
# A word of another language that goes with a seed, one that stands everywhere, and another subject.
TEXTS = [
    "it crashes, siempre se cierra",
    "CRASHED again! siempre mal",
    "does not start siempre on my phone",
    "siempre se cierra, nothing else",
    "far too expensive for me now",
    "expensive! and siempre more",
    "my neighbour sings operas, sings badly, and they show it",
    "the neighbour sings her operas again and again",
    "useless",
    "bad",
    "worst",
    "trash",
    "bad, worst, useless trash for all",  # mood alone
    *["I watch it with my children", "we like the stories there"] * 6,
    "what more could one say",
]


def plain_words(text):
    return [word for word in (w.strip(".,!").lower() for w in text.split()) if word]


@pytest.fixture
def reviews(monkeypatch):
    monkeypatch.setattr(complaints, "SEEDS", SEEDS)
    rng = np.random.default_rng(0)
    n = 2_000
    return pd.DataFrame(
        {
            # texts differ, as a sample has each text once
            "review_text": [f"{TEXTS[i % len(TEXTS)]} {i}" for i in rng.permutation(n)],
            "review_rating": rng.choice([1, 2, 4, 5], n).astype("int8"),
            "review_likes": 0,
            "author_app_version": rng.choice(["1.0", "1.1", None], n),
            "review_timestamp": pd.Timestamp("2024-01-01").as_unit("us")
            + pd.to_timedelta(rng.integers(0, 60, n), "D"),
        }
    )


def test_every_apostrophe_within_a_word_is_one():
    texts = ["I don't know", "I DON\u2019T know", "\u2018don\u2019t\u2019"]
    words = split_words(pa.table({"review_text": texts}))
    found = words.vocabulary.take(words.code).to_pylist()
    assert found == ["i", "don't", "know", "i", "don't", "know", "don't"]
    assert len(set(words.code)) == 3


def test_terms_are_words_and_pairs_within_a_review():
    texts = ["Can't log in!", "-- in (Log) …", "log", "", "नमस्ते दुनिया"]
    words = split_words(pa.table({"review_text": texts}))
    terms = terms_of(words)
    names = texts_of(words, terms.word, np.arange(len(terms.word)) >= len(words.row))
    expected = [
        (0, "can't"), (0, "log"), (0, "in"), (1, "in"), (1, "log"), (2, "log"),
        (4, "नमस्ते"), (4, "दुनिया"),
        (0, "can't log"), (0, "log in"), (1, "in log"), (4, "नमस्ते दुनिया"),
    ]  # fmt: skip
    assert list(zip(terms.row, names)) == expected
    np.testing.assert_array_equal(term_hashes(names), terms.hash)
    assert len(set(terms.hash)) == len(set(names))


def test_groups_count_what_has_a_seed_or_a_word_that_goes_with_it(reviews, tmp_path):
    tables = tables_of(write(reviews, tmp_path, 3))
    listed = tables["complaint_words"]
    # "siempre" stands with seeds of Start in three of its five texts: not often enough. What it
    # stands beside in each of them is a part of a seed, or as common elsewhere.
    seeds = listed[listed["source"] == "seed"].groupby("group")["term"].apply(set).to_dict()
    assert seeds == {"Start": {"crashes", "crashed", "does not"}, "Price": {"expensive"}}
    table = tables["complaints"].set_index("group")
    for group in ("Start", "Price"):
        terms = set(listed.loc[listed["group"] == group, "term"])

        def speaks(text, terms=terms):
            words = plain_words(text)
            return bool(terms & {*words, *map(" ".join, pairwise(words))})

        about = reviews[reviews["review_text"].map(speaks)]
        row, low = table.loc[group], about[about["review_rating"] <= 2]
        assert (row["reviews"], row["low"]) == (len(about), len(low))
        assert row["mean_rating"] == pytest.approx(about["review_rating"].mean())
        rest = reviews["review_rating"].mean() - about["review_rating"].mean()
        assert row["stars_lost"] == pytest.approx(len(about) / len(reviews) * rest)
        interval = binomtest(len(about), len(reviews)).proportion_ci(method="wilson")
        assert (row["share_low"], row["share_high"]) == pytest.approx(tuple(interval), abs=1e-4)
        weeks = tables["complaint_weeks"].query("group == @group").set_index("week")
        assert len(weeks) == 9
        monday = reviews["review_timestamp"].dt.to_period("W").dt.start_time
        for week, group_rows in reviews.groupby(monday):
            of_week = low[monday[low.index] == week]
            assert weeks.loc[week, "low"] == len(of_week)
            assert weeks.loc[week, "low_share"] == pytest.approx(len(of_week) / len(group_rows))
        typical = tables["typical_reviews"].query("group == @group")["review_text"]
        assert len(typical) == 5
        assert typical.map(speaks).all()
    assert set(tables["complaint_releases"]["group"]) >= {"Start", "Price"}


def test_what_is_covered_is_what_a_loop_finds(reviews, tmp_path):
    """Of the reviews of 1 and 2 stars with 20 characters and more, those in some group."""
    reviews.loc[:99, "review_text"] = "it crashes now, 20 ch"[:20]
    reviews.loc[100:199, "review_text"] = "it crashes 19 chars"
    tables = tables_of(write(reviews, tmp_path, 2))
    groups = [own for _, own in tables["complaint_words"].groupby("group")]
    expected = {True: 0, False: 0}
    for text, stars in zip(reviews["review_text"], reviews["review_rating"]):
        words = plain_words(text)
        terms = {*words, *map(" ".join, pairwise(words))}
        if stars <= 2 and len(text) >= 20:
            expected[
                any(own["term"].isin(terms).sum() >= own["needs"].max() for own in groups)
            ] += 1
    assert tables["covered"].groupby("covered")["reviews"].sum().to_dict() == expected
    assert min(expected.values()) > 30


def test_a_word_of_another_language_goes_with_a_seed(reviews, tmp_path):
    often = reviews["review_text"].str.contains("expensive!")
    reviews.loc[often, "review_text"] = "expensive! and more " + reviews.index[often].astype(str)
    listed = tables_of(write(reviews, tmp_path))["complaint_words"].set_index("term")
    assert listed.loc["siempre", ["group", "source"]].tolist() == ["Start", "goes with"]


def test_what_is_left_makes_a_topic_and_mood_none(reviews, tmp_path):
    listed = tables_of(write(reviews, tmp_path))["complaint_words"]
    topics = listed[listed["source"] == "topic"]
    assert {"neighbour", "sings", "operas"} <= set(topics["term"])
    assert not {"bad", "worst", "useless", "trash"} & set(topics["term"])
    assert (topics["needs"] == 2).all()


def test_synthetic_complaints_of_a_bad_release_name_it(tmp_path):
    table = synthetic(tmp_path, planted=["release"], rows=30_000)["complaint_releases"]
    assert set(table.loc[table["stands_out"], "release"]) == {"8.80"}


def test_the_real_complaints_are_covered(real_csv, tmp_path):
    from common.loading.loader import ingest

    ingest([real_csv], tmp_path)
    tables = tables_of(sorted((tmp_path / "reviews").glob("*.parquet")))
    covered = tables["covered"].set_index("covered")["reviews"]
    assert covered[True] / covered.sum() > 0.5
    groups = tables["complaints"].set_index("group")
    assert set(complaints.SEEDS) <= set(groups.index)
    new = tables["new_terms"].set_index("term")
    assert new.loc["boycott", "week"] == pd.Timestamp("2024-06-17")
