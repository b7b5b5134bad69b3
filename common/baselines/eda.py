"""Other ways to the original study's seven questions: its own, DuckDB and polars."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
from pandas import Series

from common.baselines.readers import CSV_COLUMNS
from common.eda.answers import Frames
from common.eda.graph import explore
from common.metrics import Metrics
from common.profiling import interleave
from common.store import read_json, require, staging_folder

Variants = dict[str, Callable[..., object]]


def write_plain_csv(paths: list[Path], csv: Path, every: int = 1) -> Path:
    """The loaded reviews, or one in `every`, as one CSV, as the original study cleaned them.

    Line breaks in texts become spaces, which Dask can read.
    """
    with csv.open("w", encoding="utf-8", newline="") as file:
        for path in paths:
            frame = pd.read_parquet(path, columns=CSV_COLUMNS)[::every]
            frame["review_text"] = frame["review_text"].str.replace(r"[\r\n]", " ", regex=True)
            frame.to_csv(file, header=path == paths[0], index=False)
    return csv


def read_plain_csv(csv: Path) -> dd.DataFrame:
    """What `write_plain_csv` wrote, lazy, as the original study read it before each step."""
    return dd.read_csv(
        str(csv),
        blocksize="16MB",
        dtype={"author_app_version": "string"},
        parse_dates=["review_timestamp"],
        keep_default_na=False,
        na_values={"author_app_version": [""]},
    )


def eda_original(paths: list[Path], csv: Path) -> dict[str, Any]:
    """The seven answers as the original study got them: each by a fresh Dask pass over the CSV."""

    def reviews_by(period: str) -> Series:
        reviews = read_plain_csv(csv)
        reviews = reviews.assign(period=reviews["review_timestamp"].dt.to_period(period))
        return reviews.groupby("period").size().compute().sort_index()

    def mean_by_rating(column: str) -> Series:
        reviews = read_plain_csv(csv)
        reviews = reviews.assign(length=reviews["review_text"].str.len())
        return reviews.groupby("review_rating")[column].mean().compute().sort_index()

    ratings = read_plain_csv(csv)["review_rating"].value_counts()
    versions = read_plain_csv(csv)["author_app_version"].value_counts()
    return {
        "ratings": ratings.compute().sort_index(),
        "by_month": reviews_by("M"),
        "top_versions": versions.nlargest(10).compute(),
        "most_liked": read_plain_csv(csv).nlargest(10, "review_likes").compute()["review_likes"],
        "length_by_rating": mean_by_rating("length"),
        "likes_by_rating": mean_by_rating("review_likes"),
        "cumulative": reviews_by("D").cumsum(),
    }


def eda_duckdb(paths: list[Path], csv: Path) -> dict[str, Any]:
    """The seven answers from the Parquet files, with DuckDB on all cores.

    ImportError where it is not installed.
    """
    import duckdb

    by_rating = "FROM reviews GROUP BY review_rating ORDER BY review_rating"
    questions = {
        "ratings": f"SELECT count(*) {by_rating}",
        "by_month": """SELECT count(*) FROM reviews
            GROUP BY date_trunc('month', review_timestamp) ORDER BY min(review_timestamp)""",
        "top_versions": """SELECT count(*) AS n FROM reviews WHERE author_app_version IS NOT NULL
            GROUP BY author_app_version ORDER BY n DESC LIMIT 10""",
        "most_liked": """SELECT review_likes, review_text, review_rating FROM reviews
            ORDER BY review_likes DESC LIMIT 10""",
        "length_by_rating": f"SELECT avg(length(review_text)) {by_rating}",
        "likes_by_rating": f"SELECT avg(review_likes) {by_rating}",
        "cumulative": """SELECT sum(count(*)) OVER (ORDER BY day)
            FROM (SELECT date_trunc('day', review_timestamp) AS day FROM reviews)
            GROUP BY day ORDER BY day""",
    }
    with duckdb.connect() as database:
        database.read_parquet([str(path) for path in paths]).create_view("reviews")
        rows = {name: database.sql(question).fetchall() for name, question in questions.items()}
    return {name: np.array([row[0] for row in answer], float) for name, answer in rows.items()}


def eda_polars(paths: list[Path], csv: Path) -> dict[str, Any]:
    """The seven answers from the Parquet files, with one lazy polars query.

    ImportError where it is not installed.
    """
    import polars as pl

    reviews = pl.scan_parquet(paths)
    rating, likes, version = map(pl.col, ("review_rating", "review_likes", "author_app_version"))
    day = pl.col("review_timestamp").dt.truncate("1d").alias("day")
    per_rating = reviews.group_by(rating).agg(
        pl.len().alias("n"),
        pl.col("review_text").str.len_chars().mean().alias("characters"),
        likes.mean().alias("likes"),
    )
    ratings, versions, liked, days = pl.collect_all(
        [
            per_rating.sort(rating),
            reviews.filter(version.is_not_null()).group_by(version).len().top_k(10, by="len"),
            reviews.select(likes, "review_text", rating).top_k(10, by=likes),
            reviews.group_by(day).len().sort("day"),
        ]
    )
    months = days.group_by(pl.col("day").dt.truncate("1mo")).agg(pl.col("len").sum()).sort("day")
    return {
        "ratings": ratings["n"],
        "by_month": months["len"],
        "top_versions": versions["len"].sort(descending=True),
        "most_liked": liked["review_likes"].sort(descending=True),
        "length_by_rating": ratings["characters"],
        "likes_by_rating": ratings["likes"],
        "cumulative": days["len"].cum_sum(),
    }


EDA = {"original": eda_original, "duckdb": eda_duckdb, "polars": eda_polars}
ANSWER_COLUMNS = {
    "ratings": "reviews",
    "by_month": "reviews",
    "top_versions": "reviews",
    "most_liked": "review_likes",
    "length_by_rating": "mean_characters",
    "likes_by_rating": "mean_likes",
    "cumulative": "cumulative",
}


def check_eda(answers: Mapping[str, Any], ours: Mapping[str, pd.DataFrame]) -> None:
    """AssertionError unless another way's seven answers are ours: a wrong one must not count."""
    for name, column in ANSWER_COLUMNS.items():
        expected, answer = ours[name][column].to_numpy(float), np.asarray(answers[name], float)
        np.testing.assert_allclose(expected, answer, err_msg=name)


