"""The one-page model card beside each saved model, for people: models/<name>/card.md."""

from pathlib import Path

import numpy as np

from common.scores import SCORES
from common.synthetic import NOTICE

TEXT = """# {name}

{notice}Predicts {target} of a Google Play review of the Netflix app from {inputs}.

## Data

{reviews:,} reviews ({sources}). Fitted on {rows:,} reviews of the training split. The newest tenth by time is "future"; a hash of
the review id puts a fifth of the rest into "test"; "unseen text" is the part of test whose text occurs in no training review.
Nothing was fitted on any of these, on replies, or on names. Parameters, chosen on folds of the training split: `{params}`.

## How good it is

Intervals hold the middle 95% of 200 bootstrap replicates.

{scores}
{behind}
## What it is for

To see what drives ratings, to watch them change from version to version, and to sort many new reviews. It is not for judging a
person, and one review's score decides nothing: read the review.

## Where it fails

{failures}
Sarcasm ("great, it crashed again") reads as praise: nothing here models it, and no figure measures it. Texts such as "good" are
written with every number of stars; no model of the text can tell these apart. Reviews of other apps, and of years after the
training data, were not tried.
"""


def failures(rows, predicted, task):
    """{"by_rating", "by_script": {value: {"rows", score}}} on test: the share that is right for P(five stars), the mean absolute
    error (stars) for a rating. Scripts of fewer than 30 test reviews are left out."""
    test = (rows["split"] == "test").to_numpy()
    rating, script, found = (
        rows["rating"].to_numpy()[test],
        rows["script"].to_numpy()[test],
        predicted[test],
    )
    right = (found > 0.5) == (rating == 5) if task == "five_star" else np.abs(found - rating)
    score = "accuracy" if task == "five_star" else "mae"

    def by(column, least):
        values, counts = np.unique(column.astype(str), return_counts=True)
        return {
            value: {"rows": int(n), score: float(right[column.astype(str) == value].mean())}
            for value, n in zip(values, counts)
            if n >= least
        }

    return {"by_rating": by(rating, 1), "by_script": by(script, 30)}


def write_text(folder, card, manifest):
    """Write card.md from a card (with intervals and failures) and the manifest of the reviews."""
    lines = []
    for split, intervals in card["intervals"].items():
        figures = [
            f"{score} {card[split][score]:.4f}"
            + (" ({:.4f} to {:.4f})".format(*intervals[score]) if score in intervals else "")
            for score in [*SCORES[card["task"]], *(["ece"] if card["task"] == "five_star" else [])]
            if score in card[split]
        ]
        lines.append(f"- {split.replace('_', ' ')}: {', '.join(figures)}")
    behind = ""
    if "behind_best" in card:
        first = SCORES[card["task"]][0]
        behind = "\nThe model with the best validation, {}, is better on test by {:.4f} to {:.4f} in {} (paired).\n".format(
            card["behind_best"]["model"], *card["behind_best"]["test"][first], first
        )
    failing = []
    for kind, found in card["failures"].items():
        figures = [
            f"{value}{' stars' if kind == 'by_rating' else ''}: "
            + ", ".join(f"{name} {figure:.3f}" for name, figure in one.items() if name != "rows")
            + f" ({one['rows']:,} reviews)"
            for value, one in found.items()
        ]
        failing.append(f"- {kind.replace('_', ' ')}: {'; '.join(figures)}")
    inputs = {
        "metadata": "its length, form, likes, version and time",
        "all": "its words and characters, and its length, form, likes, version and time",
    }
    text = TEXT.format(
        name=card["name"],
        notice=f"**{NOTICE}**\n\n" if card["data"] == "synthetic" else "",
        inputs=inputs[card["features"]],
        target="the probability of five stars"
        if card["task"] == "five_star"
        else "the number of stars",
        reviews=manifest["loaded"],
        sources=", ".join(Path(source["name"]).name for source in manifest["sources"]),
        rows=card["rows"],
        params=card["params"],
        scores="\n".join(lines),
        behind=behind,
        failures="\n".join(failing) + "\n",
    )
    (Path(folder) / "card.md").write_text(text, encoding="utf-8")
