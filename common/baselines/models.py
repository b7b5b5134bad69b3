"""Other ways to a model: the original study's searches and network, and text classifiers that anyone would try first."""

import re
import tempfile
import time
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

from common.baselines.features import one_hot_original


def original_columns(data_dir, rows):
    """(n, k) float64 of `one_hot_original` for some rows, with the author id as the float that the study's network was given."""
    paths = sorted((Path(data_dir) / "reviews").glob("*.parquet"))
    authors = pd.concat([pd.read_parquet(path, columns=["pseudo_author_id"]) for path in paths])
    known = (
        one_hot_original(dd.read_parquet([str(path) for path in paths]))
        .iloc[rows]
        .astype("float64")
    )
    known["author"] = pd.to_numeric(
        authors["pseudo_author_id"].iloc[rows], errors="coerce"
    ).to_numpy(float)
    return known.to_numpy(float)


def original_search(name, seed):
    """(estimator, prefix of its parameters) that the original study searched with; its grid is 04's."""
    if name == "xgboost_rating":
        return XGBRegressor(random_state=seed, n_jobs=1), ""
    last = (
        LogisticRegression(solver="saga", max_iter=1000, random_state=seed)
        if name == "logistic_regression"
        else RandomForestClassifier(random_state=seed)
    )
    return Pipeline(
        [("impute", SimpleImputer()), ("scale", StandardScaler()), ("model", last)]
    ), "model__"


def original_network(columns, five_star, others, seed, epochs=5):
    """([seconds of each epoch], P(five stars) of `others`) of the original study's network and loop: one layer of 64, a sigmoid, batches
    of 64 from a DataLoader, the loss fetched after each step, columns as they are: the author id among them.

    columns, others: (n, k) float; five_star: (n,) bool.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    x, known = (
        torch.from_numpy(np.nan_to_num(part).astype(np.float32)) for part in (columns, others)
    )
    net = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
    optimizer, loss_of = torch.optim.Adam(net.parameters(), lr=1e-3), nn.BCELoss()
    rows = torch.utils.data.TensorDataset(x, torch.from_numpy(five_star.astype(np.float32)))
    loader, seconds = torch.utils.data.DataLoader(rows, batch_size=64, shuffle=True), []
    for _ in range(epochs):
        start, total = time.perf_counter(), 0.0
        for batch, labels in loader:
            optimizer.zero_grad()
            loss = loss_of(net(batch)[:, 0], labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        seconds.append(time.perf_counter() - start)
    with torch.no_grad():
        return seconds, net(known)[:, 0].double().numpy()


def all_texts(data_dir):
    """(n,) object: the text of every published review, in order."""
    paths = sorted((Path(data_dir) / "reviews").glob("*.parquet"))
    return np.concatenate(
        [
            pd.read_parquet(path, columns=["review_text"])["review_text"].to_numpy(object)
            for path in paths
        ]
    )


def fasttext(texts, five_star, others):
    """P(five stars) of `others` by fastText (dim 10, word pairs, 5 epochs, learning rate 0.5). ImportError where it is not installed."""
    from fasttext import train_supervised

    def line(text):
        return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"__label__{label} {line(text)}\n" for text, label in zip(texts, five_star))
        file.flush()
        model = train_supervised(
            file.name, dim=10, wordNgrams=2, epoch=5, lr=0.5, thread=1, seed=1, verbose=0
        )
    labels, probabilities = model.predict([line(text) for text in others], k=1)
    return np.array(
        [p[0] if label[0] == "__label__1" else 1 - p[0] for label, p in zip(labels, probabilities)]
    ).clip(0, 1)


def tfidf_logistic(texts, five_star, others):
    """P(five stars) of `others` by TF-IDF of words and word pairs with logistic regression, as scikit-learn's guides do it."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(solver="liblinear"),
    )
    return model.fit(texts, five_star).predict_proba(others)[:, 1]


TEXT_CLASSIFIERS = {"fasttext": fasttext, "tfidf_logistic": tfidf_logistic}
