"""Tests, corrections and intervals against scipy, closed forms and loops."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from common.eda import statistics
from common.scores import wilson

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


@given(P_VALUES, st.integers(0, 3))
def test_holm_rejects_what_its_steps_reject(p, untested):
    corrected = statistics.holm(np.append(p, [np.nan] * untested))
    assert np.isnan(corrected[len(p) :]).all()
    assert corrected[: len(p)].max() <= 1
    for alpha in (0.01, 0.05, 0.5):
        rejected, left = set(), dict(enumerate(p))
        while left and min(left.values()) * len(left) <= alpha:  # step by step, as in the paper
            smallest = min(left, key=left.get)
            rejected.add(smallest)
            del left[smallest]
        near = np.isclose(corrected[: len(p)], alpha, rtol=1e-9)
        assert set(np.flatnonzero((corrected[: len(p)] <= alpha) & ~near)) == {
            index for index in rejected if not near[index]
        }


@pytest.mark.parametrize(("hits", "number"), [(0, 1), (3, 20), (500, 500), (1, 10_000)])
def test_wilson_is_scipys(hits, number):
    interval = stats.binomtest(hits, number).proportion_ci(method="wilson")
    assert wilson(hits / number, number) == pytest.approx(tuple(interval), abs=1e-4)


def test_wilsons_intervals_hold_the_share_in_95_of_100():
    rng = np.random.default_rng(9)
    share, number = rng.uniform(0.02, 0.98, 200), rng.integers(20, 400, 200)
    low, high = wilson(rng.binomial(number, share) / number, number)
    assert 180 <= ((low <= share) & (share <= high)).sum() <= 199


def test_step_tests_are_welchs_of_each_days_windows():
    rng = np.random.default_rng(3)
    values = pd.DataFrame(rng.normal(size=(40, 2)) + [0, 5], columns=["a", "b"])
    values.loc[25:, "b"] += 3
    values.loc[[7, 8, 22], "a"] = np.nan
    values["same"] = 0.1
    dated = values.set_axis(pd.date_range("2024-01-01", periods=40))
    t, p = statistics.step_tests(dated, 10, 5)
    assert t.index.equals(dated.index)
    assert p.index.equals(dated.index)
    t, p = (table.reset_index(drop=True) for table in (t, p))
    for day in range(len(values)):
        before, after = values[max(day - 10, 0) : day], values[day : day + 10]
        for name in ("a", "b"):
            sides = before[name].dropna(), after[name].dropna()
            if min(map(len, sides)) < 5:
                assert np.isnan(p.loc[day, name])
                continue
            expected = stats.ttest_ind(*sides[::-1], equal_var=False)
            assert t.loc[day, name] == pytest.approx(expected.statistic)
            assert p.loc[day, name] == pytest.approx(expected.pvalue, abs=1e-12)
    assert t["b"].abs().idxmax() == 25
    assert p["same"].dropna().min() == pytest.approx(1)


def counts_of(reviews):
    return reviews.groupby(["release", "day"])["low"].agg(reviews="size", low="sum").reset_index()


def reviews_of(rng, n=2_000, effect=0.0, days=30, releases="abcd"):
    """Of each review: release, day, low. Release a has more low ones by `effect`; days differ."""
    day, release = rng.integers(0, days, n), rng.choice(list(releases), n)
    share = 0.1 + 0.5 * day / days + effect * (release == "a")
    return pd.DataFrame(
        {"release": release, "day": day, "low": (rng.random(n) < share).astype(int)}
    )


def test_same_day_effects_are_those_of_loops():
    """On many days a release is alone, or beside a single other review."""
    reviews = reviews_of(np.random.default_rng(0), n=160, effect=0.2, days=80)
    table = statistics.same_day(counts_of(reviews))
    opposite = statistics.same_day(counts_of(reviews.assign(low=1 - reviews["low"])))
    pd.testing.assert_series_equal(opposite["effect"], -table["effect"])
    pd.testing.assert_series_equal(opposite["expected"], table["expected"])
    for release in "abcd":
        weights = differences = score = null = expected = sato_p = sato_q = 0.0
        compared = 0
        for _, day in reviews.groupby("day"):
            ours, others = (
                day[day["release"] == release]["low"],
                day[day["release"] != release]["low"],
            )
            if len(ours) and len(others):
                weight = len(ours) * len(others) / len(day)
                weights += weight
                differences += weight * (ours.mean() - others.mean())
                low, n = day["low"].sum(), len(day)
                score += ours.sum() - len(ours) * low / n
                expected += len(ours) * low / n
                compared += len(ours)
                a, b, c, d = ours.sum(), (1 - ours).sum(), others.sum(), (1 - others).sum()
                sato_p += ((a + b) ** 2 * c - (c + d) ** 2 * a) / n**2
                sato_p += (a + b) * (c + d) * (c + d - a - b) / n**2 / 2
                sato_q += (a * d + c * b) / n / 2
                # the hypergeometric distribution of the low ones among ours
                ways = [
                    math.comb(low, k) * math.comb(n - low, len(ours) - k)
                    for k in range(min(low, len(ours)) + 1)
                ]
                mean, square = np.average(np.arange(len(ways)) ** [[1], [2]], 1, ways)
                null += square - mean**2
        assert table.loc[release, "effect"] == pytest.approx(differences / weights)
        assert table.loc[release, "z"] == pytest.approx(score / np.sqrt(null))
        assert table.loc[release, "compared"] == compared
        fewer = min(expected, compared - expected)
        assert table.loc[release, "expected"] == pytest.approx(fewer)
        half = 1.96 * np.sqrt(differences / weights * sato_p + sato_q) / weights
        assert table.loc[release, "effect_low"] == pytest.approx(
            max(differences / weights - half, -1)
        )
        assert table.loc[release, "effect_high"] == pytest.approx(
            min(differences / weights + half, 1)
        )


def test_an_effect_without_exception_has_no_variance():
    rng = np.random.default_rng(4)
    for _ in range(20):
        counts = pd.DataFrame({"release": ["a", "b"] * 7, "day": np.repeat(np.arange(7), 2)})
        counts["reviews"] = rng.integers(1, 40, 14)
        counts["low"] = counts["reviews"].where(counts["release"] == "a", 0)
        row = statistics.same_day(counts).loc["a"]
        assert row[["effect", "effect_low", "effect_high"]].tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("effect", [0.0, 0.2])
def test_same_day_intervals_hold_95_times_of_100(effect):
    """Also with few reviews a day, for which the variance of large strata is wrong."""
    rng, inside, null = np.random.default_rng(1), [], []
    for _ in range(400):
        row = statistics.same_day(counts_of(reviews_of(rng, 300, effect, 60))).loc["a"]
        inside.append(row["effect_low"] <= effect <= row["effect_high"])
        null.append(abs(row["z"]) > 1.96)
    assert 0.91 < np.mean(inside) < 0.98
    assert np.mean(null) < 0.08 if effect == 0 else np.mean(null) > 0.5


def test_same_day_is_not_fooled_by_when_a_release_was_used():
    """Worse days, and a release that is used on those alone: before and after would blame it."""
    rng = np.random.default_rng(2)
    reviews = reviews_of(rng, 20_000)
    reviews = reviews[(reviews["release"] != "b") | (reviews["day"] > 20)]
    shares = reviews.groupby("release")["low"].mean()
    assert shares["b"] > shares["c"] + 0.1
    assert abs(statistics.same_day(counts_of(reviews)).loc["b", "effect"]) < 0.03


@pytest.mark.parametrize("weight", [0.01, 0.2])
def test_log_odds_are_those_of_the_paper(weight):
    ours, theirs = np.array([30.0, 5.0, 65.0]), np.array([10.0, 50.0, 140.0])
    prior = weight * (ours + theirs)
    expected = []
    for word in range(3):  # equation 16 and its variance, equation 20, written out
        n, m, total = ours.sum(), theirs.sum(), prior.sum()
        delta = np.log(
            (ours[word] + prior[word]) / (n + total - ours[word] - prior[word])
        ) - np.log((theirs[word] + prior[word]) / (m + total - theirs[word] - prior[word]))
        expected.append(
            delta / np.sqrt(1 / (ours[word] + prior[word]) + 1 / (theirs[word] + prior[word]))
        )
    z = statistics.log_odds(ours, theirs, ours.sum(), theirs.sum(), weight)
    np.testing.assert_allclose(z, expected)


def test_the_interval_of_a_difference_ends_where_differences_of_shares_do():
    counts = pd.DataFrame({"release": ["a", "b"], "day": 0, "reviews": 2, "low": [2, 1]})
    more, less = statistics.same_day(counts).loc[["a", "b"]].to_dict("records")
    assert (more["effect"], more["effect_high"]) == (0.5, 1)
    assert (less["effect"], less["effect_low"]) == (-0.5, -1)
