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
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from common.artifacts import InputError, read_json, require

COLUMNS = ["review_text", "review_likes", "author_app_version", "review_timestamp"]  # all that a feature may see
BUCKETS = 2**18  # hashed columns of each n-gram family: words first, then characters
TEXT_SCORES = ["text_five_star", "text_one_star", "text_rating"]
_COMMON = dict(n_features=BUCKETS, alternate_sign=False, norm=None, dtype=np.float32)
FAMILIES = [
    HashingVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b|[^\w\s]", **_COMMON),  # emoji and marks are words
    HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), **_COMMON),
]
# RE2 has no back-references, so a letter or mark three times in a row is spelled out.
REPEATED = "|".join([f"{letter}{{3,}}" for letter in "abcdefghijklmnopqrstuvwxyz"] + [r"!{3,}", r"\?{3,}", r"\.{3,}"])
SCRIPTS = ("Devanagari", "Arabic", "Cyrillic", "Han", "Hangul", "Thai")


def describe(reviews):
    """Metadata of each review before anything is fitted.

    reviews: pyarrow Table with COLUMNS. Returns a DataFrame of float32 columns (NaN where the source is missing); version
    numbers come as version_major and version_minor. Counts enter as log(1 + count), shares per character.
    """
    text = reviews["review_text"]
    chars = pc.utf8_length(text).to_numpy().astype(np.float32)

    def count(pattern, **options):
        return pc.count_substring_regex(text, pattern, **options).to_numpy().astype(np.float32)

    per_char = 1 / np.maximum(chars, 1)
    words = count(r"\S+")
    out = {
        "log_likes": np.log1p(_float(reviews["review_likes"])),
        "log_chars": np.log1p(chars),
        "log_words": np.log1p(words),
        "chars_per_word": chars / np.maximum(words, 1),
        "capital_share": count(r"\p{Lu}") * per_char,
        "digit_share": count(r"\p{Nd}") * per_char,
        "mark_share": count(r"\p{P}") * per_char,
        "log_exclamations": np.log1p(count("!")),
        "log_questions": np.log1p(count(r"\?")),
        "log_emoji": np.log1p(count(r"[\x{2600}-\x{27BF}\x{1F300}-\x{1FAFF}]")),
        "log_repeats": np.log1p(count(REPEATED, ignore_case=True)),
        "log_lines": np.log1p(count("\n")),
        "non_latin_share": np.maximum(count(r"\p{L}") - count(r"\p{Latin}"), 0) * per_char,
        **{f"script_{name.lower()}": count(rf"\p{{{name}}}") * per_char for name in SCRIPTS},
    }
    time = reviews["review_timestamp"]
    out |= {"hour": _float(pc.hour(time)), "weekday": _float(pc.day_of_week(time)), "month": _float(pc.month(time)),
            "year": _float(pc.year(time)), "day_of_month": _float(pc.day(time))}
    version = pc.extract_regex(reviews["author_app_version"], r"^(?P<major>\d{1,4})\.(?P<minor>\d{1,4})")
    for part in ("major", "minor"):
        out[f"version_{part}"] = _float(pc.cast(pc.struct_field(version, part), pa.int32()))
    out["version_missing"] = np.isnan(out["version_major"]).astype(np.float32)
    return pd.DataFrame({name: np.asarray(values, np.float32) for name, values in out.items()})


def _float(column):
    return pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float32)


def count_ngrams(reviews):
    """CSR matrix (n, 2 * BUCKETS) float32 of 1 + log(count) of hashed word 1-2-grams and character 2-4-grams."""
    texts = reviews["review_text"].to_pylist()
    counts = sp.hstack([family.transform(texts) for family in FAMILIES], format="csr", dtype=np.float32)
    counts.data = 1 + np.log(counts.data)
    return counts


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
    """metadata (n, k) float32, standardised; text (n, 2 * BUCKETS) CSR float32 TF-IDF; text_scores (n, 3) float32."""
    metadata: np.ndarray
    text: sp.csr_matrix
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
        """`count_ngrams` output -> TF-IDF in the same sparsity, each family's row scaled to length 1 / sqrt(2)."""
        return weigh(counts, self.arrays["idf"])

    def scores(self, tfidf):
        """(n, 3) float32, TEXT_SCORES: log-odds of five stars, log-odds of one star, rating as the text alone tells it."""
        return np.asarray(tfidf @ self.arrays["coef"].T + self.arrays["intercept"], np.float32)

    def transform(self, reviews):
        """pyarrow Table with COLUMNS -> Features."""
        text = self.tfidf(count_ngrams(reviews))
        return Features(self.metadata(describe(reviews)), text, self.scores(text))

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
        if hashlib.sha256(path.read_bytes()).hexdigest() != settings["sha256"]:
            raise InputError(f"{path} is not the file that 03_features.py wrote: run `python 03_features.py` again")
        return cls(settings, load_file(path))


def weigh(counts, idf):
    """Multiply counts by idf and scale each family's row to length 1 / sqrt(2), so that whole rows have length 1."""
    weighted = sp.csr_matrix((counts.data * idf[counts.indices], counts.indices, counts.indptr), shape=counts.shape)
    families = [normalize(weighted[:, :BUCKETS], copy=False), normalize(weighted[:, BUCKETS:], copy=False)]
    return sp.hstack(families, format="csr", dtype=np.float32) * np.float32(np.sqrt(0.5))


def features_sha256(data_dir):
    """Identity of the published features: a model records it and is refused with any other."""
    return hashlib.sha256(require(data_dir, "features/transformer.json").read_bytes()).hexdigest()


def load_features(data_dir):
    """(rows, Features) as 03_features.py published them; large arrays are memory-mapped.

    rows: DataFrame (n) of review_id, rating int8, split ("train", "test", "future"), fold int8 (0-4 on train rows, else -1),
    unseen_text bool (test rows whose text occurs in no training row).
    """
    folder = require(data_dir, "features")
    rows = pd.read_parquet(folder / "rows.parquet")
    metadata, scores = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("metadata", "text_scores"))
    return rows, Features(metadata, load_text(folder, len(rows)), scores)


def load_text(folder, rows):
    """The TF-IDF matrix (rows, 2 * BUCKETS) of a features folder as CSR over memory-mapped arrays."""
    text = sp.csr_matrix((rows, 2 * BUCKETS), dtype=np.float32)
    text.data, text.indices, text.indptr = (
        np.load(folder / f"text_{name}.npy", mmap_mode="r") for name in ("values", "indices", "indptr"))
    if text.indptr[-1] < 2**31:  # scipy copies the indices to the wider type whenever the two differ
        text.indptr = text.indptr.astype(np.int32)
    return text
