"""Two passes over the reviews, by row range: describe and count, then weigh and write."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy import ndarray

from common.compute import compute_each
from common.features.describe import describe_slices, script_of
from common.features.ngram_files import StoredTfidf, write_indptr, write_ngrams
from common.features.ngrams import BUCKETS
from common.features.reading import RowRange, read_rows
from common.features.transformer import Transformer


class Counts(NamedTuple):
    """Of n rows: document_frequency (2 * BUCKETS,) over those for training, sizes (n,), the number
    of n-grams of each, and scripts (n,) object."""

    document_frequency: ndarray
    sizes: ndarray
    scripts: ndarray


def count_range(rows: RowRange, staging: Path) -> Counts:
    """Write a row range's metadata and counted n-grams to files of their own."""
    train = np.load(staging / "fold.npy", mmap_mode="r")[rows.start : rows.stop] >= 0
    slices = [(part, texts.ngrams()) for part, texts in describe_slices(read_rows(rows))]
    described = pd.concat([part for part, _ in slices], ignore_index=True)
    described.to_feather(staging / f"raw-{rows.start}.feather", compression="uncompressed")
    counts = sp.vstack([ngrams for _, ngrams in slices], format="csr")
    write_ngrams(staging / "features", rows.start, columns=counts.indices, counts=counts.data)
    # All ranges' frequencies lie in memory at once: 16 bits hold RANGE_ROWS.
    frequency = np.bincount(counts[train].indices, minlength=2 * BUCKETS).astype(np.uint16)
    return Counts(frequency, np.diff(counts.indptr), script_of(described))


def count_reviews(ranges: list[RowRange], staging: Path, fold: ndarray) -> Counts:
    """`count_range` of all row ranges; fold: (n,) int8, -1 outside the training rows."""
    np.save(staging / "fold.npy", fold)
    results = compute_each("n-grams", count_range, ranges, staging, staging)
    frequencies, sizes, scripts = zip(*results)
    frequency = sum(frequencies, np.zeros(2 * BUCKETS, np.int64))
    counts = Counts(frequency, np.concatenate(sizes), np.concatenate(scripts))
    write_indptr(staging / "features", counts.sizes)
    return counts


def write_range(rows: RowRange, settings: dict[str, Any], staging: Path) -> ndarray:
    """Write a row range's TF-IDF beside the counts' columns; returns its metadata.

    The TF-IDF of those of its rows that are in the sample goes to sample/ too.
    """
    transformer = Transformer(settings, {"idf": np.load(staging / "idf.npy", mmap_mode="r")})
    counts = StoredTfidf(staging / "features").block(rows.start, rows.stop, "counts")
    text = transformer.tfidf(counts)
    write_ngrams(staging / "features", rows.start, weights=text.data)
    sample = np.load(staging / "sample.npy", mmap_mode="r")
    first, end = np.searchsorted(sample, [rows.start, rows.stop])
    if first < end:
        text = text[sample[first:end] - rows.start]
        write_ngrams(staging / "sample", first, columns=text.indices, weights=text.data)
    return transformer.metadata(pd.read_feather(staging / f"raw-{rows.start}.feather"))


def write_features(ranges: list[RowRange], staging: Path, transformer: Transformer) -> None:
    """Write metadata.npy and the TF-IDF of all rows.

    That of the rows in sample.npy goes to sample/ too, so that the scorers need not look for it
    among all files.
    """
    np.save(staging / "idf.npy", transformer.arrays["idf"])
    settings = transformer.settings
    blocks = compute_each("writing features", write_range, ranges, staging, settings, staging)
    shape = ranges[-1].stop, len(settings["metadata_columns"])
    write_blocks(staging / "features/metadata.npy", shape, blocks)
    for path in staging.glob("features/ngrams/*.counts.npy"):
        path.unlink()  # only now: the task of a worker that died is run again


def write_blocks(path: Path, shape: tuple[int, int], blocks: Iterable[ndarray]) -> None:
    """Write a float32 matrix as .npy from its blocks of rows, with one in memory at a time."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(block.tobytes())
