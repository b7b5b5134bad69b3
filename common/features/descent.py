"""Linear models fitted in batches: any number of rows, in the memory of one batch of them."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy import ndarray

# Chosen on folds and on the newest part of train: an epoch more, or a tenth of the penalty, changes
# the third decimal of the AUC.
RATE = 0.2
BATCHES, FEWEST_ROWS, MOST_ROWS = 100, 512, 8192  # batches an epoch where their rows allow
EPOCHS_ROWS, FEWEST_EPOCHS, MOST_EPOCHS = 2_000_000, 2, 10  # rows of all epochs where these allow


def descend(
    read: Callable[[ndarray], sp.csr_matrix],
    slopes: Callable[[ndarray, ndarray], ndarray],
    rows: int,
    shape: tuple[int, int],
    penalty: float,
    seed: int,
) -> ndarray:
    """Weights (columns, outputs) float32 of so many rows, by AdaGrad with a rate that falls to 0.

    read: row numbers, ascending -> their CSR (batch, columns) float32; slopes: (row numbers, what
    the weights give for them) -> the derivatives of their losses, both (batch, outputs); penalty:
    of half the squared weights, against the summed losses. No output depends on those beside it.
    Duchi, Hazan and Singer, JMLR 12, 2011.
    """
    weights = np.zeros(shape, np.float32)
    squares = np.full_like(weights, 1e-8)
    batches = -(-rows // int(np.clip(rows // BATCHES, FEWEST_ROWS, MOST_ROWS)))
    epochs = int(np.clip(EPOCHS_ROWS // rows, FEWEST_EPOCHS, MOST_EPOCHS))
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        shuffled = rng.permutation(rows)
        for number in range(batches):
            batch = np.sort(shuffled[number::batches])
            x = read(batch)
            gradient = x.T @ slopes(batch, x @ weights)
            gradient += penalty / batches * weights
            squares += gradient * gradient
            gradient /= np.sqrt(squares)
            gradient *= RATE * (1 - (epoch + number / batches) / epochs)
            weights -= gradient
    return weights
