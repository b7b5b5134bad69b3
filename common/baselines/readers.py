"""Plain, serial ways to read exports, so that each speed-up has its baseline beside it."""

import tempfile
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow.dataset as ds
from pandas import DataFrame

from common.eda.counts import REVIEW_COLUMNS
from common.loading import ingest
from common.loading.sources import hints_of
from common.metrics import Metrics, verdict
from common.profiling import interleave
from common.store import read_json, require, staging_folder

ENGINE_WORKERS = {"serial": 1, "pandas": 1, "original": 1}  # the others use all cores
CSV_COLUMNS = ["review_id", *REVIEW_COLUMNS]
# pandas and Dask read the columns as the strings they are.
AS_STRINGS: dict[str, Any] = dict(
    dtype=str, keep_default_na=False, on_bad_lines="skip", encoding_errors="replace"
)


class CsvFile(NamedTuple):
    """A file that any engine reads: its path, the canonical name of each header that counts, and of
    each that 01 loads."""

    path: str
    names: dict[str, str]
    loaded: dict[str, str]


def readable(manifest: dict[str, Any]) -> list[CsvFile]:
    """The files that a manifest names; none unless each is comma-separated UTF-8 with ids."""
    files = []
    for source in manifest["sources"]:
        columns = source["columns"]
        is_plain = source["converted_from"] in ([], ["gzip"]) and source["delimiter"] == ","
        if not is_plain or source["ids"] != "column":
            return []
        names = {columns[name]: name for name in CSV_COLUMNS if name in columns}
        loaded = {header: name for name, header in columns.items() if name in manifest["schema"]}
        files.append(CsvFile(source["name"], names, loaded))
    return files


def read_pandas(sources: Iterable[CsvFile]) -> DataFrame:
    """pandas.read_csv of the columns that the analysis needs."""
    frames = [
        pd.read_csv(path, usecols=list(names), **AS_STRINGS).rename(columns=names)
        for path, names, _ in sources
    ]
    return pd.concat(frames, ignore_index=True)


def read_dask(sources: Iterable[CsvFile]) -> DataFrame:
    """dask.dataframe.read_csv, materialised: what the original study's `head(1)` never did."""
    frames = []
    for path, names, _ in sources:
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
    for path, names, _ in sources:
        chunks = pd.read_csv(path, chunksize=10_000, engine="python", **AS_STRINGS)
        frames += [chunk.rename(columns=names) for chunk in chunks]
    frame = pd.concat(frames, ignore_index=True)
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as cleaned:
        frame.to_csv(cleaned, index=False)
    return frame


def read_polars(sources: Iterable[CsvFile], every: bool = False) -> Any:
    """polars.read_csv of the columns that the analysis needs, or of `every` one that 01 loads, on
    all cores. ImportError where polars is not installed."""
    import polars as pl

    frames = []
    for path, needed, loaded in sources:
        names = loaded if every else needed
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
    for path, names, _ in sources:
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


def load_duckdb(sources: Iterable[CsvFile], file: Path) -> Path:
    """What 01 does, by DuckDB: types, what cannot be loaded aside, the newest of repeated ids, all
    written as Parquet. Returns `file`. ImportError where it is not installed."""
    import duckdb

    con = duckdb.connect()
    reads = []
    for path, _, names in sources:
        columns = [
            f'"{header}" AS {name}'
            if name == "review_text"
            else f"NULLIF(\"{header}\", '') AS {name}"
            for header, name in names.items()
        ]
        reads.append(
            f"SELECT {', '.join(columns)} FROM read_csv('{path}', all_varchar=true, header=true, "
            "delim=',', quote='\"', escape='\"', store_rejects=true, nullstr='\1', "
            "max_line_size=8388608)"
        )
    con.execute(
        "CREATE TEMP TABLE typed AS SELECT * REPLACE ("
        "TRY_CAST(review_rating AS DOUBLE)::TINYINT AS review_rating, "
        "coalesce(TRY_CAST(review_likes AS DOUBLE)::BIGINT, 0) AS review_likes, "
        "TRY_CAST(review_timestamp AS TIMESTAMP) AS review_timestamp) "
        f"FROM ({' UNION ALL BY NAME '.join(reads)})"
    )
    good = (
        "(review_rating BETWEEN 1 AND 5 AND review_timestamp IS NOT NULL AND review_id IS NOT NULL)"
    )
    newest = "row_number() OVER (PARTITION BY review_id ORDER BY review_timestamp DESC) AS nth"
    loaded = f"SELECT * EXCLUDE nth FROM (SELECT *, {newest} FROM typed WHERE {good}) WHERE nth = 1"
    aside = f"SELECT * FROM typed WHERE {good} IS NOT TRUE"
    for query, target in ((loaded, file), (aside, file.with_suffix(".aside"))):
        con.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    con.close()
    return file


