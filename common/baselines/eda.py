"""Other ways to the original study's seven questions: its own, DuckDB and polars."""

import dask.dataframe as dd
import numpy as np
import pandas as pd

from common.baselines.readers import CSV_COLUMNS


def write_plain_csv(paths, csv):
    """The loaded reviews as one CSV, as the original study cleaned them; line breaks in texts become spaces, which Dask can read."""
    for number, path in enumerate(paths):
        frame = pd.read_parquet(path, columns=CSV_COLUMNS)
        frame["review_text"] = frame["review_text"].str.replace(r"[\r\n]", " ", regex=True)
        frame.to_csv(csv, mode="a" if number else "w", header=not number, index=False)
    return csv


def read_plain_csv(csv):
    """What `write_plain_csv` wrote as a lazy dask.dataframe, as the original study read it before each step."""
    return dd.read_csv(
        str(csv),
        blocksize="16MB",
        dtype={"author_app_version": "string"},
        parse_dates=["review_timestamp"],
        keep_default_na=False,
        na_values={"author_app_version": [""]},
    )


def eda_original(paths, csv):
    """The seven answers as the original study got them: seven times a fresh Dask pass over the CSV."""

    def fresh():
        return read_plain_csv(csv)

    def by(period):
        times = fresh()
        return (
            times.assign(period=times["review_timestamp"].dt.to_period(period))
            .groupby("period")
            .size()
            .compute()
            .sort_index()
        )

    text = fresh()
    return {
        "ratings": fresh()["review_rating"].value_counts().compute().sort_index(),
        "by_month": by("M"),
        "top_versions": fresh()["author_app_version"].value_counts().nlargest(10).compute(),
        "most_liked": fresh().nlargest(10, "review_likes").compute()["review_likes"],
        "length_by_rating": text.assign(length=text["review_text"].str.len())
        .groupby("review_rating")["length"]
        .mean()
        .compute()
        .sort_index(),
        "likes_by_rating": fresh()
        .groupby("review_rating")["review_likes"]
        .mean()
        .compute()
        .sort_index(),
        "cumulative": by("D").cumsum(),
    }


def eda_duckdb(paths, csv):
    """The seven answers from the same Parquet files with DuckDB on all cores. ImportError where it is not installed."""
    import duckdb

    reviews = f"read_parquet({[str(path) for path in paths]})"
    questions = {
        "ratings": f"SELECT count(*) FROM {reviews} GROUP BY review_rating ORDER BY review_rating",
        "by_month": f"SELECT count(*) FROM {reviews} GROUP BY date_trunc('month', review_timestamp) ORDER BY min(review_timestamp)",
        "top_versions": f"SELECT count(*) AS n FROM {reviews} WHERE author_app_version IS NOT NULL GROUP BY author_app_version ORDER BY n DESC LIMIT 10",
        "most_liked": f"SELECT review_likes, review_text, review_rating FROM {reviews} ORDER BY review_likes DESC LIMIT 10",
        "length_by_rating": f"SELECT avg(length(review_text)) FROM {reviews} GROUP BY review_rating ORDER BY review_rating",
        "likes_by_rating": f"SELECT avg(review_likes) FROM {reviews} GROUP BY review_rating ORDER BY review_rating",
        "cumulative": f"SELECT sum(count(*)) OVER (ORDER BY day) FROM (SELECT date_trunc('day', review_timestamp) AS day FROM {reviews}) "
        "GROUP BY day ORDER BY day",
    }
    return {
        name: np.array([row[0] for row in duckdb.sql(question).fetchall()], float)
        for name, question in questions.items()
    }


def eda_polars(paths, csv):
    """The seven answers from the same Parquet files with one lazy polars query. ImportError where it is not installed."""
    import polars as pl

    reviews, stars, version = (
        pl.scan_parquet(paths),
        pl.col("review_rating"),
        pl.col("author_app_version"),
    )
    per_rating = (
        reviews.group_by(stars)
        .agg(
            pl.len().alias("n"),
            pl.col("review_text").str.len_chars().mean().alias("characters"),
            pl.col("review_likes").mean().alias("likes"),
        )
        .sort(stars)
    )
    days = (
        reviews.group_by(pl.col("review_timestamp").dt.truncate("1d").alias("day"))
        .len()
        .sort("day")
    )
    ratings, versions, liked, days = pl.collect_all(
        [
            per_rating,
            reviews.filter(version.is_not_null()).group_by(version).len().top_k(10, by="len"),
            reviews.select("review_likes", "review_text", "review_rating").top_k(
                10, by="review_likes"
            ),
            days,
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


def check_eda(answers, ours):
    """AssertionError unless another way's seven answers are ours: a fast wrong answer must not count."""
    columns = {
        "ratings": "reviews",
        "by_month": "reviews",
        "top_versions": "reviews",
        "most_liked": "review_likes",
        "length_by_rating": "mean_characters",
        "likes_by_rating": "mean_likes",
        "cumulative": "cumulative",
    }
    for name, column in columns.items():
        np.testing.assert_allclose(
            ours[name][column].to_numpy(float), np.asarray(answers[name], float), err_msg=name
        )
