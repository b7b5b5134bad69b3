"""The tables of one file, counted by plain Python, and their sums over files."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.eda import counts
from common.eda.words import split_words, texts_of
from common.schema import SCHEMA, string_hash

DAY = pd.Timestamp("2024-03-05")  # a Tuesday


def reviews_of(**columns):
    """A table of reviews, with what is not given."""
    n = len(next(iter(columns.values())))
    usual = {
        "review_text": [f"text {i}" for i in range(n)],
        "review_rating": [1] * n,
        "review_likes": [0] * n,
        "author_app_version": [None] * n,
        "review_timestamp": [DAY] * n,
    }
    columns = usual | columns
    return pa.table({name: pa.array(v, SCHEMA.field(name).type) for name, v in columns.items()})


def test_what_is_counted_of_each_review():
    table = counts.with_counts(
        reviews_of(
            review_text=["é👍x", "", "ab"],
            review_rating=[5, 2, 3],
            review_timestamp=[DAY + pd.Timedelta("23h59min"), DAY, DAY - pd.Timedelta("1us")],
        )
    )
    assert table["characters"].to_pylist() == [3, 0, 2]
    assert table["five_star"].to_pylist() == [1, 0, 0]
    assert table["low"].to_pylist() == [0, 1, 0]
    assert table["reviews"].to_pylist() == [1, 1, 1]
    days = [DAY, DAY, DAY - pd.Timedelta("1D")]
    assert table["day"].to_pylist() == [day.to_pydatetime() for day in days]


def test_releases_are_major_and_minor():
    versions = ["8.112.0 build 4", "v8.1", "9", "10.2", None, "", "Varies with device", "8.1.7"]
    table = counts.with_counts(reviews_of(author_app_version=versions))
    named = ["8.112", "8.1", "9", "10.2", None, None, None, "8.1"]
    assert counts.with_release(table)["release"].to_pylist() == named
    by_release = counts.by_release(table)
    assert by_release.column_names == ["release", "day", "reviews", "low"]
    assert by_release["release"].to_pylist() == [name for name in named if name]


def test_signals_of_each_review():
    texts = ["x" * 7, "приве́т", "", "日本 go", "héllo 👍 123"]
    versions = ["1", None, "1", None, "1"]
    table = counts.with_counts(reviews_of(review_text=texts, author_app_version=versions))
    found = counts.signals(table)
    assert found["log_length"].to_pylist() == [
        round(100 * np.log2(1 + len(text))) for text in texts
    ]
    assert found["without_version"].to_pylist() == [0, 1, 0, 1, 0]
    assert found["other_script"].to_pylist() == [0, 1, 0, 1, 0]
    assert found["with_reply"].to_pylist() == [None] * 5
    replied = reviews_of(review_text=texts, reply_text=["thanks", None, "", None, "sorry"])
    assert counts.signals(counts.with_counts(replied))["with_reply"].to_pylist() == [1, 0, 1, 0, 1]
    lengths = counts.day_lengths(table)
    assert lengths.column_names == ["day", "length", "reviews"]
    assert lengths["length"].to_pylist() == [len(text) for text in texts]


def test_bins_begin_at_their_edges():
    likes = [0, 1, 2, 4, 5, 9, 10, 19, 99, 100, 5_000_000, 10**12]
    edges = [0, 1, 2, 2, 5, 5, 10, 10, 50, 100, 5_000_000, 5_000_000]
    table = counts.in_bins(counts.with_counts(reviews_of(review_likes=likes)), "review_likes")
    assert table.column_names == ["at_least", "review_rating", "reviews"]
    assert table["at_least"].to_pylist() == edges


def test_words_are_counted_once_a_review_and_in_short_ones():
    texts = ["Good, good app", "good " + "x" * 14, "good " + "x" * 15, "so bad", "good " * 4]
    reviews = counts.with_counts(reviews_of(review_text=texts, review_rating=[5, 1, 5, 2, 5]))
    table = counts.words(reviews, split_words(reviews)).to_pandas().set_index("word")
    expected = {"good": (4, 3, 2), "app": (1, 1, 1), "so": (1, 0, 1), "bad": (1, 0, 1)}
    expected |= {"x" * 14: (1, 0, 1), "x" * 15: (1, 1, 0)}
    rows = {word: tuple(row) for word, row in zip(table.index, table.to_numpy())}
    assert rows == expected
    assert list(table) == ["reviews", "five_star", "short"]


def test_what_lies_behind_a_text_does_not_change_its_words(monkeypatch):
    """A text in a buffer that goes on, with what no text begins with."""
    ends = pa.py_buffer(np.array([0, 10], np.int32))
    text = pa.StringArray.from_buffers(1, ends, pa.py_buffer(b"good good \xff"))
    monkeypatch.setattr("common.eda.words.pc.utf8_lower", lambda _: pa.chunked_array([text]))
    split = split_words(pa.table({"review_text": ["good good "]}))
    assert split.vocabulary.to_pylist() == ["good"]


def test_candidates_are_the_terms_used_most_often_in_a_week(monkeypatch):
    rng = np.random.default_rng(0)
    words = rng.choice(list("abcdefghij"), (120, 3), p=np.arange(1, 11) / 55)
    day = [DAY + pd.Timedelta(days=int(d)) for d in rng.integers(0, 30, 120)]
    texts = [" ".join(row) for row in words]
    reviews = counts.with_counts(reviews_of(review_text=texts, review_timestamp=day))
    uses = Counter()
    for row, moment in zip(words, day):
        week = (moment - pd.Timestamp("1970-01-01")).days // 7  # Thursdays begin them
        for term in [*row, f"{row[0]} {row[1]}", f"{row[1]} {row[2]}"]:
            uses[term, week] += 1
    most = Counter()
    for (term, _), number in uses.items():
        most[term] = max(most[term], number)
    expected = {term: number for term, number in most.items() if number >= 5}
    table = counts.candidates(reviews, split_words(reviews)).to_pandas()
    assert dict(zip(table["term"], table["uses"])) == expected
    assert " " in "".join(expected)
    monkeypatch.setattr(counts, "MAX_CANDIDATES", 3)
    table = counts.candidates(reviews, split_words(reviews)).to_pandas()
    assert table["uses"].tolist() == sorted(expected.values(), reverse=True)[:3]


def test_a_sample_is_of_distinct_long_texts_of_few_stars(monkeypatch):
    texts = ["x" * 19, "y" * 20, "z" * 25, "z" * 25, "v" * 30, "w" * 40]
    times = [DAY + pd.Timedelta(days=d) for d in (0, 0, 5, 3, 0, 0)]
    reviews = counts.with_counts(
        reviews_of(review_text=texts, review_rating=[1, 2, 1, 2, 3, 1], review_timestamp=times)
    )
    table = counts.sample(reviews)
    kept = sorted(["y" * 20, "z" * 25, "w" * 40], key=lambda text: string_hash([text])[0])
    assert table["review_text"].to_pylist() == kept
    place = kept.index("z" * 25)  # of the same text, the earliest
    assert table["review_rating"][place].as_py() == 2
    assert table.column_names == ["review_text", "review_rating", "review_timestamp", "hash"]
    monkeypatch.setattr(counts, "SAMPLED", 2)
    assert counts.sample(reviews)["review_text"].to_pylist() == kept[:2]
    assert len(counts.sample(reviews[:1])) == 0


def test_texts_are_counted_by_their_hash(monkeypatch):
    monkeypatch.setattr(counts, "FREQUENT_TEXTS", 2)
    texts = ["a"] * 3 + ["b"] * 2 + ["c", ""]
    reviews = counts.with_counts(reviews_of(review_text=texts, review_rating=[5, 1, 5, 5, 5, 5, 1]))
    table = counts.texts(reviews).to_pandas().set_index("hash")
    for text, number, five, named in [
        ("a", 3, 2, 1),
        ("b", 2, 2, 1),
        ("c", 1, 1, 0),
        ("", 1, 0, 0),
    ]:
        row = table.loc[string_hash([text])[0]]
        assert row[["reviews", "five_star"]].tolist() == [number, five]
        assert (row["frequent_text"] == text) == bool(named)


def test_the_most_liked_are_in_order(monkeypatch):
    monkeypatch.setattr(counts, "MOST_LIKED", 4)
    times = [DAY + pd.Timedelta(days=d) for d in (4, 3, 3, 0, 0)]
    reviews = reviews_of(
        review_text=list("cbaxy"), review_likes=[7, 7, 7, 9, 1], review_timestamp=times
    )
    table = counts.most_liked(reviews)
    assert table["review_text"].to_pylist() == ["x", "a", "b", "c"]
    assert table.column_names == counts.REVIEW_COLUMNS


def test_sums_of_files_are_those_of_all(tmp_path):
    rng = np.random.default_rng(1)
    days = [DAY + pd.Timedelta(days=int(d)) for d in rng.integers(0, 9, 90)]
    texts = [f"some words {k} again and again" for k in rng.integers(0, 30, 90)]
    versions = [None if k < 3 else f"1.{k}" for k in rng.integers(0, 9, 90)]
    reviews = reviews_of(
        review_text=texts,
        review_rating=rng.integers(1, 6, 90),
        review_likes=rng.integers(0, 50, 90),
        author_app_version=versions,
        review_timestamp=days,
    )
    paths = [tmp_path / "all.parquet", *(tmp_path / f"{k}.parquet" for k in range(3))]
    pq.write_table(reviews, paths[0])
    for k, path in enumerate(paths[1:]):
        pq.write_table(reviews.slice(30 * k, 30), path)
    whole = counts.count(paths[0])
    parts = counts.merge([counts.count(path) for path in paths[1:]])
    assert (
        set(parts)
        == set(whole)
        == {
            *("by_day", "by_version", "lengths", "likes", "by_release", "signals", "day_lengths"),
            *("texts", "most_liked", "words", "candidates", "missing", "sample"),
        }
    )
    for name in set(whole) - {"candidates"}:  # of few uses in a file
        keys = [column for column in whole[name].column_names if column not in counts.COMBINE]
        keys = keys or whole[name].column_names
        found, expected = (t[name].to_pandas().sort_values(keys) for t in (parts, whole))
        pd.testing.assert_frame_equal(
            found.reset_index(drop=True), expected.reset_index(drop=True), obj=name
        )
    study = counts.count(paths[0], everything=False)
    assert set(study) == {"by_day", "by_version", "most_liked"}
    by_day = study["by_day"].to_pandas()
    assert by_day["reviews"].sum() == 90
    assert by_day["review_likes"].sum() == sum(reviews["review_likes"].to_pylist())
    missing = whole["missing"].to_pandas().set_index("column")
    assert missing.loc["author_app_version"].tolist() == [versions.count(None), 90]
    assert missing.loc["review_text"].tolist() == [0, 90]
    pq.write_table(reviews[:0], tmp_path / "none.parquet")
    assert set(counts.missing(tmp_path / "none.parquet")["missing"].to_pylist()) <= {0}


def test_keys_of_a_sum_are_what_is_not_measured():
    table = pa.table({"a": [1, 1, 2], "reviews": [1, 2, 3], "uses": [4, 7, 1]})
    summed = counts.total(table)
    assert summed.column_names == ["a", "reviews", "uses"]
    assert summed.to_pylist() == [
        {"a": 1, "reviews": 3, "uses": 7},
        {"a": 2, "reviews": 3, "uses": 1},
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("“Hello” … (world)!", ["hello", "world"]),
        ("Don't-stop  now\n\tplease", ["don't-stop", "now", "please"]),
        ("x" * 30 + " " + "y" * 31, ["x" * 30]),
        ("!!! ... ", []),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया"]),
        ("¡Hola! ¿qué «tal»?", ["hola", "qué", "tal"]),
        ("「良い」、«да»؟", ["良い」、«да"]),  # nothing but spaces parts words
    ],
)
def test_words_of_a_text(text, words):
    split = split_words(pa.table({"review_text": ["before", text]}))
    assert split.row.tolist() == [0, *[1] * len(words)]
    places = np.arange(len(split.row))
    assert texts_of(split, places, np.zeros(len(places), int)).tolist() == ["before", *words]
