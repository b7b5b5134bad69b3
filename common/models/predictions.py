"""What saved models predicted for the test reviews, row by row: for looking at curves and at errors."""

import numpy as np
import pandas as pd

from common.features.transformer import features_sha256
from common.store import InputError, require


class HeldOut:
    """The test split of the published features.

    at (k,): positions among all reviews; rating (k,) int8; script (k,) object.
    """

    def __init__(self, data_dir):
        rows = pd.read_parquet(
            require(data_dir, "features/rows.parquet"), columns=["rating", "split", "script"]
        )
        self.data_dir, self.count, self.sha256 = data_dir, len(rows), features_sha256(data_dir)
        self.at = np.flatnonzero(rows["split"] == "test")
        self.rating, self.script = (rows[name].to_numpy()[self.at] for name in ("rating", "script"))

    def check(self, reviews):
        """InputError unless there are as many reviews as the features describe."""
        if reviews != self.count:
            raise InputError(
                f"{self.data_dir}/features describe {self.count:,} reviews, and {reviews:,} are loaded: run `python 03_features.py` again"
            )

    def predicted(self, card):
        """(k,) float64 of a model's card; InputError when they are missing or were made from other features."""
        path = require(self.data_dir, f"models/{card['name']}/predictions.npy")
        if card["features_sha256"] != self.sha256:
            raise InputError(
                f"{path} is of other features than the published ones: train {card['name']} again"
            )
        found = np.load(path, mmap_mode="r")
        if len(found) != self.count:
            raise InputError(
                f"{path} holds {len(found):,} predictions for {self.count:,} reviews: train {card['name']} again"
            )
        return found[self.at].astype(float)
