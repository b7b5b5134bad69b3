"""The models that 04 tunes: estimators and the grids of their parameters."""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from xgboost import XGBClassifier, XGBRegressor

BOOSTING = {"max_depth": [3, 5, 7], "n_estimators": [100, 200], "learning_rate": [0.05, 0.1, 0.2]}


def candidates(seed):
    """{model: (estimator, grid, kind, inputs family, task)}. The grids of logistic regression, forest and boosting are those of
    the original study."""
    boost = dict(
        min_child_weight=10,
        subsample=0.8,
        colsample_bytree=0.5,
        max_bin=64,
        random_state=seed,
        n_jobs=1,
    )
    linear = SGDClassifier(
        loss="hinge", max_iter=10, tol=None, average=True, random_state=seed
    )  # liblinear takes 15 times as long
    kernel = make_pipeline(
        Nystroem(n_components=200, random_state=seed), LinearSVC(dual=False, C=0.3, tol=1e-2)
    )
    return {
        # The threshold drops n-grams that no training row has: most of them, in a search.
        "logistic_regression": (
            make_pipeline(VarianceThreshold(), LogisticRegression(max_iter=1000)),
            {"logisticregression__C": [0.01, 0.1, 1, 10]},
            "sklearn",
            "linear",
            "five_star",
        ),
        "random_forest": (
            RandomForestClassifier(max_samples=0.3, random_state=seed),
            {"n_estimators": [100, 200], "max_depth": [10, 20], "min_samples_split": [2, 5]},
            "sklearn",
            "trees",
            "five_star",
        ),
        "linear_svm": (
            CalibratedClassifierCV(linear, cv=3, ensemble=False),
            {"estimator__alpha": [1e-4, 3e-4, 1e-3, 1e-2]},
            "sklearn",
            "linear",
            "five_star",
        ),
        "rbf_svm": (
            CalibratedClassifierCV(kernel, cv=3, ensemble=False),
            {"estimator__nystroem__gamma": [0.003, 0.01, 0.03]},
            "sklearn",
            "trees",
            "five_star",
        ),
        "xgboost": (XGBClassifier(**boost), BOOSTING, "xgboost", "trees", "five_star"),
        "xgboost_rating": (XGBRegressor(**boost), BOOSTING, "xgboost", "trees", "rating"),
    }
