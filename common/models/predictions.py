"""What saved models predicted for the test reviews: for looking at curves and at errors."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.features.transformer import features_sha256
from common.models.files import Card
from common.store import InputError, require


class TestSplit:
    """The test split of the published features.

    positions (k,): among all reviews; rating (k,) int8; script (k,) object.
    """

    def __init__(self, data_dir: Path) -> None:
        path = require(data_dir, "features/rows.parquet")
        rows = pd.read_parquet(path, columns=["rating", "split", "script"])
        self.data_dir, self.count, self.sha256 = data_dir, len(rows), features_sha256(data_dir)
        self.positions = np.flatnonzero(rows["split"] == "test")
        self.rating = rows["rating"].to_numpy()[self.positions]
        self.script = rows["script"].to_numpy()[self.positions]

    def check(self, reviews: int) -> None:
        """InputError unless there are as many reviews as the features describe."""
        if reviews != self.count:
            raise InputError(
                f"{self.data_dir}/features describe {self.count:,} reviews, and {reviews:,} are "
                "loaded: run `python 03_features.py` again"
            )

    def predicted(self, card: Card) -> np.ndarray:
        """(k,) float64 of a model's card.

        InputError when they are missing or were made from other features.
        """
        path = require(self.data_dir, f"models/{card['name']}/predictions.npy")
        if card["features_sha256"] != self.sha256:
            raise InputError(
                f"{path} is of other features than the published ones: train {card['name']} again"
            )
        predicted = np.load(path, mmap_mode="r")
        if len(predicted) != self.count:
            raise InputError(
                f"{path} holds {len(predicted):,} predictions for {self.count:,} reviews: "
                f"train {card['name']} again"
            )
        return predicted[self.positions].astype(float)