def explore_serially(paths: Sequence[Path], everything: bool = True) -> Frames:
    with dask.config.set(scheduler="synchronous"):
        return explore(paths, everything)


def agreeing(paths: list[Path], csv: Path) -> Variants:
    """The other ways to the seven answers, those that agree with ours."""
    seven = explore(paths, everything=False)
    ways: Variants = {}
    for name, answer in EDA.items():
        try:
            check_eda(answer(paths, csv), seven)
            ways[name] = partial(answer, paths, csv)
        except ImportError:
            print(f"{name}: not installed: `pip install -r requirements-compare.txt` to compare")
        except Exception as error:  # another way's failure, or other answers, are a finding
            print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:150]}")
    return ways


def compare(args: Namespace, workers: int) -> None:
    """Time all tables in one process, and the seven answers in every other way that gives them."""
    metrics = Metrics("02_eda", read_json(args.data_dir, "manifest.json"), args.seed, args.data_dir)
    paths = sorted(require(args.data_dir, "reviews").glob("*.parquet"))
    ours = {"parallel": explore, "serial": explore_serially}
    ways: Variants = {name: partial(way, paths) for name, way in ours.items()}
    with staging_folder(args.data_dir) as staging:
        csv = write_plain_csv(paths, staging / "reviews.csv")
        seven = {name: partial(way, everything=False) for name, way in ways.items()}
        for part, variants in (("everything", ways), ("the seven", seven | agreeing(paths, csv))):
            for name, repeat, seconds in interleave(variants, args.quick):
                metrics.add(
                    "eda.seconds",
                    seconds,
                    "s",
                    repeat=repeat,
                    part=part,
                    variant=name,
                    workers=1 if name == "serial" else workers,
                )
    metrics.publish(args.data_dir)
