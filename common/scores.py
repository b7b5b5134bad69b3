"""The figures by which predictions are judged, the same for every model, and how sure they are.

sklearn and scipy are imported where they compute: most modules want the names of SCORES alone.
"""

from typing import Any

import numpy as np
from numpy import ndarray
from pandas import DataFrame, Series

Scores = dict[str, float]  # {name: value}
# The scores of each task, the one that ranks first.
SCORES = {
    "five_star": ["accuracy", "auc", "f1_macro", "balanced_accuracy", "log_loss", "ece"],
    "rating": ["rmse", "mae", "qwk", "accuracy"],
}
Z = 1.96  # of a 95% interval
CALIBRATION_BINS = 15  # of equal width
CURVE_POINTS = 200
LEAST_SHARE = 1e-4  # of a bin, in the stability index


def five_star_scores(
    truth: ndarray, probability: ndarray, decision: ndarray | None = None
) -> Scores:
    """{accuracy, auc, f1_macro, balanced_accuracy, log_loss, ece} of P(five stars).

    truth, decision (default: probability above 0.5): (n,) bool; probability: (n,) float. Figures
    that need both classes are left out where there is only one.
    """
    from sklearn import metrics

    decision = probability > 0.5 if decision is None else decision
    scores = {
        "accuracy": metrics.accuracy_score(truth, decision),
        "f1_macro": metrics.f1_score(truth, decision, average="macro"),
        "log_loss": metrics.log_loss(truth, probability, labels=[False, True]),
        "ece": expected_calibration_error(truth, probability),
    }
    if 0 < truth.sum() < len(truth):
        scores["auc"] = metrics.roc_auc_score(truth, probability)
        scores["balanced_accuracy"] = metrics.balanced_accuracy_score(truth, decision)
    return {name: float(value) for name, value in scores.items()}


def calibration_bin(probability: ndarray) -> ndarray:
    """(n,) int: the bin of each probability."""
    return np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)


