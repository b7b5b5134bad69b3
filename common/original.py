"""The plain, serial ways, run only by --compare on the same rows, so that each speed-up has its baseline beside it."""
import tempfile

import dask.dataframe as dd
import numpy as np
import pandas as pd

from common.loading.fields import FAMILIES

CSV_COLUMNS = ["review_id", "review_text", "review_rating", "review_likes", "author_app_version", "review_timestamp"]


def _options(family):
    """Arguments with which pandas and Dask read a header family's columns as the strings they are, and the canonical names."""
    names = {FAMILIES[family][canonical]: canonical for canonical in CSV_COLUMNS}
    return dict(usecols=list(names), dtype=str, keep_default_na=False, on_bad_lines="skip", encoding_errors="replace"), names


def read_pandas(sources):
    """pandas.read_csv of the columns that the analysis needs. sources: [(path, header family)]."""
    frames = []
    for path, family in sources:
        options, names = _options(family)
        frames.append(pd.read_csv(path, **options).rename(columns=names))
    return pd.concat(frames, ignore_index=True)


def read_dask(sources):
    """dask.dataframe.read_csv, materialised: what the original study's `head(1)` never did."""
    frames = []
    for path, family in sources:
        options, names = _options(family)
        frames.append(dd.read_csv(str(path), blocksize=None if str(path).endswith(".gz") else "16MB", **options).rename(columns=names))
    return dd.concat(frames).compute()


def read_original(sources):
    """The original study's cleaning: pandas' python engine in chunks of 10,000 rows, bad lines skipped, one big CSV written again.

    The study let pandas guess the types; as strings, the rows can be checked, and are read no slower.
    """
    frames = []
    for path, family in sources:
        options, names = _options(family)
        chunks = pd.read_csv(path, chunksize=10_000, engine="python", **options | {"usecols": None})
        frames += [chunk.rename(columns=names) for chunk in chunks]
    frame = pd.concat(frames, ignore_index=True)
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as cleaned:
        frame.to_csv(cleaned, index=False)
    return frame


def read_polars(sources):
    """polars.read_csv on all cores. ImportError where polars is not installed."""
    import polars as pl
    frames = []
    for path, family in sources:
        _, names = _options(family)
        frame = pl.read_csv(path, columns=list(names), infer_schema=False, empty_string_is_null=False, truncate_ragged_lines=True,
                            encoding="utf8-lossy")
        frames.append(frame.rename(names).select(CSV_COLUMNS))
    return pl.concat(frames)


def read_duckdb(sources):
    """DuckDB's read_csv on all cores, into an Arrow table. ImportError where duckdb is not installed."""
    import duckdb
    selects, paths = [], []
    for path, family in sources:
        _, names = _options(family)
        columns = ", ".join(f'"{name}" AS {canonical}' for name, canonical in names.items())
        selects.append(f"SELECT {columns} FROM read_csv(?, all_varchar=true, header=true, delim=',', quote='\"', escape='\"', "
                       "ignore_errors=true, nullstr='\1', max_line_size=8388608)")
        paths.append(str(path))
    return duckdb.sql(" UNION ALL ".join(selects), params=paths).to_arrow_table()


ENGINES = {"pandas": read_pandas, "polars": read_polars, "duckdb": read_duckdb, "dask_read_csv": read_dask, "original": read_original}
READ_BACK = ["review_text", "review_rating", "review_likes", "author_app_version", "review_timestamp"]


def read_back(folder):
    """The five columns of the analysis from the published Parquet files, into a DataFrame as pandas.read_csv gives."""
    return pd.read_parquet(folder, columns=READ_BACK)


def wrong_reviews(frame, reviews):
    """How many of `reviews` (the loaded ones: review_id, review_text, review_rating) `frame` lacks or holds otherwise."""
    found = (frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()).drop_duplicates("review_id")
    found = found.set_index("review_id").reindex(reviews["review_id"])
    rating = pd.to_numeric(found["review_rating"], errors="coerce").to_numpy()
    same = (found["review_text"].to_numpy(object) == reviews["review_text"].to_numpy(object)) & (
        rating == reviews["review_rating"].to_numpy())
    return int(np.count_nonzero(~same))


