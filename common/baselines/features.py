"""Other ways to features: plain pandas, other parallel tools, and the original study's columns."""

import filecmp
import multiprocessing
import re
import unicodedata
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from pandas import DataFrame

from common.baselines.eda import read_plain_csv, write_plain_csv
from common.compute import compute
from common.features.building import build
from common.features.describe import describe_slices
from common.features.ngrams import SCRIPTS
from common.features.reading import FEATURE_COLUMNS, RowRange, read_rows, row_ranges
from common.metrics import Metrics
from common.profiling import Timing, interleave
from common.schema import read_reviews
from common.store import read_json, require, staging_folder

LATIN = "[A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]"


def _repeats(text: str) -> int:
    """Runs of three and more of a letter, whatever its case, or of ! ? or ."""
    lower = "".join(c.lower()[0] if unicodedata.category(c) == "Lu" else c for c in text)
    runs = re.findall(r"(.)\1\1+", lower, re.DOTALL)
    return sum(c in "!?." or unicodedata.category(c)[0] == "L" for c in runs)


def describe_pandas(reviews: DataFrame) -> DataFrame:
    """`features.describe` of FEATURE_COLUMNS as plain pandas says it.

    String methods where there are any, Python functions where there are none.
    """
    text, time = reviews["review_text"].astype(object), reviews["review_timestamp"]
    category = text.map(lambda t: Counter(map(unicodedata.category, t)))
    chars = text.str.len().to_numpy(np.float32)
    words = text.str.split().str.len().to_numpy(np.float32)
    per_char = 1 / np.maximum(chars, 1)

    def of_class(prefix: str) -> pd.Series:
        return category.map(lambda counts: sum(counts[c] for c in counts if c.startswith(prefix)))

    version = reviews["author_app_version"].str.extract(r"^(\d{1,4})\.(\d{1,4})").astype(float)
    columns = {
        "log_chars": np.log1p(chars),
        "log_words": np.log1p(words),
        "chars_per_word": chars / np.maximum(words, 1),
        "capital_share": of_class("Lu") * per_char,
        "digit_share": of_class("Nd") * per_char,
        "mark_share": of_class("P") * per_char,
        "log_exclamations": np.log1p(text.str.count("!")),
        "log_questions": np.log1p(text.str.count(r"\?")),
        "log_emoji": np.log1p(text.str.count("[\u2600-\u27bf\U0001f300-\U0001faff]")),
        "log_repeats": np.log1p(text.map(_repeats)),
        "log_lines": np.log1p(text.str.count("\n")),
        "non_latin_share": (of_class("L") - text.str.count(LATIN)) * per_char,
    }
    for name, blocks in SCRIPTS.items():
        block = "".join(f"{chr(first)}-{chr(last)}" for first, last in blocks)
        columns[f"script_{name}"] = text.str.count(f"[{block}]") * per_char
    columns |= {
        "log_likes": np.log1p(reviews["review_likes"].astype(np.float32)),
        "hour": time.dt.hour,
        "weekday": time.dt.day_of_week,
        "month": time.dt.month,
        "year": time.dt.year,
        "day_of_month": time.dt.day,
        "version_major": version[0],
        "version_minor": version[1],
        "version_missing": version[0].isna(),
    }
    return DataFrame(columns).astype(np.float32)


def write_described(rows: RowRange, folder: Path) -> None:
    """What each parallel tool runs: read a row range, describe it, write the result."""
    parts = [described for described, _ in describe_slices(read_rows(rows))]
    described = pd.concat(parts, ignore_index=True)
    described.to_feather(folder / f"{rows.start:010d}.feather", compression="uncompressed")


