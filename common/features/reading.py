"""Published reviews, read by row ranges: what a task works on."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common.store import require

# All that a feature may see: neither the rating nor the reply, which comes after it.
FEATURE_COLUMNS = ["review_text", "review_likes", "author_app_version", "review_timestamp"]
SLICE_ROWS = 5_000  # described and counted at a time: small enough for the processor's cache
# Tasks: enough row ranges for balance, each large enough to hide Dask's overhead.
RANGES, RANGE_ROWS = 32, 50_000


class RowRange(NamedTuple):
    """Rows `first` to `first + length` of one Parquet file."""

    path: Path
    first: int
    length: int


def row_ranges(data_dir: Path) -> list[RowRange]:
    """Row ranges that cover all published reviews, in input order."""
    files = [
        (path, pq.read_metadata(path).num_rows)
        for path in sorted(require(data_dir, "reviews").glob("*.parquet"))
    ]
    most = min(max(sum(rows for _, rows in files) // RANGES, SLICE_ROWS), RANGE_ROWS)
    ranges = []
    for path, rows in files:
        edges = np.linspace(0, rows, -(-rows // most) + 1).astype(int).tolist()
        ranges += [RowRange(path, first, end - first) for first, end in itertools.pairwise(edges)]
    return ranges


def read_rows(rows: RowRange, columns: list[str] = FEATURE_COLUMNS) -> pa.Table:
    """The reviews of a row range."""
    table = pq.read_table(rows.path, columns=columns)
    return table.slice(rows.first, rows.length).combine_chunks()


def slices(reviews: pa.Table) -> list[pa.Table]:
    """Zero-copy slices of SLICE_ROWS of a Table, in order; one for an empty Table."""
    return [
        reviews.slice(start, SLICE_ROWS) for start in range(0, max(len(reviews), 1), SLICE_ROWS)
    ]
