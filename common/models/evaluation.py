"""All models of a run, judged on the same rows: scores with intervals on each split, and how far each is behind the best."""

from common.features.splits import held_out_masks
from common.models.search import SCORING
from common.scores import bootstrap, five_star_scores, interval, rating_scores

UNITS = {"rmse": "stars", "mae": "stars", "log_loss": "nats"}


class Judge:
    """Scores predictions of the rows of load_features and keeps each figure as a metric; bootstrap replicates stay for `behind_best`."""

    def __init__(self, rows, metrics, seed):
        self.rows, self.metrics, self.seed, self.replicates = rows, metrics, seed, {}

    def add(self, name, value, rows, **labels):
        """Keep one figure about models; `name` begins with a score's."""
        unit = next((unit for score, unit in UNITS.items() if name.startswith(score)), "1")
        self.metrics.add(f"model.{name}", value, unit, rows=rows, **labels)

    def score(self, predicted, task, **labels):
        """({split: {score: value}}, {split: {score: [low, high]}}) of predictions (n,) of all rows; labels: model and features."""
        rating, found, intervals = self.rows["rating"].to_numpy(), {}, {}
        for split, mask in held_out_masks(self.rows).items():
            found[split] = (
                five_star_scores(rating[mask] == 5, predicted[mask])
                if task == "five_star"
                else rating_scores(rating[mask], predicted[mask])
            )
            replicates = bootstrap(rating[mask], predicted[mask], task, self.seed)
            self.replicates[task, split, labels["model"], labels["features"]] = replicates
            intervals[split] = {score: interval(values) for score, values in replicates.items()}
            sides = {
                f"{score}_{side}": end
                for score, ends in intervals[split].items()
                for side, end in zip(("low", "high"), ends)
            }
            for score, value in {**found[split], **sides}.items():
                self.add(
                    score, value, mask.sum(), split=split, task=task, imbalance="none", **labels
                )
        return found, intervals

    def behind_best(self, cards):
        """How far each model is behind the one with the best validation on test and future: the ends of paired 95% intervals, above 0
        where that one is better. Into the metrics, and into `cards` ({name: card}) as card["behind_best"]."""
        for task in {card["task"]: None for card in cards.values()}:
            metric, own = (
                SCORING[task][0],
                {name: card for name, card in cards.items() if card["task"] == task},
            )
            sign = 1 if task == "five_star" else -1
            best = max(own.values(), key=lambda card: sign * card["validation"][metric])
            best_model = best["name"].removesuffix(f"-{best['features']}")
            for (of_task, split, model, features), replicates in self.replicates.items():
                if (
                    of_task != task
                    or split == "unseen_text"
                    or f"{model}-{features}" == best["name"]
                ):
                    continue
                for score, values in replicates.items():
                    ends = interval(
                        sign
                        * (
                            self.replicates[task, split, best_model, best["features"]][score]
                            - values
                        )
                    )
                    for side, end in zip(("low", "high"), ends):
                        self.add(
                            f"{score}_behind_best_{side}",
                            end,
                            len(self.rows),
                            model=model,
                            features=features,
                            split=split,
                            task=task,
                            best=best["name"],
                        )
                    if f"{model}-{features}" in own:
                        own[f"{model}-{features}"].setdefault(
                            "behind_best", {"model": best["name"]}
                        ).setdefault(split, {})[score] = ends
