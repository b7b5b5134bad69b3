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
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file

from common.store.artifacts import read_json, require
from common.ngram_files import Text
from common.ngrams import BUCKETS, CAPITAL, DIGIT, EMOJI, LATIN, LETTER, MARK, SCRIPTS, Texts

COLUMNS = ["review_text", "review_likes", "author_app_version", "review_timestamp"]  # all that a feature may see
TEXT_SCORES = ["text_five_stars", "text_one_star", "text_three_stars_up"]  # log-odds, as the text alone tells them

SLICE_ROWS = 5_000  # described and counted at a time: small enough for the processor's cache
PIECES, PIECE_ROWS = 32, 50_000  # tasks: enough of them for balance, large enough to hide Dask's overhead


def review_pieces(data_dir):
    """[(parquet path, first row, row count)] over all published reviews in input order: what a task works on."""
    files = [(path, pq.read_metadata(path).num_rows) for path in sorted(require(data_dir, "reviews").glob("*.parquet"))]
    most = min(max(sum(rows for _, rows in files) // PIECES, SLICE_ROWS), PIECE_ROWS)
    pieces = []
    for path, rows in files:
        edges = np.linspace(0, rows, -(-rows // most) + 1).astype(int).tolist()
        pieces += [(path, first, after - first) for first, after in zip(edges, edges[1:])]
    return pieces


def read_piece(piece, columns=COLUMNS):
    """A piece of review_pieces as a pyarrow Table."""
    path, start, rows = piece
    return pq.read_table(path, columns=columns).slice(start, rows).combine_chunks()


def slices(reviews):
    """Zero-copy slices of SLICE_ROWS of a Table, in order; one for an empty Table."""
    return [reviews.slice(start, SLICE_ROWS) for start in range(0, max(len(reviews), 1), SLICE_ROWS)]


def describe(reviews, texts):
    """Metadata of each review before anything is fitted.

    reviews: pyarrow Table with COLUMNS; texts: their Texts. Returns a DataFrame of float32 columns (NaN where the source is
    missing); version numbers come as version_major and version_minor. Counts enter as log(1 + count), shares per character.
    """
    chars = np.diff(texts.start, append=len(texts.code) - 1).astype(np.float32) - 1  # without the space that leads each text
    words, per_char = texts.count_words(), 1 / np.maximum(chars, 1)
    out = {
        "log_likes": np.log1p(_float(reviews["review_likes"])),
        "log_chars": np.log1p(chars),
        "log_words": np.log1p(words),
        "chars_per_word": chars / np.maximum(words, 1),
        "capital_share": texts.count(CAPITAL) * per_char,
        "digit_share": texts.count(DIGIT) * per_char,
        "mark_share": texts.count(MARK) * per_char,
        "log_exclamations": np.log1p(texts.per_text(texts.code == ord("!"))),
        "log_questions": np.log1p(texts.per_text(texts.code == ord("?"))),
        "log_emoji": np.log1p(texts.count(EMOJI)),
        "log_repeats": np.log1p(texts.count_repeats()),
        "log_lines": np.log1p(texts.per_text(texts.code == ord("\n"))),
        "non_latin_share": (texts.count(LETTER) - texts.count(LATIN)) * per_char,
        **{f"script_{name}": texts.count_script(name) * per_char for name in SCRIPTS},
    }
    time = reviews["review_timestamp"]
    out |= {"hour": _float(pc.hour(time)), "weekday": _float(pc.day_of_week(time)), "month": _float(pc.month(time)),
            "year": _float(pc.year(time)), "day_of_month": _float(pc.day(time))}
    version = pc.extract_regex(reviews["author_app_version"], r"^(?P<major>\d{1,4})\.(?P<minor>\d{1,4})")
    for part in ("major", "minor"):
        out[f"version_{part}"] = _float(pc.cast(pc.struct_field(version, part), pa.int32()))
    out["version_missing"] = np.isnan(out["version_major"]).astype(np.float32)
    return pd.DataFrame({name: np.asarray(values, np.float32) for name, values in out.items()})


def script_of(raw):
    """(n,) object: the script that a quarter and more of a text's characters are written in, by `describe` output: one of SCRIPTS,
    "other" for one that is not among them, else "latin", which stands for texts without letters too."""
    shares = raw[[f"script_{name}" for name in SCRIPTS]].to_numpy()
    other = np.where(raw["non_latin_share"] > 0.25, "other", "latin").astype(object)
    return np.where(shares.max(axis=1) > 0.25, np.array(list(SCRIPTS), object)[shares.argmax(axis=1)], other)


def _float(column):
    return pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float32)


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
    """metadata (n, k) float32, standardised; text (n, 2 * BUCKETS) CSR float32 TF-IDF, or a Text that gives it row by row;
    text_scores (n, 3) float32."""
    metadata: np.ndarray
    text: sp.csr_matrix | Text
    text_scores: np.ndarray

    def matrix(self, inputs, rows=slice(None)):
        """What a model trains on: "metadata", "metadata+scores" (dense), or "metadata+ngrams" (CSR), float32."""
        if inputs == "metadata":
            return np.asarray(self.metadata[rows])
        if inputs == "metadata+scores":
            return np.hstack([self.metadata[rows], self.text_scores[rows]])
        if inputs == "metadata+ngrams":
            # Both blocks of a row get a length of about 1: linear solvers need many times the rounds otherwise.
            metadata = sp.csr_matrix(self.metadata[rows] / np.float32(np.sqrt(self.metadata.shape[1])))
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
        """pyarrow Table with COLUMNS -> Features."""
        found = []
        for part in slices(reviews):
            texts = Texts(part["review_text"])
            found.append((self.metadata(describe(part, texts)), self.tfidf(texts.ngrams())))
        text = sp.vstack([text for _, text in found], format="csr")
        return Features(np.concatenate([metadata for metadata, _ in found]), text, self.scores(text))

    def save(self, folder):
        """Write transformer.safetensors and transformer.json (which holds the former's sha256) to `folder`."""
        arrays = Path(folder) / "transformer.safetensors"
        save_file({name: np.ascontiguousarray(a, np.float32) for name, a in self.arrays.items()}, arrays)
        settings = {**self.settings, "sha256": hashlib.sha256(arrays.read_bytes()).hexdigest()}
        (Path(folder) / "transformer.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, data_dir):
        """The transformer that 03_features.py published; InputError when it is missing or was changed since."""
        settings, path = read_json(data_dir, "features/transformer.json"), require(data_dir, "features/transformer.safetensors")
        return cls(settings, load_file(path))


def weigh(counts, idf):
    """Multiply counts by idf and scale each family's row to length 1 / sqrt(2), so that whole rows have length 1."""
    values = counts.data * idf[counts.indices]
    family = 2 * np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr)) + (counts.indices >= BUCKETS)
    length = np.sqrt(2 * np.bincount(family, values * values, minlength=2 * counts.shape[0]))
    return sp.csr_matrix(((values / length[family]).astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


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
    metadata, scores = (np.load(require(data_dir, f"features/{name}.npy"), mmap_mode="r") for name in ("metadata", "text_scores"))
    return rows, Features(metadata, Text(folder, published=True), scores)
