"""What the explorer keeps in memory between visits, until it is published anew."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import streamlit as st

from common.features.transformer import Transformer
from common.models.files import Card, Model, load_models, read_cards
from common.store import InputError
from common.store.artifacts import INDEX

Loaded = TypeVar("Loaded")


class Scorers:
    """What scores a review: transformer, models by name, and wrong, what ails the others."""

    def __init__(self, data_dir: Path):
        self.transformer = Transformer.load(data_dir)
        self.models, self.wrong = load_models(data_dir)
        for model in self.models.values():
            if hasattr(model.estimator, "n_jobs"):
                model.estimator.n_jobs = 1  # starting threads takes longer than scoring a review

    def best(self, task: str) -> Model:
        """The model of a task with the best validation, of those that could be loaded."""
        for model in self.models.values():
            if model.card["task"] == task:
                return model
        raise InputError(f"no model of the task {task} can be loaded")


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={"builtins.function": id})
def _load(kind: Callable[[Path], Loaded], data_dir: Path, last_published: int) -> Loaded:
    return kind(data_dir)


def load(kind: Callable[[Path], Loaded], data_dir: Path) -> Loaded:
    """What `kind` makes of a data directory, kept until something is published there."""
    return _load(kind, data_dir, (data_dir / INDEX).stat().st_mtime_ns)


def classifiers(data_dir: Path) -> dict[str, Card]:
    """Cards of the saved models of five stars, by name, the best first."""
    return {
        name: card for name, card in read_cards(data_dir).items() if card["task"] == "five_star"
    }
