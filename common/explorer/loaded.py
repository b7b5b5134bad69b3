"""What the explorer keeps in memory between visits, until it is published anew."""

from pathlib import Path
from typing import Any

import streamlit as st

from common.explorer.review_index import ReviewIndex
from common.features.transformer import Transformer
from common.models.files import load_models
from common.models.predictions import TestSplit
from common.store.artifacts import INDEX


class Scorers:
    """What scores a review: transformer, models by name, and wrong, what ails the others."""

    def __init__(self, data_dir: Path):
        self.transformer = Transformer.load(data_dir)
        self.models, self.wrong = load_models(data_dir)
        for model in self.models.values():
            if hasattr(model.estimator, "n_jobs"):
                model.estimator.n_jobs = 1  # starting threads takes longer than scoring a review


@st.cache_resource(max_entries=4, show_spinner=False)
def _load(kind: type, data_dir: Path, last_published: int) -> Any:
    return kind(data_dir)


def review_index(data_dir: Path) -> ReviewIndex:
    return _load(ReviewIndex, data_dir, last_published(data_dir))


def test_split(data_dir: Path) -> TestSplit:
    """The test split; InputError unless its features are of the loaded reviews."""
    split = _load(TestSplit, data_dir, last_published(data_dir))
    split.check(len(review_index(data_dir)))
    return split


def scorers(data_dir: Path) -> Scorers:
    return _load(Scorers, data_dir, last_published(data_dir))


def last_published(data_dir: Path) -> int:
    """When something was last published, in nanoseconds: a key for caches."""
    return (data_dir / INDEX).stat().st_mtime_ns
