"""The figures by which predictions are judged, the same for every model, and how sure they are."""

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
    root_mean_squared_error,
)

# The scores of each task, the one that ranks first.
SCORES = {
    "five_star": ["accuracy", "auc", "f1_macro", "balanced_accuracy", "log_loss", "ece"],
    "rating": ["rmse", "mae", "qwk", "accuracy"],
}
REPLICATES = 200
BINS = 15
CURVE_POINTS = 200


def five_star_scores(truth, probability, chosen=None):
    """{accuracy, auc, f1_macro, balanced_accuracy, log_loss, ece} of P(five stars), cut at 0.5 unless `chosen` says which.

    truth, chosen: (n,) bool; probability: (n,) float. Figures that need both classes are left out where there is only one.
    """
    chosen = probability > 0.5 if chosen is None else chosen
    scores = {
        "accuracy": accuracy_score(truth, chosen),
        "f1_macro": f1_score(truth, chosen, average="macro", zero_division=0),
        "log_loss": log_loss(truth, probability, labels=[False, True]),
        "ece": expected_calibration_error(truth, probability),
    }
    if 0 < truth.sum() < len(truth):
        scores |= {
            "auc": roc_auc_score(truth, probability),
            "balanced_accuracy": balanced_accuracy_score(truth, chosen),
        }
    return {name: float(value) for name, value in scores.items()}


def expected_calibration_error(truth, probability):
    """Mean distance between predicted and observed share over 15 bins of equal width, weighted by their rows (Guo et al., "On
    Calibration of Modern Neural Networks", ICML 2017)."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    return np.abs(np.bincount(bins, truth - probability, minlength=BINS)).sum() / len(truth)


def curves(truth, probability):
    """{roc, precision_recall, calibration: DataFrame} of P(five stars) where both classes occur, the first two of at most CURVE_POINTS rows.

    roc: false_positive_rate, true_positive_rate, threshold; precision_recall: recall, precision, threshold; calibration: predicted and
    observed (means), reviews, of 15 bins of equal width.
    """

    def thin(**columns):
        table = pd.DataFrame(columns)
        return table.iloc[np.unique(np.linspace(0, len(table) - 1, CURVE_POINTS).astype(int))]

    false_rate, true_rate, cuts = roc_curve(truth, probability)
    precision, recall, at_least = precision_recall_curve(truth, probability)
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    reviews, predicted, observed = (
        np.bincount(bins, weight, minlength=BINS) for weight in (None, probability, truth)
    )
    held = reviews > 0
    return {
        "roc": thin(
            false_positive_rate=false_rate,
            true_positive_rate=true_rate,
            threshold=np.minimum(cuts, 1),
        ),
        "precision_recall": thin(recall=recall[:-1], precision=precision[:-1], threshold=at_least),
        "calibration": pd.DataFrame(
            {
                "predicted": predicted[held] / reviews[held],
                "observed": observed[held] / reviews[held],
                "reviews": reviews[held],
            }
        ),
    }


def rating_scores(truth, predicted):
    """{rmse, mae, qwk, accuracy} of predicted ratings; qwk (quadratic weighted kappa) and accuracy of the rounded ones.

    truth: (n,) int, 1 to 5; predicted: (n,) float.
    """
    rounded = np.clip(np.rint(predicted), 1, 5).astype(int)
    scores = {
        "rmse": root_mean_squared_error(truth, predicted),
        "mae": mean_absolute_error(truth, predicted),
        "accuracy": accuracy_score(truth, rounded),
    }
    if len(np.unique(truth)) > 1:
        scores["qwk"] = cohen_kappa_score(
            truth, rounded, labels=[1, 2, 3, 4, 5], weights="quadratic"
        )
    return {name: float(value) for name, value in scores.items()}


def bootstrap(rating, predicted, task, seed):
    """{score: (REPLICATES,)} of one model over bootstrap replicates: accuracy, auc and f1_macro, or rmse and mae.

    rating: (n,) int, 1 to 5; predicted: (n,) float, P(five stars) or a rating. A replicate weighs each row by a Poisson(1)
    draw (Chamandy et al., "Estimating Uncertainty for Massive Data Streams", Google 2012). Equal seeds draw equal weights, so
    the difference of two models' replicates is a paired one.
    """
    rng, found = np.random.default_rng(seed), []
    if task == "rating":
        error = predicted - rating
        for _ in range(REPLICATES):
            weight = rng.poisson(1, len(rating))
            found.append(
                {
                    "rmse": np.sqrt(np.average(error**2, weights=weight)),
                    "mae": np.average(np.abs(error), weights=weight),
                }
            )
    else:
        truth, cell = rating == 5, (rating == 5) * 2 + (predicted > 0.5)
        order = np.argsort(predicted, kind="stable")
        ties = np.flatnonzero(np.append(True, np.diff(predicted[order]) > 0))
        for _ in range(REPLICATES):
            weight = rng.poisson(1, len(rating))
            (tn, fp), (fn, tp) = np.bincount(cell, weight, minlength=4).reshape(2, 2)
            ones = np.add.reduceat((weight * truth)[order], ties)
            zeros = np.add.reduceat((weight * ~truth)[order], ties)
            below = np.cumsum(zeros) - zeros / 2  # a tie counts half: the Mann-Whitney statistic
            found.append(
                {
                    "accuracy": (tn + tp) / max(weight.sum(), 1),
                    "auc": (ones * below).sum() / max(ones.sum() * zeros.sum(), 1),
                    "f1_macro": (tp / max(tp + (fp + fn) / 2, 1) + tn / max(tn + (fp + fn) / 2, 1))
                    / 2,
                }
            )
    return {name: np.array([replicate[name] for replicate in found]) for name in found[0]}


def interval(replicates):
    """[low, high] of the middle 95% of bootstrap replicates (the percentile interval)."""
    return np.percentile(replicates, [2.5, 97.5]).tolist()