def expected_calibration_error(truth: ndarray, probability: ndarray) -> float:
    """Mean distance between predicted and observed share over bins, weighted by their rows.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    excess = np.bincount(calibration_bin(probability), truth - probability)
    return np.abs(excess).sum() / len(truth)


def stability_index(expected: ndarray, actual: ndarray, bins: int = 10) -> float:
    """Population stability index of two samples of a number: the sum over `bins` quantiles of the
    expected one of (a - e) * ln(a / e), of shares, each LEAST_SHARE at least."""
    edges = np.unique(np.quantile(expected, np.arange(1, bins) / bins))
    e, a = (
        np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) / len(values)
        for values in (expected, actual)
    )
    e, a = e.clip(LEAST_SHARE), a.clip(LEAST_SHARE)
    return float(((a - e) * np.log(a / e)).sum())


def curves(truth: ndarray, probability: ndarray) -> dict[str, DataFrame]:
    """Curves of P(five stars) where both classes occur.

    roc: false_positive_rate, true_positive_rate, threshold; precision_recall: recall, precision,
    threshold, both of at most CURVE_POINTS rows; calibration: predicted and observed (means) and
    reviews of each bin that has some.
    """

    from sklearn import metrics

    def thin(**columns: ndarray) -> DataFrame:
        table = DataFrame(columns)
        return table.iloc[np.unique(np.linspace(0, len(table) - 1, CURVE_POINTS).astype(int))]

    false_rate, true_rate, cuts = metrics.roc_curve(truth, probability)
    precision, recall, at_least = metrics.precision_recall_curve(truth, probability)
    bins = DataFrame({"predicted": probability, "observed": truth.astype(float)}).groupby(
        calibration_bin(probability)
    )
    return {
        "roc": thin(
            false_positive_rate=false_rate,
            true_positive_rate=true_rate,
            threshold=np.minimum(cuts, 1),
        ),
        "precision_recall": thin(recall=recall[:-1], precision=precision[:-1], threshold=at_least),
        "calibration": bins.mean().assign(reviews=bins.size()).reset_index(drop=True),
    }


def rating_scores(truth: ndarray, predicted: ndarray) -> Scores:
    """{rmse, mae, qwk, accuracy} of predicted ratings.

    qwk (quadratic weighted kappa) and accuracy are of the rounded ones. truth: (n,) int, 1 to 5;
    predicted: (n,) float.
    """
    from sklearn import metrics

    rounded = np.clip(np.rint(predicted), 1, 5).astype(int)
    scores = {
        "rmse": metrics.root_mean_squared_error(truth, predicted),
        "mae": metrics.mean_absolute_error(truth, predicted),
        "accuracy": metrics.accuracy_score(truth, rounded),
    }
    if len(np.unique(truth)) > 1:
        scores["qwk"] = metrics.cohen_kappa_score(
            truth, rounded, labels=[1, 2, 3, 4, 5], weights="quadratic"
        )
    return {name: float(value) for name, value in scores.items()}


def influence(rating: ndarray, predicted: ndarray, task: str) -> DataFrame:
    """What each row adds to accuracy, auc and f1_macro, or to rmse and mae, around their values.

    rating: (n,) int, 1 to 5; predicted: (n,) float, P(five stars) or a rating. Columns have mean 0,
    and the mean of their squares over n is the score's variance (the infinitesimal jackknife: Efron
    and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 22; for auc: DeLong et al.,
    Biometrics 44, 1988). Scores that need both classes are left out where there is one.
    """
    predicted = predicted.astype(float)
    if task == "rating":
        error = predicted - rating
        rmse = np.sqrt(np.mean(error**2))
        columns = {"rmse": error**2 / (rmse or 1) / 2, "mae": np.abs(error)}
        return DataFrame(columns).transform(lambda column: column - column.mean())
    truth, n = rating == 5, len(rating)
    columns = {"accuracy": (truth == (predicted > 0.5)).astype(float)}
    if 0 < truth.sum() < n:
        ranks = Series(predicted).rank()
        other = (ranks - ranks.groupby(truth).rank()).to_numpy(
            copy=True
        )  # of the other class, below
        other[~truth] = truth.sum() - other[~truth]  # above
        share = np.where(truth, truth.mean(), 1 - truth.mean())  # of the row's own class
        won = other / (n * (1 - share))
        columns["auc"] = (won - won[truth].mean()) / share
        confusion = truth * 2 + (predicted > 0.5)  # 0 to 3: tn, fp, fn, tp
        tn, fp, fn, tp = np.bincount(confusion, minlength=4) / n
        wrong, gradient = (fp + fn) / 2, np.zeros(4)
        for right, place in ((tn, 0), (tp, 3)):
            square = 2 * (right + wrong) ** 2
            gradient[place] = wrong / square
            gradient[1:3] -= right / square / 2
        columns["f1_macro"] = gradient[confusion]
    return DataFrame(columns).transform(lambda column: column - column.mean())


def wilson(share: Any, number: Any) -> tuple[Any, Any]:
    """The 95% score intervals (Wilson 1927) of shares of so many rows: lower and upper ends."""
    centre = (share + Z**2 / (2 * number)) / (1 + Z**2 / number)
    half = Z * np.sqrt(share * (1 - share) / number + Z**2 / (4 * number**2))
    half = half / (1 + Z**2 / number)
    return centre - half, centre + half


def intervals(scores: Scores, rows: DataFrame, rating: ndarray) -> dict[str, list[float]]:
    """{score: [low, high]}: 95% intervals of scores from `influence` of the rows with `rating`.

    Shares (accuracy, auc, f1_macro): Wilson's score interval for as many independent rows as give
    the variance, at most as many as the smaller class allows (4 * n1 * n0 / n but for accuracy), so
    that a perfect score of few rows is not taken for certain. rmse and mae: Student's t on their
    logarithms. None of fewer than two rows.
    """
    from scipy.special import stdtrit

    n, five = len(rows), (rating == 5).mean()
    if n < 2:
        return {}
    ends = {}
    for score, variance in ((rows**2).sum() / n / (n - 1)).items():
        value = scores[score]
        if score in ("rmse", "mae"):
            half = stdtrit(n - 1, 0.975) * np.sqrt(variance) / (value or 1)
            ends[score] = [value * np.exp(-half), value * np.exp(half)]
            continue
        most = n if score == "accuracy" else 4 * n * five * (1 - five)
        spread = value * (1 - value)
        size = min(most, spread / variance) if min(variance, spread) > 1e-12 else most
        ends[score] = np.clip(wilson(value, size), 0, 1)
    return {score: [float(end) for end in pair] for score, pair in ends.items()}


def paired_intervals(
    difference: Scores, rows: DataFrame, others: DataFrame
) -> dict[str, list[float]]:
    """{score: [low, high]}: 95% intervals of differences of two models' scores on the same n rows.

    rows, others: `influence` of both. Student's t, with two rows more that differ by 1 and by -1:
    few rows on which both agree prove nothing (Bonett and Price, Journal of Educational and
    Behavioral Statistics 37, 2012).
    """
    from scipy.special import stdtrit

    n = len(rows)
    error = np.sqrt((((rows - others) ** 2).sum() + 2) / (n + 2) / (n + 1))
    half = stdtrit(n + 1, 0.975) * error
    return {
        score: [float(difference[score] + side * half[score]) for side in (-1, 1)] for score in rows
    }
