"""Releases: builds grouped by major.minor, each against the other ones on the same days.

A release reaches people in stages, so that on its days others are in use: these meet the same
weather. Before and after does not: the two stand beside each other.
"""

import numpy as np
import pandas as pd
from numpy import ndarray
from pandas import DataFrame, Series
from scipy.special import ndtr

from common.eda.statistics import ALPHA, holm, same_day

MIN_EXPECTED = 5  # low reviews and others: with fewer, z is no normal one (Mantel & Fleiss 1980)
DAYS = 28  # before and after


def releases(by_release: DataFrame, periods: Series) -> DataFrame:
    """A row per release in order of appearance: first_day, last_day, reviews, low_share (1 and 2
    stars), `effects` on it, and before_after: the low_share of all releases in DAYS days from its
    first minus that in DAYS days before, within one period (periods: name by day).
    """
    days = by_release.groupby("day")[["reviews", "low"]].sum()
    groups = by_release.groupby("release")
    table = groups.agg(first_day=("day", "min"), last_day=("day", "max"))
    sums = groups[["reviews", "low"]].sum()
    table = table.assign(reviews=sums["reviews"], low_share=sums["low"] / sums["reviews"])
    table = table.join(effects(by_release))
    # Not of a release without others on its days.
    table["compared"] = table["compared"].fillna(0).astype(int)
    table["stands_out"] = table["stands_out"].eq(True)
    table["before_after"] = before_after(days, table["first_day"], periods)
    return table.sort_values(["first_day", "release"]).reset_index()


def effects(counts: DataFrame, tests: int = 1) -> DataFrame:
    """What `same_day` says of each release, p_holm, and stands_out: p_holm below ALPHA. Of so many
    `tests` of all releases this is one.

    With less than MIN_EXPECTED p_holm is NaN. A release that stands out would make all others
    of its days look different: the clearest one is taken out, and the others are compared again.
    """
    clear: list[DataFrame] = []
    while True:
        table = same_day(counts)
        z = table.pop("z").abs().where(table.pop("expected") >= MIN_EXPECTED)
        table["p_holm"] = holm(2 * tests * ndtr(-z.to_numpy()))
        table["stands_out"] = table["p_holm"] < ALPHA
        if not table["stands_out"].any():
            return pd.concat([*clear, table])
        clear.append(table.loc[[z.idxmax()]])
        counts = counts[counts["release"] != z.idxmax()]


def before_after(days: DataFrame, first: Series, periods: Series) -> ndarray:
    """days: reviews and low of each day (index, sorted) that has some; first: days among these."""
    counted = np.vstack([[0, 0], days.cumsum()])
    number = periods.reindex(days.index).factorize()[0]
    middle, span = days.index.searchsorted(first), pd.Timedelta(days=DAYS)
    of = number[middle]
    start = np.maximum(days.index.searchsorted(first - span), np.searchsorted(number, of))
    end = np.minimum(days.index.searchsorted(first + span), np.searchsorted(number, of, "right"))
    sums = counted[middle] - counted[start], counted[end] - counted[middle]
    with np.errstate(invalid="ignore"):  # no day before it
        before, after = (low / reviews for reviews, low in (side.T for side in sums))
    return after - before
