"""TF-IDF of all reviews' n-grams in files, one per row range: larger than memory, read by rows."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy import ndarray

from common.features.ngrams import BUCKETS
from common.store import require


class StoredTfidf:
    """The TF-IDF of n reviews as a features folder holds it, of any size.

    `stored[rows]` (a slice, or an index array in any order) reads these rows and no others, as CSR
    (rows, 2 * BUCKETS) float32. `indptr` (n + 1,) int64 is that of all rows, memory-mapped.
    A row range has the files ngrams/<start>.columns.npy (int32) and .weights.npy (float32); those
    of a `published` folder are checked when they are first read.
    """

    def __init__(self, folder: Path, published: bool = False) -> None:
        self.folder, self.published = folder, published
        self.indptr = self.load(folder / "text_indptr.npy")
        self.shape = len(self.indptr) - 1, 2 * BUCKETS
        starts = [int(path.name.split(".")[0]) for path in folder.glob("ngrams/*.columns.npy")]
        self.edges = np.array([*sorted(starts), self.shape[0]])

    def __getitem__(self, rows: slice | ndarray) -> sp.csr_matrix:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(self.shape[0]))
        if (rows[1:] < rows[:-1]).any():  # files are read from their first row to their last
            order = np.argsort(rows)
            return self[rows[order]][np.argsort(order)]
        indptr = np.append(0, np.cumsum(self.indptr[rows + 1] - self.indptr[rows]))
        columns, weights = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32)
        # Rows are sorted: those of one file are neighbours.
        cuts = np.searchsorted(rows, self.edges)
        for start, stop, low, high in zip(self.edges, self.edges[1:], cuts, cuts[1:]):
            if low < high:
                block = self.block(start, stop)[rows[low:high] - start]
                entries = slice(indptr[low], indptr[high])
                columns[entries], weights[entries] = block.indices, block.data
        return sp.csr_matrix((weights, columns, indptr), shape=(len(rows), self.shape[1]))

    def block(self, start: int, stop: int, values: str = "weights") -> sp.csr_matrix:
        """CSR of the row range `start` to `stop` over its memory-mapped files.

        What is read of them stays in memory as long as the matrix lives.
        """
        columns, data = (
            self.load(ngrams_file(self.folder, start, name)) for name in ("columns", values)
        )
        indptr = (self.indptr[start : stop + 1] - self.indptr[start]).astype(np.int32)
        return sp.csr_matrix((data, columns, indptr), shape=(stop - start, self.shape[1]))

    def load(self, path: Path) -> ndarray:
        if self.published:
            require(self.folder.parent, path.relative_to(self.folder.parent).as_posix())
        return np.load(path, mmap_mode="r")


def ngrams_file(folder: Path, start: int, name: str) -> Path:
    """Where a features folder has the columns, counts or weights of the row range from `start`."""
    return folder / f"ngrams/{start:010d}.{name}.npy"


def write_ngrams(folder: Path, start: int, **arrays: ndarray) -> None:
    """Write what a row range's CSR holds to a features folder: columns, and counts or weights."""
    for name, values in arrays.items():
        np.save(ngrams_file(folder, start, name), values)


def write_indptr(folder: Path, sizes: ndarray) -> None:
    """Write where each row's n-grams begin to a features folder; sizes: how many each row has."""
    np.save(folder / "text_indptr.npy", np.append(0, np.cumsum(sizes, dtype=np.int64)))
