"""The past that made reviews look back on: reviews a day, moods, releases and who used them; and weighted draws.

Levels are those of the 1.53 million reviews of the original study's data (see its figures by month and version).
"""

from functools import cache

import numpy as np

FIRST_DAY, LAST_DAY = np.datetime64("2011-05-12"), np.datetime64("2023-11-30")

# Reviews in thousands a month of the 1.53 million, as (month, level) knots; months in SPIKES leave the line.
VOLUME = (
    ("2011-05", 3),
    ("2012-01", 3.6),
    ("2013-01", 5),
    ("2014-01", 5.5),
    ("2014-12", 13),
    ("2016-01", 10),
    ("2017-01", 11),
    ("2018-01", 15),
    ("2019-01", 12),
    ("2019-10", 13),
    ("2020-02", 15),
    ("2020-08", 15),
    ("2021-01", 13),
    ("2022-01", 9),
    ("2023-01", 8),
    ("2023-11", 8),
)
SPIKES = {"2016-01": 17, "2018-11": 20, "2020-04": 29, "2020-05": 24, "2020-09": 23, "2023-02": 22}
# Share of reviewers in a bad mood (their ratings follow BAD_MOOD) by year: an unstable first year, the household rules of 2023.
GRUMPY_YEARS = (2011, 2012, 2013.5, 2015, 2017, 2018, 2020, 2021, 2022, 2023, 2024)
GRUMPY = (0.55, 0.45, 0.25, 0.22, 0.22, 0.20, 0.14, 0.18, 0.28, 0.45, 0.55)
GRUMPY_BAD_RELEASE = 0.9  # share of the bad release's users in a bad mood
GRUMPY_SPIKES = {"2018-11": 0.45, "2020-09": 0.55, "2023-02": 0.8}
RATING_SHARE = np.array([0.1848, 0.0411, 0.0601, 0.1026, 0.6114])
BAD_MOOD = np.array([0.42, 0.07, 0.07, 0.08, 0.36])
# Lines of releases: major, first and last minor, day of the first and of the last, build number of the first and of the last.
RELEASE_LINES = (
    (1, 2, 3, "2011-05-10", "2011-07-20", 819145, 846316),
    (1, 4, 8, "2011-09-01", "2012-07-01", 421, 573),
    (2, 0, 4, "2012-11-10", "2013-08-01", 682, 1011),
    (3, 0, 16, "2013-11-01", "2015-12-01", 1065, 5602),
    (4, 0, 16, "2016-01-20", "2017-04-10", 6203, 15145),
    (5, 0, 16, "2017-05-05", "2018-05-20", 21043, 26605),
    (6, 0, 26, "2018-06-10", "2019-02-20", 28210, 31791),
    (7, 0, 120, "2019-03-05", "2021-09-10", 31866, 35594),
    (8, 0, 95, "2021-09-20", "2023-11-10", 40020, 50574),
)
# Reviews in thousands of the 1.53 million for versions that stayed long on many devices; the last one is the bad release.
POPULAR = {
    "7.84.1 build 28 35243": 16.4,
    "7.38.0 build 27 34635": 16.1,
    "4.12.2 build 14444": 12.7,
    "3.1.1 build 1112": 12,
    "3.2.1 build 1346": 11.5,
    "3.1.2 build 1142": 11,
    "3.14.3 build 5200": 10.5,
    "7.83.0 build 25 35223": 10,
    "8.11.1 build 12 40101": 9.5,
    "1.8.1 build 573": 9,
    "6.19.0 build 41 31421": 11,
}
BAD_VERSION = "6.19.0 build 41 31421"
MISSING_VERSION_SHARE = 0.23


def draw(weights, count, rng):
    """`count` indices into `weights`, each as likely as its weight."""
    cdf = np.cumsum(weights)
    return np.searchsorted(cdf, rng.random(count) * cdf[-1], side="right").clip(max=len(cdf) - 1)


def draw_by(table, row, rng):
    """One index into a row of the weights `table` [kinds, choices] for each entry of `row`, an array of row numbers."""
    cdf = np.cumsum(table, axis=1) / np.sum(table, axis=1, keepdims=True)
    flat = (
        cdf + np.arange(len(table))[:, None]
    ).ravel()  # rows one above the other, so that one search serves them all
    found = np.searchsorted(flat, row + rng.random(len(row)), side="right") - row * cdf.shape[1]
    return found.clip(0, cdf.shape[1] - 1)


