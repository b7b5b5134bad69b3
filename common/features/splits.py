"""Which reviews are for training and which for testing, whatever their order or row ranges.

"future" is the newest tenth by time; of the rest a hash of review_id puts a fifth into "test" and
the others into "train", which it cuts into folds. unseen_text marks the test rows whose text,
without case and spacing, occurs in no training row. Reviews without any text are in none of them.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas import DataFrame

from common.compute import compute_each
from common.features.reading import RowRange, read_rows
from common.schema import string_hash
from common.store import InputError

FOLDS = 5


def keys_of(rows: RowRange) -> DataFrame:
    """What the split needs: review_id, its hash, time (us), rating, a hash of the plain text, and
    whether there is any."""
    table = read_rows(rows, ["review_id", "review_timestamp", "review_rating", "review_text"])
    trimmed = pc.utf8_lower(pc.utf8_trim_whitespace(table["review_text"]))
    columns = {
        "review_id": table["review_id"].to_pandas(),
        "hash": string_hash(table["review_id"]),
        "time": table["review_timestamp"].cast(pa.int64()).to_numpy(),
        "rating": table["review_rating"].to_numpy(),
        "text": string_hash(pc.replace_substring_regex(trimmed, r"\s+", " ")),
        "has_text": pc.greater(pc.utf8_length(trimmed), 0).to_numpy(),
    }
    return DataFrame(columns)


def split(keys: DataFrame) -> DataFrame:
    """review_id, rating, split, fold (0-4 on train, else -1) and unseen_text of all keys."""
    time, hashed, text = (keys[name].to_numpy() for name in ("time", "hash", "text"))
    tenth = int(len(keys) * 0.9)
    name = np.where(hashed % np.uint64(100) < 20, "test", "train").astype(object)
    name[time >= np.partition(time, tenth)[tenth]] = "future"
    name[~keys["has_text"]] = "no_text"
    train, test = name == "train", name == "test"
    fold = (hashed // np.uint64(100) % np.uint64(FOLDS)).astype(np.int8)
    unseen = np.zeros(len(keys), bool)
    unseen[test] = ~np.isin(text[test], text[train])
    return keys[["review_id", "rating"]].assign(
        split=name, fold=np.where(train, fold, np.int8(-1)), unseen_text=unseen
    )


def split_reviews(ranges: list[RowRange], staging: Path) -> DataFrame:
    """`split` of all reviews; InputError where they are too few to learn from."""
    rows = split(pd.concat(compute_each("split", keys_of, ranges, staging), ignore_index=True))
    ratings = rows["rating"]
    if ratings[rows["fold"] >= 0].nunique() < 2 or len(rows) < 100:
        raise InputError(
            f"{len(rows)} reviews with {ratings.nunique()} different ratings are too few to learn "
            "from: load more"
        )
    return rows


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
