"""The split against loops over its rows, and against planted times, classes and texts."""

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.features.reading import RowRange
from common.features.splits import (
    held_out_masks,
    keys_of,
    plain_texts,
    require_classes,
    split,
    split_reviews,
)
from common.schema import string_hash
from common.store import InputError


def planted_keys(time, rating=None):
    n = len(time)
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "review_id": [str(i) for i in range(n)],
            "hash": rng.integers(0, 2**63, n).astype(np.uint64),
            "time": time,
            "rating": np.tile([5, 1], n // 2) if rating is None else rating,
            "text_hash": np.arange(n, dtype=np.uint64),
            "characters": np.full(n, 10, np.int32),
        }
    )


@pytest.mark.parametrize(
    ("time", "newest"),
    [
        (np.arange(2000), range(1800, 2000)),  # exactly the newest tenth
        (np.minimum(np.arange(2000), 1750), range(1750, 2000)),  # more of one newest time
        (np.minimum(np.arange(2000), 1500), ()),  # a quarter is of one time: nothing is newer
        (np.minimum(np.arange(2000), 1600), range(1600, 2000)),  # a fifth, but not more
        (np.where(np.arange(2000) < 1990, np.arange(2000) // 700, 9), range(1990, 2000)),
    ],
)
def test_future_is_the_newest_tenth_to_the_row(time, newest):
    order = np.random.default_rng(1).permutation(len(time))
    rows = split(planted_keys(time[order]))
    assert sorted(order[(rows["split"] == "future").to_numpy()]) == list(newest)


def test_test_is_a_fifth_by_hash_and_folds_are_equal():
    keys = planted_keys(np.arange(4000))
    rows = split(keys)
    past = (rows["split"] != "future").to_numpy()
    hashed = keys["hash"].to_numpy()
    expected = np.array([int(value) % 100 < 20 for value in hashed])
    assert ((rows["split"] == "test").to_numpy() == (expected & past)).all()
    train = (rows["split"] == "train").to_numpy()
    folds = np.array([int(value) // 100 % 5 for value in hashed])
    assert (rows["fold"].to_numpy()[train] == folds[train]).all()
    assert (rows["fold"][~train] == -1).all()
    times = np.flatnonzero(train)  # a row's time is its number
    newest = rows["newest"].to_numpy()
    assert sorted(np.flatnonzero(newest)) == list(
        times[np.arange(1, len(times) + 1) > 0.8 * len(times)]
    )


def by_hand(keys):
    """split, fold, unseen_text and newest of each row, one row after the other."""
    rows = list(keys.itertuples())
    n, edge = len(rows), sorted(keys["time"])[int(len(keys) * 0.9)]
    future = {r.Index for r in rows if r.time >= edge}
    if len(future) > n / 5:
        future = {r.Index for r in rows if r.time > edge}

    def of_class(five):
        return [
            r for r in rows if r.characters and r.Index not in future and (r.rating == 5) == five
        ]

    if min(len(of_class(five)) for five in (True, False)) < 15:
        future = set()
    tested, folds = {}, {}
    deal = min(len(of_class(five)) for five in (True, False)) < 500
    for five in (True, False):
        left = -1
        for place, r in enumerate(sorted(of_class(five), key=lambda r: r.hash)):
            tested[r.Index] = place % 5 == 0 if deal else r.hash % 100 < 20
            left += not tested[r.Index]
            folds[r.Index] = left % 5 if deal else r.hash // 100 % 5
    names = [
        "no_text"
        if not r.characters
        else "future"
        if r.Index in future
        else "test"
        if tested[r.Index]
        else "train"
        for r in rows
    ]
    train = [r for r, name in zip(rows, names) if name == "train"]
    texts, times = {r.text_hash for r in train}, np.array([r.time for r in train])
    return [
        (
            name,
            folds[r.Index] if name == "train" else -1,
            name == "test" and r.text_hash not in texts,
            name == "train"
            and ((times < r.time).sum() + ((times == r.time).sum() + 1) / 2) / len(train) > 0.8,
        )
        for r, name in zip(rows, names)
    ]


@given(
    st.sampled_from([16, 40, 150, 163, 1_500]),
    st.sampled_from([2, 5, 9, 100, 10**6]),
    st.sampled_from([0.02, 0.1, 0.5, 0.9]),
    st.integers(0, 50),
)
@settings(max_examples=60, deadline=None)
def test_splits_are_those_of_a_loop(n, moments, share, seed):
    """Few times and many, few of a class and many, texts again and again, and none."""
    rng = np.random.default_rng(seed)
    keys = pd.DataFrame(
        {
            "review_id": [str(i) for i in range(n)],
            "hash": rng.integers(0, 2**64, n, dtype=np.uint64),
            "time": rng.integers(0, moments, n) * (rng.random(n) < 0.95),
            "rating": np.where(rng.random(n) < share, 5, rng.integers(1, 5, n)),
            "text_hash": rng.integers(0, n, n).astype(np.uint64),
            "characters": rng.integers(0, 12, n).astype(np.int32),
        }
    )
    rows = split(keys)
    assert list(rows) == [
        "review_id",
        "rating",
        "text_hash",
        "characters",
        "split",
        "fold",
        "unseen_text",
        "newest",
    ]
    assert rows.dtypes[["fold", "unseen_text", "newest"]].tolist() == [np.int8, bool, bool]
    found = rows[["split", "fold", "unseen_text", "newest"]]
    assert list(found.itertuples(index=False, name=None)) == by_hand(keys)


@pytest.mark.parametrize(("smaller", "future"), [(14, False), (15, True)])
def test_there_is_a_future_only_where_enough_of_both_classes_are_left(smaller, future):
    n = 400
    rating = np.where(np.arange(n) < smaller, 1, 5)  # the fewer ones are the oldest
    rows = split(planted_keys(np.arange(n), rating))
    assert (rows["split"] == "future").sum() == (40 if future else 0)


@pytest.mark.parametrize(("smaller", "dealt"), [(499, True), (500, False)])
def test_small_classes_are_dealt_out(smaller, dealt):
    n = 2_000
    rating = np.where(np.arange(n) < smaller, 1, 5)
    rows = split(planted_keys(np.arange(n), rating))
    tested = (rows["split"] == "test")[rating == 1].sum()
    assert (tested == 100) == dealt  # by the hashes it is another number


def reviews_at(path, texts, **more):
    n = len(texts)
    time = pd.Timestamp("2024-01-01").as_unit("us") + pd.to_timedelta(np.arange(n), "D")
    columns = {
        "review_id": [f"id{i}" for i in range(n)],
        "review_timestamp": time,
        "review_rating": np.arange(n, dtype=np.int8) % 5 + 1,
        "review_text": texts,
        **more,
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_keys_are_what_the_split_needs(tmp_path):
    texts = ["  Gréat\n APP ", "great app", "", " \t ", "ÉÉ é"]
    whole = reviews_at(tmp_path / "a.parquet", texts, app=list("aabbb"))
    keys = keys_of(RowRange(whole, 1, 7, 10))
    assert keys["review_id"].tolist() == ["id1", "id2", "id3"]
    assert keys["hash"].tolist() == string_hash(["id1", "id2", "id3"]).tolist()
    day = 86_400_000_000
    first = pd.Timestamp("2024-01-01").value // 1000
    assert keys["time"].tolist() == [first + day, first + 2 * day, first + 3 * day]
    assert keys["rating"].tolist() == [2, 3, 4]
    assert keys["app"].tolist() == ["a", "b", "b"]
    assert keys["characters"].tolist() == [9, 0, 0]
    named = reviews_at(tmp_path / "b.parquet", texts, review_title=["One", None, "x", None, None])
    keys = keys_of(RowRange(named, 0, 0, 5))
    assert "app" not in keys
    assert keys["characters"].tolist() == [13, 9, 1, 0, 4]
    assert keys["text_hash"][0] == string_hash(["one gréat app"])[0]


def test_texts_are_compared_without_case_and_spacing():
    table = plain_texts(pa.chunked_array([["  Gréat\n APP ", "gréat app"], ["GRÉATAPP"]]))
    assert table["text_hash"].nunique() == 2
    assert table["text_hash"][0] == table["text_hash"][1] == string_hash(["gréat app"])[0]
    assert table["characters"].tolist() == [9, 9, 8]
    assert table["characters"].dtype == np.int32


def test_all_reviews_are_split_together(tmp_path):
    """Row ranges are tasks, not parts: what they hold is dealt out as one."""
    texts = [f"text {i % 90}" for i in range(200)]
    path = reviews_at(tmp_path / "a.parquet", texts)
    ranges = [RowRange(path, a, a, a + 50) for a in range(0, 200, 50)]
    with dask.config.set(scheduler="synchronous"):
        rows = split_reviews(ranges, tmp_path)
    pd.testing.assert_frame_equal(rows, split(keys_of(RowRange(path, 0, 0, 200))))


def judged(reviews=150, five=15, fewer_to_fit=8, five_to_fit=8):
    rating = np.where(np.arange(reviews) < five, 5, 1)
    fold = np.full(reviews, -1)
    fold[:five_to_fit] = 0
    fold[five : five + fewer_to_fit] = 4
    return pd.DataFrame({"rating": rating, "fold": fold})


@pytest.mark.parametrize(
    "words",
    [
        {"reviews": 149},
        {"five": 14},
        {"five": 136},
        {"five": 0},
        {"fewer_to_fit": 7},
        {"five_to_fit": 7},
        {"five_to_fit": 0},
    ],
)
def test_models_need_enough_reviews_of_both_classes(words):
    require_classes(judged())
    require_classes(judged(five=135))
    with pytest.raises(InputError, match=r"models need 150 reviews, 15 with five stars"):
        require_classes(judged(**words))


def test_what_is_too_little_for_models_is_said_in_numbers():
    said = (
        "of 1,200 reviews 3 have five stars and 1,197 have fewer, and 1,002 are to train on, 2 of"
    )
    with pytest.raises(InputError, match=said):
        require_classes(judged(1_200, 3, 1_000, 2))


def test_masks_are_of_the_rows_that_are_judged():
    rows = pd.DataFrame(
        {
            "split": ["train", "test", "future", "test", "no_text"],
            "unseen_text": [False, True, False, False, False],
        }
    )
    masks = {name: mask.tolist() for name, mask in held_out_masks(rows).items()}
    assert masks == {
        "test": [False, True, False, True, False],
        "future": [False, False, True, False, False],
        "unseen_text": [False, True, False, False, False],
    }
    assert set(held_out_masks(rows[:2])) == {"test", "unseen_text"}
    assert held_out_masks(rows[:1]) == {}
