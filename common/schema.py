"""The canonical columns of a review, and the hash by which ids and texts are compared."""

import numpy as np
import pandas as pd
import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("review_id", pa.string()),
        ("pseudo_author_id", pa.string()),
        ("author_name", pa.string()),
        ("review_text", pa.string()),
        ("review_rating", pa.int8()),
        ("review_likes", pa.int64()),
        ("author_app_version", pa.string()),
        ("review_timestamp", pa.timestamp("us")),
        ("reply_text", pa.string()),
        ("reply_timestamp", pa.timestamp("us")),
    ]
)
OPTIONAL = {"author_name", "reply_text", "reply_timestamp"}


def string_hash(ids):
    """uint64 hashes of ids or texts (Arrow array or sequence of str): the same in every process, run and file."""
    return pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False)
