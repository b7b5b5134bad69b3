"""Scores and their intervals against closed forms, plain resampling and known truths."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest
from sklearn import metrics

from common.scores import (
    expected_calibration_error,
    five_star_scores,
    influence,
    intervals,
    paired_intervals,
    rating_scores,
)

NAMES = {"five_star": ["accuracy", "auc", "f1_macro"], "rating": ["rmse", "mae"]}
SCORERS = {
    "five_star": lambda rating, p: five_star_scores(rating == 5, p),
    "rating": rating_scores,
}


def drawn(rng, n, task, share=0.4, noise=1.0):
    """Ratings (n,) and predictions of a model that knows something."""
    five = rng.random(n) < share
    rating = np.where(five, 5, rng.integers(1, 5, n))
    if task == "rating":
        return rating, np.clip(rating + noise * rng.standard_normal(n), 1, 5)
    signal = 2 * five + noise * rng.standard_normal(n)
    return rating, expit(2 * signal - 2 + np.log(share / (1 - share)))


@pytest.mark.parametrize("task", NAMES)
def test_influence_gives_the_variance_that_resampling_gives(task):
    rng = np.random.default_rng(0)
    rating, predicted = drawn(rng, 600, task)
    resampled = []
    for _ in range(1500):
        rows = rng.integers(0, 600, 600)
        resampled.append(SCORERS[task](rating[rows], predicted[rows]))
    rows = influence(rating, predicted, task)
    assert list(rows) == NAMES[task]
    for name in NAMES[task]:
        assert abs(rows[name].mean()) < 1e-12
        deviation = np.std([scores[name] for scores in resampled])
        assert np.sqrt((rows[name] ** 2).mean() / 600) == pytest.approx(deviation, rel=0.08)


def test_influence_of_auc_is_delongs():
    rng = np.random.default_rng(1)
    rating, predicted = drawn(rng, 200, "five_star")
    predicted = predicted.round(1)  # with ties
    ones, zeros = predicted[rating == 5], predicted[rating < 5]
    wins = (ones[:, None] > zeros) + (ones[:, None] == zeros) / 2
    variance = wins.mean(1).var() / len(ones) + wins.mean(0).var() / len(zeros)
    auc = influence(rating, predicted, "five_star")["auc"]
    assert (auc**2).mean() / 200 == pytest.approx(variance)
    assert wins.mean() == pytest.approx(metrics.roc_auc_score(rating == 5, predicted))


@pytest.mark.parametrize("right", [0, 1, 19, 31, 32])
def test_interval_of_accuracy_is_wilsons(right):
    truth = np.arange(32) % 2 == 0
    said = np.where(np.arange(32) < right, truth, ~truth)
    rating, p = np.where(truth, 5, 2), np.where(said, 0.9, 0.1)
    scores = five_star_scores(truth, p)
    ends = intervals(scores, influence(rating, p, "five_star"), rating)["accuracy"]
    wilson = binomtest(right, 32).proportion_ci(method="wilson")
    # The rows' own variance has n - 1 below it.
    assert ends == pytest.approx([wilson.low, wilson.high], abs=0.005)


def held(truth, ends):
    return ends[0] <= truth <= ends[1]


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize(("n", "share"), [(32, 0.4), (60, 0.2), (400, 0.4)])
def test_intervals_hold_the_truth_in_95_of_100(task, n, share):
    """Of 200 samples, a 95% interval holds what 200,000 rows say in 180 to 199."""
    rng = np.random.default_rng(2)
    truth = SCORERS[task](*drawn(rng, 200_000, task, share))
    covered = dict.fromkeys(NAMES[task], 0)
    for _ in range(200):
        rating, predicted = drawn(rng, n, task, share)
        rows = influence(rating, predicted, task)
        ends = intervals(SCORERS[task](rating, predicted), rows, rating)
        for name in covered:
            covered[name] += held(truth[name], ends[name])
    assert all(180 <= count <= 199 for count in covered.values()), covered


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize("n", [40, 1000])
def test_paired_intervals_hold_the_difference(task, n):
    rng = np.random.default_rng(3)

    def both(rows):
        rating, sure = drawn(rng, rows, task)
        noise = 0.8 * rng.standard_normal(rows)
        odds = np.log(sure / (1 - sure)) if task == "five_star" else sure
        vague = expit(odds + 2 * noise) if task == "five_star" else np.clip(odds + noise, 1, 5)
        return rating, sure, vague

    rating, sure, vague = both(200_000)
    whole = [SCORERS[task](rating, predicted) for predicted in (sure, vague)]
    covered = dict.fromkeys(NAMES[task], 0)
    for _ in range(200):
        rating, *models = both(n)
        scores = [SCORERS[task](rating, predicted) for predicted in models]
        rows = [influence(rating, predicted, task) for predicted in models]
        ahead = {name: scores[0][name] - scores[1][name] for name in covered}
        for name, ends in paired_intervals(ahead, *rows).items():
            covered[name] += held(whole[0][name] - whole[1][name], ends)
    assert all(180 <= count <= 200 for count in covered.values()), covered


def test_a_perfect_score_of_few_rows_is_not_certain():
    rating = np.array([5, 5, 5, 1] * 5)
    p = np.where(rating == 5, 0.9, 0.2)
    rows = influence(rating, p, "five_star")
    for low, high in intervals(five_star_scores(rating == 5, p), rows, rating).values():
        assert low < 0.85
        assert high == 1
    low, high = paired_intervals(dict.fromkeys(rows, 0.0), rows, rows)["accuracy"]
    assert low == -high < -0.1


@pytest.mark.parametrize("rating", [[5], [5, 5, 5], [1]])
def test_what_cannot_be_estimated_is_left_out(rating):
    rating, p = np.array(rating), np.full(len(rating), 0.7)
    rows = influence(rating, p, "five_star")
    ends = intervals(five_star_scores(rating == 5, p), rows, rating)
    assert set(ends) == ({"accuracy"} if len(rating) > 1 else set())


def test_expected_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    assert expected_calibration_error(rng.random(200_000) < p, p) < 0.005
    assert expected_calibration_error(np.zeros(10), np.full(10, 0.3)) == pytest.approx(0.3)
    assert expected_calibration_error(np.ones(4), np.ones(4)) == 0


def test_rating_scores_are_their_formulas():
    """Cohen's kappa with quadratic weights (Cohen, Psychological Bulletin 70, 1968), by hand."""
    rng = np.random.default_rng(5)
    truth, predicted = rng.integers(1, 6, 300), rng.uniform(1, 5, 300)
    found, said = rating_scores(truth, predicted), np.rint(predicted).astype(int)
    observed = expected = 0.0
    for i in range(1, 6):
        for j in range(1, 6):
            weight = (i - j) ** 2
            observed += weight * np.mean((truth == i) & (said == j))
            expected += weight * np.mean(truth == i) * np.mean(said == j)
    assert found["qwk"] == pytest.approx(1 - observed / expected)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((truth - predicted) ** 2)))
    assert found["mae"] == pytest.approx(np.mean(np.abs(truth - predicted)))
    assert found["accuracy"] == pytest.approx(np.mean(truth == said))


def test_five_star_scores_are_their_formulas():
    rng = np.random.default_rng(6)
    truth = rng.random(300) < 0.3
    p = np.clip(0.3 * truth + rng.uniform(0.01, 0.69, 300), 0.01, 0.99)
    found, said = five_star_scores(truth, p), p > 0.5
    recall = [np.mean(said[truth]), np.mean(~said[~truth])]
    precision = [np.mean(truth[said]), np.mean(~truth[~said])]
    f1 = [2 * a * b / (a + b) for a, b in zip(precision, recall)]
    wins = (p[truth][:, None] > p[~truth]) + (p[truth][:, None] == p[~truth]) / 2
    expected = {
        "accuracy": np.mean(said == truth),
        "f1_macro": np.mean(f1),
        "balanced_accuracy": np.mean(recall),
        "auc": wins.mean(),
        "log_loss": -np.mean(np.where(truth, np.log(p), np.log(1 - p))),
        "ece": expected_calibration_error(truth, p),
    }
    assert found == pytest.approx(expected)
