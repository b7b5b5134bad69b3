"""What 03 and 04 are compared with, run only by --compare on the same rows: plain pandas, other parallel tools, and the original
study's features and searches."""
import multiprocessing
import re
import tempfile
import time
import unicodedata
from collections import Counter
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

from common.compute import compute
from common.features.describe import COLUMNS, describe, read_piece, slices
from common.features.ngrams import SCRIPTS, Texts


def describe_pandas(reviews):
    """`features.describe` as plain pandas says it: string methods where there are any, Python functions where there are none.

    reviews: DataFrame with features.COLUMNS.
    """
    text, time = reviews["review_text"].astype(object), reviews["review_timestamp"]
    category = text.map(lambda t: Counter(map(unicodedata.category, t)))
    chars = text.str.len().to_numpy(np.float32)
    words = text.str.split().str.len().to_numpy(np.float32)
    per_char = 1 / np.maximum(chars, 1)

    def of_class(first):
        return category.map(lambda found: sum(n for name, n in found.items() if name.startswith(first)))

    def lower(character):
        return character.lower()[0] if unicodedata.category(character) == "Lu" else character

    def repeats(t):
        runs = ((c, sum(1 for _ in run)) for c, run in groupby(t, key=lower))
        return sum(n > 2 and (c in "!?." or unicodedata.category(c)[0] == "L") for c, n in runs)

    def latin(t):
        return sum(unicodedata.category(c)[0] == "L" and (c < "\u0250" or "\u1e00" <= c <= "\u1eff") for c in t)

    version = reviews["author_app_version"].str.extract(r"^(\d{1,4})\.(\d{1,4})").astype(float)
    out = {
        "log_likes": np.log1p(reviews["review_likes"].astype(np.float32)), "log_chars": np.log1p(chars), "log_words": np.log1p(words),
        "chars_per_word": chars / np.maximum(words, 1), "capital_share": of_class("Lu") * per_char,
        "digit_share": of_class("Nd") * per_char, "mark_share": of_class("P") * per_char, "log_exclamations": np.log1p(text.str.count("!")),
        "log_questions": np.log1p(text.str.count(r"\?")), "log_emoji": np.log1p(text.str.count("[\u2600-\u27bf\U0001f300-\U0001faff]")),
        "log_repeats": np.log1p(text.map(repeats)), "log_lines": np.log1p(text.str.count("\n")),
        "non_latin_share": (of_class("L") - text.map(latin)) * per_char,
        **{f"script_{name}": text.str.count("[" + "".join(f"{chr(a)}-{chr(b)}" for a, b in blocks) + "]") * per_char
           for name, blocks in SCRIPTS.items()},
        "hour": time.dt.hour, "weekday": time.dt.day_of_week, "month": time.dt.month, "year": time.dt.year, "day_of_month": time.dt.day,
        "version_major": version[0], "version_minor": version[1], "version_missing": version[0].isna(),
    }
    return pd.DataFrame({name: np.asarray(values, np.float32) for name, values in out.items()})


def write_metadata(piece, folder):
    """What each parallel tool runs: read a piece, describe it, write the result."""
    described = [describe(part, Texts(part["review_text"])) for part in slices(read_piece(piece))]
    path, start, _ = piece
    pd.concat(described, ignore_index=True).to_feather(folder / f"{path.stem}-{start:08d}.feather", compression="uncompressed")


@contextmanager
def preprocessing_tools(pieces, staging, workers):
    """Yield ({tool: function}, check): each function describes all pieces and writes the result; `check(tool)` raises AssertionError
    unless what it wrote is what "serial", which runs first, wrote. Workers are up before."""
    folder, seen = staging / "tools", []
    folder.mkdir()
    write = partial(write_metadata, folder=folder)

    def plain():
        paths = sorted({path for path, _, _ in pieces})
        describe_pandas(pd.concat([pd.read_parquet(path, columns=COLUMNS) for path in paths])).to_feather(folder / "all.feather", compression="uncompressed")

    def check(tool):
        found = pd.concat([pd.read_feather(path) for path in sorted(folder.iterdir())], ignore_index=True)
        for path in folder.iterdir():
            path.unlink()
        if not seen:
            seen.append(found)
        pd.testing.assert_frame_equal(found, seen[0], check_exact=tool != "pandas", obj=f"metadata by {tool}", rtol=1e-5)

    with multiprocessing.get_context("spawn").Pool(workers) as pool, Parallel(workers) as parallel:
        for start in (lambda work: pool.map(work, range(workers), chunksize=1), lambda work: parallel(delayed(work)(i) for i in range(workers))):
            start(_warm)
        yield {
            "serial": lambda: list(map(write, pieces)),
            "pandas": plain,
            "pool": lambda: pool.map(write, pieces, chunksize=1),
            "joblib": lambda: parallel(delayed(write)(piece) for piece in pieces),
            "dask_threads": lambda: dask.compute(*[dask.delayed(write)(piece) for piece in pieces], scheduler="threads", num_workers=workers),
            "dask_processes": lambda: compute([dask.delayed(write)(piece) for piece in pieces], "metadata"),
        }, check


