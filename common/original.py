"""The plain, serial ways, run only by --compare on the same rows, so that each speed-up has its baseline beside it."""
import dask.dataframe as dd
import numpy as np
import pandas as pd

from common.review_fields import FAMILIES

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
    """The original study's cleaning: pandas' python engine in chunks of 10,000 that skips what it cannot read."""
    frames = []
    for path, family in sources:
        options, names = _options(family)
        chunks = pd.read_csv(path, chunksize=10_000, engine="python", **options)
        frames += [chunk.rename(columns=names) for chunk in chunks]
    return pd.concat(frames, ignore_index=True)


ENGINES = {"pandas": read_pandas, "dask_read_csv": read_dask, "original": read_original}


def wrong_reviews(frame, reviews):
    """How many of `reviews` (the loaded ones: review_id, review_text, review_rating) `frame` lacks or holds otherwise."""
    found = frame.drop_duplicates("review_id").set_index("review_id").reindex(reviews["review_id"])
    rating = pd.to_numeric(found["review_rating"], errors="coerce").to_numpy()
    same = (found["review_text"].to_numpy(object) == reviews["review_text"].to_numpy(object)) & (
        rating == reviews["review_rating"].to_numpy())
    return int(np.count_nonzero(~same))


def eda(paths):
    """The seven answers with seven separate pandas passes over the same Parquet files, each reading what it needs."""
    def column(*names):
        return pd.concat([pd.read_parquet(path, columns=list(names)) for path in paths], ignore_index=True)

    ratings = column("review_rating").value_counts("review_rating").sort_index()
    months = column("review_timestamp")["review_timestamp"].dt.to_period("M").value_counts().sort_index()
    versions = column("author_app_version").value_counts("author_app_version").head(10)
    liked = column("review_id", "review_text", "review_rating", "review_likes").nlargest(10, "review_likes")
    text = column("review_rating", "review_text")
    length = text.assign(length=text["review_text"].str.len()).groupby("review_rating")["length"].mean()
    likes = column("review_rating", "review_likes").groupby("review_rating")["review_likes"].mean()
    days = column("review_timestamp")["review_timestamp"].dt.floor("D").value_counts().sort_index().cumsum()
    return {"ratings": ratings, "by_month": months, "top_versions": versions, "most_liked": liked["review_likes"],
            "length_by_rating": length, "likes_by_rating": likes, "cumulative": days}


def check_eda(plain, ours):
    """AssertionError unless both ways gave the same seven answers: a fast wrong answer must not count."""
    columns = {"ratings": "reviews", "by_month": "reviews", "top_versions": "reviews", "most_liked": "review_likes",
               "length_by_rating": "mean_characters", "likes_by_rating": "mean_likes", "cumulative": "cumulative"}
    for name, column in columns.items():
        np.testing.assert_allclose(ours[name][column].to_numpy(float), plain[name].to_numpy(float), err_msg=name)
