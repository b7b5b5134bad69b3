"""Three sentences that open the report and the explorer: how ratings move, what stands out, and how
good the best model is.
"""

from pathlib import Path
from typing import Any, NamedTuple

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


class Mean(NamedTuple):
    """The mean rating of reviews, their number, its standard error, and how many days it is of."""

    stars: float
    reviews: int
    error: float
    days: int


def sentences(data_dir: Path, metrics: DataFrame, eda: dict[str, DataFrame]) -> list[Sentence]:
    """Those of the scripts that have run; eda: 02's tables by name."""
    said = [ratings(eda["health"]), stands_out(eda)] if eda else []
    return said + best_model(data_dir, metrics)


def mean_of(days: DataFrame) -> Mean:
    """Of days with reviews and mean_rating.

    The error is that of a ratio of sums over days (Cochran, Sampling Techniques, 1977, section
    6.3): reviews of one day, which have its mood in common, are no independent ones.
    """
    number, k = days["reviews"], len(days)
    stars = (days["mean_rating"] * number).sum() / number.sum()
    residuals = number * (days["mean_rating"] - stars)
    error = np.sqrt((residuals**2).sum() * k / max(k - 1, 1)) / number.sum()
    return Mean(stars, int(number.sum()), error, k)


def ratings(health: DataFrame) -> Sentence:
    """The newest DAYS days with reviews against as many before them, within one period and without
    gaps, where both have FEWEST_DAYS."""
    period = health["period"].iloc[-1:].item() if len(health) else ""
    usable = health[~health["gap"] & (health["reviews"] > 0) & (health["period"] == period)]
    newest, earlier = usable[-DAYS:], usable[-2 * DAYS : -DAYS]
    if not len(newest):
        return Sentence("Ratings: no day has enough reviews to tell how they move.", "Reviews")
    now = mean_of(newest)
    last = newest["day"].iloc[-1]
    text = (
        f"the mean is {now.stars:.2f} stars over {days_of(now.days)} with reviews up to "
        f"{last:%Y-%m-%d} ({now.reviews:,} reviews)"
    )
    if min(len(newest), len(earlier)) < FEWEST_DAYS:
        return Sentence(f"Ratings: {text}; before it lie too few days to compare with.", "Reviews")
    before = mean_of(earlier)
    change = now.stars - before.stars
    half = stdtrit(now.days + before.days - 2, 0.975) * np.hypot(now.error, before.error)
    moved = "went up" if change > 0 else "went down"
    if abs(change) <= half:
        moved = "did not move more than chance moves them"
    text += (
        f", {change:+.2f} against the {days_of(before.days)} before (95% interval "
        f"{change - half:+.2f} to {change + half:+.2f})"
    )
    return Sentence(f"Ratings {moved}: {text}.", "Reviews")


def days_of(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


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
    cards: list[dict[str, Any]] = [
        card for card in read_cards(data_dir).values() if card["task"] == "five_star"
    ]
    if board.empty or not cards:
        return []
    best, majority = cards[0], board["accuracy"][0]
    accuracy = best["test"]["accuracy"]
    ends = best.get("intervals", {}).get("test", {}).get("accuracy")
    interval = " (95% interval {:.1%} to {:.1%})".format(*ends) if ends else ""
    learns = "" if accuracy > majority else ": no model is better than that"
    text = (
        f"Will a review have five stars? {model_name(best['name'])}, the model with the best "
        f"validation, is right on {accuracy:.1%} of the test reviews{interval}, the majority class "
        f"on {majority:.1%}{learns}."
    )
    return [Sentence(text, "Models")]
