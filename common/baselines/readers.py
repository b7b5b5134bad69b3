"""Plain, serial ways to read exports, so that each speed-up has its baseline beside it."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import dask.dataframe as dd
import numpy as np
import pandas as pd
from pandas import DataFrame

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


class CsvFile(NamedTuple):
    """A file that any engine reads: its path, and the canonical name of each header that counts."""

    path: str
    names: dict[str, str]


def readable(manifest: dict[str, Any]) -> list[CsvFile]:
    """The files that a manifest names; none unless each is comma-separated UTF-8 with ids."""
    files = []
    for source in manifest["sources"]:
        columns = source["columns"]
        is_plain = source["converted_from"] in ([], ["gzip"]) and source["delimiter"] == ","
        if not is_plain or source["ids"] != "column":
            return []
        names = {columns[name]: name for name in CSV_COLUMNS if name in columns}
        files.append(CsvFile(source["name"], names))
    return files


def read_pandas(sources: Iterable[CsvFile]) -> DataFrame:
    """pandas.read_csv of the columns that the analysis needs."""
    frames = [
        pd.read_csv(path, usecols=list(names), **AS_STRINGS).rename(columns=names)
        for path, names in sources
    ]
    return pd.concat(frames, ignore_index=True)


def read_dask(sources: Iterable[CsvFile]) -> DataFrame:
    """dask.dataframe.read_csv, materialised: what the original study's `head(1)` never did."""
    frames = []
    for path, names in sources:
        size = None if path.endswith(".gz") else "16MB"
        frame = dd.read_csv(path, blocksize=size, usecols=list(names), **AS_STRINGS)
        frames.append(frame.rename(columns=names))
    return dd.concat(frames).compute()


def read_original(sources: Iterable[CsvFile]) -> DataFrame:
    """The original study's cleaning: pandas' python engine in chunks, one big CSV written again.

    The study let pandas guess the types; as strings, the rows can be checked, and are read no
    slower.
    """
    frames = []
    for path, names in sources:
        chunks = pd.read_csv(path, chunksize=10_000, engine="python", **AS_STRINGS)
        frames += [chunk.rename(columns=names) for chunk in chunks]
    frame = pd.concat(frames, ignore_index=True)
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as cleaned:
        frame.to_csv(cleaned, index=False)
    return frame


def read_polars(sources: Iterable[CsvFile]) -> Any:
    """polars.read_csv on all cores. ImportError where polars is not installed."""
    import polars as pl

    frames = []
    for path, names in sources:
        frame = pl.read_csv(
            path,
            columns=list(names),
            infer_schema=False,
            empty_string_is_null=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
        frames.append(frame.rename(names).select(names.values()))
    return pl.concat(frames, how="diagonal")


def read_duckdb(sources: Iterable[CsvFile]) -> Any:
    """DuckDB's read_csv on all cores, as an Arrow table. ImportError where it is not installed."""
    import duckdb

    selects, paths = [], []
    for path, names in sources:
        columns = ", ".join(f'"{name}" AS {canonical}' for name, canonical in names.items())
        selects.append(
            f"SELECT {columns} FROM read_csv(?, all_varchar=true, header=true, delim=',', "
            "quote='\"', escape='\"', ignore_errors=true, nullstr='\1', max_line_size=8388608)"
        )
        paths.append(path)
    reviews: Any = duckdb.sql(" UNION ALL BY NAME ".join(selects), params=paths)
    return reviews.to_arrow_table()


ENGINES = {
    "pandas": read_pandas,
    "polars": read_polars,
    "duckdb": read_duckdb,
    "dask_read_csv": read_dask,
    "original": read_original,
}


def read_back(folder: Path) -> DataFrame:
    """The analysis' columns of the published Parquet files, as pandas.read_csv gives them."""
    return pd.read_parquet(folder, columns=READ_BACK)


def wrong_reviews(frame: Any, reviews: DataFrame) -> int:
    """How many of `reviews` an engine's frame (pandas, polars or Arrow) lacks or holds otherwise.

    reviews: the loaded ones, with review_id, review_text and review_rating.
    """
    read = frame if isinstance(frame, DataFrame) else frame.to_pandas()
    keys = ["review_id", "review_text", "review_rating"]
    read = read[keys].assign(review_rating=pd.to_numeric(read["review_rating"], errors="coerce"))
    is_read = pd.MultiIndex.from_frame(reviews[keys]).isin(pd.MultiIndex.from_frame(read))
    return int(np.count_nonzero(~is_read))
