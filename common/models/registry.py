"""The models that 04 tunes, and the two tasks. To add a model, add an entry to `candidates`."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy import ndarray
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from xgboost import XGBClassifier, XGBRegressor

BOOSTING_GRID: dict[str, list] = {
    "max_depth": [3, 5, 7],
    "n_estimators": [100, 200],
    "learning_rate": [0.05, 0.1, 0.2],
}


class ModelName(NamedTuple):
    """A saved model: which one ("xgboost"), on which features ("metadata", "all")."""

    model: str
    features: str

    def __str__(self) -> str:
        return f"{self.model}-{self.features}"


class Task(NamedTuple):
    """What is predicted, and the metric by which parameter sets and models are chosen."""

    metric: str
    score: Callable[[ndarray, ndarray], float]  # of labels and predictions
    scoring: str  # scikit-learn's name of the metric
    sign: int  # 1 where a larger metric is better, -1 where a smaller one is


TASKS = {
    "five_star": Task("auc", roc_auc_score, "roc_auc", 1),
    "rating": Task("rmse", root_mean_squared_error, "neg_root_mean_squared_error", -1),
}


def labels(rating: ndarray, task: str) -> ndarray:
    """What a model learns from ratings (n,): int, 1 for five stars, or the ratings as float32."""
    return (rating == 5).astype(int) if task == "five_star" else rating.astype(np.float32)


class Candidate(NamedTuple):
    """A model to tune."""

    estimator: BaseEstimator
    grid: dict[str, list]
    kind: str = "sklearn"  # of model file, see common.models.files
    text: str = "scores"  # how it takes the text, or as "ngrams" (sparse, for linear models)
    task: str = "five_star"  # key of TASKS
    # More rows than these are sampled, as they teach it no more, or, of n-grams, taken in batches.
    most_rows: int | None = 200_000

    def inputs(self, features: str) -> str:
        """What Features.matrix gives this model on "metadata" or on "all" features."""
        return "metadata" if features == "metadata" else f"form+{self.text}"


def candidates(seed: int, rows: int = 1_000_000) -> dict[str, Candidate]:
    """All candidates by name, for so many training rows: a few allow smaller leaves and kernels.

    The grids of logistic regression, forest and boosting are those of the original study.
    """
    boosting = dict(
        min_child_weight=min(10, rows / 200),
        subsample=0.8,
        colsample_bytree=0.5,
        max_bin=64,
        random_state=seed,
        n_jobs=1,
    )
    # liblinear takes 15 times as long.
    hinge = SGDClassifier(loss="hinge", max_iter=10, tol=None, average=True, random_state=seed)
    kernel = make_pipeline(
        # In float32 the kernel of texts alike is so near singular that a review's prediction
        # depends on what is scored beside it.
        FunctionTransformer(np.float64),
        Nystroem(n_components=min(200, rows // 3), random_state=seed),
        LinearSVC(dual=False, C=0.3, tol=1e-2),
    )
    return {
        "logistic_regression": Candidate(
            LogisticRegression(max_iter=1000), {"C": [0.01, 0.1, 1, 10]}, text="ngrams"
        ),
        "random_forest": Candidate(
            RandomForestClassifier(max_samples=0.3, random_state=seed),
            {"n_estimators": [100, 200], "max_depth": [10, 20], "min_samples_split": [2, 5]},
        ),
        "linear_svm": Candidate(
            CalibratedClassifierCV(hinge, cv=3, ensemble=False),
            {"estimator__alpha": [1e-4, 3e-4, 1e-3, 1e-2]},
            text="ngrams",
        ),
        "rbf_svm": Candidate(
            CalibratedClassifierCV(kernel, cv=3, ensemble=False),
            {"estimator__nystroem__gamma": [0.01, 0.03, 0.1]},
            most_rows=50_000,  # kernel features are dense
        ),
        "xgboost": Candidate(
            XGBClassifier(**boosting), BOOSTING_GRID, kind="xgboost", most_rows=None
        ),
        "xgboost_rating": Candidate(
            XGBRegressor(**boosting), BOOSTING_GRID, "xgboost", task="rating", most_rows=None
        ),
    }
