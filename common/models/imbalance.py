"""What to do about class imbalance, measured: nothing, class weights, SMOTE, or another threshold.

SMOTE (Chawla et al., Journal of Artificial Intelligence Research 16, 2002) makes rows inside the
training folds only.
"""

import numpy as np
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.model_selection import TunedThresholdClassifierCV

from common.models.search import Folds, folds_of
from common.scores import five_star_scores


def compare_imbalance(
    model: BaseEstimator, x: np.ndarray, y: np.ndarray, seed: int, workers: int
) -> dict[str, dict[str, float]]:
    """{way: five_star_scores} of a classifier, each row judged by a fit on other folds.

    x: (n, k) dense; y: (n,) 0 or 1. Ways: none, class_weights, smote, threshold (tuned for macro-F1
    by cross-validation inside the training folds).
    """
    # XGBoost has no class_weight.
    weights = {"scale_pos_weight": (y == 0).sum() / (y == 1).sum()}
    for name in model.get_params():
        if name.endswith("class_weight"):
            weights = {name: "balanced"}
    ways = {
        "none": model,
        "class_weights": sklearn.clone(model).set_params(**weights),
        "smote": make_pipeline(SMOTE(random_state=seed), model),
        "threshold": TunedThresholdClassifierCV(model, scoring="f1_macro", cv=3, random_state=seed),
    }
    folds = folds_of(y, seed)
    scores = Parallel(workers)(delayed(_score)(way, x, y, folds) for way in ways.values())
    return dict(zip(ways, scores))


def _score(model: BaseEstimator, x: np.ndarray, y: np.ndarray, folds: Folds) -> dict[str, float]:
    probability, decision = np.empty(len(y)), np.empty(len(y), bool)
    for train, validation in folds:
        fitted = sklearn.clone(model).fit(x[train], y[train])
        probability[validation] = fitted.predict_proba(x[validation])[:, 1]
        decision[validation] = fitted.predict(x[validation]) == 1
    return five_star_scores(y == 1, probability, decision)
