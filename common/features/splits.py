"""Which reviews are for training and which for testing, whatever their order or row ranges.

"future" is the newest tenth by time; of the rest a hash of review_id puts a fifth into "test" and
the others into "train", which it cuts into folds. Where few reviews are of one class (five stars or
fewer), each class is dealt out in the order of its hashes instead, so that no part lacks one, and
there is no future where train would not keep enough of both, or where more than a fifth of all
reviews are of one newest time. unseen_text marks the test rows whose text, without case and
spacing, occurs in no training row, and newest the newest fifth of train by time: what helps on
folds and not there does not last. Reviews without any text are in none of them.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pandas import DataFrame

from common.compute import compute_each
from common.features.reading import RowRange, read_rows
from common.schema import string_hash
from common.store import InputError

FOLDS = 5
# Reviews, and those of the smaller class, from which on models are trained and can be judged.
FEWEST_REVIEWS, FEWEST_OF_CLASS = 150, 15
# Of the smaller class: below, chance alone could leave a part without any; and what folds of folds
# of train need.
DEALT_OUT, FEWEST_TO_FIT = 500, 8


def plain_texts(texts: pa.ChunkedArray) -> DataFrame:
    """text_hash (uint64) and characters (int32) of texts, without case and extra spacing."""
    plain = pc.replace_substring_regex(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), r"\s+", " ")
    length = pc.utf8_length(plain).to_numpy().astype(np.int32)
    return DataFrame({"text_hash": string_hash(plain), "characters": length})


def keys_of(rows: RowRange) -> DataFrame:
    """What the split needs: review_id, its hash, time (us), rating, `plain_texts`, and app where
    the reviews are of several."""
    names = ["review_id", "review_timestamp", "review_rating", "review_text"]
    has_app = "app" in pq.read_schema(rows.path).names
    table = read_rows(rows, [*names, "app"] if has_app else names)
    columns = {
        "review_id": table["review_id"].to_pandas(),
        "hash": string_hash(table["review_id"]),
        "time": table["review_timestamp"].cast(pa.int64()).to_numpy(),
        "rating": table["review_rating"].to_numpy(),
        **plain_texts(table["review_text"]),
    }
    if has_app:
        columns["app"] = table["app"].to_pandas()
    return DataFrame(columns)


def split(keys: DataFrame) -> DataFrame:
    """The keys but hash and time, and split, fold (0-4 on train, else -1), unseen_text, newest."""
    time, hashed, text = (keys[name].to_numpy() for name in ("time", "hash", "text_hash"))
    has_text, five_star = keys["characters"].to_numpy() > 0, (keys["rating"] == 5).to_numpy()
    edge = np.partition(time, int(len(keys) * 0.9))[int(len(keys) * 0.9)]
    future = time >= edge
    if future.mean() > 0.2:
        future = time > edge
    if np.bincount(five_star[has_text & ~future], minlength=2).min() < FEWEST_OF_CLASS:
        future[:] = False
    tested = hashed % np.uint64(100) < 20
    fold = (hashed // np.uint64(100) % np.uint64(FOLDS)).astype(np.int8)
    classes = [np.flatnonzero(has_text & ~future & (five_star == one)) for one in (False, True)]
    if min(map(len, classes)) < DEALT_OUT:
        for rows in classes:
            rows, place = rows[np.argsort(hashed[rows])], np.arange(len(rows))
            tested[rows] = place % 5 == 0
            fold[rows] = (place - place // 5 - 1) % FOLDS
    name = np.where(tested, "test", "train").astype(object)
    name[future] = "future"
    name[~has_text] = "no_text"
    train, test = name == "train", name == "test"
    unseen = np.zeros(len(keys), bool)
    unseen[test] = ~np.isin(text[test], text[train])
    return keys.drop(columns=["hash", "time"]).assign(
        split=name,
        fold=np.where(train, fold, np.int8(-1)),
        unseen_text=unseen,
        newest=train & (pd.Series(time).where(train).rank(pct=True) > 0.8),
    )


def split_reviews(ranges: list[RowRange], staging: Path) -> DataFrame:
    """`split` of all reviews."""
    return split(pd.concat(compute_each("split", keys_of, ranges, staging), ignore_index=True))


def require_classes(rows: DataFrame) -> None:
    """InputError unless the split's rows are enough, and enough of both classes, for models."""
    five_star, fitted = rows["rating"] == 5, rows["fold"] >= 0
    reviews, classes = len(rows), np.bincount(five_star, minlength=2)
    to_fit = np.bincount(five_star[fitted], minlength=2).min()
    if reviews >= FEWEST_REVIEWS and classes.min() >= FEWEST_OF_CLASS and to_fit >= FEWEST_TO_FIT:
        return
    raise InputError(
        f"of {reviews:,} reviews {classes[1]:,} have five stars and {classes[0]:,} have fewer, and "
        f"{fitted.sum():,} are to train on, {to_fit:,} of them of the smaller class: models "
        f"need {FEWEST_REVIEWS} reviews, {FEWEST_OF_CLASS} with five stars and {FEWEST_OF_CLASS} "
        f"with fewer, and {FEWEST_TO_FIT} of each to train on; the report and the explorer do not"
    )


def held_out_masks(rows: DataFrame) -> dict[str, np.ndarray]:
    """Boolean masks (n,) of "test", "future" and "unseen_text" over rows of load_features.

    "unseen_text" is a part of "test"; a mask without rows is left out.
    """
    masks = {
        "test": rows["split"] == "test",
        "future": rows["split"] == "future",
        "unseen_text": rows["unseen_text"],
    }
    return {name: mask.to_numpy() for name, mask in masks.items() if mask.any()}
