"""What NetflixNet trains on: the rows to fit and to judge, the same global batches for any number
of ranks, and a rank's shard of each."""

import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from common.features.splits import require_classes
from common.features.transformer import load_features
from common.store import reserve
from common.training.nets import NetflixNet

GATHERED_ROWS = 8192  # at a time
MAPPED_BYTES = 2 << 30  # of a shard's files, in memory at once


class Data:
    """What all models and ranks of a launch train on: the features, the labels (n,) float32, and
    row numbers.

    `fit` and `validation` (fold 0) are the train split's, `rest` the others'; `quick` draws at most
    that many rows to fit on. The rows to fit are shuffled once, by the seed, and cut every `size`:
    these global batches come in another order in each epoch. A batch's rows are in the order of the
    features' files. Raises InputError when there is too little to learn from.
    """

    def __init__(self, data_dir: Path, seed: int, quick: int | None = None):
        self.rows, self.features = load_features(data_dir)
        require_classes(self.rows)
        self.data_dir, self.seed = data_dir, seed
        self.five_star = (self.rows["rating"] == 5).to_numpy()
        self.labels = self.five_star.astype(np.float32)
        train = (self.rows["split"] == "train").to_numpy()
        first_fold = (self.rows["fold"] == 0).to_numpy()
        fit, self.validation, self.rest = (
            np.flatnonzero(mask) for mask in (train & ~first_fold, train & first_fold, ~train)
        )
        self.fit = np.random.default_rng(seed).permutation(fit)[:quick]

    def batches(self, size: int) -> list[ndarray]:
        """Row numbers of each global batch; the last batch may be small."""
        return [np.sort(self.fit[start : start + size]) for start in range(0, len(self.fit), size)]

    def order(self, batches: int, epoch: int) -> ndarray:
        """Numbers of the batches in the order of an epoch."""
        return np.random.default_rng((self.seed, epoch)).permutation(batches)


class Shard:
    """A rank's rows of every global batch, gathered once in the order of the batches: a batch is a
    slice, and costs no copying.

    All lies in nameless files of the data directory, mapped into memory: it may be larger than
    memory is, and it is gone when the process ends, however that happens.
    """

    def __init__(self, net: NetflixNet, data: Data, batches: Sequence[ndarray]):
        """batches: row numbers of this rank's shard of each global batch."""
        rows = np.concatenate(batches)
        self.folder, self.labels = data.data_dir, data.labels[rows]
        self.starts = np.cumsum([0, *map(len, batches)])
        self.maps: list[mmap.mmap] = []
        columns = net.hidden.in_features - net.sizes["width"]
        self.metadata = self.mapped((len(rows), columns), np.float32)
        self.has_ngrams = bool(net.sizes["buckets"])
        if self.has_ngrams:
            sizes = np.diff(data.features.text.indptr)[rows]
            self.indptr = np.append(0, np.cumsum(sizes))
            self.buckets = self.mapped((self.indptr[-1],), np.int32)
            self.weights = self.mapped((self.indptr[-1],), np.float32)
        order = np.argsort(rows)  # the features' files are read from end to end
        for start in range(0, len(rows), GATHERED_ROWS):
            places = order[start : start + GATHERED_ROWS]
            self.metadata[places], *ngrams = net.inputs(data.features, rows[places])
            if ngrams:
                buckets, offsets, weights = ngrams
                shifts = np.repeat(self.indptr[places] - offsets, sizes[places])
                entries = shifts + np.arange(len(buckets))
                self.buckets[entries], self.weights[entries] = buckets, weights
            self.release()

    def mapped(self, shape: tuple[int, ...], dtype: DTypeLike) -> ndarray:
        """A new array in a nameless file."""
        size = int(np.prod(shape))
        with tempfile.TemporaryFile(dir=self.folder) as file:
            reserve(file, max(size, 1) * np.dtype(dtype).itemsize)
            self.maps.append(mmap.mmap(file.fileno(), 0))
        return np.frombuffer(self.maps[-1], dtype, size).reshape(shape)

    def release(self) -> None:
        """Give back the memory of maps that are larger than MAPPED_BYTES: the system would keep
        their pages with this process until it has no other memory left. What is needed again is
        read again."""
        if sum(map(len, self.maps)) > MAPPED_BYTES:
            for file_map in self.maps:
                file_map.madvise(mmap.MADV_DONTNEED)

    def batch(self, number: int) -> tuple[list[ndarray], ndarray]:
        """(what NetflixNet.forward takes, labels) of a batch, in this shard's memory."""
        self.release()  # the batches before
        rows = slice(self.starts[number], self.starts[number + 1])
        inputs = [self.metadata[rows]]
        if self.has_ngrams:
            entries = slice(self.indptr[rows.start], self.indptr[rows.stop])
            offsets = (self.indptr[rows] - entries.start).astype(np.int32)
            inputs += [self.buckets[entries], offsets, self.weights[entries]]
        return inputs, self.labels[rows]
