"""NetflixNet-encoder weighed with the default models of 04."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from scipy.special import expit

from common.features.transformer import features_sha256
from common.models.cards import judged
from common.models.files import Card, logit, read_cards
from common.store import require
from common.training.batches import Data

# Chosen on the newest part of train (tests/training/bench_encoder.py).
ENCODER_WEIGHT = 0.6
NAMES = {"five_star": "netflixnet_encoder_blend-all", "rating": "netflixnet_encoder_rating-all"}


def defaults(data_dir: Path) -> dict[str, Card]:
    """{name of a blend: card of the model that it adds to the encoder}: the default of each task
    for which one of these features is saved."""
    best: dict[str, Card] = {}
    for card in read_cards(data_dir).values():
        if not card.get("slow") and card["features_sha256"] == features_sha256(data_dir):
            best.setdefault(NAMES[card["task"]], card)
    return best


def mixed(
    data: Data, default: Card, encoder: Card, probabilities: ndarray
) -> tuple[Card, dict[str, Any], ndarray]:
    """A default model's blend with the encoder: (card, state, predictions (n,)).

    probabilities (n, 4): the encoder's outputs, NaN on train rows.
    """
    task, weights = default["task"], np.array([ENCODER_WEIGHT, 1 - ENCODER_WEIGHT])
    path = require(data.data_dir, f"models/{default['name']}/predictions.npy")
    if task == "five_star":
        own = probabilities[:, -1]
        predicted = expit(logit(np.column_stack([own, np.load(path)])) @ weights)
    else:
        own = 1 + probabilities.sum(axis=1)
        predicted = np.column_stack([own, np.load(path)]) @ weights
    card = {
        "name": NAMES[task],
        "kind": "blend",
        "task": task,
        "features": "all",
        "inputs": "models",
        "slow": True,
        "params": dict(zip([encoder["name"], default["name"]], weights.round(2).tolist())),
        "parts": {part["name"]: part["sha256"] for part in (encoder, default)},
        "rows": encoder["rows"],
        "validation": {},
        **judged(data.rows, predicted, task),
        **{key: encoder[key] for key in ("features_sha256", "data", "seed")},
    }
    return card, {"coef": weights, "intercept": np.zeros(1)}, predicted