def write_plain_csv(paths, csv):
    """The loaded reviews as one CSV, as the original study cleaned them; line breaks in texts become spaces, which Dask can read."""
    for number, path in enumerate(paths):
        frame = pd.read_parquet(path, columns=CSV_COLUMNS)
        frame["review_text"] = frame["review_text"].str.replace(r"[\r\n]", " ", regex=True)
        frame.to_csv(csv, mode="a" if number else "w", header=not number, index=False)
    return csv


def read_plain_csv(csv):
    """What `write_plain_csv` wrote as a lazy dask.dataframe, as the original study read it before each step."""
    return dd.read_csv(str(csv), blocksize="16MB", dtype={"author_app_version": "string"}, parse_dates=["review_timestamp"],
                       keep_default_na=False, na_values={"author_app_version": [""]})


def eda_original(paths, csv):
    """The seven answers as the original study got them: seven times a fresh Dask pass over the CSV."""
    def fresh():
        return read_plain_csv(csv)

    def by(period):
        times = fresh()
        return times.assign(period=times["review_timestamp"].dt.to_period(period)).groupby("period").size().compute().sort_index()

    text = fresh()
    return {
        "ratings": fresh()["review_rating"].value_counts().compute().sort_index(),
        "by_month": by("M"),
        "top_versions": fresh()["author_app_version"].value_counts().nlargest(10).compute(),
        "most_liked": fresh().nlargest(10, "review_likes").compute()["review_likes"],
        "length_by_rating": text.assign(length=text["review_text"].str.len()).groupby("review_rating")["length"].mean().compute().sort_index(),
        "likes_by_rating": fresh().groupby("review_rating")["review_likes"].mean().compute().sort_index(),
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
    return {name: np.array([row[0] for row in duckdb.sql(question).fetchall()], float) for name, question in questions.items()}


def eda_polars(paths, csv):
    """The seven answers from the same Parquet files with one lazy polars query. ImportError where it is not installed."""
    import polars as pl
    reviews, stars, version = pl.scan_parquet(paths), pl.col("review_rating"), pl.col("author_app_version")
    per_rating = reviews.group_by(stars).agg(pl.len().alias("n"), pl.col("review_text").str.len_chars().mean().alias("characters"),
                                             pl.col("review_likes").mean().alias("likes")).sort(stars)
    days = reviews.group_by(pl.col("review_timestamp").dt.truncate("1d").alias("day")).len().sort("day")
    ratings, versions, liked, days = pl.collect_all([
        per_rating, reviews.filter(version.is_not_null()).group_by(version).len().top_k(10, by="len"),
        reviews.select("review_likes", "review_text", "review_rating").top_k(10, by="review_likes"), days])
    months = days.group_by(pl.col("day").dt.truncate("1mo")).agg(pl.col("len").sum()).sort("day")
    return {"ratings": ratings["n"], "by_month": months["len"], "top_versions": versions["len"].sort(descending=True),
            "most_liked": liked["review_likes"].sort(descending=True), "length_by_rating": ratings["characters"],
            "likes_by_rating": ratings["likes"], "cumulative": days["len"].cum_sum()}


EDA = {"original": eda_original, "duckdb": eda_duckdb, "polars": eda_polars}


def check_eda(answers, ours):
    """AssertionError unless another way's seven answers are ours: a fast wrong answer must not count."""
    columns = {"ratings": "reviews", "by_month": "reviews", "top_versions": "reviews", "most_liked": "review_likes",
               "length_by_rating": "mean_characters", "likes_by_rating": "mean_likes", "cumulative": "cumulative"}
    for name, column in columns.items():
        np.testing.assert_allclose(ours[name][column].to_numpy(float), np.asarray(answers[name], float), err_msg=name)
