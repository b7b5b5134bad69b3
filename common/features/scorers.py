"""Text scorers: linear models of the n-grams, fitted out of fold.

A training row's text scores come from scorers that have not seen its fold; those of all other rows
come from scorers of the whole train split. All goes by files: it is far too large to be sent to
each worker.
"""

from pathlib import Path

import dask
import numpy as np
import pandas as pd
from numpy import ndarray
from sklearn.linear_model import SGDClassifier

from common.compute import compute, compute_each
from common.features.ngram_files import StoredTfidf, write_indptr
from common.features.passes import write_blocks
from common.features.reading import RowRange
from common.features.splits import FOLDS
from common.features.transformer import Transformer, text_scores

SAMPLE_ROWS = 1_000_000  # training rows that scorers are fitted on, in memory
EPOCHS = 5
# The folds that scorers leave out; the last ones leave out nothing. Fold -1 picks these, too.
LEFT_OUT = [*range(FOLDS), -1]


def draw_sample(rows: pd.DataFrame, sizes: ndarray, staging: Path, seed: int) -> None:
    """Write the training rows to fit scorers on, ascending, to sample.npy.

    sizes: the number of n-grams of each row. What the scorers need of these rows goes to sample/.
    """
    sample = np.flatnonzero(rows["fold"] >= 0)
    if len(sample) > SAMPLE_ROWS:
        rng = np.random.default_rng(seed)
        sample = np.sort(rng.choice(sample, SAMPLE_ROWS, replace=False))
    np.save(staging / "sample.npy", sample)
    write_indptr(staging / "sample", sizes[sample])
    rows.loc[sample, ["rating", "fold"]].to_parquet(staging / "sample/rows.parquet")


def fit_scorers(folder: Path, left_out: int) -> None:
    """Fit linear models of five stars, of one, and of three and more, without the rows of a fold.

    Writes scorers<left_out>.npz: coef (3, columns) and intercept (3,), zero where all labels are
    the same.
    """
    sample = pd.read_parquet(folder / "rows.parquet")
    rows = np.flatnonzero(sample["fold"] != left_out)
    text, rating = StoredTfidf(folder)[rows], sample["rating"].to_numpy()[rows]
    labels = [rating == 5, rating == 1, rating >= 3]
    coef = np.zeros((len(labels), text.shape[1]), np.float32)
    intercept = np.zeros(len(labels), np.float32)
    for i, label in enumerate(labels):
        if label.any() and not label.all():
            # Averaged stochastic gradient descent: a fifth of liblinear's time, and no copy in
            # double precision.
            model = SGDClassifier(
                loss="log_loss",
                alpha=1 / (3 * len(rows)),
                max_iter=EPOCHS,
                tol=None,
                average=True,
                random_state=0,
            ).fit(text, label)
            coef[i], intercept[i] = model.coef_[0], model.intercept_[0]
    np.savez(folder / f"scorers{left_out}.npz", coef=coef, intercept=intercept)


def fit_all_scorers(folder: Path) -> None:
    """`fit_scorers` for each of LEFT_OUT."""
    compute([dask.delayed(fit_scorers)(folder, left_out) for left_out in LEFT_OUT], "text scorers")


def score_range(rows: RowRange, staging: Path) -> ndarray:
    """A row range's text scores (n, 3), each row's by the scorers that have not seen its fold."""
    fold = np.load(staging / "fold.npy", mmap_mode="r")[rows.start : rows.stop]
    text = StoredTfidf(staging / "features")[rows.start : rows.stop]
    by_fold = np.stack(
        [
            text_scores(text, **np.load(staging / f"sample/scorers{left_out}.npz"))
            for left_out in LEFT_OUT
        ]
    )
    return by_fold[fold, np.arange(len(fold))]


def add_text_scores(ranges: list[RowRange], staging: Path, transformer: Transformer) -> None:
    """Write text_scores.npy; the transformer keeps the scorers of the whole train split."""
    transformer.arrays |= np.load(staging / f"sample/scorers{LEFT_OUT[-1]}.npz")
    blocks = compute_each("text scores", score_range, ranges, staging, staging)
    shape = ranges[-1].stop, len(transformer.arrays["coef"])
    write_blocks(staging / "features/text_scores.npy", shape, blocks)
