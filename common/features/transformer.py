"""Reviews to features: the same code for training and for live prediction.

A review's features come from its text, likes, app version and time, never from its rating, its reply or other rows'
labels. What is fitted (medians, version buckets, selection, scaling, document frequencies, text scorers) is fitted on
training rows by 03_features.py and saved with `Transformer.save`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file

from common.features.describe import describe
from common.features.ngram_files import StoredTfidf
from common.features.ngrams import BUCKETS, Texts
from common.features.reading import slices
from common.store import read_json, require

TEXT_SCORES = [
    "text_five_stars",
    "text_one_star",
    "text_three_stars_up",
]  # log-odds, as the text alone tells them


def encode(raw, buckets):
    """`describe` output plus one-hot version buckets: "version=8.116" for each pair in `buckets["minor"]`, "version=8" for
    each major in `buckets["major"]`, "version=other" for versions outside the major buckets. Same rows, float32."""
    major, minor = raw["version_major"].to_numpy(), raw["version_minor"].to_numpy()
    out = {f"version={m}": major == m for m in buckets["major"]}
    out["version=other"] = ~np.isnan(major) & ~np.isin(major, buckets["major"])
    out |= {f"version={a}.{b}": (major == a) & (minor == b) for a, b in buckets["minor"]}
    return pd.concat([raw, pd.DataFrame(out, index=raw.index).astype(np.float32)], axis=1)


@dataclass
class Features:
    """metadata (n, k) float32, standardised; text (n, 2 * BUCKETS) CSR float32 TF-IDF, or a StoredTfidf that gives it row by row;
    text_scores (n, 3) float32."""

    metadata: np.ndarray
    text: sp.csr_matrix | StoredTfidf
    text_scores: np.ndarray

    def matrix(self, inputs, rows=slice(None)):
        """What a model trains on: "metadata", "metadata+scores" (dense), or "metadata+ngrams" (CSR), float32."""
        if inputs == "metadata":
            return np.asarray(self.metadata[rows])
        if inputs == "metadata+scores":
            return np.hstack([self.metadata[rows], self.text_scores[rows]])
        if inputs == "metadata+ngrams":
            # Both blocks of a row get a length of about 1: linear solvers need many times the rounds otherwise.
            metadata = sp.csr_matrix(
                self.metadata[rows] / np.float32(np.sqrt(self.metadata.shape[1]))
            )
            return sp.hstack([metadata, self.text[rows]], format="csr", dtype=np.float32)
        raise ValueError(f"unknown inputs: {inputs}")


class Transformer:
    """Everything fitted on the training rows, as plain numbers.

    settings: {"medians": {column: value}, "buckets": {"major": [...], "minor": [[major, minor], ...]},
    "metadata_columns": the kept ones, "mean": [...], "scale": [...], "text_columns": 2 * BUCKETS};
    arrays: {"idf": (2 * BUCKETS,), "coef": (3, 2 * BUCKETS), "intercept": (3,)}, float32.
    """

    def __init__(self, settings, arrays):
        self.settings, self.arrays = settings, arrays

    def metadata(self, raw):
        """`describe` output -> (n, k) float32: imputed, bucketed, selected, standardised."""
        known = encode(raw, self.settings["buckets"]).fillna(self.settings["medians"])
        kept = known[self.settings["metadata_columns"]].to_numpy(np.float32)
        return (kept - np.float32(self.settings["mean"])) / np.float32(self.settings["scale"])

    def tfidf(self, counts):
        """`Texts.ngrams` output -> TF-IDF in the same sparsity, each family's row scaled to length 1 / sqrt(2)."""
        return weigh(counts, self.arrays["idf"])

    def scores(self, tfidf):
        """(n, 3) float32, TEXT_SCORES."""
        return text_scores(tfidf, self.arrays["coef"], self.arrays["intercept"])

    def transform(self, reviews):
        """pyarrow Table with FEATURE_COLUMNS -> Features."""
        found = []
        for part in slices(reviews):
            texts = Texts(part["review_text"])
            found.append((self.metadata(describe(part, texts)), self.tfidf(texts.ngrams())))
        text = sp.vstack([text for _, text in found], format="csr")
        return Features(
            np.concatenate([metadata for metadata, _ in found]), text, self.scores(text)
        )

    def save(self, folder):
        """Write transformer.safetensors and transformer.json (which holds the former's sha256) to `folder`."""
        arrays = Path(folder) / "transformer.safetensors"
        save_file(
            {name: np.ascontiguousarray(a, np.float32) for name, a in self.arrays.items()}, arrays
        )
        settings = {**self.settings, "sha256": hashlib.sha256(arrays.read_bytes()).hexdigest()}
        (Path(folder) / "transformer.json").write_text(
            json.dumps(settings, indent=1), encoding="utf-8"
        )

    @classmethod
    def load(cls, data_dir):
        """The transformer that 03_features.py published; InputError when it is missing or was changed since."""
        settings, path = (
            read_json(data_dir, "features/transformer.json"),
            require(data_dir, "features/transformer.safetensors"),
        )
        return cls(settings, load_file(path))


def weigh(counts, idf):
    """Multiply counts by idf and scale each family's row to length 1 / sqrt(2), so that whole rows have length 1."""
    values = counts.data * idf[counts.indices]
    family = 2 * np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr)) + (
        counts.indices >= BUCKETS
    )
    length = np.sqrt(2 * np.bincount(family, values * values, minlength=2 * counts.shape[0]))
    return sp.csr_matrix(
        ((values / length[family]).astype(np.float32), counts.indices, counts.indptr),
        shape=counts.shape,
    )


def text_scores(tfidf, coef, intercept):
    """(n, 3) float32: the linear models `coef` (3, columns) and `intercept` (3,) on n rows of TF-IDF."""
    return np.asarray(tfidf @ coef.T + intercept, np.float32)


def features_sha256(data_dir):
    """Identity of the published features: a model records it and is refused with any other."""
    return hashlib.sha256(require(data_dir, "features/transformer.json").read_bytes()).hexdigest()


def load_features(data_dir):
    """(rows, Features) as 03_features.py published them; large arrays are memory-mapped, and n-grams checked when they are first read.

    rows: DataFrame (n) of review_id, rating int8, split ("train", "test", "future"), fold int8 (0-4 on train rows, else -1),
    unseen_text bool (test rows whose text occurs in no training row), script (see script_of).
    """
    folder = require(data_dir, "features", contents=False)
    rows = pd.read_parquet(require(data_dir, "features/rows.parquet"))
    metadata, scores = (
        np.load(require(data_dir, f"features/{name}.npy"), mmap_mode="r")
        for name in ("metadata", "text_scores")
    )
    return rows, Features(metadata, StoredTfidf(folder, published=True), scores)
