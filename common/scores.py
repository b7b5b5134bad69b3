"""The figures by which predictions are judged, the same for every model."""
import numpy as np
from sklearn.metrics import (accuracy_score, balanced_accuracy_score, cohen_kappa_score, f1_score, log_loss, mean_absolute_error,
                             root_mean_squared_error, roc_auc_score)


def five_star_scores(truth, probability):
    """{accuracy, auc, f1_macro, balanced_accuracy, log_loss} of P(five stars), cut at 0.5.

    truth: (n,) bool; probability: (n,) float. Figures that need both classes are left out where there is only one.
    """
    chosen = probability > 0.5
    scores = {"accuracy": accuracy_score(truth, chosen), "f1_macro": f1_score(truth, chosen, average="macro", zero_division=0),
              "log_loss": log_loss(truth, probability, labels=[False, True])}
    if 0 < truth.sum() < len(truth):
        scores |= {"auc": roc_auc_score(truth, probability), "balanced_accuracy": balanced_accuracy_score(truth, chosen)}
    return {name: float(value) for name, value in scores.items()}


def rating_scores(truth, predicted):
    """{rmse, mae, qwk, accuracy} of predicted ratings; qwk (quadratic weighted kappa) and accuracy of the rounded ones.

    truth: (n,) int, 1 to 5; predicted: (n,) float.
    """
    rounded = np.clip(np.rint(predicted), 1, 5).astype(int)
    scores = {"rmse": root_mean_squared_error(truth, predicted), "mae": mean_absolute_error(truth, predicted),
              "accuracy": accuracy_score(truth, rounded)}
    if len(np.unique(truth)) > 1:
        scores["qwk"] = cohen_kappa_score(truth, rounded, labels=[1, 2, 3, 4, 5], weights="quadratic")
    return {name: float(value) for name, value in scores.items()}


def parts(rows):
    """{split name: boolean mask} over the rows of load_features: test, future, and the unseen_text part of test."""
    masks = {"test": rows["split"] == "test", "future": rows["split"] == "future", "unseen_text": rows["unseen_text"]}
    return {name: mask.to_numpy() for name, mask in masks.items() if mask.any()}
