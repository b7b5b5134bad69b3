"""The blend: a logistic regression of what all classifiers on all features predict, in log-odds."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from common.models.files import logit, write_model
from common.models.fitting import Fitter
from common.models.registry import ModelName
from common.models.search import folds_of
from common.scores import five_star_scores

BLEND = ModelName("blend", "all")


def fit_blend(fitter: Fitter) -> None:
    """Fit the blend on the out-of-fold predictions of a run's searches, save and judge it."""
    data, cards, folder = fitter.data, fitter.judge.cards, fitter.models / str(BLEND)
    parts = [
        name
        for name, card in cards.items()
        if card["task"] == "five_star" and name.features == "all"
    ]
    searches = [fitter.searches[name] for name in parts]
    x = logit(np.column_stack([result.out_of_fold[result.best] for result in searches]))
    y = data.labels("five_star", data.searched)
    out_of_fold = cross_val_predict(
        LogisticRegression(), x, y, cv=folds_of(y, data.seed), method="predict_proba"
    )[:, 1]
    model = LogisticRegression().fit(x, y)
    card = {
        "kind": "blend",
        "task": "five_star",
        "inputs": "models",
        "rows": len(y),
        "validation": {"auc": five_star_scores(y == 1, out_of_fold)["auc"]},
        "params": dict(zip(map(str, parts), model.coef_[0].round(4).tolist())),
        "parts": {str(name): cards[name]["sha256"] for name in parts},
        **write_model(folder, "blend", model),
    }
    predictions = [np.load(fitter.models / str(name) / "predictions.npy") for name in parts]
    odds = logit(np.column_stack(predictions))
    predicted = fitter.predict_held_out(BLEND, lambda rows: model.predict_proba(odds[rows])[:, 1])
    fitter.judge.keep(BLEND, folder, card, predicted)
