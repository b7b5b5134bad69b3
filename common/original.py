"""The plain, serial ways, run only by --compare on the same rows, so that each speed-up has its baseline beside it."""
import dask.dataframe as dd
import numpy as np
import pandas as pd

CSV_COLUMNS = ["review_id", "review_text", "review_rating", "review_likes", "author_app_version", "review_timestamp"]


def read_pandas(paths):
    """pandas.read_csv of the Kaggle set's columns as strings, one file after the other."""
    return pd.concat([pd.read_csv(path, usecols=CSV_COLUMNS, dtype=str, keep_default_na=False, on_bad_lines="skip",
                                  encoding_errors="replace") for path in paths], ignore_index=True)


def read_dask(paths):
    """dask.dataframe.read_csv, materialised: what the original study's `head(1)` never did."""
    frame = dd.read_csv([str(path) for path in paths], usecols=CSV_COLUMNS, dtype=str, keep_default_na=False, on_bad_lines="skip",
                        encoding_errors="replace", blocksize="16MB")
    return frame.compute()


def wrong_reviews(frame, reviews):
    """How many of `reviews` (the loaded ones: review_id, review_text, review_rating) `frame` lacks or holds otherwise."""
    found = frame.drop_duplicates("review_id").set_index("review_id").reindex(reviews["review_id"])
    rating = pd.to_numeric(found["review_rating"], errors="coerce").to_numpy()
    same = (found["review_text"].to_numpy(object) == reviews["review_text"].to_numpy(object)) & (rating == reviews["review_rating"].to_numpy())
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
