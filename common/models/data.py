"""The reviews of a run of 04: which rows are searched on, fitted on, and predicted."""

from pathlib import Path

import numpy as np
from numpy import ndarray

from common.features.splits import require_classes
from common.features.transformer import load_features
from common.models.registry import Candidate, labels
from common.models.search import SearchProblem

# Of the smaller class, where train has them: fewer tell no parameter sets apart.
FEWEST_SEARCHED = 30


class ModelData:
    """The published reviews and their features; positions (int64) of the rows for each use.

    train: the train split; searched: those of it on which parameter sets are compared,
    `search_rows`, or as many as hold FEWEST_SEARCHED of the smaller class; held_out: all other
    rows; with_text: all but those without any. Raises InputError where too few are of one class.
    """

    def __init__(self, data_dir: Path, search_rows: int, seed: int) -> None:
        self.data_dir, self.seed = data_dir, seed
        self.rows, self.features = load_features(data_dir)
        self.rating = self.rows["rating"].to_numpy()
        self.train = np.flatnonzero(self.rows["split"] == "train")
        self.held_out = np.flatnonzero(self.rows["split"] != "train")
        self.with_text = np.flatnonzero(self.rows["split"] != "no_text")
        require_classes(self.rows)
        shuffled = np.random.default_rng(seed).permutation(self.train)
        five_star = np.cumsum(self.rating[shuffled] == 5)
        smaller = np.minimum(five_star, np.arange(1, len(shuffled) + 1) - five_star)
        enough = int(np.searchsorted(smaller, FEWEST_SEARCHED)) + 1
        self.searched = np.sort(shuffled[: max(search_rows, enough)])

    def labels(self, task: str, positions: ndarray) -> ndarray:
        return labels(self.rating[positions], task)

    def problem(self, candidate: Candidate, features: str) -> SearchProblem:
        """The search for a candidate's parameters on "metadata" or on "all" features."""
        return SearchProblem(
            candidate.estimator,
            candidate.grid,
            self.features.matrix(candidate.inputs(features), self.searched),
            self.labels(candidate.task, self.searched),
            candidate.task,
            self.seed,
        )
