"""Plain, serial ways to read exports, so that each speed-up has its baseline beside it."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import pandas as pd

from common.loading.headers import FAMILIES

READ_BACK = [
    "review_text",
    "review_rating",
    "review_likes",
    "author_app_version",
    "review_timestamp",
]
CSV_COLUMNS = ["review_id", *READ_BACK]
# pandas and Dask read the columns as the strings they are.
AS_STRINGS: dict[str, Any] = dict(
    dtype=str, keep_default_na=False, on_bad_lines="skip", encoding_errors="replace"
)
Sources = Iterable[tuple[str | Path, str]]  # (path, header family)


def _headers(sources: Sources) -> Iterator[tuple[str, dict[str, str]]]:
    """(path, {header: canonical name} of CSV_COLUMNS) of each source."""
    for path, family in sources:
        yield str(path), {FAMILIES[family][canonical]: canonical for canonical in CSV_COLUMNS}


def read_pandas(sources: Sources) -> pd.DataFrame:
    """pandas.read_csv of the columns that the analysis needs."""
    frames = [
        pd.read_csv(path, usecols=list(names), **AS_STRINGS).rename(columns=names)
        for path, names in _headers(sources)
    ]
    return pd.concat(frames, ignore_index=True)


def read_dask(sources: Sources) -> pd.DataFrame:
    """dask.dataframe.read_csv, materialised: what the original study's `head(1)` never did."""
    frames = []
    for path, names in _headers(sources):
        size = None if path.endswith(".gz") else "16MB"
        frame = dd.read_csv(path, blocksize=size, usecols=list(names), **AS_STRINGS)
        frames.append(frame.rename(columns=names))
    return dd.concat(frames).compute()


def read_original(sources: Sources) -> pd.DataFrame:
    """The original study's cleaning: pandas' python engine in chunks, one big CSV written again.

    The study let pandas guess the types; as strings, the rows can be checked, and are read no
    slower.
    """
    frames = []
    for path, names in _headers(sources):
        chunks = pd.read_csv(path, chunksize=10_000, engine="python", **AS_STRINGS)
        frames += [chunk.rename(columns=names) for chunk in chunks]
    frame = pd.concat(frames, ignore_index=True)
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as cleaned:
        frame.to_csv(cleaned, index=False)
    return frame


def read_polars(sources: Sources) -> Any:
    """polars.read_csv on all cores. ImportError where polars is not installed."""
    import polars as pl

    frames = []
    for path, names in _headers(sources):
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


def read_duckdb(sources: Sources) -> Any:
    """DuckDB's read_csv on all cores, as an Arrow table. ImportError where it is not installed."""
    import duckdb

    selects, paths = [], []
    for path, names in _headers(sources):
        columns = ", ".join(f'"{name}" AS {canonical}' for name, canonical in names.items())
        selects.append(
            f"SELECT {columns} FROM read_csv(?, all_varchar=true, header=true, delim=',', "
            "quote='\"', escape='\"', ignore_errors=true, nullstr='\1', max_line_size=8388608)"
        )
        paths.append(path)
    reviews: Any = duckdb.sql(" UNION ALL ".join(selects), params=paths)
    return reviews.to_arrow_table()


ENGINES = {
    "pandas": read_pandas,
    "polars": read_polars,
    "duckdb": read_duckdb,
    "dask_read_csv": read_dask,
    "original": read_original,
}


def read_back(folder: Path) -> pd.DataFrame:
    """The analysis' columns of the published Parquet files, as pandas.read_csv gives them."""
    return pd.read_parquet(folder, columns=READ_BACK)


def wrong_reviews(frame: Any, reviews: pd.DataFrame) -> int:
    """How many of `reviews` an engine's frame (pandas, polars or Arrow) lacks or holds otherwise.

    reviews: the loaded ones, with review_id, review_text and review_rating.
    """
    read = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    read = read.drop_duplicates("review_id").set_index("review_id").reindex(reviews["review_id"])
    rating = pd.to_numeric(read["review_rating"], errors="coerce").to_numpy()
    text = read["review_text"].to_numpy(object)
    same = text == reviews["review_text"].to_numpy(object)
    same &= rating == reviews["review_rating"].to_numpy()
    return int(np.count_nonzero(~same))
