"""The n-grams of all reviews in two files: larger than memory, read by rows."""

from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy import ndarray

from common.store import require

# Of a text's squared length, the words' part and the characters': chosen on folds of train.
SHARES = np.array([0.7, 0.3], np.float32)


def weigh(columns: ndarray, bounds: ndarray, width: int) -> sp.csr_matrix:
    """CSR (n, width) float32 of n texts' n-grams: all words of a text weigh the same, and so do its
    characters, to a length of 1.

    columns: (entries,) int32; bounds: (2n + 1,), where the words and then the characters of each
    text begin.
    """
    sizes = np.diff(bounds)
    shares = np.tile(SHARES, len(sizes) // 2)
    weights = np.repeat(np.sqrt(shares / np.maximum(sizes, 1).astype(np.float32)), sizes)
    return sp.csr_matrix((weights, columns, bounds[::2]), shape=(len(sizes) // 2, width))


class StoredNgrams:
    """The n-grams of n reviews as a features folder holds them, of any size.

    `stored[rows]` (a slice, or an index array in any order) reads these rows and no others, as
    `weigh` gives them. `bounds` (2n + 1,) int64 are those of all rows, memory-mapped; the columns
    of a `published` folder are checked when they are first read.
    """

    def __init__(self, folder: Path, width: int, published: bool = False) -> None:
        self.folder, self.published = folder, published
        self.bounds = self.load("text_bounds.npy")
        self.indptr = self.bounds[::2]
        self.shape = len(self.indptr) - 1, width

    def load(self, name: str) -> ndarray:
        if self.published:
            require(self.folder.parent, f"{self.folder.name}/{name}")
        return np.load(self.folder / name, mmap_mode="r")

    @cached_property
    def columns(self) -> ndarray:
        """(entries,) int32 of all rows."""
        return self.load("text_columns.npy")

    def __getitem__(self, rows: slice | ndarray) -> sp.csr_matrix:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(self.shape[0]))
        sizes = np.diff(self.bounds[2 * rows[:, None] + np.arange(3)])
        bounds = np.append(0, np.cumsum(sizes))
        entries = np.repeat(self.indptr[rows] - bounds[:-1:2], sizes.sum(axis=1))
        entries += np.arange(bounds[-1])
        return weigh(self.columns[entries], bounds, self.shape[1])
