"""All models of a run, judged on the same rows: scores with intervals, distance to the best."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from common.features.splits import held_out_masks
from common.features.transformer import features_sha256
from common.metrics import Metrics
from common.models.cards import failures, judged, write_text
from common.models.data import ModelData
from common.models.files import Card, rank, read_cards, write_card
from common.models.registry import TASKS, ModelName
from common.scores import (
    Scores,
    influence,
    paired_intervals,
)
from common.store import require

# By the beginning of a figure's name; all others are ratios.
UNITS = {
    "rmse": "stars",
    "mae": "stars",
    "log_loss": "nats",
    "search_seconds": "s",
    "fit_seconds": "s",
}


class Judge:
    """Scores predictions, and keeps each figure as a metric and the cards of saved models."""

    def __init__(self, data: ModelData, metrics: Metrics, manifest: dict[str, Any]) -> None:
        self.data, self.metrics, self.manifest = data, metrics, manifest
        self.identity = {
            "features_sha256": features_sha256(data.data_dir),
            "data": metrics.common["data"],
            "seed": data.seed,
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self.cards: dict[ModelName, Card] = {}
        self.scores: dict[str, dict[ModelName, Card]] = {task: {} for task in TASKS}
        self.predicted: dict[str, dict[ModelName, ndarray]] = {task: {} for task in TASKS}

    def write_card(self, staging: Path, name: ModelName) -> None:
        """Write a kept model's card.json and card.md."""
        folder = staging / f"models/{name}"
        folder.mkdir(parents=True, exist_ok=True)
        write_card(folder, self.cards[name])
        write_text(folder, self.cards[name], self.manifest)

    def add(self, name: ModelName, rows: int, figures: Scores, **labels: Any) -> None:
        """Keep figures about a model on so many rows."""
        for figure, value in figures.items():
            unit = next((unit for start, unit in UNITS.items() if figure.startswith(start)), "1")
            labels |= name._asdict()
            self.metrics.add(f"model.{figure}", value, unit, rows=rows, **labels)

    def score(self, name: ModelName, task: str, predicted: ndarray) -> Card:
        """Score predictions (n,) of all rows; what `judged` says of them."""
        scores = judged(self.data.rows, predicted, task)
        for split, mask in held_out_masks(self.data.rows).items():
            figures = scores[split] | _ends(scores["intervals"][split])
            self.add(name, mask.sum(), figures, split=split, task=task, imbalance="none")
        self.scores[task][name], self.predicted[task][name] = scores, predicted.astype(np.float32)
        return scores

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

    def recall(self) -> None:
        """Take 04's published models of these features as those that were judged here."""
        for name, card in read_cards(self.data.data_dir).items():
            sha256 = card["features_sha256"]
            if not name.startswith("netflixnet") and sha256 == self.identity["features_sha256"]:
                model, task = ModelName(*name.rsplit("-", 1)), card["task"]
                path = require(self.data.data_dir, f"models/{name}/predictions.npy")
                self.predicted[task][model] = np.load(path)
                self.cards[model] = self.scores[task][model] = card

    def compare_with_best(self) -> None:
        """How far each model is behind the one with the best validation, on test and on future.

        Keeps the ends of paired 95% intervals, above 0 where that one is better, as metrics and in
        the cards of the others, and publishes them.
        """
        best: dict[str, ModelName] = {}
        for name in sorted(self.cards, key=lambda name: rank(self.cards[name])):
            best.setdefault(self.cards[name]["task"], name)
        for split, mask in held_out_masks(self.data.rows).items():
            for task, leader in best.items() if split != "unseen_text" else ():
                self._compare(task, split, mask, leader)
        files = ("card.json", "card.md")
        names = (f"models/{name}/{file}" for name in self.cards for file in files)
        with self.metrics.publishing(self.data.data_dir, *names) as folder:
            for name in self.cards:
                self.write_card(folder, name)

    def _compare(self, task: str, split: str, mask: ndarray, leader: ModelName) -> None:
        """Keep how far the models of a task are behind one of them on a split's rows."""
        predicted, scores, sign = self.predicted[task], self.scores[task], TASKS[task].sign
        rating, model = self.data.rating[mask], str(leader)
        best = influence(rating, predicted[leader][mask], task)
        for name in predicted:
            if name == leader:
                continue
            rows = influence(rating, predicted[name][mask], task)
            ahead = {
                score: sign * (scores[leader][split][score] - scores[name][split][score])
                for score in rows
            }
            behind = paired_intervals(ahead, best, rows)
            figures = _ends(behind, "_behind_best")
            self.add(name, len(rows), figures, split=split, task=task, best=model)
            if name in self.cards:
                self.cards[name].setdefault("behind_best", {"model": model})[split] = behind


def _ends(intervals: Mapping[str, list[float]], infix: str = "") -> Scores:
    """{"auc_low": low, "auc_high": high} of {"auc": [low, high]}, `infix` behind each "auc"."""
    return {
        f"{score}{infix}_{side}": end
        for score, ends in intervals.items()
        for side, end in zip(("low", "high"), ends)
    }
