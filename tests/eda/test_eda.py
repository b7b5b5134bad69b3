"""The exploration: the same answers as plain pandas and Python give, however the reviews are cut
into files, and by every other way.
"""

import itertools
import shutil
import string
import unicodedata
from collections import Counter
from importlib import import_module

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dask.sizeof import sizeof
from making import write

from common.baselines import eda as original
from common.eda.counts import total
from common.eda.graph import explore
from common.metrics import read_metrics

eda = import_module("02_eda")
TEXTS = [
    "Good",
    "good!",
    "नमस्ते दुनिया",
    "",
    "Don't open, don't open",
    "so   slow…",
    "«bad» \n app",
    "👍👍",
    "x" * 31 + " ok",
]


@pytest.fixture
def reviews():
    rng = np.random.default_rng(1)
    n = 600
    return pd.DataFrame(
        {
            "review_id": [f"id-{i}" for i in range(n)],
            "review_text": rng.choice(TEXTS, n) + rng.choice(["", " why", " again"], n),
            "review_rating": rng.integers(1, 6, n).astype("int8"),
            "review_likes": np.where(rng.random(n) < 0.6, 0, rng.permutation(n) * 7),
            "author_app_version": np.where(
                rng.random(n) < 0.2, None, rng.choice([f"{k}.0 build {k}" for k in range(12)], n)
            ),
            "review_timestamp": pd.Timestamp("2019-11-27 23:59")
            + pd.to_timedelta(rng.integers(0, 90 * 24, n), "h").astype("timedelta64[us]"),
        }
    )


@pytest.fixture
def tables(reviews, tmp_path):
    with dask.config.set(scheduler="synchronous"):
        return explore(write(reviews, tmp_path, 2))


def by_hand(reviews):
    """The seven answers of the original study with plain pandas."""
    day = reviews["review_timestamp"].dt.floor("D")
    groups = reviews.assign(length=reviews["review_text"].str.len()).groupby("review_rating")
    return {
        "ratings": groups.size(),
        "by_month": reviews.groupby(day.dt.to_period("M")).size(),
        "top_versions": reviews["author_app_version"].value_counts().head(10),
        "most_liked": reviews["review_likes"].nlargest(10),
        "length_by_rating": groups["length"].mean(),
        "likes_by_rating": groups["review_likes"].mean(),
        "cumulative": reviews.groupby(day).size().cumsum(),
    }


@pytest.mark.parametrize("files", [1, 7, 40, 601])  # the last with an empty file
def test_answers_do_not_depend_on_the_files(reviews, tables, tmp_path, files):
    with dask.config.set(scheduler="synchronous"):
        again = explore(write(reviews, tmp_path, files))
    assert list(again) == list(tables)
    for name in tables:
        pd.testing.assert_frame_equal(again[name], tables[name], obj=name)


def test_partial_tables_weigh_what_they_hold():
    """Dask refuses a sum whose inputs weigh more than memory, by its group measure."""
    hashes = np.arange(200_000, dtype=np.uint64)
    table = total(pa.table({"hash": hashes, "reviews": np.ones(len(hashes), np.int64)}))
    assert table.num_rows == len(hashes)
    assert sizeof(table) < 1.1 * table.nbytes


def test_the_seven_answers_are_those_of_pandas(reviews, tables):
    original.check_eda(by_hand(reviews), tables)
    assert len(tables["top_versions"]) == 10
    assert not tables["top_versions"]["author_app_version"].isna().any()


def test_a_wrong_answer_is_noticed(reviews, tables):
    tables["by_month"].loc[0, "reviews"] += 1
    with pytest.raises(AssertionError, match="by_month"):
        original.check_eda(by_hand(reviews), tables)


@pytest.mark.parametrize("way", original.EDA)
def test_other_ways_give_the_same_answers(way, reviews, tables, tmp_path):
    paths = write(reviews, tmp_path, 3)
    with dask.config.set(scheduler="threads"):
        original.check_eda(
            original.EDA[way](paths, original.write_plain_csv(paths, tmp_path / "plain.csv")),
            tables,
        )