def _warm(_):
    """Loads what `write_metadata` needs, so that no tool's start-up counts as its work."""
    empty = pa.table({"review_text": ["a"], "review_likes": [1], "author_app_version": ["1.2"], "review_timestamp": pa.array([0], pa.timestamp("us"))})
    describe(empty, Texts(empty["review_text"]))


def one_hot_original(reviews):
    """The original study's features: calendar, words, characters, and major.minor version one-hot, as dask.dataframe computes them.

    reviews: a dask.dataframe with features.COLUMNS. Returns a DataFrame with a row per review, in order.
    """
    reviews = reviews[COLUMNS]
    text, time = reviews["review_text"], reviews["review_timestamp"]
    reviews = reviews.assign(
        year=time.dt.year, month=time.dt.month, weekday=time.dt.day_of_week, hour=time.dt.hour, word_count=text.str.split().str.len(),
        text_length=text.str.len(), version=reviews["author_app_version"].str.extract(r"^(\d+\.\d+)", expand=False))
    known = reviews.drop(columns=["review_text", "review_timestamp", "author_app_version"]).categorize(columns=["version"])
    return dd.get_dummies(known, columns=["version"]).compute()


def original_columns(data_dir, rows):
    """(n, k) float64 of `one_hot_original` for some rows, with the author id as the float that the study's network was given."""
    paths = sorted((Path(data_dir) / "reviews").glob("*.parquet"))
    authors = pd.concat([pd.read_parquet(path, columns=["pseudo_author_id"]) for path in paths])
    known = one_hot_original(dd.read_parquet([str(path) for path in paths])).iloc[rows].astype("float64")
    known["author"] = pd.to_numeric(authors["pseudo_author_id"].iloc[rows], errors="coerce").to_numpy(float)
    return known.to_numpy(float)


def original_search(name, seed):
    """(estimator, prefix of its parameters) that the original study searched with; its grid is 04's."""
    if name == "xgboost_rating":
        return XGBRegressor(random_state=seed, n_jobs=1), ""
    last = (LogisticRegression(solver="saga", max_iter=1000, random_state=seed) if name == "logistic_regression"
            else RandomForestClassifier(random_state=seed))
    return Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler()), ("model", last)]), "model__"


def original_network(columns, five_star, others, seed, epochs=5):
    """([seconds of each epoch], P(five stars) of `others`) of the original study's network and loop: one layer of 64, a sigmoid, batches
    of 64 from a DataLoader, the loss fetched after each step, columns as they are: the author id among them.

    columns, others: (n, k) float; five_star: (n,) bool.
    """
    import torch
    from torch import nn
    torch.manual_seed(seed)
    x, known = (torch.from_numpy(np.nan_to_num(part).astype(np.float32)) for part in (columns, others))
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
    return np.concatenate([pd.read_parquet(path, columns=["review_text"])["review_text"].to_numpy(object) for path in paths])


def fasttext(texts, five_star, others):
    """P(five stars) of `others` by fastText (dim 10, word pairs, 5 epochs, learning rate 0.5). ImportError where it is not installed."""
    from fasttext import train_supervised

    def line(text):
        return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"__label__{label} {line(text)}\n" for text, label in zip(texts, five_star))
        file.flush()
        model = train_supervised(file.name, dim=10, wordNgrams=2, epoch=5, lr=0.5, thread=1, seed=1, verbose=0)
    labels, probabilities = model.predict([line(text) for text in others], k=1)
    return np.array([p[0] if label[0] == "__label__1" else 1 - p[0] for label, p in zip(labels, probabilities)]).clip(0, 1)


def tfidf_logistic(texts, five_star, others):
    """P(five stars) of `others` by TF-IDF of words and word pairs with logistic regression, as scikit-learn's guides do it."""
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(solver="liblinear"))
    return model.fit(texts, five_star).predict_proba(others)[:, 1]


TEXT_CLASSIFIERS = {"fasttext": fasttext, "tfidf_logistic": tfidf_logistic}
