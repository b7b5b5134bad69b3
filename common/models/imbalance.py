"""What to do about unequal classes, measured: nothing, class weights, SMOTE, or another threshold.

SMOTE (Chawla et al., Journal of Artificial Intelligence Research 16, 2002) makes rows inside the training folds only.
"""

import numpy as np
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from joblib import Parallel, delayed
from sklearn.model_selection import TunedThresholdClassifierCV

from common.models.search import folds_of
from common.scores import five_star_scores


def compare_imbalance(model, x, y, seed, workers):
    """{way: five_star_scores} of a classifier on (n, k) dense rows with labels y (0 or 1), each row judged by a fit on other folds.

    Ways: none, class_weights, smote, threshold (tuned for macro-F1 by cross-validation inside the training folds).
    """
    known = [name for name in model.get_params() if name.endswith("class_weight")]
    weights = (
        {known[0]: "balanced"} if known else {"scale_pos_weight": (y == 0).sum() / (y == 1).sum()}
    )
    ways = {
        "none": model,
        "class_weights": sklearn.clone(model).set_params(**weights),
        "smote": make_pipeline(SMOTE(random_state=seed), model),
        "threshold": TunedThresholdClassifierCV(model, scoring="f1_macro", cv=3, random_state=seed),
    }
    folds = folds_of(y, seed)
    found = Parallel(workers)(delayed(_fit_folds)(way, x, y, folds) for way in ways.values())
    return {
        name: five_star_scores(y == 1, probability, chosen)
        for name, (probability, chosen) in zip(ways, found)
    }


def _fit_folds(model, x, y, folds):
    """(probability, decision) (n,) of each row by a model that was not fitted on its fold."""
    probability, chosen = np.empty(len(y)), np.empty(len(y), bool)
    for train, other in folds:
        fitted = sklearn.clone(model).fit(x[train], y[train])
        probability[other], chosen[other] = (
            fitted.predict_proba(x[other])[:, 1],
            fitted.predict(x[other]) == 1,
        )
    return probability, chosen
