"""The published TF-IDF of all reviews' n-grams, in files of a piece of the reviews each: larger than memory, read as rows are asked for."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from common.features.ngrams import BUCKETS
from common.store import require


class StoredTfidf:
    """The TF-IDF of n reviews as it lies in a features folder, of any size: text[rows] (a slice, or an index array in any order) reads
    these rows and no others, as CSR (rows, 2 * BUCKETS) float32. `indptr` (n + 1,) int64 is that of all rows, memory-mapped.

    A piece of the rows, whose first is number <row>, has the files ngrams/<row>.columns.npy (int32) and .weights.npy (float32). Those
    of a `published` folder are checked when they are first read.
    """

    def __init__(self, folder, published=False):
        self.folder, self.published = folder / "ngrams", published
        self.indptr = self.load(folder / "text_indptr.npy")
        self.shape = len(self.indptr) - 1, 2 * BUCKETS
        self.edges = np.array(
            [
                *sorted(int(path.name.split(".")[0]) for path in self.folder.glob("*.columns.npy")),
                self.shape[0],
            ]
        )

    def __getitem__(self, rows):
        at = (
            np.arange(*rows.indices(self.shape[0])) if isinstance(rows, slice) else np.asarray(rows)
        )
        if (at[1:] < at[:-1]).any():  # files are read from their first row to their last
            order = np.argsort(at)
            return self[at[order]][np.argsort(order)]
        indptr = np.append(0, np.cumsum(self.indptr[at + 1] - self.indptr[at]))
        columns, weights, row = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32), 0
        piece = np.searchsorted(self.edges, at, side="right") - 1
        for number, own in zip(np.unique(piece), np.split(at, np.flatnonzero(np.diff(piece)) + 1)):
            found = self.piece(number)[own - self.edges[number]]
            entries = slice(indptr[row], indptr[row := row + len(own)])
            columns[entries], weights[entries] = found.indices, found.data
        return sp.csr_matrix((weights, columns, indptr), shape=(len(at), self.shape[1]))

    def piece(self, number, values="weights"):
        """CSR of a piece's rows over its mapped files: memory holds what is read of it, and that as long as the matrix lives."""
        first, after = self.edges[number : number + 2]
        columns, found = (
            self.load(ngrams_file(self.folder, first, what)) for what in ("columns", values)
        )
        indptr = (self.indptr[first : after + 1] - self.indptr[first]).astype(np.int32)
        return sp.csr_matrix((found, columns, indptr), shape=(after - first, self.shape[1]))

    def load(self, path):
        if self.published:
            data_dir = self.folder.parent.parent
            require(data_dir, path.relative_to(data_dir).as_posix())
        return np.load(path, mmap_mode="r")


def ngrams_file(folder, row, what):
    """Where columns or weights of the piece that begins with this row lie."""
    return Path(folder) / f"{row:010d}.{what}.npy"


def write_ngrams(folder, row, **arrays):
    """Write what a piece's CSR holds to a features folder: columns, and weights."""
    for what, values in arrays.items():
        np.save(ngrams_file(folder / "ngrams", row, what), values)


def write_indptr(folder, sizes):
    """Write where each row's n-grams begin to a features folder; sizes: how many each row has."""
    np.save(folder / "text_indptr.npy", np.append(0, np.cumsum(sizes, dtype=np.int64)))
