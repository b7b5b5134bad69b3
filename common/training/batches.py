"""What NetflixNet trains on: the rows to fit and to judge, the same global batches for any number of ranks, and a rank's part of each."""

import mmap
import tempfile

import numpy as np

from common.features.transformer import load_features
from common.store import InputError, reserve

GATHERED_ROWS = 8192  # at a time
MAPPED_BYTES = 2 << 30  # of a shard's files, in memory at once


class Data:
    """What all models and ranks of a launch train on: the features, the labels (n,) float32, and row numbers.

    `fit` and `validation` (fold 0) are the train split's, `rest` the others'; `quick` draws at most that many rows to fit on. The
    rows to fit are shuffled once, by the seed, and cut every `size`: these global batches come in another order in each epoch.
    A batch's rows are in the order of the features' files.
    Raises InputError when there is nothing to learn or to validate on.
    """

    def __init__(self, data_dir, seed, quick=None):
        self.rows, self.features = load_features(data_dir)
        self.data_dir, self.seed = data_dir, seed
        self.five_star = (self.rows["rating"] == 5).to_numpy()
        self.labels = self.five_star.astype(np.float32)
        train, fold = (self.rows["split"] == "train").to_numpy(), self.rows["fold"].to_numpy()
        self.fit, self.validation, self.rest = (
            np.flatnonzero(part) for part in (train & (fold != 0), train & (fold == 0), ~train)
        )
        self.fit = np.random.default_rng(seed).permutation(self.fit)[:quick]
        for name, at in (("fit", self.fit), ("validation", self.validation)):
            if len(np.unique(self.five_star[at])) < 2:
                raise InputError(
                    f"the {len(at)} {name} rows under {data_dir}/features lack five-star reviews or others: load more reviews"
                )

    def batches(self, size):
        """[row numbers of a global batch], the last of which may be small."""
        return [np.sort(self.fit[start : start + size]) for start in range(0, len(self.fit), size)]

    def order(self, batches, epoch):
        """Numbers of the batches in the order of an epoch."""
        return np.random.default_rng((self.seed, epoch)).permutation(batches)


class Shard:
    """A rank's rows of every global batch, gathered once in the order of the batches: a batch is a slice, and costs no copying.

    All lies in nameless files of the data directory, mapped into memory: it may be larger than memory is, and it is gone when the
    process ends, however that happens.
    """

    def __init__(self, net, data, batches):
        """batches: [row numbers of this rank's share of a global batch]."""
        rows = np.concatenate(batches)
        self.first, self.labels = np.cumsum([0] + list(map(len, batches))), data.labels[rows]
        self.maps, self.touched = [], 0
        self.metadata = self.mapped(
            data.data_dir, (len(rows), net.hidden.in_features - net.sizes["width"]), np.float32
        )
        self.ngrams = bool(net.sizes["buckets"])
        if self.ngrams:
            sizes = np.diff(data.features.text.indptr)[rows]
            self.indptr = np.append(0, np.cumsum(sizes))
            self.buckets, self.weights = (
                self.mapped(data.data_dir, (self.indptr[-1],), dtype)
                for dtype in (np.int32, np.float32)
            )
        order = np.argsort(rows)
        for start in range(0, len(rows), GATHERED_ROWS):
            place = order[
                start : start + GATHERED_ROWS
            ]  # neighbours in the features' files, which are read from end to end
            self.metadata[place], *ngrams = net.inputs(data.features, rows[place])
            if ngrams:
                buckets, offsets, weights = ngrams
                entries = np.repeat(self.indptr[place] - offsets, sizes[place]) + np.arange(
                    len(buckets)
                )
                self.buckets[entries], self.weights[entries] = buckets, weights
                self.touch(len(place), len(buckets))

    def mapped(self, folder, shape, dtype):
        with tempfile.TemporaryFile(dir=folder) as file:
            reserve(file, max(int(np.prod(shape)), 1) * np.dtype(dtype).itemsize)
            self.maps.append(mmap.mmap(file.fileno(), 0))
        return np.frombuffer(self.maps[-1], dtype, int(np.prod(shape))).reshape(shape)

    def touch(self, rows, entries):
        """Count what was read or written, and give back the memory of maps that are larger than MAPPED_BYTES whenever so much was:
        the system would keep their pages with this process until it has no other memory left."""
        self.touched += 4 * self.metadata.shape[1] * rows + 8 * entries
        if self.touched > MAPPED_BYTES and sum(map(len, self.maps)) > MAPPED_BYTES:
            self.touched = 0
            for mapped in self.maps:
                mapped.madvise(
                    mmap.MADV_DONTNEED
                )  # of a file's map: it is read again where it is needed again

    def batch(self, number, rows=None):
        """(what NetflixNet.forward takes, labels) of a batch, or of its first `rows` rows, as NumPy arrays of this shard's memory."""
        at = slice(
            self.first[number],
            min(self.first[number + 1], self.first[number] + rows)
            if rows
            else self.first[number + 1],
        )
        inputs = [self.metadata[at]]
        if self.ngrams:
            entries = slice(self.indptr[at.start], self.indptr[at.stop])
            self.touch(at.stop - at.start, entries.stop - entries.start)
            inputs += [
                self.buckets[entries],
                (self.indptr[at] - entries.start).astype(np.int32),
                self.weights[entries],
            ]
        return inputs, self.labels[at]
