"""The plain, serial ways, run only by --compare on the same rows, so that each speed-up has its baseline beside it."""

import tempfile

import dask.dataframe as dd
import numpy as np
import pandas as pd

from common.loading.headers import FAMILIES

CSV_COLUMNS = [
    "review_id",
    "review_text",
    "review_rating",
    "review_likes",
    "author_app_version",
    "review_timestamp",
]


def _options(family):
    """Arguments with which pandas and Dask read a header family's columns as the strings they are, and the canonical names."""
    names = {FAMILIES[family][canonical]: canonical for canonical in CSV_COLUMNS}
    return dict(
        usecols=list(names),
        dtype=str,
        keep_default_na=False,
        on_bad_lines="skip",
        encoding_errors="replace",
    ), names


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
        frames.append(
            dd.read_csv(
                str(path), blocksize=None if str(path).endswith(".gz") else "16MB", **options
            ).rename(columns=names)
        )
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
        frame = pl.read_csv(
            path,
            columns=list(names),
            infer_schema=False,
            empty_string_is_null=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
        frames.append(frame.rename(names).select(CSV_COLUMNS))
    return pl.concat(frames)


def read_duckdb(sources):
    """DuckDB's read_csv on all cores, into an Arrow table. ImportError where duckdb is not installed."""
    import duckdb

    selects, paths = [], []
    for path, family in sources:
        _, names = _options(family)
        columns = ", ".join(f'"{name}" AS {canonical}' for name, canonical in names.items())
        selects.append(
            f"SELECT {columns} FROM read_csv(?, all_varchar=true, header=true, delim=',', quote='\"', escape='\"', "
            "ignore_errors=true, nullstr='\1', max_line_size=8388608)"
        )
        paths.append(str(path))
    return duckdb.sql(" UNION ALL ".join(selects), params=paths).to_arrow_table()


ENGINES = {
    "pandas": read_pandas,
    "polars": read_polars,
    "duckdb": read_duckdb,
    "dask_read_csv": read_dask,
    "original": read_original,
}
READ_BACK = [
    "review_text",
    "review_rating",
    "review_likes",
    "author_app_version",
    "review_timestamp",
]


def read_back(folder):
    """The five columns of the analysis from the published Parquet files, into a DataFrame as pandas.read_csv gives."""
    return pd.read_parquet(folder, columns=READ_BACK)


def wrong_reviews(frame, reviews):
    """How many of `reviews` (the loaded ones: review_id, review_text, review_rating) `frame` lacks or holds otherwise."""
    found = (frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()).drop_duplicates(
        "review_id"
    )
    found = found.set_index("review_id").reindex(reviews["review_id"])
    rating = pd.to_numeric(found["review_rating"], errors="coerce").to_numpy()
    same = (found["review_text"].to_numpy(object) == reviews["review_text"].to_numpy(object)) & (
        rating == reviews["review_rating"].to_numpy()
    )
    return int(np.count_nonzero(~same))
