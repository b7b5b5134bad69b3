"""Where the data break: days from which on other reviews are sampled, or hardly any.

Whoever compares across a break compares samples, not opinions. The periods between them have names.
"""

import numpy as np
from pandas import DataFrame, Series

from common.eda.counts import SHARES
from common.eda.statistics import ALPHA, step_tests

WINDOW, MIN_DAYS = 14, 7  # before a day, and from it on
USUAL_DAYS, MANY, FEW_SHARE = 7, 20, 0.05
NAMES = {
    "reviews": "number of reviews",
    "log_length": "length",
    "without_version": "share without version",
    "with_reply": "share with reply",
    "other_script": "share not in Latin letters",
}


def health(signals: DataFrame, lengths: DataFrame) -> dict[str, DataFrame]:
    """Three tables by name.

    health: by day, from the first to the last: period (its name), gap (bool), and what `describe`
    says, NaN where there is no review. periods: a row each in order: period, first_day, last_day,
    begins (why it begins), and what `describe` says. gaps: first_day, last_day, reviews.
    """
    index = signals[["day"]].drop_duplicates().sort_values("day").set_index("day").asfreq("D").index
    days = describe(signals, lengths, Series(index, index)).reindex(index)
    days["reviews"] = days["reviews"].fillna(0).astype(int)
    gap = in_gap(days["reviews"])
    begins = breaks(signals, days.loc[~gap, "reviews"]).reindex(index)
    begins[:1] = "first review"
    number = begins.notna().cumsum()
    periods = runs(days["reviews"], number)
    first, last = (periods[name].dt.strftime("%Y-%m-%d") for name in ("first_day", "last_day"))
    periods.insert(0, "period", first + " to " + last)
    days.insert(0, "period", number.map(periods["period"]).astype(str))
    about = describe(signals, lengths, number).drop(columns="reviews")
    return {
        "health": days.assign(gap=gap).reset_index(),
        "periods": periods.assign(begins=begins.dropna().astype(str).set_axis(periods.index)).join(
            about
        ),
        "gaps": runs(days["reviews"][gap], (gap != gap.shift()).cumsum()[gap]),
    }


def runs(reviews: Series, number: Series) -> DataFrame:
    """first_day, last_day and reviews of the days (index) of each number."""
    days = DataFrame({"first_day": reviews.index, "last_day": reviews.index, "reviews": reviews})
    how = {"first_day": "min", "last_day": "max", "reviews": "sum"}
    return days.groupby(number.to_numpy()).agg(how)


def describe(signals: DataFrame, lengths: DataFrame, names: Series) -> DataFrame:
    """By name (`names`: that of each day): reviews, mean_rating, median_characters and SHARES."""
    stars = signals["reviews"] * signals["review_rating"]
    groups = signals.assign(mean_rating=stars).groupby(names.reindex(signals["day"]).to_numpy())
    sums = groups[["reviews", "mean_rating", *SHARES]].sum(min_count=1)
    means = sums.div(sums["reviews"], axis=0).assign(reviews=sums["reviews"])
    lengths = lengths.assign(name=names.reindex(lengths["day"]).to_numpy())
    lengths = lengths.groupby(["name", "length"])["reviews"].sum().reset_index("length")
    upto, number = (lengths.groupby("name")["reviews"].transform(f) for f in ("cumsum", "sum"))
    median = lengths.loc[upto >= number / 2, "length"].groupby("name").first().astype(float)
    return means.assign(median_characters=median)


def in_gap(reviews: Series) -> Series:
    """Days (bool) with at most FEW_SHARE of the usual number of reviews: the median of the
    USUAL_DAYS days before that are in no gap, where that is MANY and more.
    """
    usual: list[int] = []
    gap = []
    for number in reviews:
        expected = np.median(usual[-USUAL_DAYS:]) if len(usual) >= USUAL_DAYS else 0
        gap.append(expected >= MANY and number <= FEW_SHARE * expected)
        if not gap[-1]:
            usual.append(number)
    return Series(gap, reviews.index, bool)


def breaks(signals: DataFrame, reviews: Series) -> Series:
    """By day on which another sample begins, the names of the signals that change there.

    reviews: by day that is in no gap. Signals are the logarithm of their number, and how far the
    means of length and SHARES are from what that day's ratings have elsewhere: a wave of bad
    ratings is no break. A day's p-value is that of two changes at once: the second smallest of
    five, times four (Benjamini & Heller 2008), corrected for the days looked at (Bonferroni). Of
    the days of a window the one with the clearest step is the break.
    """
    measures = [name for name in NAMES if name != "reviews"]
    sums = signals.groupby("review_rating")[["reviews", *measures]].sum()
    usual = sums[measures].div(sums["reviews"], axis=0).loc[signals["review_rating"]]
    excess = signals[measures] - usual.to_numpy() * signals[["reviews"]].to_numpy()
    values = excess.groupby(signals["day"]).sum().reindex(reviews.index)
    values = values.div(reviews.where(reviews > 0), axis=0)
    values.insert(0, "reviews", np.log1p(reviews))
    t, p = step_tests(values, WINDOW, MIN_DAYS)
    looked_at = max(int(p.notna().any(axis=1).sum()), 1)
    second = np.sort(p.fillna(1))[:, 1] * (len(NAMES) - 1)
    step = Series(np.sort(t.abs().fillna(0))[:, -2], reviews.index)
    clearest = step.rolling(2 * WINDOW + 1, center=True, min_periods=1).max() == step
    changed = p[(second * looked_at <= ALPHA) & clearest] * looked_at <= ALPHA
    names = np.array(list(NAMES.values()))
    texts = ["change of " + " and ".join(names[row]) for row in changed.to_numpy()]
    return Series(texts, changed.index, object)