def describing_tools(
    ranges: list[RowRange], folder: Path, workers: int, once: bool
) -> Iterator[Timing]:
    """Describe all reviews by each tool in turn, into a new `folder`; yield every repeat.

    AssertionError unless a tool wrote what "serial", which runs first, wrote. "original" makes the
    original study's columns instead.
    """
    folder.mkdir()
    write = partial(write_described, folder=folder)
    tasks = [dask.delayed(write)(rows) for rows in ranges]
    paths = sorted({rows.path for rows in ranges})
    csv = write_plain_csv(paths, folder.with_suffix(".csv"))

    def plain() -> None:
        reviews = pd.concat([read_reviews(path, FEATURE_COLUMNS).to_pandas() for path in paths])
        describe_pandas(reviews).reset_index(drop=True).to_feather(folder / "all.feather")

    with multiprocessing.get_context("spawn").Pool(workers) as pool, Parallel(workers) as parallel:
        # Start-up is no tool's work: each process loads what it needs first.
        first = (ranges * workers)[:workers]
        pool.map(write, first, chunksize=1)
        parallel(delayed(write)(rows) for rows in first)
        timings = interleave(
            {
                "serial": lambda: list(map(write, ranges)),
                "pandas": plain,
                "pool": partial(pool.map, write, ranges, chunksize=1),
                "joblib": partial(parallel, [delayed(write)(rows) for rows in ranges]),
                "dask_threads": partial(
                    dask.compute, *tasks, scheduler="threads", num_workers=workers
                ),
                "dask_processes": partial(compute, tasks, "metadata"),
                "original": lambda: one_hot_original(read_plain_csv(csv)),
            },
            once,
        )
        expected = None
        for timing in timings:
            if timing.name != "original":
                described = _take(folder)
                expected = described if expected is None else expected
                pd.testing.assert_frame_equal(
                    described,
                    expected,
                    check_exact=timing.name != "pandas",
                    rtol=1e-5,
                    obj=f"metadata by {timing.name}",
                )
            yield timing


def _take(folder: Path) -> DataFrame:
    """What a tool wrote, in order; its files are removed."""
    paths = sorted(folder.iterdir())
    described = pd.concat(map(pd.read_feather, paths), ignore_index=True)
    for path in paths:
        path.unlink()
    return described


def one_hot_original(reviews: dd.DataFrame) -> DataFrame:
    """The original study's features of FEATURE_COLUMNS, a row per review, in order.

    Calendar, words, characters, and major.minor version one-hot, as dask.dataframe computes them.
    """
    text, time = reviews["review_text"], reviews["review_timestamp"]
    columns = reviews[["review_likes"]].assign(
        year=time.dt.year,
        month=time.dt.month,
        weekday=time.dt.day_of_week,
        hour=time.dt.hour,
        word_count=text.str.split().str.len(),
        text_length=text.str.len(),
        version=reviews["author_app_version"].str.extract(r"^(\d+\.\d+)", expand=False),
    )
    return dd.get_dummies(columns.categorize(columns=["version"]), columns=["version"]).compute()


def compare(args: Namespace, workers: int) -> None:
    """Everything again, on all cores and in one process, and metadata through each parallel tool.

    AssertionError unless results are equal.
    """
    metrics = Metrics(
        "03_features", read_json(args.data_dir, "manifest.json"), args.seed, args.data_dir
    )
    features, ranges = require(args.data_dir, "features"), row_ranges(args.data_dir)

    def build_again(variant: str, cores: int, repeats: Iterator[int], **scheduler: str) -> None:
        with staging_folder(args.data_dir) as staging, dask.config.set(**scheduler):
            build(ranges, staging, args.seed, cores, metrics, variant, next(repeats))
            for path in features.glob("*"):
                same = filecmp.cmp(path, staging / "features" / path.name, shallow=False)
                assert same, f"{path.name} is another one: {variant}"

    ways = {
        "parallel": partial(build_again, "parallel", workers, count()),
        "serial": partial(build_again, "serial", 1, count(), scheduler="synchronous"),
    }
    for _ in interleave(ways, args.quick):
        pass  # `build` keeps the seconds, also those of its parts
    with staging_folder(args.data_dir) as staging:
        for tool in describing_tools(ranges, staging / "tools", workers, args.quick):
            cores = 1 if tool.name in ("pandas", "serial") else workers
            metrics.add(
                "features.seconds",
                tool.seconds,
                "s",
                repeat=tool.repeat,
                part="metadata",
                variant=tool.name,
                workers=cores,
            )
    metrics.publish(args.data_dir)
