"""Two passes over the reviews, by row range: describe and count, then weigh and write."""

from pathlib import Path
from typing import Any, NamedTuple

import dask
import numpy as np
import pandas as pd
import scipy.sparse as sp

from common.compute import compute
from common.features.describe import describe_slices, script_of
from common.features.ngram_files import StoredTfidf, write_indptr, write_ngrams
from common.features.ngrams import BUCKETS
from common.features.reading import RowRange, read_rows
from common.features.transformer import Transformer


class Counts(NamedTuple):
    """Of n rows: document_frequency (2 * BUCKETS,) over those for training, sizes (n,), the number
    of n-grams of each, and scripts (n,) object."""

    document_frequency: np.ndarray
    sizes: np.ndarray
    scripts: np.ndarray


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


def count_reviews(ranges: list[RowRange], staging: Path, fold: np.ndarray) -> Counts:
    """`count_range` of all row ranges; fold: (n,) int8, -1 outside the training rows."""
    np.save(staging / "fold.npy", fold)
    tasks = [dask.delayed(count_range)(rows, staging) for rows in ranges]
    frequencies, sizes, scripts = map(list, zip(*compute(tasks, "n-grams", staging)))
    counts = Counts(
        sum(frequencies, np.zeros(2 * BUCKETS, np.int64)),
        np.concatenate(sizes),
        np.concatenate(scripts),
    )
    write_indptr(staging / "features", counts.sizes)
    return counts


def write_range(settings: dict[str, Any], staging: Path, rows: RowRange) -> None:
    """Write a row range's metadata into a file of its own, its TF-IDF beside the counts' columns.

    The TF-IDF of those of its rows that are in the sample goes to sample/ too.
    """
    transformer = Transformer(settings, {"idf": np.load(staging / "idf.npy", mmap_mode="r")})
    described = pd.read_feather(staging / f"raw-{rows.start}.feather")
    np.save(staging / f"metadata-{rows.start}.npy", transformer.metadata(described))
    counts = StoredTfidf(staging / "features").block(rows.start, rows.stop, "counts")
    text = transformer.tfidf(counts)
    write_ngrams(staging / "features", rows.start, weights=text.data)
    sample = np.load(staging / "sample.npy", mmap_mode="r")
    first, end = np.searchsorted(sample, [rows.start, rows.stop])
    if first < end:
        text = text[sample[first:end] - rows.start]
        write_ngrams(staging / "sample", first, columns=text.indices, weights=text.data)


def write_features(ranges: list[RowRange], staging: Path, transformer: Transformer) -> None:
    """Write metadata.npy and the TF-IDF of all rows.

    That of the rows in sample.npy goes to sample/ too, so that the scorers need not look for it
    among all files.
    """
    np.save(staging / "idf.npy", transformer.arrays["idf"])
    tasks = [dask.delayed(write_range)(transformer.settings, staging, rows) for rows in ranges]
    compute(tasks, "writing features")
    join_ranges(ranges, staging, "metadata")
    for path in staging.glob("features/ngrams/*.counts.npy"):
        path.unlink()  # only now: the task of a worker that died is run again


def join_ranges(ranges: list[RowRange], staging: Path, name: str) -> None:
    """Put the row ranges' files <name>-<start>.npy, (n, k) float32, together: features/<name>.npy.

    Workers on several hosts that mapped one file would overwrite each other's pages.
    """
    paths = [staging / f"{name}-{rows.start}.npy" for rows in ranges]
    shape = ranges[-1].stop, np.load(paths[0], mmap_mode="r").shape[1]
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with open(staging / f"features/{name}.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        for path in paths:
            np.load(path).tofile(file)
            path.unlink()
