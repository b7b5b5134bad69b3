"""Three sentences that open the report and the explorer: how ratings move, what stands out, and how
good the best model is.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from pandas import DataFrame
from scipy.special import stdtrit

from common.models.files import read_cards
from common.report import findings, model_tables
from common.report.formats import model_name

DAYS, FEWEST_DAYS, NAMED = 28, 7, 6


class Sentence(NamedTuple):
    """What is said, and the explorer's page that shows more of it."""

    text: str
    page: str


def sentences(data_dir: Path, metrics: DataFrame, eda: dict[str, DataFrame]) -> list[Sentence]:
    """Those of the scripts that have run; eda: 02's tables by name."""
    said = [ratings(eda["health"]), stands_out(eda)] if eda else []
    return said + best_model(data_dir, metrics)


def mean_of(days: DataFrame) -> tuple[float, float]:
    """The mean rating of days with reviews and mean_rating, and its standard error.

    That is of a ratio of sums over days (Cochran, Sampling Techniques, 1977, section 6.3): reviews
    of one day, which have its mood in common, are no independent ones.
    """
    number, k = days["reviews"], len(days)
    mean = np.average(days["mean_rating"], weights=number)
    residuals = number * (days["mean_rating"] - mean)
    return mean, np.sqrt((residuals**2).sum() * k / max(k - 1, 1)) / number.sum()


def ratings(health: DataFrame) -> Sentence:
    """The newest DAYS days with reviews against as many before them, within one period and without
    gaps, where both have FEWEST_DAYS."""
    usable = health.query("not gap and reviews > 0")
    usable = usable[usable["period"] == usable["period"].iloc[-1]]
    newest, earlier = usable[-DAYS:], usable[-2 * DAYS : -DAYS]
    (mean, error), days = mean_of(newest), len(newest)
    text = (
        f"the mean is {mean:.2f} stars over {days} day{'s' * (days > 1)} with reviews up "
        f"to {newest['day'].iloc[-1]:%Y-%m-%d} ({newest['reviews'].sum():,} reviews)"
    )
    if min(days, len(earlier)) < FEWEST_DAYS:
        return Sentence(f"Ratings: {text}; before it lie too few days to compare with.", "Reviews")
    before, error_before = mean_of(earlier)
    change = mean - before
    half = stdtrit(days + len(earlier) - 2, 0.975) * np.hypot(error, error_before)
    moved = "went up" if change > 0 else "went down"
    if abs(change) <= half:
        moved = "did not move more than chance moves them"
    return Sentence(
        f"Ratings {moved}: {text}, {change:+.2f} against the {len(earlier)} days before (95% "
        f"interval {change - half:+.2f} to {change + half:+.2f}).",
        "Reviews",
    )


def stands_out(eda: dict[str, DataFrame]) -> Sentence:
    """The release that stands out most, else the group of complaints that costs most stars."""
    said, table = findings.releases_text(eda["releases"]), eda["releases"]
    out = table[table["stands_out"]].sort_values("p_holm", kind="stable")["release"].tolist()
    if not out:
        return Sentence(" ".join(said + findings.complaints_text(eda)), "Complaints")
    more = f" Others that stand out: {', '.join(out[1:NAMED])}{' and more' * (len(out) > NAMED)}."
    return Sentence(said[0] + more * (len(out) > 1), "Releases")


def best_model(data_dir: Path, metrics: DataFrame) -> list[Sentence]:
    """The model that predicts by itself, the one with the best validation, beside the majority."""
    board = model_tables.leaderboard(data_dir, metrics, "five_star")
    best = next((c for c in read_cards(data_dir).values() if c["task"] == "five_star"), None)
    if best is None or board.empty:
        return []
    accuracy, majority = best["test"]["accuracy"], board["accuracy"][0]
    ends = best.get("intervals", {}).get("test", {}).get("accuracy")
    interval = " (95% interval {:.1%} to {:.1%})".format(*ends) if ends else ""
    learns = "" if accuracy > majority else ": no model is better than that"
    text = (
        f"Will a review have five stars? {model_name(best['name'])}, the model with the best "
        f"validation, is right on {accuracy:.1%} of the test reviews{interval}, the majority class "
        f"on {majority:.1%}{learns}."
    )
    return [Sentence(text, "Models")]
