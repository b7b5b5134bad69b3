"""Other ways to a model: the original study's, and text classifiers that anyone would try first."""

import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
from numpy import ndarray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

from common.baselines.features import one_hot_original


def original_columns(data_dir: Path, rows: ndarray) -> ndarray:
    """(n, k) float64 of `one_hot_original` for some rows, and the author id.

    The original study's network was given that as a float.
    """
    folder = data_dir / "reviews"
    columns = one_hot_original(dd.read_parquet(str(folder))).iloc[rows].astype("float64")
    authors = pd.read_parquet(folder, columns=["pseudo_author_id"])["pseudo_author_id"]
    columns["author"] = pd.to_numeric(authors.iloc[rows], errors="coerce").to_numpy(float)
    return columns.to_numpy()


def original_search(name: str, seed: int) -> tuple[BaseEstimator, str]:
    """(estimator, prefix of its parameters) that the original study searched with.

    Its parameter sets are 04's.
    """
    if name == "xgboost_rating":
        return XGBRegressor(random_state=seed, n_jobs=1), ""
    if name == "logistic_regression":
        model: Any = LogisticRegression(solver="saga", max_iter=1000, random_state=seed)
    else:
        model = RandomForestClassifier(random_state=seed)
    steps = [("impute", SimpleImputer()), ("scale", StandardScaler()), ("model", model)]
    return Pipeline(steps), "model__"


def fasttext(texts: ndarray, five_star: ndarray, others: ndarray) -> ndarray:
    """P(five stars) of `others` by fastText (dim 10, word pairs, 5 epochs, learning rate 0.5).

    ImportError where it is not installed.
    """
    from fasttext import train_supervised

    def line(text: str) -> str:
        return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"__label__{label} {line(text)}\n" for text, label in zip(texts, five_star))
        file.flush()
        model = train_supervised(
            file.name, dim=10, wordNgrams=2, epoch=5, lr=0.5, thread=1, seed=1, verbose=0
        )
    labels, likeliest = model.predict([line(text) for text in others], k=1)
    probability, positive = np.ravel(likeliest), np.ravel(labels) == "__label__1"
    return np.where(positive, probability, 1 - probability).clip(0, 1)


def fitted(model: Pipeline, texts: ndarray, five_star: ndarray, others: ndarray) -> ndarray:
    """P(five stars) of `others` by a classifier that is fitted on texts."""
    return model.fit(texts, five_star).predict_proba(others)[:, 1]


# As scikit-learn's guides do it, the first for texts larger than memory.
HASHING_SGD = make_pipeline(
    HashingVectorizer(ngram_range=(1, 2), alternate_sign=False),
    SGDClassifier(loss="log_loss", alpha=1e-6, random_state=0),
)
TFIDF_LOGISTIC = make_pipeline(
    TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
    LogisticRegression(solver="liblinear"),
)
TEXT_CLASSIFIERS: dict[str, Callable[..., ndarray]] = {
    "fasttext": fasttext,
    "hashing_sgd": partial(fitted, HASHING_SGD),
    "tfidf_logistic": partial(fitted, TFIDF_LOGISTIC),
}
