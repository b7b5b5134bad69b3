"""The canonical columns of a review, and the hash by which ids and texts are compared."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

SCHEMA = pa.schema(
    {
        "review_id": pa.string(),
        "pseudo_author_id": pa.string(),
        "author_name": pa.string(),
        "review_text": pa.string(),
        "review_rating": pa.int8(),
        "review_likes": pa.int64(),
        "author_app_version": pa.string(),
        "review_timestamp": pa.timestamp("us"),
        "reply_text": pa.string(),
        "reply_timestamp": pa.timestamp("us"),
    }
)
OPTIONAL = {"author_name", "reply_text", "reply_timestamp"}


def string_hash(texts: Sequence[str] | pa.Array) -> np.ndarray:
    """uint64 hashes of ids or texts: the same in every process, run and file."""
    return pd.util.hash_array(np.asarray(texts, dtype=object), categorize=False)
