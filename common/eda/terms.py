"""What is new: terms of a week against the eight weeks before it, within one period."""

import numpy as np
import pandas as pd
from pandas import DataFrame
from scipy.sparse import coo_array
from scipy.special import ndtr

from common.eda.statistics import log_odds

WEEKS_BEFORE, MIN_MENTIONS, FALSE_DISCOVERIES = 8, 10, 0.1


def weeks_of(days: DataFrame) -> DataFrame:
    """Of weeks with reviews, from Monday to Sunday, cut where a period begins: week (the first day)
    and period.
    """
    monday = days["day"] - pd.to_timedelta(days["day"].dt.day_of_week, "D")
    groups = days.assign(week=days["day"]).groupby([monday, "period"])
    weeks = groups.agg({"week": "min", "reviews": "sum"}).reset_index("period")
    return weeks[weeks["reviews"] > 0]


def new_terms(frames: dict[str, DataFrame]) -> DataFrame:
    """A row for each term and week with more of it than chance, the newest first: week, term,
    mentions (reviews that have it), before (in WEEKS_BEFORE with reviews of its period), expected,
    z, and q.

    z is that of the log-odds with a prior worth as many words as the week has, one-sided; q its
    p-value after Benjamini & Hochberg, over all terms of MIN_MENTIONS and more in a week.
    """
    from scipy.stats import false_discovery_control  # takes half a second to import

    counts, weeks, terms = frames["term_weeks"], frames["weeks"], frames["candidates"]["term"]
    places, shape = (counts["term"], counts["week"]), (len(terms), len(weeks))
    mentions = coo_array((counts["reviews"], places), shape).toarray()
    words = frames["week_words"].sort_values("week")["words"].to_numpy()
    sums = np.pad(np.vstack([mentions, words]).cumsum(axis=1), ((0, 0), (1, 0)))
    week, period = np.arange(len(weeks)), weeks["period"].factorize()[0]
    before = sums[:, week] - sums[:, np.maximum(week - WEEKS_BEFORE, period.searchsorted(period))]
    term, at = np.nonzero((mentions >= MIN_MENTIONS) & (before[-1] > 0))
    table = DataFrame({"week": weeks["week"].to_numpy()[at], "term": terms.take(term).array})
    now, then, here, there = mentions[term, at], before[term, at], words[at], before[-1, at]
    z = log_odds(now, then, here, there, here / (here + there))
    q = false_discovery_control(ndtr(-z))
    table = table.assign(mentions=now, before=then, expected=then * here / there, z=z, q=q)
    table = table[table["q"] <= FALSE_DISCOVERIES]
    return table.sort_values(["week", "z"], ascending=False, ignore_index=True)
