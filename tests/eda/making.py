"""Reviews to count: of a frame, or synthetic ones, and the tables made of them."""

import dask
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common.eda.graph import explore
from common.loading.loader import ingest
from common.schema import SCHEMA
from common.synthetic.generator import make_csv
from common.synthetic.history import LEVELS


def write(reviews, folder, files=1):
    """The frame as Parquet files, as 01 would publish it."""
    schema = pa.schema([field for field in SCHEMA if field.name in reviews])
    paths = []
    for number, part in enumerate(np.array_split(np.arange(len(reviews)), files)):
        table = pa.Table.from_pandas(reviews.iloc[part], schema, preserve_index=False)
        paths.append(folder / f"part-{files}-{number:02d}.parquet")
        pq.write_table(table, paths[-1])
    return paths


def tables_of(paths):
    with dask.config.set(scheduler="synchronous"):
        return explore(paths)


def synthetic(folder, seed=0, planted=(), rows=15_000, since="2023-03-15"):
    """The tables of synthetic reviews since a day after which nothing happens but what is planted;
    "" is the day on which all begin."""
    since = LEVELS["first_day"].fromisoformat(since) if since else LEVELS["first_day"]
    with dask.config.set(scheduler="synchronous"):
        make_csv(folder / "reviews.csv", rows, seed, since=since, planted=planted)
        ingest([folder / "reviews.csv"], folder)
    return tables_of(sorted((folder / "reviews").glob("*.parquet")))
