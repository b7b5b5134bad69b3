"""What saved models predicted for the test reviews: for looking at curves and at errors."""

from pathlib import Path

import numpy as np

from common.features.transformer import features_sha256, load_rows
from common.models.files import Card
from common.store import InputError, require


class TestSplit:
    """The test split of the published features; InputError where other reviews are loaded.

    positions (k,): among all reviews; rating (k,) int8.
    """

    def __init__(self, data_dir: Path) -> None:
        rows = load_rows(data_dir)
        self.data_dir, self.sha256 = data_dir, features_sha256(data_dir)
        self.positions = np.flatnonzero(rows["split"] == "test")
        self.rating = rows["rating"].to_numpy()[self.positions]

    def predicted(self, card: Card) -> np.ndarray:
        """(k,) float64 of a model's card.

        InputError when they are missing or were made from other features.
        """
        path = require(self.data_dir, f"models/{card['name']}/predictions.npy")
        if card["features_sha256"] != self.sha256:
            raise InputError(
                f"{path} is of other features than the published ones: train {card['name']} again"
            )
        return np.load(path, mmap_mode="r")[self.positions].astype(float)
