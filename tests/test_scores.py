"""Scores and their intervals against closed forms, plain resampling and known truths."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binomtest, norm, rankdata, sem, t
from sklearn import metrics

from common.scores import (
    curves,
    expected_calibration_error,
    five_star_scores,
    influence,
    intervals,
    paired_intervals,
    rating_scores,
    stability_index,
)

Z = norm.ppf(0.975)
NAMES = {"five_star": ["accuracy", "auc", "f1_macro"], "rating": ["rmse", "mae"]}


def drawn(rng, n, task, share=0.4, noise=1.0):
    """Ratings (n,) and predictions of a model that knows something."""
    five = rng.random(n) < share
    rating = np.where(five, 5, rng.integers(1, 5, n))
    if task == "rating":
        return rating, np.clip(rating + noise * rng.standard_normal(n), 1, 5)
    signal = 2 * five + noise * rng.standard_normal(n)
    return rating, expit(2 * signal - 2 + np.log(share / (1 - share)))


def plain(rating, predicted, task):
    """The scores that have intervals, in a few lines each: sklearn's take milliseconds."""
    if task == "rating":
        error = predicted - rating
        return {"rmse": np.sqrt(np.mean(error**2)), "mae": np.mean(np.abs(error))}
    truth, said = rating == 5, predicted > 0.5
    ones, zeros = truth.sum(), (~truth).sum()
    f1 = [
        2 * (side & (truth == said)).sum() / (side.sum() + (said == truth[side][0]).sum())
        for side in (truth, ~truth)
    ]
    return {
        "accuracy": np.mean(truth == said),
        "auc": (rankdata(predicted)[truth].sum() - ones * (ones + 1) / 2) / (ones * zeros),
        "f1_macro": np.mean(f1),
    }


@pytest.mark.parametrize("task", NAMES)
def test_plain_scores_are_those_published(task):
    rating, predicted = drawn(np.random.default_rng(4), 300, task)
    predicted = predicted.round(1)  # with ties
    published = rating_scores(rating, predicted)
    if task == "five_star":
        published = five_star_scores(rating == 5, predicted)
    found = plain(rating, predicted, task)
    assert found == pytest.approx({name: published[name] for name in NAMES[task]})


def weighted(rating, predicted, task, weight):
    """The scores of rows with weights, by sklearn."""
    truth, said = rating == 5, predicted > 0.5
    if task == "rating":
        rmse, mae = metrics.root_mean_squared_error, metrics.mean_absolute_error
        return [score(rating, predicted, sample_weight=weight) for score in (rmse, mae)]
    return [
        metrics.accuracy_score(truth, said, sample_weight=weight),
        metrics.roc_auc_score(truth, predicted, sample_weight=weight),
        metrics.f1_score(truth, said, average="macro", sample_weight=weight),
    ]


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize(("n", "share"), [(40, 0.4), (25, 0.8), (20, 0.01)])
def test_influence_is_the_derivative_of_the_score(task, n, share):
    """What a score gains when one row weighs a millionth more and all others less."""
    rating, predicted = drawn(np.random.default_rng(0), n, task, share)
    rating[0], step = 5, 1e-6
    rating[1:] = np.minimum(rating[1:], 5 if share > 0.1 else 4)
    predicted = predicted.round(1)  # with ties
    rows = influence(rating, predicted, task)
    assert list(rows) == NAMES[task]
    value = weighted(rating, predicted, task, np.full(n, 1 / n))
    for row in range(n):
        weight = np.full(n, (1 - step) / n)
        weight[row] += step
        gain = np.subtract(weighted(rating, predicted, task, weight), value) / step
        assert rows.loc[row].to_numpy() == pytest.approx(gain, abs=1e-3)


def test_influence_on_a_perfect_rating_is_none():
    rating = np.array([1, 5, 3])
    assert (influence(rating, rating.astype(float), "rating") == 0).to_numpy().all()


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


@pytest.mark.parametrize(("n", "share"), [(30, 0.5), (60, 0.1), (300, 0.3)])
def test_intervals_of_shares_are_wilsons_of_the_rows_that_count(n, share):
    """An end e solves (value - e)^2 = z^2 e (1 - e) / size, and there is one on either side."""
    rating, p = drawn(np.random.default_rng(7), n, "five_star", share, 0.8)
    rows, scores = influence(rating, p, "five_star"), five_star_scores(rating == 5, p)
    smaller, ends = np.bincount(rating == 5).min(), intervals(scores, rows, rating)
    assert set(ends) == {"accuracy", "auc", "f1_macro"}
    for name, pair in ends.items():
        value, most = scores[name], n if name == "accuracy" else 4 * smaller * (n - smaller) / n
        size = min(most, value * (1 - value) / (rows[name].var() / n))
        assert pair[0] < value < pair[1]
        for end in pair:
            off = (value - end) ** 2 * size
            assert off == pytest.approx(Z**2 * end * (1 - end), rel=1e-3)


