"""Two passes over the reviews, by row range: a sample of train to fit on, then all to features."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray
from pandas import DataFrame

from common.compute import compute_each
from common.features.describe import describe_slices
from common.features.ngrams import BUCKETS
from common.features.reading import RowRange, read_rows
from common.features.transformer import Transformer


def count_range(rows: RowRange, staging: Path) -> tuple[DataFrame, ndarray]:
    """`describe` output of those rows of a row range that are in sample.npy, and in how many of
    these each bucket of n-grams occurs (2 * BUCKETS,) uint16."""
    sampled = np.load(staging / "sample.npy", mmap_mode="r")[rows.start : rows.stop]
    parts = [
        (described, texts.ngrams() & (2 * BUCKETS - 1))
        for described, texts in describe_slices(read_rows(rows).filter(sampled))
    ]
    described, ngrams = zip(*parts)
    # All ranges' frequencies lie in memory at once: 16 bits hold RANGE_ROWS.
    frequency = np.bincount(np.concatenate(ngrams), minlength=2 * BUCKETS).astype(np.uint16)
    return pd.concat(described, ignore_index=True), frequency


def count_sample(
    ranges: list[RowRange], staging: Path, sample: ndarray
) -> tuple[DataFrame, ndarray]:
    """`count_range` of all row ranges; sample: (n,) bool, the rows to describe and count."""
    np.save(staging / "sample.npy", sample)
    frequency, parts = np.zeros(2 * BUCKETS, np.int64), []
    for described, part in compute_each("n-grams", count_range, ranges, staging, staging):
        parts.append(described)
        frequency += part
    return pd.concat(parts, ignore_index=True), frequency


def write_range(
    rows: RowRange, settings: dict[str, Any], staging: Path
) -> tuple[ndarray, ndarray, ndarray]:
    """Write the columns of a row range's n-grams; returns what else Transformer.encode gives."""
    buckets = np.load(staging / "buckets.npy")
    encoded = Transformer(settings, {"buckets": buckets}).encode(read_rows(rows))
    np.save(staging / f"ngrams-{rows.start}.npy", encoded.columns)
    return encoded.metadata, encoded.sizes, encoded.scripts


def write_features(ranges: list[RowRange], staging: Path, transformer: Transformer) -> ndarray:
    """Write metadata.npy and the n-grams of all rows; returns the script of each (n,) object."""
    np.save(staging / "buckets.npy", transformer.arrays["buckets"])
    folder, settings = staging / "features", transformer.settings
    sizes, scripts = [], []

    def blocks() -> Iterator[ndarray]:
        for metadata, size, script in compute_each(
            "writing features", write_range, ranges, staging, settings, staging
        ):
            sizes.append(size)
            scripts.append(script)
            yield metadata

    write_blocks(folder / "metadata.npy", (ranges[-1].stop, len(settings["mean"])), blocks())
    bounds = np.append(0, np.cumsum(np.concatenate(sizes)))
    np.save(folder / "text_bounds.npy", bounds)
    columns = (np.load(staging / f"ngrams-{rows.start}.npy") for rows in ranges)
    write_blocks(folder / "text_columns.npy", bounds[-1:].tolist(), columns, "<i4")
    return np.concatenate(scripts)


def write_blocks(
    path: Path, shape: Sequence[int], blocks: Iterable[ndarray], dtype: str = "<f4"
) -> None:
    """Write an array as .npy from its blocks of rows, with one in memory at a time."""
    header = {"descr": dtype, "fortran_order": False, "shape": tuple(shape)}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(block.tobytes())
