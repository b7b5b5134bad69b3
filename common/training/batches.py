"""What the nets train on: the rows to fit and to judge, the same global batches for any number
of ranks, and a rank's shard of each."""

import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike
from tqdm import tqdm

from common.features.splits import require_classes
from common.features.transformer import load_features
from common.store import reserve
from common.training.nets import Net

POOL = 32  # global batches whose rows are sorted by length, so that a batch needs little padding
MAPPED_BYTES = 2 << 30  # of a shard's files, in memory at once


class Data:
    """What all models and ranks of a launch train on: the features, the ratings, and row numbers.

    `fit` and `validation` (fold 0) are the train split's, `rest` the others'; `most` draws at most
    that many rows to fit on. The rows to fit are shuffled once, by the seed, and cut every `size`:
    these global batches come in another order in each epoch. A batch's rows are in the order of the
    features' files. Raises InputError when there is too little to learn from.
    """

    def __init__(self, data_dir: Path, seed: int, most: int | None = None):
        self.rows, self.features = load_features(data_dir)
        require_classes(self.rows)
        self.data_dir, self.seed = data_dir, seed
        self.rating = self.rows["rating"].to_numpy()
        self.five_star = self.rating == 5
        train = (self.rows["split"] == "train").to_numpy()
        first_fold = (self.rows["fold"] == 0).to_numpy()
        fit, self.validation, self.rest = (
            np.flatnonzero(mask) for mask in (train & ~first_fold, train & first_fold, ~train)
        )
        self.fit = np.random.default_rng(seed).permutation(fit)[:most]

    def batches(self, size: int, lengths: ndarray | None = None) -> list[ndarray]:
        """Row numbers of each global batch; the last batch may be small.

        lengths (rows to fit): rows of similar length share a batch, as far as chance allows.
        """
        rows = self.fit
        if lengths is not None:
            pool = np.arange(len(rows)) // (size * POOL)
            rows = rows[np.lexsort((lengths, pool))]
        return [np.sort(rows[start : start + size]) for start in range(0, len(rows), size)]

    def targets(self, rows: ndarray, thresholds: Sequence[int]) -> ndarray:
        """(n, outputs) float32: whether each row has at least so many stars."""
        return (self.rating[rows, None] >= np.array(thresholds)).astype(np.float32)

    def order(self, batches: int, epoch: int) -> ndarray:
        """Numbers of the batches in the order of an epoch."""
        return np.random.default_rng((self.seed, epoch)).permutation(batches)


class Shard:
    """A rank's rows of every global batch, gathered once in the order of the batches: a batch is a
    slice, and costs no copying.

    All lies in nameless files of the data directory, mapped into memory: it may be larger than
    memory is, and it is gone when the process ends, however that happens.
    """

    def __init__(self, net: Net, data: Data, batches: Sequence[ndarray]):
        """batches: row numbers of this rank's shard of each global batch."""
        rows = np.concatenate(batches)
        self.folder, self.dense = data.data_dir, net.dense
        self.labels = data.targets(rows, net.thresholds)
        self.starts = np.cumsum([0, *map(len, batches)])
        self.maps: list[mmap.mmap] = []
        sizes = net.entries(data.features, rows)
        self.ragged = sizes is not None
        sizes = np.zeros(len(rows), np.int64) if sizes is None else sizes
        self.indptr = np.append(0, np.cumsum(sizes))
        kinds = net.inputs(data.features, rows[:0])
        lengths = [len(rows)] * net.dense + [self.indptr[-1]] * (len(kinds) - net.dense - 1)
        self.arrays = [
            self.mapped((length, *kind.shape[1:]), kind.dtype)
            for length, kind in zip(lengths, kinds)
        ]
        order = np.argsort(rows)  # the features' files are read from end to end
        steps = range(0, len(rows), net.gathered_rows)
        for start in tqdm(steps, desc="inputs", delay=2, leave=False):
            places = order[start : start + net.gathered_rows]
            found, at = net.inputs(data.features, rows[places]), places
            if self.ragged:
                offsets = found.pop()
                shifts = np.repeat(self.indptr[places] - offsets, sizes[places])
                at = shifts + np.arange(len(shifts))
            for number, (array, new) in enumerate(zip(self.arrays, found)):
                array[places if number < self.dense else at] = new
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
        """(what the net's forward takes, labels) of a batch, in this shard's memory."""
        self.release()  # the batches before
        rows = slice(self.starts[number], self.starts[number + 1])
        inputs = [array[rows] for array in self.arrays[: self.dense]]
        if self.ragged:
            entries = slice(self.indptr[rows.start], self.indptr[rows.stop])
            inputs += [array[entries] for array in self.arrays[self.dense :]]
            inputs.append((self.indptr[rows] - entries.start).astype(np.int32))
        return inputs, self.labels[rows]
