"""Which reviews are for training, which for testing: by time and by a hash of review_id, whatever the order or the partitions.

"future" is the newest tenth by time; of the rest the hash puts a fifth into "test" and the others into "train", which it cuts
into folds. unseen_text marks the test rows whose text, without case and spacing, occurs in no training row.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from common.features.reading import read_rows
from common.schema import string_hash

FOLDS = 5


def keys_of(piece):
    """What the split needs of a piece: id hash, time (us), rating, and a hash of the text without case and spacing."""
    table = read_rows(piece, ["review_id", "review_timestamp", "review_rating", "review_text"])
    plain = pc.replace_substring_regex(
        pc.utf8_lower(pc.utf8_trim_whitespace(table["review_text"])), r"\s+", " "
    )
    return pd.DataFrame(
        {
            "review_id": table["review_id"].to_pandas(),
            "hash": string_hash(table["review_id"]),
            "time": table["review_timestamp"].cast(pa.int64()).to_numpy(),
            "rating": table["review_rating"].to_numpy(),
            "text": string_hash(plain),
        }
    )


def split(keys):
    """Add split, fold (0 to FOLDS - 1 on train, else -1) and unseen_text to the keys of all reviews."""
    newest_tenth = np.partition(keys["time"].to_numpy(), int(len(keys) * 0.9))[int(len(keys) * 0.9)]
    bucket = keys["hash"].to_numpy() % np.uint64(100)
    name = np.where(bucket < 20, "test", "train").astype(object)
    name[keys["time"].to_numpy() >= newest_tenth] = "future"
    train, test = name == "train", np.flatnonzero(name == "test")
    fold = (keys["hash"].to_numpy() // np.uint64(100) % np.uint64(FOLDS)).astype(np.int8)
    unseen = np.zeros(len(keys), bool)
    unseen[test] = ~np.isin(keys["text"].to_numpy()[test], keys["text"].to_numpy()[train])
    return keys.assign(
        split=name, fold=np.where(train, fold, -1).astype(np.int8), unseen_text=unseen
    )


def held_out_masks(rows):
    """{split name: boolean mask} over the rows of load_features: test, future, and the unseen_text part of test."""
    masks = {
        "test": rows["split"] == "test",
        "future": rows["split"] == "future",
        "unseen_text": rows["unseen_text"],
    }
    return {name: mask.to_numpy() for name, mask in masks.items() if mask.any()}
