"""Fit the transformer of metadata and n-grams on training rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy import ndarray
from pandas import DataFrame
from sklearn.feature_selection import mutual_info_classif

from common.features.describe import FORM
from common.features.passes import count_sample
from common.features.reading import RowRange
from common.features.splits import FEWEST_TO_FIT
from common.features.transformer import Transformer, encode

KEPT = 30
FIT_ROWS = 200_000  # training rows that give medians, ranges, version buckets and n-grams
FEWEST_TEXTS = 3  # of these that an n-gram must occur in
# Standard deviations: in a script that training saw in one text of ten thousand, the next text must
# not weigh a hundred times what other texts weigh.
FARTHEST = 5
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

    selection: feature, mutual_information, correlation and kept, the most informative first. Kept
    are what varies of the text's form, and of the others the most informative.
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
    is_form = selection.index < FORM
    form = selection[varies & is_form]
    others = selection[varies & ~is_form].nlargest(KEPT - len(form), "mutual_information")
    selection["kept"] = selection.index.isin([*form.index, *others.index])
    kept = encoded[[*form["feature"], *others["feature"]]]
    mean, scale = kept.mean(), kept.std()
    settings = {
        "medians": medians,
        "buckets": buckets,
        "metadata_columns": kept.columns.tolist(),
        "form": len(form),
        "low": kept.min().clip(mean - FARTHEST * scale).tolist(),
        "high": kept.max().clip(upper=mean + FARTHEST * scale).tolist(),
        "mean": mean.tolist(),
        "scale": scale.tolist(),
    }
    return settings, selection.sort_values("mutual_information", ascending=False)


def fit_transformer(
    ranges: list[RowRange], staging: Path, rows: DataFrame, seed: int, workers: int
) -> tuple[Transformer, DataFrame]:
    """(Transformer without text scorers, selection as of `fit_metadata`) from a sample of train."""
    train = np.flatnonzero(rows["fold"] >= 0)
    if not len(train):  # then no model is trained, and nothing judged
        train = np.arange(len(rows))
    sample = np.zeros(len(rows), bool)
    sample[np.random.default_rng(seed).permutation(train)[:FIT_ROWS]] = True
    described, frequency = count_sample(ranges, staging, sample)
    five_star = (rows["rating"] == 5).to_numpy()[sample]
    settings, selection = fit_metadata(described, five_star, seed, workers)
    buckets = np.flatnonzero(frequency >= FEWEST_TEXTS).astype(np.int32)
    settings["text_columns"] = len(buckets)
    return Transformer(settings, {"buckets": buckets}), selection
