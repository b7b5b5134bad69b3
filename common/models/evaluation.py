"""All models of a run, judged on the same rows: scores with intervals, distance to the best."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray

from common.features.splits import held_out_masks
from common.features.transformer import features_sha256
from common.metrics import Metrics
from common.models.cards import failures
from common.models.data import ModelData
from common.models.files import Card, rank
from common.models.registry import TASKS, ModelName
from common.scores import Scores, bootstrap, five_star_scores, intervals, rating_scores

# By the beginning of a figure's name; all others are ratios.
UNITS = {
    "rmse": "stars",
    "mae": "stars",
    "log_loss": "nats",
    "search_seconds": "s",
    "fit_seconds": "s",
    "predict_rows_per_second": "rows/s",
}


class Judge:
    """Scores predictions, and keeps each figure as a metric and the cards of saved models."""

    def __init__(self, data: ModelData, metrics: Metrics) -> None:
        self.data, self.metrics = data, metrics
        self.identity = {
            "features_sha256": features_sha256(data.data_dir),
            "data": metrics.common["data"],
            "seed": data.seed,
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self.cards: dict[ModelName, Card] = {}
        self.test_scores: dict[str, dict[ModelName, Scores]] = {t: {} for t in TASKS}
        # What `bootstrap` gave, by task, split and model.
        self.replicates: dict[tuple[str, str, ModelName], pd.DataFrame] = {}

    def add(self, name: ModelName, rows: int, figures: Scores, **labels: Any) -> None:
        """Keep figures about a model on so many rows."""
        for figure, value in figures.items():
            unit = next((unit for start, unit in UNITS.items() if figure.startswith(start)), "1")
            labels |= name._asdict()
            self.metrics.add(f"model.{figure}", value, unit, rows=rows, **labels)

    def score(self, name: ModelName, task: str, predicted: ndarray) -> Card:
        """Score predictions (n,) of all rows: what a card says of them.

        {split: {score: value}, "intervals": {split: {score: [low, high]}}}.
        """
        rating, scores, ends = self.data.rating, {}, {}
        for split, mask in held_out_masks(self.data.rows).items():
            if task == "five_star":
                scores[split] = five_star_scores(rating[mask] == 5, predicted[mask])
            else:
                scores[split] = rating_scores(rating[mask], predicted[mask])
            replicates = bootstrap(rating[mask], predicted[mask], task, self.data.seed)
            self.replicates[task, split, name] = replicates
            ends[split] = intervals(replicates)
            figures = scores[split] | _ends(ends[split])
            self.add(name, mask.sum(), figures, split=split, task=task, imbalance="none")
        self.test_scores[task][name] = scores["test"]
        return {**scores, "intervals": ends}

    def score_trivial(self) -> None:
        """Score what a model must beat: train's share of five stars, and its mean rating."""
        rating = self.data.rating[self.data.train]
        share, mean = (np.full(len(self.data.rows), x.mean()) for x in (rating == 5, rating))
        self.score(ModelName("majority", "none"), "five_star", share)
        self.score(ModelName("mean", "none"), "rating", mean)

    def keep(self, name: ModelName, card: Card, predicted: ndarray) -> None:
        """Judge a saved model, and keep its card; predicted: as for `score`."""
        task, rows = card["task"], len(self.data.searched)
        scores = self.score(name, task, predicted)
        labels = dict(split="validation", task=task, imbalance="none")
        self.add(name, rows, card["validation"], **labels)
        self.cards[name] = {
            "name": str(name),
            "features": name.features,
            **card,
            **scores,
            "failures": failures(self.data.rows, predicted, task),
            **self.identity,
        }

    def compare_with_best(self) -> None:
        """How far each model is behind the one with the best validation, on test and on future.

        Keeps the ends of paired 95% intervals, above 0 where that one is better, as metrics and in
        the cards of the others.
        """
        best: dict[str, ModelName] = {}
        for name in sorted(self.cards, key=lambda name: rank(self.cards[name])):
            best.setdefault(self.cards[name]["task"], name)
        for (task, split, name), replicates in self.replicates.items():
            if split == "unseen_text" or best.get(task, name) == name:
                continue
            leader = self.replicates[task, split, best[task]]
            behind = intervals(TASKS[task].sign * (leader - replicates))
            figures, model = _ends(behind, "_behind_best"), str(best[task])
            self.add(name, len(self.data.rows), figures, split=split, task=task, best=model)
            if name in self.cards:
                self.cards[name].setdefault("behind_best", {"model": model})[split] = behind


def _ends(intervals: Mapping[str, list[float]], infix: str = "") -> Scores:
    """{"auc_low": low, "auc_high": high} of {"auc": [low, high]}, `infix` behind each "auc"."""
    return {
        f"{score}{infix}_{side}": end
        for score, ends in intervals.items()
        for side, end in zip(("low", "high"), ends)
    }
