"""The one-page model card beside each saved model, for people: models/<name>/card.md."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader

from common.models.files import Card
from common.scores import SCORES
from common.synthetic import NOTICE


def failures(rows: pd.DataFrame, predicted: np.ndarray, task: str) -> Card:
    """{"by_rating", "by_script": {value: {"rows", score}}} on test.

    The score is the share that is right for P(five stars), the mean absolute error (stars) for a
    rating. Scripts of fewer than 30 test reviews are left out.
    """
    test = (rows["split"] == "test").to_numpy()
    rating, predicted = rows["rating"].to_numpy()[test], predicted[test]
    if task == "five_star":
        score, values = "accuracy", (predicted > 0.5) == (rating == 5)
    else:
        score, values = "mae", np.abs(predicted - rating)

    def by(column: np.ndarray, fewest: int) -> Card:
        groups = {name: values[column == name] for name in np.unique(column)}
        return {
            name: {"rows": len(group), score: float(group.mean())}
            for name, group in groups.items()
            if len(group) >= fewest
        }

    return {
        "by_rating": by(rating.astype(str), 1),
        "by_script": by(rows["script"].to_numpy(str)[test], 30),
    }


def write_text(folder: Path, card: Card, manifest: dict[str, Any]) -> None:
    """Write card.md from a card (with intervals and failures) and the manifest of the reviews."""
    environment = Environment(
        loader=PackageLoader("common.models", "."),
        trim_blocks=True,
        lstrip_blocks=True,
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
