"""Tests, corrections for their number, and intervals, vectorised."""

from typing import Any

import numpy as np
from numpy import ndarray
from pandas import DataFrame
from scipy.special import stdtr

from common.scores import Z

Values = Any  # numbers, arrays or Series
ALPHA = 0.05


def holm(p: ndarray) -> ndarray:
    """(n,) p-values, corrected for their number (Holm 1979); NaN, not tested, stays so."""
    order = np.argsort(p)  # NaN last
    left = np.arange(np.isfinite(p).sum(), 0, -1)
    corrected = np.full(len(p), np.nan)
    corrected[order[: len(left)]] = np.maximum.accumulate(p[order][: len(left)] * left).clip(max=1)
    return corrected


def step_tests(values: DataFrame, window: int, least: int) -> tuple[DataFrame, DataFrame]:
    """Whether the mean of each column (a row a day) changes at a row: Welch's t-test (1947) of the
    `window` rows before it against as many from it on, where both have `least` values.

    Returns t and the two-sided p, NaN where there is nothing to test. A day is one observation, so
    what varies between days beyond chance counts as noise.
    """

    def moments(rows: DataFrame) -> tuple[DataFrame, DataFrame, DataFrame]:
        rolling = rows.rolling(window, min_periods=least)
        number = rolling.count()
        # Rounding leaves a little variance, or less than none, where all values are equal.
        error = rolling.var().clip(lower=1e-9) / number
        return rolling.mean(), error, error**2 / (number - 1)

    before, after = moments(values.shift()), [table[::-1] for table in moments(values[::-1])]
    error = before[1] + after[1]
    t = (after[0] - before[0]) / np.sqrt(error)
    freedom = error**2 / (before[2] + after[2])
    return t, 2 * stdtr(freedom, -t.abs())


def same_day(counts: DataFrame) -> DataFrame:
    """By release, the share of low ones in its reviews minus that in other releases' reviews of the
    same days: compared (its reviews on days with others), expected (the fewer of its low and other
    ones among these, if it were as others), effect, effect_low, effect_high, z.

    counts: release, day (a pair once), reviews, and how many of these are low. Days weigh
    n1*n0/(n1+n0): the Mantel-Haenszel risk difference; its interval has the variance of Sato
    (1989), "On the variance estimator for the Mantel-Haenszel risk difference", Biometrics 45,
    which holds for few reviews a day too. z is the test of Mantel & Haenszel (1959), whose variance
    is that without an effect.
    """
    total = counts.groupby("day")[["reviews", "low"]].transform("sum")
    n1, x1, n = counts["reviews"], counts["low"], total["reviews"]
    n0, x0 = n - n1, total["low"] - x1
    parts = DataFrame(
        {
            "release": counts["release"],
            "compared": n1,
            "expected": n1 * total["low"] / n,
            "weight": n1 * n0 / n,
            "difference": (x1 * n0 - x0 * n1) / n,
            "p": (n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2) / n**2,
            "q": (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * n),
            "null": n1 * n0 * total["low"] * (n - total["low"]) / (n**2 * (n - 1)),
        }
    )
    sums = parts[n0 > 0].groupby("release").sum()
    effect = sums["difference"] / sums["weight"]
    error = np.sqrt((effect * sums["p"] + sums["q"]).clip(lower=0)) / sums["weight"]
    return DataFrame(
        {
            "compared": sums["compared"],
            "expected": np.minimum(sums["expected"], sums["compared"] - sums["expected"]),
            "effect": effect,
            "effect_low": (effect - Z * error).clip(lower=-1),  # a difference of shares
            "effect_high": (effect + Z * error).clip(upper=1),
            "z": sums["difference"] / np.sqrt(sums["null"]),
        }
    )


def log_odds(
    count: Values, other: Values, number: Values, others: Values, weight: Values
) -> Values:
    """z-scores of the log-odds ratio of words between two sets of reviews: how often each occurs in
    them, and how many words they have.

    Monroe, Colaresi & Quinn (2008), "Fightin' Words", equations 16, 20 and 22, with a prior worth
    `weight` of all words, in which each has its share of both sets together.
    """
    a, b = (mine + weight * (count + other) for mine in (count, other))
    rest_a, rest_b = (n + weight * (number + others) - x for n, x in ((number, a), (others, b)))
    return (np.log(a / rest_a) - np.log(b / rest_b)) / np.sqrt(1 / a + 1 / b)