@pytest.mark.parametrize("n", [2, 3, 200])
def test_intervals_of_errors_are_students_of_their_logarithms(n):
    rating, predicted = drawn(np.random.default_rng(8), n, "rating")
    rows, scores = influence(rating, predicted, "rating"), rating_scores(rating, predicted)
    found = intervals(scores, rows, rating)
    assert set(found) == {"rmse", "mae"}
    for name, ends in found.items():
        error = sem(rows[name]) / scores[name]
        half = t.ppf(0.975, n - 1) * error
        assert np.log(ends) == pytest.approx([np.log(scores[name]) + s * half for s in (-1, 1)])


def test_no_error_has_no_interval_but_itself():
    rating = np.array([1, 5, 3])
    rows = influence(rating, rating.astype(float), "rating")
    ends = intervals({"rmse": 0.0, "mae": 0.0}, rows, rating)
    assert ends == {"rmse": [0, 0], "mae": [0, 0]}


@pytest.mark.parametrize("n", [3, 100])
def test_paired_intervals_are_students_with_two_rows_more(n):
    """Bonett and Price (2012): with rows that differ by 1 and by -1, by scipy."""
    rng = np.random.default_rng(9)
    rows, others = ({"a": rng.normal(size=n)} for _ in range(2))
    rows, others = (pd.DataFrame(table) - np.mean(table["a"]) for table in (rows, others))
    more = np.append((rows - others)["a"], [1, -1])
    expected = t.interval(0.95, n + 1, loc=0.3, scale=sem(more))
    assert paired_intervals({"a": 0.3}, rows, others)["a"] == pytest.approx(expected)


def held(truth, ends):
    return ends[0] <= truth <= ends[1]


def test_a_perfect_score_of_few_rows_is_not_certain():
    rating = np.array([5, 5, 5, 1] * 5)
    p = np.where(rating == 5, 0.9, 0.2)
    rows = influence(rating, p, "five_star")
    for low, high in intervals(five_star_scores(rating == 5, p), rows, rating).values():
        assert low < 0.85
        assert high == 1
    low, high = paired_intervals(dict.fromkeys(rows, 0.0), rows, rows)["accuracy"]
    assert low == -high < -0.1


def test_ends_of_shares_are_shares():
    """Rounding must not lead beyond 0 and 1."""
    for n in range(2, 120):
        rating = np.where(np.arange(n) % 2, 5, 2)
        rows = influence(rating, np.full(n, 0.9), "five_star")
        for value in (0.0, 1.0):
            for low, high in intervals(dict.fromkeys(rows, value), rows, rating).values():
                assert 0 <= low < high <= 1


@pytest.mark.parametrize("rating", [[5], [5, 5, 5], [1], [1, 2, 3]])
def test_what_cannot_be_estimated_is_left_out(rating):
    rating, p = np.array(rating), np.full(len(rating), 0.7)
    rows = influence(rating, p, "five_star")
    assert list(rows) == ["accuracy"]
    ends = intervals(five_star_scores(rating == 5, p), rows, rating)
    assert set(ends) == ({"accuracy"} if len(rating) > 1 else set())


def test_expected_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    assert expected_calibration_error(rng.random(200_000) < p, p) < 0.005
    assert expected_calibration_error(np.zeros(10), np.full(10, 0.3)) == pytest.approx(0.3)
    assert expected_calibration_error(np.ones(4), np.ones(4)) == 0


def test_calibration_is_that_of_fifteen_bins():
    rng = np.random.default_rng(1)
    p = np.append(rng.random(400), [0, 1, 1 / 15, 14 / 15])
    truth = rng.random(404) < p**2
    bins = {}
    for one, predicted in zip(truth, p):
        bins.setdefault(min(int(predicted * 15), 14), []).append((predicted, one))
    error, rows = 0.0, []
    for _, members in sorted(bins.items()):
        predicted, observed = np.mean(members, axis=0)
        error += len(members) / 404 * abs(predicted - observed)
        rows.append((predicted, observed, len(members)))
    assert expected_calibration_error(truth, p) == pytest.approx(error)
    table = curves(truth, p)["calibration"]
    assert list(table) == ["predicted", "observed", "reviews"]
    assert table.index.tolist() == list(range(15))
    assert table.to_numpy() == pytest.approx(np.array(rows))


@pytest.mark.parametrize("n", [30, 1000])
def test_curves_are_the_rates_at_each_threshold(n):
    rng = np.random.default_rng(2)
    truth = rng.random(n) < 0.3
    p = (0.4 * truth + 0.6 * rng.random(n)).round(3)
    found = curves(truth, p)
    assert list(found) == ["roc", "precision_recall", "calibration"]
    for row in found["roc"].iloc[1:].itertuples():
        said = p >= row.threshold
        assert row.false_positive_rate == pytest.approx(said[~truth].mean())
        assert row.true_positive_rate == pytest.approx(said[truth].mean())
    for row in found["precision_recall"].itertuples():
        said = p >= row.threshold
        assert row.precision == pytest.approx(truth[said].mean())
        assert row.recall == pytest.approx(said[truth].mean())
    assert found["roc"].iloc[0].tolist() == [0, 0, 1]
    assert found["roc"].iloc[-1].tolist() == [1, 1, p.min()]
    assert found["precision_recall"].iloc[0, [0, 2]].tolist() == [1, p.min()]
    assert found["precision_recall"].iloc[-1]["threshold"] == p.max()
    most = min(200, len(np.unique(p)))
    assert len(found["precision_recall"]) == most
    assert n < 200 or len(found["roc"]) > 150


