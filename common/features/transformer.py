"""Reviews to features: the same code for training and for live prediction.

A review's features come from its text, likes, app version and time, never from its rating, its
reply or other rows' labels. What is fitted (medians, version buckets, selection, scaling, n-grams,
text scorers) is fitted on training rows by 03_features.py; one more fit of the text scorers, the
final one, has seen all rows, and is for reviews that are new.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp
from numpy import ndarray
from pandas import DataFrame
from safetensors.numpy import load_file, save_file
from scipy.special import expit

from common.features.describe import describe_slices, script_of
from common.features.ngram_files import StoredNgrams, weigh
from common.features.ngrams import BITS, BUCKETS, Texts
from common.features.reading import StoredTexts
from common.store import InputError, read_json, require


def encode(described: DataFrame, buckets: dict[str, list]) -> DataFrame:
    """`describe` output and one-hot version buckets beside it, float32.

    "version=8.116" for each pair in `buckets["minor"]`, "version=8" for each in
    `buckets["major"]`, "version=other" for versions outside the major buckets.
    """
    major, minor = described["version_major"].to_numpy(), described["version_minor"].to_numpy()
    columns = {f"version={m}": major == m for m in buckets["major"]}
    columns["version=other"] = ~np.isnan(major) & ~np.isin(major, buckets["major"])
    columns |= {f"version={a}.{b}": (major == a) & (minor == b) for a, b in buckets["minor"]}
    one_hot = DataFrame(columns, index=described.index).astype(np.float32)
    return pd.concat([described, one_hot], axis=1)


@dataclass
class Features:
    """metadata (n, k) float32, standardised, its first `form` columns those of the text's form;
    text (n, columns) float32 n-grams, CSR or stored; text_scores (n, 4) float32, log-odds of 2 and
    more stars, of 3 and more, of 4 and more, and of 5, by scorers that have not seen the row; of
    new reviews final_scores too, the same by the scorers of all rows; texts (n): as written."""

    metadata: ndarray
    form: int
    text: sp.csr_matrix | StoredNgrams
    text_scores: ndarray
    final_scores: ndarray | None = None
    texts: Any = None  # pa.ChunkedArray or StoredTexts

    def matrix(self, inputs: str, rows: slice | ndarray = slice(None)) -> ndarray | sp.csr_matrix:
        """What a model trains on, float32.

        inputs: "metadata" (dense), or the form of the text alone, with what it says: "form+scores"
        (dense) or "form+ngrams" (CSR). Likes, version and time help on folds of the same months;
        on later ones they do not.
        """
        if inputs == "metadata":
            return np.asarray(self.metadata[rows])
        form = np.asarray(self.metadata[rows, : self.form])
        if inputs == "form+scores":
            return np.hstack([form, self.text_scores[rows]])
        if inputs == "form+ngrams":
            # Both blocks of a row get a length of about 1: linear solvers need many times the
            # iterations otherwise.
            scaled = sp.csr_matrix(form / np.float32(np.sqrt(max(self.form, 1))))
            return sp.hstack([scaled, self.text[rows]], format="csr", dtype=np.float32)
        raise ValueError(f"unknown inputs: {inputs}")


class Encoded(NamedTuple):
    """Of n reviews: metadata (n, k) float32, the columns of their n-grams (entries,) int32, how
    many of these are words and how many characters of each (2n,), and its script (n,) object."""

    metadata: ndarray
    columns: ndarray
    sizes: ndarray
    scripts: ndarray


@dataclass
class Transformer:
    """Everything fitted, as plain numbers.

    settings: {"medians": {column: value}, "buckets": {"major": [...], "minor": [[major, minor]]},
    "metadata_columns": the kept ones, "form": how many of them, the first ones, are of the text's
    form, and of each kept one "low" and "high", its range, "mean" and "scale", "text_columns": k};
    arrays: {"buckets" (k,) int32: those that are columns of the text, ascending; of the scorers of
    the train split "coef" (4, k) and "intercept" (4,), float32; of those of all rows "final_coef"
    and "final_intercept"}.
    """

    settings: dict[str, Any]
    arrays: dict[str, ndarray]

    @cached_property
    def column(self) -> ndarray:
        """(2 * BUCKETS,) int32: the column of each bucket, -1 for those without."""
        column = np.full(2 * BUCKETS, -1, np.int32)
        column[self.arrays["buckets"]] = np.arange(len(self.arrays["buckets"]))
        return column

    @property
    def base_rates(self) -> ndarray:
        """(4,) float64: shares of 2 and more stars, of 3, of 4, and of 5 in all rows fitted on."""
        return expit(self.arrays["final_intercept"].astype(float))

    def metadata(self, described: DataFrame) -> ndarray:
        """`describe` output -> (n, k) float32: imputed, bucketed, selected, clipped to what was
        seen in training, standardised."""
        encoded = encode(described, self.settings["buckets"]).fillna(self.settings["medians"])
        kept = encoded[self.settings["metadata_columns"]].to_numpy(np.float32)
        low, high, mean, scale = (
            np.float32(self.settings[name]) for name in ("low", "high", "mean", "scale")
        )
        return (kept.clip(low, high) - mean) / scale

    def ngrams(self, texts: Texts) -> tuple[ndarray, ndarray]:
        """(columns, sizes), as in Encoded, of those n-grams that have a column."""
        entries = texts.ngrams()
        columns = self.column[entries & (2 * BUCKETS - 1)]
        kept = columns >= 0
        return columns[kept], np.bincount(entries[kept] >> BITS, minlength=2 * texts.n)

    def encode(self, reviews: pa.Table) -> Encoded:
        """Reviews with FEATURE_COLUMNS to what is known of them."""
        parts = [
            (self.metadata(described), *self.ngrams(texts), script_of(described))
            for described, texts in describe_slices(reviews)
        ]
        return Encoded(*map(np.concatenate, zip(*parts)))

    def transform(self, reviews: pa.Table) -> Features:
        """Reviews with FEATURE_COLUMNS to their features."""
        encoded = self.encode(reviews)
        bounds = np.append(0, np.cumsum(encoded.sizes))
        text = weigh(encoded.columns, bounds, len(self.arrays["buckets"]))
        scores = [
            text_scores(text, self.arrays[f"{fit}coef"], self.arrays[f"{fit}intercept"])
            for fit in ("", "final_")
        ]
        form, texts = self.settings["form"], reviews["review_text"]
        return Features(encoded.metadata, form, text, scores[0], scores[1], texts)

    def save(self, folder: Path) -> None:
        """Write transformer.safetensors, and transformer.json, which holds the former's sha256."""
        path = folder / "transformer.safetensors"
        save_file(self.arrays, path)
        settings = {**self.settings, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        text = json.dumps(settings, indent=1)
        (folder / "transformer.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, data_dir: Path) -> "Transformer":
        """The published transformer; InputError when it is missing or was changed since."""
        settings = read_json(data_dir, "features/transformer.json")
        return cls(settings, load_file(require(data_dir, "features/transformer.safetensors")))


def text_scores(text: sp.csr_matrix, coef: ndarray, intercept: ndarray) -> ndarray:
    """(n, 4) float32: linear models `coef` (4, columns), `intercept` (4,) of n rows of n-grams.

    The intercepts are the log-odds of the rows that these models were fitted on: what a text
    without any n-gram that they know gets.
    """
    return np.asarray(text @ coef.T + intercept, np.float32)


def features_sha256(data_dir: Path) -> str:
    """Identity of the published features: a model records it and is refused with any other."""
    return hashlib.sha256(require(data_dir, "features/transformer.json").read_bytes()).hexdigest()


def load_rows(data_dir: Path) -> DataFrame:
    """The rows (n) of the published features: review_id, rating int8, split ("train", "test",
    "future"), fold int8 (0-4 on train rows, else -1), unseen_text and newest bool (see splits),
    script (see script_of). InputError where other reviews are loaded."""
    rows = pd.read_parquet(require(data_dir, "features/rows.parquet"))
    if len(rows) != (loaded := read_json(data_dir, "manifest.json")["loaded"]):
        raise InputError(
            f"{data_dir}/features describes {len(rows):,} reviews, and {loaded:,} are loaded: run "
            f"`python 03_features.py --data-dir {data_dir}` again"
        )
    return rows


def load_features(data_dir: Path) -> tuple[DataFrame, Features]:
    """(rows, features) as 03_features.py published them; large arrays are memory-mapped.

    rows: as `load_rows`. Stored n-grams are checked when they are first read.
    """
    folder, rows = require(data_dir, "features", contents=False), load_rows(data_dir)
    settings = read_json(data_dir, "features/transformer.json")
    metadata = np.load(require(data_dir, "features/metadata.npy"), mmap_mode="r")
    scores = np.load(require(data_dir, "features/text_scores.npy"), mmap_mode="r")
    text = StoredNgrams(folder, settings["text_columns"], published=True)
    return rows, Features(metadata, settings["form"], text, scores, texts=StoredTexts(data_dir))