def load_polars(sources: Iterable[CsvFile], file: Path) -> Path:
    """What 01 does, by polars, but for bytes that are no UTF-8, which it replaces; as
    `load_duckdb`. ImportError where it is not installed."""
    import polars as pl

    rating, time = pl.col("review_rating"), pl.col("review_timestamp")
    strings = read_polars(sources, every=True)
    strings = strings.with_columns(pl.exclude("review_text").replace("", None))
    typed = strings.with_columns(
        rating.cast(pl.Float64, strict=False).cast(pl.Int8, strict=False),
        pl.col("review_likes").cast(pl.Int64, strict=False).fill_null(0),
        time.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False),
    )
    good = rating.is_between(1, 5) & time.is_not_null() & pl.col("review_id").is_not_null()
    newest = typed.filter(good).sort("review_timestamp", descending=True)
    loaded = newest.unique("review_id", keep="first", maintain_order=True)
    loaded.write_parquet(file, compression="zstd", compression_level=1)
    aside = typed.filter(good.fill_null(False).not_())
    aside.write_parquet(file.with_suffix(".aside"), compression="zstd", compression_level=1)
    return file


LOADERS = {"duckdb_all": load_duckdb, "polars_all": load_polars}


def read_back(folder: Path) -> DataFrame:
    """The analysis' columns of the published Parquet files, as pandas.read_csv gives them."""
    return pd.read_parquet(folder, columns=REVIEW_COLUMNS)


def wrong_reviews(frame: Any, reviews: DataFrame) -> int:
    """How many of `reviews` an engine's frame (pandas, polars, Arrow or a Parquet file) lacks or
    holds otherwise.

    reviews: the loaded ones, with review_id, review_text and review_rating.
    """
    keys = ["review_id", "review_text", "review_rating"]
    if isinstance(frame, Path):
        frame = pd.read_parquet(frame, columns=keys)
    read = frame if isinstance(frame, DataFrame) else frame.to_pandas()
    read = read[keys].assign(review_rating=pd.to_numeric(read["review_rating"], errors="coerce"))
    is_read = pd.MultiIndex.from_frame(reviews[keys]).isin(pd.MultiIndex.from_frame(read))
    return int(np.count_nonzero(~is_read))


def right_engines(
    sources: list[CsvFile], folder: Path, scratch: Path, metrics: Metrics
) -> dict[str, Callable[[], object]]:
    """Other engines' ways to read the files, or to load them into `scratch`, of those whose answer
    is what was loaded to `folder`.

    An engine whose answer is wrong, or that fails, gets a row load.wrong_reviews and no time; one
    that is not installed, none.
    """
    columns = ["review_id", "review_text", "review_rating"]
    loaded = ds.dataset(folder).to_table(columns=columns).to_pandas()
    right: dict[str, Callable[[], object]] = {"parquet": partial(read_back, folder)}
    loads = {
        engine: partial(load, file=scratch / f"{engine}.parquet")
        for engine, load in LOADERS.items()
    }
    engines: dict[str, Callable[..., Any]] = ENGINES | loads
    for engine, read in engines.items():
        try:
            wrong = wrong_reviews(read(sources), loaded)
        except ImportError:
            advice = "`pip install -r requirements-compare.txt`"
            print(f"{engine}: not installed, so not compared: {advice}")
            continue
        except Exception as error:  # an engine's failure on these files is a finding, not ours
            print(f"{engine}: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
            wrong = len(loaded)
        metrics.add("load.wrong_reviews", wrong, "rows", engine=engine)
        print(f"{engine}: {wrong:,} of {len(loaded):,} reviews missing or different")
        if not wrong:
            right[engine] = partial(read, sources)
    return right


def compare(args: Namespace, workers: int) -> None:
    """Time loading on all cores, in one process, and by other engines, whose answers are checked
    first."""
    manifest = read_json(args.data_dir, "manifest.json")
    sources = readable(manifest)
    if not sources:
        print("not compared: other engines read UTF-8 CSV whose records have ids, as it is")
        return
    metrics = Metrics("01_load", manifest, args.seed, args.data_dir)

    def load_again(**scheduler: str) -> None:
        """scheduler: another than the active client."""
        with staging_folder(args.data_dir) as elsewhere, dask.config.set(**scheduler):
            ingest(
                [s.path for s in sources],
                elsewhere,
                keep_names=manifest["keep_names"],
                hints=hints_of(args),
            )

    seconds = defaultdict(list)
    with staging_folder(args.data_dir) as scratch:
        others = right_engines(sources, require(args.data_dir, "reviews"), scratch, metrics)
        in_one_process = partial(load_again, scheduler="synchronous")
        ours: dict[str, Callable[[], object]] = {"blocks": load_again, "serial": in_one_process}
        for name, repeat, value in interleave(ours | others, once=args.quick):
            seconds[name].append(value)
            cores = ENGINE_WORKERS.get(name, workers)
            metrics.add("load.seconds", value, "s", repeat=repeat, engine=name, workers=cores)
    for engine in ("serial", *others):
        print(f"blocks against {engine}: {verdict(seconds[engine], seconds['blocks']).text}")
    metrics.publish(args.data_dir)
