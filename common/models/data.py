"""The reviews of a run of 04: which rows are searched on, fitted on, and predicted."""

from pathlib import Path

import numpy as np
from numpy import ndarray

from common.features.transformer import load_features
from common.models.registry import Candidate, labels
from common.models.search import SearchProblem
from common.store import InputError

# Reviews of the smaller class: folds of folds of them train models, and SMOTE looks for neighbours.
FEWEST = 30


class ModelData:
    """The published reviews and their features; positions (int64) of the rows for each use.

    train: the train split; searched: those of it, `search_rows` at most, on which parameter sets
    are compared; held_out: all other rows. Raises InputError where too few of the rows searched are
    of one class.
    """

    def __init__(self, data_dir: Path, search_rows: int, seed: int) -> None:
        self.data_dir, self.seed = data_dir, seed
        self.rows, self.features = load_features(data_dir)
        self.rating = self.rows["rating"].to_numpy()
        self.train = np.flatnonzero(self.rows["split"] == "train")
        self.held_out = np.flatnonzero(self.rows["split"] != "train")
        shuffled = np.random.default_rng(seed).permutation(self.train)
        self.searched = np.sort(shuffled[:search_rows])
        smaller_class = np.bincount(self.labels("five_star", self.searched), minlength=2).min()
        if smaller_class < FEWEST:
            raise InputError(
                f"of {len(self.searched)} training reviews only {smaller_class} are of the smaller "
                "class (five stars or not), which is too few to search on: load more reviews"
            )

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
