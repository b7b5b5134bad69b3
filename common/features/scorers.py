"""Text scorers: linear models of the n-grams, all fitted in one pass, out of fold.

An output is a fit and a threshold: whether a review has 2 stars and more, 3, 4, or 5. Each fit but
the last two leaves a fold of train out; then comes the one of the whole train split, and the final
one, of all rows. A training row's text scores come from the fit that has not seen its fold, those
of all other rows from that of the train split. All goes by files: it is far too large to be sent
to each worker.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.special import expit

from common.compute import compute_each
from common.features.descent import descend
from common.features.ngram_files import StoredNgrams
from common.features.passes import write_blocks
from common.features.reading import RowRange
from common.features.splits import FOLDS
from common.features.transformer import Transformer, text_scores

THRESHOLDS = np.arange(2, 6)
TRAIN, FINAL = FOLDS, FOLDS + 1  # numbers of the fits that leave no fold out
OUTPUTS = (FINAL + 1) * len(THRESHOLDS)
PENALTY = 0.1  # as for `descend`: C = 10


def seen_by(rows: pd.DataFrame) -> ndarray:
    """(n, FINAL + 1) bool: which fits may see which of the rows of `splits.split`."""
    fold, has_text = rows["fold"].to_numpy()[:, None], (rows["split"] != "no_text").to_numpy()
    train = fold >= 0
    return np.hstack([train & (fold != np.arange(FOLDS)), train, has_text[:, None]])


def fit_outputs(outputs: ndarray, staging: Path, columns: int, seed: int) -> ndarray:
    """Fit logistic regressions of some of the OUTPUTS numbers at once: (columns + 1, outputs)
    float32, the weights and, last, the intercepts.

    The intercepts stay what they begin as, the log-odds of the rows seen; an output whose labels
    are all the same is that alone. No output depends on what others are fitted beside it.
    """
    rows = pd.read_parquet(staging / "features/rows.parquet", columns=["rating", "split", "fold"])
    fit, threshold = np.divmod(outputs, len(THRESHOLDS))
    text, seen = StoredNgrams(staging / "features", columns), seen_by(rows)[:, fit]
    labels = rows["rating"].to_numpy()[:, None] >= THRESHOLDS[threshold]
    count, positives = seen.sum(axis=0), (seen & labels).sum(axis=0)
    intercept = np.log((positives + 0.5) / (count - positives + 0.5)).astype(np.float32)
    seen &= (positives > 0) & (positives < count)

    def slopes(batch: ndarray, outputs: ndarray) -> ndarray:
        return (expit(outputs + intercept) - labels[batch]) * seen[batch]

    # Of all rows: what a fit sees, and when, must not depend on the texts of the others.
    shape = columns, len(outputs)
    weights = descend(text.__getitem__, slopes, len(rows), shape, PENALTY, seed)
    return np.vstack([weights, intercept])


def fit_scorers(
    ranges: list[RowRange], staging: Path, transformer: Transformer, seed: int, workers: int
) -> None:
    """Fit all outputs, spread over the workers, and write text_scores.npy.

    The transformer keeps the scorers of the train split and the final ones.
    """
    groups = np.array_split(np.arange(OUTPUTS), min(workers, OUTPUTS))
    columns = len(transformer.arrays["buckets"])
    fitted = np.hstack(
        list(compute_each("text scorers", fit_outputs, groups, staging, staging, columns, seed))
    )
    fits = np.ascontiguousarray(fitted.T).reshape(FINAL + 1, len(THRESHOLDS), columns + 1)
    np.save(staging / "fits.npy", fits)
    for name, number in (("", TRAIN), ("final_", FINAL)):
        transformer.arrays[f"{name}coef"] = fits[number, :, :-1].copy()
        transformer.arrays[f"{name}intercept"] = fits[number, :, -1].copy()
    blocks = compute_each("text scores", score_range, ranges, staging, staging)
    shape = ranges[-1].stop, len(THRESHOLDS)
    write_blocks(staging / "features/text_scores.npy", shape, blocks)


def score_range(rows: RowRange, staging: Path) -> ndarray:
    """A row range's text scores (n, 4), each row's by the fit that has not seen its fold."""
    fits = np.load(staging / "fits.npy")
    fold = pd.read_parquet(staging / "features/rows.parquet", columns=["fold"])["fold"].to_numpy()
    fold = fold[rows.start : rows.stop]
    text = StoredNgrams(staging / "features", fits.shape[2] - 1)[rows.start : rows.stop]
    scores = np.empty((len(fold), len(THRESHOLDS)), np.float32)
    for number in range(FINAL):
        rows_of_fit = np.flatnonzero(np.where(fold < 0, TRAIN, fold) == number)
        fit = fits[number]
        scores[rows_of_fit] = text_scores(text[rows_of_fit], fit[:, :-1], fit[:, -1])
    return scores
