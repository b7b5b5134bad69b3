"""Fit the transformer of metadata and n-grams on training rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy import ndarray
from pandas import DataFrame
from sklearn.feature_selection import mutual_info_classif

from common.features.ngrams import BUCKETS
from common.features.reading import RowRange
from common.features.splits import FEWEST_TO_FIT
from common.features.transformer import Transformer, encode

KEPT = 30
FIT_ROWS = 200_000  # training rows that give medians, scales and version buckets
# Mutual information by nearest neighbours is the dear part, and stable from here on.
SELECTION_ROWS = 20_000


def version_buckets(described: DataFrame) -> dict[str, list]:
    """Major versions of 1% and more of the rows, and of at most 20 minor ones those of 0.5%."""
    versions = described[["version_major", "version_minor"]].dropna().astype(int)
    major, minor = versions["version_major"].value_counts(), versions.value_counts()
    frequent = minor.index[minor >= 0.005 * len(described)][:20]
    return {
        "major": sorted(major.index[major >= 0.01 * len(described)].tolist()),
        "minor": sorted([int(a), int(b)] for a, b in frequent),
    }


def fit_metadata(
    described: DataFrame, five_star: ndarray, seed: int, workers: int
) -> tuple[dict[str, Any], DataFrame]:
    """(settings of a Transformer, selection) from training rows and their labels (bool).

    selection: feature, mutual_information, correlation and kept, the most informative first.
    """
    buckets = version_buckets(described)
    medians = described.median().fillna(0).astype(float).to_dict()
    encoded = encode(described, buckets).fillna(medians)
    sample = np.random.default_rng(seed).permutation(len(encoded))[:SELECTION_ROWS]
    # Neighbours are looked for within each class; of a few rows no model is trained either.
    few = np.bincount(five_star[sample], minlength=2).min() < FEWEST_TO_FIT
    with parallel_config(backend="threading"):  # its neighbour searches release Python's lock
        information = (
            0.0
            if few
            else mutual_info_classif(
                encoded.iloc[sample],
                five_star[sample],
                discrete_features=encoded.isin([0, 1]).all().to_numpy(),
                random_state=seed,
                n_jobs=workers,
            )
        )
    selection = DataFrame({"feature": encoded.columns, "mutual_information": information})
    selection["correlation"] = encoded.corrwith(pd.Series(five_star)).to_numpy()
    varies = encoded.std().to_numpy() > 0
    best = selection[varies].nlargest(KEPT, "mutual_information")
    selection["kept"] = selection.index.isin(best.index)
    kept = encoded[encoded.columns[selection["kept"]].tolist()]
    settings = {
        "medians": medians,
        "buckets": buckets,
        "metadata_columns": kept.columns.tolist(),
        "text_columns": 2 * BUCKETS,
        "mean": kept.mean().tolist(),
        "scale": kept.std().tolist(),
    }
    return settings, selection.sort_values("mutual_information", ascending=False)


def fit_transformer(
    ranges: list[RowRange],
    staging: Path,
    rows: DataFrame,
    document_frequency: ndarray,
    seed: int,
    workers: int,
) -> tuple[Transformer, DataFrame]:
    """(Transformer without text scorers, selection as of `fit_metadata`) from counted reviews."""
    train = np.flatnonzero(rows["fold"] >= 0)
    if not len(train):  # then no model is trained, and nothing judged
        train = np.arange(len(rows))
    fitted = np.zeros(len(rows), bool)
    fitted[np.random.default_rng(seed).permutation(train)[:FIT_ROWS]] = True
    described = pd.concat(
        [
            pd.read_feather(staging / f"raw-{start}.feather")[fitted[start:stop]]
            for _, _, start, stop in ranges
        ],
        ignore_index=True,
    )
    five_star = (rows["rating"] == 5).to_numpy()[fitted]
    settings, selection = fit_metadata(described, five_star, seed, workers)
    idf = np.log((1 + len(train)) / (1 + document_frequency)) + 1
    return Transformer(settings, {"idf": idf.astype(np.float32)}), selection
