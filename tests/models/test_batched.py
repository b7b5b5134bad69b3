"""Linear models in batches: the weights that scikit-learn finds with all rows at hand."""

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score

from common.features import descent
from common.models.batched import fit_in_batches
from common.models.files import TRUSTED, write_model
from common.models.registry import candidates

PARAMETERS = {
    "logistic_regression": {"C": 1.0},
    "linear_svm": {"estimator__alpha": 1e-4},
}


@pytest.fixture(scope="module")
def texts():
    """(CSR (60,000, 300) of sparse columns, labels) drawn from a logistic model, 38% positive."""
    rng = np.random.default_rng(3)
    x = sp.random(60_000, 300, 0.05, "csr", np.float32, rng, lambda n: np.ones(n, np.float32))
    x /= 4
    truth = expit(x @ rng.normal(0, 1.5, 300) - 0.6)
    return x, (rng.random(len(truth)) < truth).astype(int)


@pytest.mark.parametrize("name", PARAMETERS)
def test_in_batches_is_as_good_as_with_all_rows(texts, name, tmp_path):
    x, y = texts
    train, test = np.arange(50_000), np.arange(50_000, 60_000)
    model = clone(candidates(42)[name].estimator).set_params(**PARAMETERS[name])
    batched = fit_in_batches(model, x[train].__getitem__, y[train], 42)
    whole = clone(model).fit(x[train], y[train])
    predicted = [fitted.predict_proba(x[test])[:, 1] for fitted in (batched, whole)]
    auc, loss = ([score(y[test], p) for p in predicted] for score in (roc_auc_score, log_loss))
    assert auc[0] == pytest.approx(auc[1], abs=0.004)
    assert loss[0] == pytest.approx(loss[1], abs=0.006)
    assert np.corrcoef(predicted)[0, 1] > 0.99
    write_model(tmp_path, "sklearn", batched)
    loaded = skops.io.load(tmp_path / "model.skops", trusted=TRUSTED)
    np.testing.assert_array_equal(loaded.predict_proba(x[test])[:, 1], predicted[0])


def test_calibration_sees_no_row_that_its_fit_has_seen(texts):
    """Labels of noise on columns of one row each: a calibration on rows that were fitted would take
    the memory of them for certainty."""
    rng = np.random.default_rng(5)
    x, y = sp.identity(2_000, np.float32, "csr"), rng.integers(0, 2, 2_000)
    model = clone(candidates(42)["linear_svm"].estimator).set_params(estimator__alpha=1e-5)
    fitted = fit_in_batches(model, x.__getitem__, y, 42)
    assert np.abs(fitted.predict_proba(x)[:, 1] - 0.5).max() < 0.1


def test_no_more_rows_are_read_at_once_than_a_batch(texts):
    x, y = texts
    sizes = []

    def read(rows):
        sizes.append(len(rows))
        assert (np.diff(rows) > 0).all()
        return x[rows]

    fit_in_batches(candidates(42)["logistic_regression"].estimator, read, y, 42)
    assert max(sizes) <= len(y) // descent.BATCHES
    assert sum(sizes) > len(y) * descent.FEWEST_EPOCHS
