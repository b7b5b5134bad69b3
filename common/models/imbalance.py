"""What to do about class imbalance, measured: nothing, class weights, SMOTE, or another threshold.

SMOTE (Chawla et al., Journal of Artificial Intelligence Research 16, 2002) makes rows inside the
training folds only.
"""

from collections.abc import Callable

import numpy as np
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from numpy import ndarray
from sklearn.base import BaseEstimator
from sklearn.model_selection import TunedThresholdClassifierCV, cross_validate

from common.models.search import folds_of
from common.scores import Scores, five_star_scores


def compare_imbalance(
    model: BaseEstimator, x: ndarray, y: ndarray, seed: int, workers: int, optional: Callable
) -> dict[str, Scores]:
    """{way: five_star_scores} of a classifier, each row judged by a fit on other folds.

    x: (n, k) dense; y: (n,) 0 or 1; optional: `Metrics.optional`. Ways: none, class_weights, smote,
    threshold (tuned for macro-F1 by cross-validation inside the training folds); one that fails is
    left out.
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
    folds, scores = folds_of(y, seed), {}
    for way, estimator in ways.items():
        with optional(f"class imbalance by {way}"):
            fitted = cross_validate(
                estimator,
                x,
                y,
                cv=folds,
                n_jobs=workers,
                return_estimator=True,
                error_score="raise",
            )
            probability, decision = np.empty(len(y)), np.empty(len(y), bool)
            for fold_model, (_, validation) in zip(fitted["estimator"], folds):
                probability[validation] = fold_model.predict_proba(x[validation])[:, 1]
                decision[validation] = fold_model.predict(x[validation]) == 1
            scores[way] = five_star_scores(y == 1, probability, decision)
    return scores
