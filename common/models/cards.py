"""The one-page model card beside each saved model, for people: models/<name>/card.md."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader

from common.features.splits import held_out_masks
from common.models.files import Card
from common.scores import SCORES, five_star_scores, influence, intervals, rating_scores
from common.synthetic import NOTICE

LENGTHS = [0, 10, 40, 140, np.inf]  # characters
LENGTH_NAMES = ["under 10", "10 to 39", "40 to 139", "140 and more"]


def judged(rows: pd.DataFrame, predicted: np.ndarray, task: str) -> Card:
    """What a card says of predictions (n,) of all rows (n) of load_features: {split: {score:
    value}, "intervals": {split: {score: [low, high]}}}, 95% intervals."""
    scores: Card = {"intervals": {}}
    for split, mask in held_out_masks(rows).items():
        rating, found = rows["rating"].to_numpy()[mask], predicted[mask]
        if task == "five_star":
            scores[split] = five_star_scores(rating == 5, found)
        else:
            scores[split] = rating_scores(rating, found)
        of_rows = influence(rating, found, task)
        scores["intervals"][split] = intervals(scores[split], of_rows, rating)
    return scores


def failures(rows: pd.DataFrame, predicted: np.ndarray, task: str) -> Card:
    """{"by_rating", "by_script", "by_length", and of several apps "by_app": {value: {"rows",
    score}}} on test.

    The score is the share that is right for P(five stars), the mean absolute error (stars) for a
    rating. Groups of fewer than 30 test reviews, but for ratings, are left out.
    """
    if task == "five_star":
        score, values = "accuracy", (predicted > 0.5) == (rows["rating"] == 5)
    else:
        score, values = "mae", (predicted - rows["rating"]).abs()
    length = pd.cut(rows["characters"], LENGTHS, right=False, labels=LENGTH_NAMES)
    test = rows.assign(value=values, length=length)[rows["split"] == "test"]
    failed = {}
    for column in filter(rows.assign(length=0).__contains__, ("rating", "script", "length", "app")):
        fewest = 1 if column == "rating" else 30
        groups = test.groupby(column, observed=True)["value"].agg(**{"rows": "size", score: "mean"})
        kept = groups[groups["rows"] >= fewest].rename(index=str)
        failed[f"by_{column}"] = kept.to_dict("index")
    return failed


def write_text(folder: Path, card: Card, manifest: dict[str, Any]) -> None:
    """Write card.md from a card (with intervals and failures) and the manifest of the reviews."""
    environment = Environment(
        loader=PackageLoader("common.models", "."),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    text = environment.get_template("card.md.j2").render(
        card=card,
        manifest=manifest,
        notice=NOTICE,
        scores=SCORES[card["task"]],
        sources=", ".join(Path(source["name"]).name for source in manifest["sources"]),
    )
    (folder / "card.md").write_text(text, encoding="utf-8")
