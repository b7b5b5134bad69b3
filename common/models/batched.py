"""Linear models of the text fitted in batches, where their rows are too many to hold at once."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import sklearn
from numpy import ndarray
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from common.features.descent import descend

LEFT_OUT = 5  # every so-manieth row calibrates a support vector machine that has not seen it
CALIBRATED_ROWS = 100_000  # at most, of these


def fit_in_batches(
    model: BaseEstimator, read: Callable[[ndarray], sp.csr_matrix], y: ndarray, seed: int
) -> BaseEstimator:
    """A logistic regression, or a calibrated SGDClassifier with the hinge loss, fitted on n rows.

    read: row numbers, ascending -> their CSR (batch, columns) float32; y: (n,) 0 or 1.
    """
    n, signs = len(y), 2 * y[:, None] - 1
    is_logistic = isinstance(model, LogisticRegression)
    left_out = np.arange(0, 0 if is_logistic else n, LEFT_OUT)
    seen = np.ones((n, 1 if is_logistic else 2), bool)
    seen[left_out, -1] = False

    def with_intercept(rows: ndarray) -> sp.csr_matrix:
        ones = np.ones((len(rows), 1), np.float32)
        return sp.hstack([read(rows), ones], format="csr", dtype=np.float32)

    def slopes(rows: ndarray, outputs: ndarray) -> ndarray:
        margins = signs[rows] * outputs
        loss = expit(-margins) if is_logistic else margins < 1
        return -signs[rows] * (loss * seen[rows]).astype(np.float32)

    last = model if is_logistic else sklearn.clone(model.estimator)
    penalty = 1 / last.C if is_logistic else last.alpha * n
    shape = with_intercept(left_out[:1]).shape[1], seen.shape[1]
    weights = descend(with_intercept, slopes, n, shape, penalty, seed).T.astype(float)

    def put(number: int) -> None:
        last.coef_, last.intercept_ = weights[[number], :-1], weights[[number], -1]

    # What `fit` sets beside the weights.
    last.fit(with_intercept(np.sort(np.unique(y, return_index=True)[1]))[:, :-1], [0, 1])
    put(-1)
    if is_logistic:
        return last
    some = left_out[:: -(-len(left_out) // CALIBRATED_ROWS)]
    calibrated = CalibratedClassifierCV(FrozenEstimator(last)).fit(read(some), y[some])
    put(0)
    return calibrated
