"""All models of a run, judged on the same rows: scores with intervals, distance to the best."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from common.features.splits import held_out_masks
from common.features.transformer import features_sha256
from common.metrics import Metrics
from common.models.cards import failures
from common.models.data import ModelData
from common.models.files import Card, write_predictions
from common.models.registry import TASKS, ModelName
from common.scores import bootstrap, five_star_scores, interval, rating_scores

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
        self.test_scores: dict[str, dict[ModelName, dict[str, float]]] = {t: {} for t in TASKS}
        # Bootstrap replicates {score: (n,)} by task, split and model.
        self.replicates: dict[tuple[str, str, ModelName], dict[str, np.ndarray]] = {}

    def add(self, name: str, value: float, rows: int, **labels: Any) -> None:
        """Keep one figure about models."""
        unit = next((unit for start, unit in UNITS.items() if name.startswith(start)), "1")
        self.metrics.add(f"model.{name}", value, unit, rows=rows, **labels)

    def score(self, name: ModelName, task: str, predicted: np.ndarray) -> Card:
        """Score predictions (n,) of all rows: what a card says of them.

        {split: {score: value}, "intervals": {split: {score: [low, high]}}}.
        """
        rating, scores, intervals = self.data.rows["rating"].to_numpy(), {}, {}
        for split, mask in held_out_masks(self.data.rows).items():
            if task == "five_star":
                scores[split] = five_star_scores(rating[mask] == 5, predicted[mask])
            else:
                scores[split] = rating_scores(rating[mask], predicted[mask])
            replicates = bootstrap(rating[mask], predicted[mask], task, self.data.seed)
            self.replicates[task, split, name] = replicates
            intervals[split] = {score: interval(values) for score, values in replicates.items()}
            figures = dict(scores[split])
            for score, (low, high) in intervals[split].items():
                figures |= {f"{score}_low": low, f"{score}_high": high}
            labels = dict(split=split, task=task, imbalance="none", **name._asdict())
            for score, value in figures.items():
                self.add(score, value, mask.sum(), **labels)
        self.test_scores[task][name] = scores["test"]
        return {**scores, "intervals": intervals}

    def score_trivial(self) -> None:
        """Score what a model must beat: train's share of five stars, and its mean rating."""
        rating = self.data.rows["rating"].to_numpy()[self.data.train]
        share, mean = (np.full(len(self.data.rows), x.mean()) for x in (rating == 5, rating))
        self.score(ModelName("majority", "none"), "five_star", share)
        self.score(ModelName("mean", "none"), "rating", mean)

    def keep(self, name: ModelName, folder: Path, card: Card, predicted: np.ndarray) -> None:
        """Judge a model saved in `folder`, and keep its card and its predictions, as `score`."""
        task, rows = card["task"], len(self.data.searched)
        scores = self.score(name, task, predicted)
        labels = dict(split="validation", task=task, imbalance="none", **name._asdict())
        for score, value in card["validation"].items():
            self.add(score, value, rows, **labels)
        self.cards[name] = {
            "name": str(name),
            "features": name.features,
            **card,
            **scores,
            "failures": failures(self.data.rows, predicted, task),
            **self.identity,
        }
        write_predictions(folder, predicted)

    def compare_with_best(self) -> None:
        """How far each model is behind the one with the best validation, on test and on future.

        Keeps the ends of paired 95% intervals, above 0 where that one is better, as metrics and in
        the cards of the others.
        """
        best: dict[str, ModelName] = {}
        for task, (metric, *_, sign) in TASKS.items():
            scores = {
                name: sign * card["validation"][metric]
                for name, card in self.cards.items()
                if card["task"] == task
            }
            if scores:
                best[task] = max(scores, key=scores.__getitem__)
        for (task, split, name), replicates in self.replicates.items():
            if split == "unseen_text" or best.get(task, name) == name:
                continue
            leader = self.replicates[task, split, best[task]]
            labels = dict(split=split, task=task, best=str(best[task]), **name._asdict())
            behind = {}
            for score, values in replicates.items():
                behind[score] = interval(TASKS[task].sign * (leader[score] - values))
                for side, end in zip(("low", "high"), behind[score]):
                    self.add(f"{score}_behind_best_{side}", end, len(self.data.rows), **labels)
            if name in self.cards:
                card = self.cards[name].setdefault("behind_best", {"model": str(best[task])})
                card[split] = behind
