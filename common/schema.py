"""The canonical columns of a review, and the hash by which ids and texts are compared."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    {
        "review_id": pa.string(),
        "pseudo_author_id": pa.string(),
        "author_name": pa.string(),
        "review_title": pa.string(),
        "review_text": pa.string(),
        "review_rating": pa.int8(),
        "review_likes": pa.int64(),
        "author_app_version": pa.string(),
        "review_timestamp": pa.timestamp("us"),
        "app": pa.string(),
        "store": pa.string(),
        "language": pa.string(),
        "reply_text": pa.string(),
        "reply_timestamp": pa.timestamp("us"),
    }
)
# Columns that are there only where an export has them, and author_name only where it was asked for.
OPTIONAL = {
    "author_name",
    "review_title",
    "app",
    "store",
    "language",
    "reply_text",
    "reply_timestamp",
}


def string_hash(texts: Sequence[str] | pa.Array) -> np.ndarray:
    """uint64 hashes of ids or texts: the same in every process, run and file."""
    return pd.util.hash_array(np.asarray(texts, dtype=object), categorize=False)


def with_title(reviews: pa.Table) -> pa.Table:
    """The reviews, whose texts begin with their titles where they have any: what models read."""
    if "review_title" not in reviews.column_names:
        return reviews
    columns = [reviews["review_title"], reviews["review_text"]]
    text = pc.binary_join_element_wise(*columns, "\n", null_handling="skip")
    position = reviews.column_names.index("review_text")
    return reviews.set_column(position, "review_text", text).drop_columns("review_title")


def read_reviews(path: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of a Parquet file of reviews, `with_title`."""
    if "review_text" in columns and "review_title" in pq.read_schema(path).names:
        columns = [*columns, "review_title"]
    return with_title(pq.read_table(path, columns=list(columns)))
