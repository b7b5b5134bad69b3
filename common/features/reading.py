"""Published reviews, read by row ranges: a task works on one."""

import itertools
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray

from common.schema import read_reviews
from common.store import require

# All that a feature may see: neither the rating nor the reply, which comes after it.
FEATURE_COLUMNS = ["review_text", "review_likes", "author_app_version", "review_timestamp"]
SLICE_ROWS = 5_000  # described and counted at a time: small enough for the processor's cache
# Tasks: enough row ranges for balance, each large enough to hide Dask's overhead.
RANGES, RANGE_ROWS = 32, 50_000


class RowRange(NamedTuple):
    """Rows `start` to `stop` of all reviews, in one Parquet file from its row `first` on."""

    path: Path
    first: int
    start: int
    stop: int


def row_ranges(data_dir: Path) -> list[RowRange]:
    """Row ranges that cover all published reviews, in input order."""
    paths = sorted(require(data_dir, "reviews").glob("*.parquet"))
    counts = [pq.read_metadata(path).num_rows for path in paths]
    most = min(max(sum(counts) // RANGES, SLICE_ROWS), RANGE_ROWS)
    ranges, before = [], 0  # rows in the files before this one
    for path, count in zip(paths, counts):
        edges = np.linspace(0, count, -(-count // most) + 1).astype(int).tolist()
        for first, end in itertools.pairwise(edges):
            ranges.append(RowRange(path, first, before + first, before + end))
        before += count
    return ranges


def read_rows(rows: RowRange, columns: list[str] = FEATURE_COLUMNS) -> pa.Table:
    """The reviews of a row range; a text begins with its title."""
    table = read_reviews(rows.path, columns)
    return table.slice(rows.first, rows.stop - rows.start).combine_chunks()


class StoredTexts:
    """The texts of all published reviews, read when they are first asked for."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    @cached_property
    def texts(self) -> pa.ChunkedArray:
        ranges = row_ranges(self.data_dir)
        return pa.concat_tables(read_rows(rows, ["review_text"]) for rows in ranges).column(0)

    def take(self, rows: ndarray) -> pa.ChunkedArray:
        """The texts of these row numbers."""
        return self.texts.take(pa.array(rows))