def moments(day_cdf, quantile):
    """Days (int offsets from FIRST_DAY) and times (datetime64[s]) at which `quantile` of all reviews were written; both keep its order.

    The busiest hour is about 14 h, the quietest 2 h UTC.
    """
    when = np.interp(quantile, day_cdf, np.arange(len(day_cdf))).clip(max=len(day_cdf) - 1.001)
    day = when.astype(int)
    hour_cdf = np.cumsum(1 - 0.3 * np.cos((np.arange(24) - 2) / 24 * 2 * np.pi)) / 24
    second = (
        np.interp(when - day, np.append(0, hour_cdf), np.arange(25) * 3_600)
        .clip(max=86_399)
        .astype(int)
    )
    return day, np.datetime64(FIRST_DAY, "s") + day * 86_400 + second


class History:
    """The service's history as tables: reviews a day, mood of the reviewers, releases and who uses them."""

    def __init__(self):
        fixed = np.random.default_rng(2011)  # the past is the same for every seed
        days = np.arange(np.datetime64(FIRST_DAY), LAST_DAY + 1)
        months, years = days.astype("datetime64[M]"), 1970 + days.astype(int) / 365.25
        volume = np.interp(
            months.astype(int),
            [np.datetime64(month, "M").astype(int) for month, _ in VOLUME],
            [k for _, k in VOLUME],
        )
        self.grumpy = np.interp(years, GRUMPY_YEARS, GRUMPY)
        for month, level in SPIKES.items():
            volume[months == np.datetime64(month)] = level
        for month, share in GRUMPY_SPIKES.items():
            self.grumpy[months == np.datetime64(month)] = share
        weekend = np.isin((days.astype(int) + 3) % 7, (5, 6))
        _, month, days_of_month = np.unique(months, return_inverse=True, return_counts=True)
        volume *= (1 + 0.15 * weekend) * fixed.lognormal(0, 0.12, len(days)) / days_of_month[month]
        self.day_cdf = np.append(
            0, np.cumsum(volume) / volume.sum()
        )  # at the start of each day, and at the end
        self.versions, released, wanted = _releases(fixed)
        self.bad_release = self.versions.tolist().index(BAD_VERSION)
        self.use = _use(
            np.bincount(np.arange(len(days)) // 7, volume / volume.sum()), released, wanted
        )
        bad_use = self.use[np.arange(len(days)) // 7, self.bad_release]
        share = np.average(
            self.grumpy * (1 - bad_use) + GRUMPY_BAD_RELEASE * bad_use, weights=volume
        )
        self.good_mood = (RATING_SHARE - share * BAD_MOOD) / (
            1 - share
        )  # so that both moods together give RATING_SHARE


@cache
def history():
    return History()


def _releases(fixed):
    """All releases in order: version texts, days of release (offsets from FIRST_DAY), wanted shares of reviews (NaN where free)."""
    popular = {}
    for version in POPULAR:
        popular.setdefault(tuple(map(int, version.split(".")[:2])), []).append(version)
    releases = []
    for major, first, last, start, end, first_build, last_build in RELEASE_LINES:
        start, end = (
            int((np.datetime64(day) - np.datetime64(FIRST_DAY)).astype(int)) for day in (start, end)
        )
        for minor in range(first, last + 1):
            progress = (minor - first) / (last - first)
            day, build = (
                round(start + progress * (end - start)),
                round(first_build + progress * (last_build - first_build)),
            )
            made = []
            for patch in range(
                1 if major >= 6 else 3
            ):  # since 2018 a new minor version every week or two, before that patches
                step = fixed.integers(1, 32)
                number = f"{major}.{minor}.{patch}"
                early = f"{build}-{number}-{step + 90}" if build > 100_000 else build + patch * 9
                made.append(f"{number} build {f'{step} {build}' if major >= 6 else early}")
            for at, version in enumerate(sorted(popular.get((major, minor), made))):
                releases.append(
                    (
                        day + 12 * at,
                        version,
                        POPULAR.get(version, np.nan) / 1531.126 / (1 - MISSING_VERSION_SHARE),
                    )
                )
    releases.sort()
    days, versions, wanted = zip(*releases)
    return np.array(versions), np.array(days), np.array(wanted)


def _use(week_share, released, wanted):
    """Share of each release among the reviews of each week, float [weeks, releases]; the wanted totals are met."""
    age = np.arange(len(week_share))[:, None] * 7 - released
    fame = ~np.isnan(wanted)
    appeal = np.where(age >= 0, np.exp(-age / np.where(fame, 90, 25)), 0) + 1e-4 * (age >= 0)
    appeal[:, 0] += 1e-6  # somebody has to be first
    for _ in range(25):
        use = appeal / appeal.sum(axis=1, keepdims=True)
        appeal[:, fame] *= (wanted / (week_share @ use))[fame]
    return use