def test_five_star_share_and_its_mean(reviews, tables):
    five = (
        (reviews["review_rating"] == 5)
        .astype(float)
        .groupby(reviews["review_timestamp"].dt.floor("D"))
        .agg(["sum", "size"])
    )
    table = tables["five_star_share"].set_index("day")
    np.testing.assert_allclose(table.loc[five.index, "share"], five["sum"] / five["size"])
    assert len(table) == (five.index[-1] - five.index[0]).days + 1


def test_distributions_and_missing_values(reviews, tables):
    for name, values in (
        ("lengths", reviews["review_text"].str.len()),
        ("likes", reviews["review_likes"]),
    ):
        assert tables[name]["reviews"].sum() == len(reviews)
        for row in tables[name].itertuples():
            group = values[reviews["review_rating"] == row.review_rating]
            assert row.reviews == ((group >= row.at_least) & (group < row.below)).sum()
            assert row.share == pytest.approx(row.reviews / len(group))
    missing = tables["missing"].set_index("column")["missing"]
    assert missing["author_app_version"] == reviews["author_app_version"].isna().sum()
    assert missing["review_id"] == 0
    assert missing["review_text"] == (reviews["review_text"] == "").sum() > 0


def test_repeats(reviews, tables):
    counts = reviews.groupby("review_text")["review_rating"].agg(
        reviews="size", five=lambda ratings: (ratings == 5).sum()
    )
    row, often = tables["repeats"].iloc[0], counts[counts["reviews"] >= 5]
    assert row["distinct_texts"] == len(counts)
    assert row["repeated_share"] == pytest.approx(1 - len(counts) / len(reviews))
    assert row["best_accuracy"] == pytest.approx(
        np.maximum(often["five"], often["reviews"] - often["five"]).sum() / often["reviews"].sum()
    )
    texts = tables["repeated_texts"].set_index("review_text")
    assert texts["reviews"].to_dict() == counts["reviews"].loc[texts.index].to_dict()
    assert texts["reviews"].iloc[0] == counts["reviews"].max()


def test_words_are_counted_once_a_review(reviews, tables):
    def mark(sign):
        return sign in string.punctuation or unicodedata.category(sign).startswith("P")

    def words(text):
        kept = (
            "".join(w).rstrip("".join(filter(mark, w)))
            for w in (list(itertools.dropwhile(mark, word)) for word in text.lower().split())
        )
        return {word for word in kept if 0 < len(word) <= 30}

    everywhere, five = Counter(), Counter()
    for text, rating in zip(reviews["review_text"], reviews["review_rating"]):
        everywhere.update(words(text))
        five.update(words(text) if rating == 5 else ())
    table = tables["words"].set_index("word")
    assert {"good", "don't", "slow", "नमस्ते", "👍👍", "open"} <= set(table.index)
    assert "x" * 31 not in table.index
    assert table["reviews"].to_dict() == {word: everywhere[word] for word in table.index}
    assert table["five_star_share"].to_dict() == pytest.approx(
        {word: five[word] / everywhere[word] for word in table.index}
    )


def test_a_way_that_fails_is_a_finding_and_gets_no_time(pipeline, tmp_path, monkeypatch, capsys):
    def absent(paths, csv):
        raise ImportError

    monkeypatch.setattr(
        original,
        "EDA",
        {"original": lambda paths, csv: {}, "duckdb": absent, "polars": original.EDA["polars"]},
    )
    for module in (eda, original):
        monkeypatch.setattr(module, "read_json", lambda *_: {"data": "csv", "loaded": 1})
    (tmp_path / "reviews").symlink_to(pipeline / "reviews")
    shutil.copy(pipeline / "index.json", tmp_path)
    eda.main(["--data-dir", str(tmp_path), "--compare", "--quick", "--workers", "1"])
    printed, metrics = capsys.readouterr().out, read_metrics(tmp_path)
    assert "original: KeyError" in printed
    assert "duckdb: not installed" in printed
    timed = metrics[(metrics["name"] == "eda.seconds") & (metrics["label.part"] == "the seven")]
    assert set(timed["label.variant"]) == {"parallel", "serial", "polars"}
    assert (timed.groupby("label.variant").size() == 1).all()
