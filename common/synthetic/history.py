"""The past that synthetic reviews look back on: reviews a day, moods, releases and who used them.

Its levels are in history.toml. Weighted draws are here too.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from common.toml import toml_beside

LEVELS = toml_beside(__file__, "history.toml")
FIRST_DAY = np.datetime64(LEVELS["first_day"])
BAD_MOOD = LEVELS["bad_mood"]


class History(NamedTuple):
    """What a review's day, release and rating are drawn from."""

    day_cdf: ndarray  # (days + 1,) share of reviews before the start of each day, and at the end
    bad_mood: ndarray  # (days,) share of reviewers in a bad mood
    versions: ndarray  # (releases,) str
    use: ndarray  # (weeks, releases) share of the week's reviews


def draw(weights: ndarray | list[float], count: int, rng: Generator) -> ndarray:
    """`count` indices into `weights`, each as likely as its weight."""
    cdf = np.cumsum(weights)
    return np.searchsorted(cdf, rng.random(count) * cdf[-1], side="right").clip(max=len(cdf) - 1)


def draw_by(table: ndarray, row: ndarray, rng: Generator) -> ndarray:
    """One column of the weights `table` for each entry of `row`, an array of row numbers."""
    cdf = np.cumsum(table, axis=1) / np.sum(table, axis=1, keepdims=True)
    # Rows are put one above the other, so that one search serves them all.
    flat = (cdf + np.arange(len(table))[:, None]).ravel()
    position = np.searchsorted(flat, row + rng.random(len(row)), side="right")
    return (position - row * cdf.shape[1]).clip(0, cdf.shape[1] - 1)


def review_times(day_cdf: ndarray, quantile: ndarray) -> tuple[ndarray, ndarray]:
    """Days (int offsets from FIRST_DAY) and times (datetime64[s]) by which `quantile` of all
    reviews were written, in its order. The busiest hour is about 14 h, the quietest 2 h UTC.
    """
    when = np.interp(quantile, day_cdf, np.arange(len(day_cdf))).clip(max=len(day_cdf) - 1.001)
    day = when.astype(int)
    hour_cdf = np.cumsum(1 - 0.3 * np.cos((np.arange(24) - 2) / 24 * 2 * np.pi)) / 24
    second = np.interp(when - day, np.append(0, hour_cdf), np.arange(25) * 3_600)
    second = second.clip(max=86_399).astype(int)
    return day, FIRST_DAY.astype("datetime64[s]") + day * 86_400 + second


@cache
def history() -> History:
    """The service's history, the same for every seed."""
    rng = np.random.default_rng(2011)
    days = np.arange(FIRST_DAY, np.datetime64(LEVELS["last_day"]) + 1)
    months, week = days.astype("datetime64[M]"), np.arange(len(days)) // 7
    knots = np.array(list(LEVELS["volume"]), "datetime64[M]")
    volume = np.interp(months.astype(int), knots.astype(int), list(LEVELS["volume"].values()))
    years = 1970 + days.astype(int) / 365.25
    bad_mood = np.interp(years, BAD_MOOD["years"], BAD_MOOD["share"])
    for levels, spikes in ((volume, LEVELS["volume_spikes"]), (bad_mood, BAD_MOOD["spikes"])):
        for month, level in spikes.items():
            levels[months == np.datetime64(month)] = level
    weekend = np.isin((days.astype(int) + 3) % 7, (5, 6))
    _, month, days_of_month = np.unique(months, return_inverse=True, return_counts=True)
    volume *= (1 + 0.15 * weekend) * rng.lognormal(0, 0.12, len(days)) / days_of_month[month]
    day_cdf = np.append(0, np.cumsum(volume) / volume.sum())
    use = _use(np.bincount(week, volume / volume.sum()))
    return History(day_cdf, bad_mood, np.array(list(LEVELS["releases"])), use)


def _use(week_share: ndarray) -> ndarray:
    """(weeks, releases) share of each release in a week's reviews, such that a popular version's
    share of all reviews is the wanted one. week_share: (weeks,) share of all reviews in each week.
    """
    releases = LEVELS["releases"]
    released = np.array([(day - LEVELS["first_day"]).days for day in releases.values()])
    thousands = np.array([LEVELS["popular"].get(version, np.nan) for version in releases])
    wanted = thousands / 1531.126 / (1 - LEVELS["missing_version_share"])
    popular = ~np.isnan(wanted)
    age = np.arange(len(week_share))[:, None] * 7 - released
    appeal = np.where(age >= 0, np.exp(-age / np.where(popular, 90, 25)), 0) + 1e-4 * (age >= 0)
    appeal[:, 0] += 1e-6  # somebody has to be first
    for _ in range(25):
        use = appeal / appeal.sum(axis=1, keepdims=True)
        appeal[:, popular] *= (wanted / (week_share @ use))[popular]
    return use