def test_stability_index_is_its_formula():
    """Of two normal samples apart by d, with very many bins, it is near d^2."""
    rng = np.random.default_rng(3)
    expected, actual = rng.normal(0, 1, 50_000), rng.normal(0.5, 1, 50_000)
    assert stability_index(expected, actual, 50) == pytest.approx(0.25, rel=0.05)
    assert stability_index(expected, expected[::-1]) == 0
    # Quartiles of 0 to 7: a quarter lies in each; of the others nothing lies in two of them.
    low, high = 1e-4, 0.5
    hand = 2 * ((low - 0.25) * np.log(low / 0.25) + (high - 0.25) * np.log(high / 0.25))
    few, many = np.arange(8.0), np.array([0.0, 1, 6, 7])
    assert stability_index(few, many, 4) == pytest.approx(hand)
    # An edge belongs to the bin below it; of ten bins of ten values nine edges are left.
    share = stability_index(np.arange(11.0), np.full(5, 2.0))
    tenth = np.array([2, *[1] * 9]) / 11
    found = np.full(10, 1e-4)
    found[1] = 1
    assert share == pytest.approx(((found - tenth) * np.log(found / tenth)).sum())
    ties = stability_index(np.zeros(20), np.array([0, 0, 1, 1]))
    assert ties == pytest.approx((0.5 - 1) * np.log(0.5) + 0.5 * np.log(0.5 / 1e-4), rel=1e-3)


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


def test_scores_of_a_decision_of_its_own_and_of_one_class():
    truth, p = np.array([True, False, True, False]), np.array([0.5, 0.5, 0.4, 0.1])
    assert five_star_scores(truth, p)["accuracy"] == 0.5  # 0.5 is not above 0.5
    found = five_star_scores(truth, p, p >= 0.4)
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == 0.75
    assert found["f1_macro"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["auc"] == pytest.approx(2.5 / 4)
    assert five_star_scores(truth[:2], p[:2])["auc"] == 0.5  # one of each is enough
    for one in (True, False):
        few = five_star_scores(np.full(2, one), np.array([0.9, 0.6]))
        assert set(few) == {"accuracy", "f1_macro", "log_loss", "ece"}
        assert few["accuracy"] == few["f1_macro"] == one
        chance = np.array([0.9, 0.6]) if one else np.array([0.1, 0.4])
        assert few["log_loss"] == pytest.approx(-np.log(chance).mean())


def test_ratings_beyond_the_scale_are_its_ends():
    truth = np.array([1, 5, 2, 5])
    found = rating_scores(truth, np.array([-3.0, 9.0, 2.4, 4.4]))
    assert found["accuracy"] == 0.75
    assert found["qwk"] == rating_scores(truth, np.array([1.0, 5.0, 2.0, 4.0]))["qwk"]
    assert "qwk" not in rating_scores(np.array([3, 3]), np.array([3.0, 1.0]))
    # Distances are those of ratings, whichever of them occur.
    two = rating_scores(np.array([1, 1, 5, 5]), np.array([1.0, 2.0, 5.0, 5.0]))["qwk"]
    by_chance = 0.5 * (0.25 * 1 + 0.5 * 16) + 0.5 * (0.25 * 16 + 0.25 * 9)
    assert two == pytest.approx(1 - 0.25 * 1 / by_chance)


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize(("n", "share"), [(32, 0.4), (60, 0.2), (400, 0.4)])
def test_intervals_hold_the_truth_in_95_of_100(task, n, share):
    """Of 200 samples, a 95% interval holds what 200,000 rows say in 180 to 199."""
    rng = np.random.default_rng(2)
    truth = plain(*drawn(rng, 200_000, task, share), task)
    covered = dict.fromkeys(NAMES[task], 0)
    for _ in range(200):
        rating, predicted = drawn(rng, n, task, share)
        rows = influence(rating, predicted, task)
        ends = intervals(plain(rating, predicted, task), rows, rating)
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
    whole = [plain(rating, predicted, task) for predicted in (sure, vague)]
    covered = dict.fromkeys(NAMES[task], 0)
    for _ in range(200):
        rating, *models = both(n)
        scores = [plain(rating, predicted, task) for predicted in models]
        rows = [influence(rating, predicted, task) for predicted in models]
        ahead = {name: scores[0][name] - scores[1][name] for name in covered}
        for name, ends in paired_intervals(ahead, *rows).items():
            covered[name] += held(whole[0][name] - whole[1][name], ends)
    assert all(180 <= count <= 200 for count in covered.values()), covered
