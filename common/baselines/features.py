"""What 03 and 04 are compared with, run only by --compare on the same rows: plain pandas, other parallel tools, and the original
study's features and searches."""

import multiprocessing
import unicodedata
from collections import Counter
from contextlib import contextmanager
from functools import partial
from itertools import groupby

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
from joblib import Parallel, delayed

from common.compute import compute
from common.features.describe import describe
from common.features.ngrams import SCRIPTS, Texts
from common.features.reading import FEATURE_COLUMNS, read_rows, slices


def describe_pandas(reviews):
    """`features.describe` as plain pandas says it: string methods where there are any, Python functions where there are none.

    reviews: DataFrame with FEATURE_COLUMNS.
    """
    text, time = reviews["review_text"].astype(object), reviews["review_timestamp"]
    category = text.map(lambda t: Counter(map(unicodedata.category, t)))
    chars = text.str.len().to_numpy(np.float32)
    words = text.str.split().str.len().to_numpy(np.float32)
    per_char = 1 / np.maximum(chars, 1)

    def of_class(first):
        return category.map(
            lambda found: sum(n for name, n in found.items() if name.startswith(first))
        )

    def lower(character):
        return character.lower()[0] if unicodedata.category(character) == "Lu" else character

    def repeats(t):
        runs = ((c, sum(1 for _ in run)) for c, run in groupby(t, key=lower))
        return sum(n > 2 and (c in "!?." or unicodedata.category(c)[0] == "L") for c, n in runs)

    def latin(t):
        return sum(
            unicodedata.category(c)[0] == "L" and (c < "\u0250" or "\u1e00" <= c <= "\u1eff")
            for c in t
        )

    version = reviews["author_app_version"].str.extract(r"^(\d{1,4})\.(\d{1,4})").astype(float)
    out = {
        "log_likes": np.log1p(reviews["review_likes"].astype(np.float32)),
        "log_chars": np.log1p(chars),
        "log_words": np.log1p(words),
        "chars_per_word": chars / np.maximum(words, 1),
        "capital_share": of_class("Lu") * per_char,
        "digit_share": of_class("Nd") * per_char,
        "mark_share": of_class("P") * per_char,
        "log_exclamations": np.log1p(text.str.count("!")),
        "log_questions": np.log1p(text.str.count(r"\?")),
        "log_emoji": np.log1p(text.str.count("[\u2600-\u27bf\U0001f300-\U0001faff]")),
        "log_repeats": np.log1p(text.map(repeats)),
        "log_lines": np.log1p(text.str.count("\n")),
        "non_latin_share": (of_class("L") - text.map(latin)) * per_char,
        **{
            f"script_{name}": text.str.count(
                "[" + "".join(f"{chr(a)}-{chr(b)}" for a, b in blocks) + "]"
            )
            * per_char
            for name, blocks in SCRIPTS.items()
        },
        "hour": time.dt.hour,
        "weekday": time.dt.day_of_week,
        "month": time.dt.month,
        "year": time.dt.year,
        "day_of_month": time.dt.day,
        "version_major": version[0],
        "version_minor": version[1],
        "version_missing": version[0].isna(),
    }
    return pd.DataFrame({name: np.asarray(values, np.float32) for name, values in out.items()})


def write_metadata(piece, folder):
    """What each parallel tool runs: read a piece, describe it, write the result."""
    described = [describe(part, Texts(part["review_text"])) for part in slices(read_rows(piece))]
    path, start, _ = piece
    pd.concat(described, ignore_index=True).to_feather(
        folder / f"{path.stem}-{start:08d}.feather", compression="uncompressed"
    )


@contextmanager
def preprocessing_tools(pieces, staging, workers):
    """Yield ({tool: function}, check): each function describes all pieces and writes the result; `check(tool)` raises AssertionError
    unless what it wrote is what "serial", which runs first, wrote. Workers are up before."""
    folder, seen = staging / "tools", []
    folder.mkdir()
    write = partial(write_metadata, folder=folder)

    def plain():
        paths = sorted({path for path, _, _ in pieces})
        describe_pandas(
            pd.concat([pd.read_parquet(path, columns=FEATURE_COLUMNS) for path in paths])
        ).to_feather(folder / "all.feather", compression="uncompressed")

    def check(tool):
        found = pd.concat(
            [pd.read_feather(path) for path in sorted(folder.iterdir())], ignore_index=True
        )
        for path in folder.iterdir():
            path.unlink()
        if not seen:
            seen.append(found)
        pd.testing.assert_frame_equal(
            found, seen[0], check_exact=tool != "pandas", obj=f"metadata by {tool}", rtol=1e-5
        )

    with multiprocessing.get_context("spawn").Pool(workers) as pool, Parallel(workers) as parallel:
        for start in (
            lambda work: pool.map(work, range(workers), chunksize=1),
            lambda work: parallel(delayed(work)(i) for i in range(workers)),
        ):
            start(_warm)
        yield (
            {
                "serial": lambda: list(map(write, pieces)),
                "pandas": plain,
                "pool": lambda: pool.map(write, pieces, chunksize=1),
                "joblib": lambda: parallel(delayed(write)(piece) for piece in pieces),
                "dask_threads": lambda: dask.compute(
                    *[dask.delayed(write)(piece) for piece in pieces],
                    scheduler="threads",
                    num_workers=workers,
                ),
                "dask_processes": lambda: compute(
                    [dask.delayed(write)(piece) for piece in pieces], "metadata"
                ),
            },
            check,
        )


def _warm(_):
    """Loads what `write_metadata` needs, so that no tool's start-up counts as its work."""
    empty = pa.table(
        {
            "review_text": ["a"],
            "review_likes": [1],
            "author_app_version": ["1.2"],
            "review_timestamp": pa.array([0], pa.timestamp("us")),
        }
    )
    describe(empty, Texts(empty["review_text"]))


def one_hot_original(reviews):
    """The original study's features: calendar, words, characters, and major.minor version one-hot, as dask.dataframe computes them.

    reviews: a dask.dataframe with FEATURE_COLUMNS. Returns a DataFrame with a row per review, in order.
    """
    reviews = reviews[FEATURE_COLUMNS]
    text, time = reviews["review_text"], reviews["review_timestamp"]
    reviews = reviews.assign(
        year=time.dt.year,
        month=time.dt.month,
        weekday=time.dt.day_of_week,
        hour=time.dt.hour,
        word_count=text.str.split().str.len(),
        text_length=text.str.len(),
        version=reviews["author_app_version"].str.extract(r"^(\d+\.\d+)", expand=False),
    )
    known = reviews.drop(
        columns=["review_text", "review_timestamp", "author_app_version"]
    ).categorize(columns=["version"])
    return dd.get_dummies(known, columns=["version"]).compute()
