"""Reviews to features: the same code for training and for live prediction.

A review's features come from its text, likes, app version and time, never from its rating, its
reply or other rows' labels. What is fitted (medians, version buckets, selection, scaling, document
frequencies, text scorers) is fitted on training rows by 03_features.py.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp
from numpy import ndarray
from pandas import DataFrame
from safetensors.numpy import load_file, save_file

from common.features.describe import describe_slices
from common.features.ngram_files import StoredTfidf
from common.features.ngrams import BUCKETS
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
    """metadata (n, k) float32, standardised; text (n, 2 * BUCKETS) float32 TF-IDF, CSR or stored;
    text_scores (n, 3) float32."""

    metadata: ndarray
    text: sp.csr_matrix | StoredTfidf
    text_scores: ndarray

    def matrix(self, inputs: str, rows: slice | ndarray = slice(None)) -> ndarray | sp.csr_matrix:
        """What a model trains on, float32.

        inputs: "metadata" or "metadata+scores" (dense), or "metadata+ngrams" (CSR).
        """
        metadata = np.asarray(self.metadata[rows])
        if inputs == "metadata":
            return metadata
        if inputs == "metadata+scores":
            return np.hstack([metadata, self.text_scores[rows]])
        if inputs == "metadata+ngrams":
            # Both blocks of a row get a length of about 1: linear solvers need many times the
            # iterations otherwise.
            scaled = sp.csr_matrix(metadata / np.float32(np.sqrt(metadata.shape[1])))
            return sp.hstack([scaled, self.text[rows]], format="csr", dtype=np.float32)
        raise ValueError(f"unknown inputs: {inputs}")


@dataclass
class Transformer:
    """Everything fitted on the training rows, as plain numbers.

    settings: {"medians": {column: value}, "buckets": {"major": [...], "minor": [[major, minor]]},
    "metadata_columns": the kept ones, "mean": [...], "scale": [...], "text_columns": 2 * BUCKETS};
    arrays: {"idf": (2 * BUCKETS,), "coef": (3, 2 * BUCKETS), "intercept": (3,)}, float32.
    """

    settings: dict[str, Any]
    arrays: dict[str, ndarray]

    def metadata(self, described: DataFrame) -> ndarray:
        """`describe` output -> (n, k) float32: imputed, bucketed, selected, standardised."""
        encoded = encode(described, self.settings["buckets"]).fillna(self.settings["medians"])
        kept = encoded[self.settings["metadata_columns"]].to_numpy(np.float32)
        return (kept - np.float32(self.settings["mean"])) / np.float32(self.settings["scale"])

    def tfidf(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        """`Texts.ngrams` output -> TF-IDF in the same sparsity, whose rows have length 1.

        Words and characters are scaled to length 1 / sqrt(2) each.
        """
        values = counts.data * self.arrays["idf"][counts.indices]
        rows = counts.shape[0]
        family = 2 * np.repeat(np.arange(rows), np.diff(counts.indptr))
        family += counts.indices >= BUCKETS
        length = np.sqrt(2 * np.bincount(family, values * values, minlength=2 * rows))
        weights = (values / length[family]).astype(np.float32)
        return sp.csr_matrix((weights, counts.indices, counts.indptr), shape=counts.shape)

    def transform(self, reviews: pa.Table) -> Features:
        """Reviews with FEATURE_COLUMNS to their features."""
        metadata, tfidf = [], []
        for described, texts in describe_slices(reviews):
            metadata.append(self.metadata(described))
            tfidf.append(self.tfidf(texts.ngrams()))
        text = sp.vstack(tfidf, format="csr")
        scores = text_scores(text, self.arrays["coef"], self.arrays["intercept"])
        return Features(np.concatenate(metadata), text, scores)

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


def text_scores(tfidf: sp.csr_matrix, coef: ndarray, intercept: ndarray) -> ndarray:
    """(n, 3) float32: linear models `coef` (3, columns), `intercept` (3,) on n rows of TF-IDF."""
    return np.asarray(tfidf @ coef.T + intercept, np.float32)


def features_sha256(data_dir: Path) -> str:
    """Identity of the published features: a model records it and is refused with any other."""
    return hashlib.sha256(require(data_dir, "features/transformer.json").read_bytes()).hexdigest()


def load_features(data_dir: Path) -> tuple[DataFrame, Features]:
    """(rows, features) as 03_features.py published them; large arrays are memory-mapped.

    rows (n): review_id, rating int8, split ("train", "test", "future"), fold int8 (0-4 on train
    rows, else -1), unseen_text bool (see splits), script (see script_of). Stored n-grams are
    checked when they are first read. InputError where other reviews are loaded.
    """
    folder = require(data_dir, "features", contents=False)
    rows = pd.read_parquet(require(data_dir, "features/rows.parquet"))
    if len(rows) != (loaded := read_json(data_dir, "manifest.json")["loaded"]):
        raise InputError(
            f"{folder} describes {len(rows):,} reviews, and {loaded:,} are loaded: run "
            f"`python 03_features.py --data-dir {data_dir}` again"
        )
    metadata = np.load(require(data_dir, "features/metadata.npy"), mmap_mode="r")
    scores = np.load(require(data_dir, "features/text_scores.npy"), mmap_mode="r")
    return rows, Features(metadata, StoredTfidf(folder, published=True), scores)
