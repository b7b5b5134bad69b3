"""The figures by which predictions are judged, the same for every model, and how sure they are.

sklearn is imported where it computes: it takes 0.6 s, and most modules want the names of SCORES.
"""

import numpy as np
from numpy import ndarray
from pandas import DataFrame

Scores = dict[str, float]  # {name: value}
# The scores of each task, the one that ranks first.
SCORES = {
    "five_star": ["accuracy", "auc", "f1_macro", "balanced_accuracy", "log_loss", "ece"],
    "rating": ["rmse", "mae", "qwk", "accuracy"],
}
REPLICATES = 200
CALIBRATION_BINS = 15  # of equal width
CURVE_POINTS = 200


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
        "f1_macro": metrics.f1_score(truth, decision, average="macro", zero_division=0),
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


def bootstrap(rating: ndarray, predicted: ndarray, task: str, seed: int) -> DataFrame:
    """REPLICATES rows of one model's accuracy, auc and f1_macro, or rmse and mae.

    rating: (n,) int, 1 to 5; predicted: (n,) float, P(five stars) or a rating. A replicate weighs
    each row by a Poisson(1) draw (Chamandy et al., "Estimating Uncertainty for Massive Data
    Streams", Google 2012). Equal seeds draw equal weights, so the difference of two models'
    replicates is a paired one.
    """
    rng, replicates = np.random.default_rng(seed), []
    error, truth = predicted - rating, rating == 5
    confusion = truth * 2 + (predicted > 0.5)  # 0 to 3: tn, fp, fn, tp
    order = np.argsort(predicted, kind="stable")
    ties = np.flatnonzero(np.append(True, np.diff(predicted[order]) > 0))
    for _ in range(REPLICATES):
        weight = rng.poisson(1, len(rating))
        if task == "rating":
            rmse = np.sqrt(np.average(error**2, weights=weight))
            replicates.append({"rmse": rmse, "mae": np.average(np.abs(error), weights=weight)})
            continue
        tn, fp, fn, tp = np.bincount(confusion, weight, minlength=4)
        wrong = (fp + fn) / 2
        ones = np.add.reduceat((weight * truth)[order], ties)
        zeros = np.add.reduceat((weight * ~truth)[order], ties)
        below = np.cumsum(zeros) - zeros / 2  # a tie counts half: the Mann-Whitney statistic
        replicates.append(
            {
                "accuracy": (tn + tp) / max(weight.sum(), 1),
                "auc": (ones * below).sum() / max(ones.sum() * zeros.sum(), 1),
                "f1_macro": (tp / max(tp + wrong, 1) + tn / max(tn + wrong, 1)) / 2,
            }
        )
    return DataFrame(replicates)


def intervals(replicates: DataFrame) -> dict[str, list[float]]:
    """{score: [low, high]}: the middle 95% of bootstrap replicates (the percentile interval)."""
    return replicates.quantile([0.025, 0.975]).to_dict("list")
