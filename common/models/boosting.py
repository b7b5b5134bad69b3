"""XGBoost trained by all workers of a Dask cluster, each on its shard of the train rows."""

from operator import itemgetter
from pathlib import Path

import dask.array as da
import numpy as np
from distributed import Client
from numpy import ndarray
from xgboost import XGBModel
from xgboost import dask as xgboost_dask

from common.features.transformer import load_features
from common.models.registry import labels


def read_shard(
    data_dir: Path, inputs: str, task: str, final: bool, number: int, shards: int
) -> tuple[ndarray, ndarray]:
    """(matrix, labels), float32, of one of equal parts of the train split, or of all rows."""
    table, features = load_features(data_dir)
    used = table["split"] != "no_text" if final else table["split"] == "train"
    rows = np.array_split(np.flatnonzero(used), shards)[number]
    y = labels(table["rating"].to_numpy()[rows], task)
    return features.matrix(inputs, rows), y.astype(np.float32)


def fit_spread(
    client: Client, model: XGBModel, data_dir: Path, inputs: str, task: str, final: bool
) -> None:
    """Fit a model on the train split, or on all rows (`final`), of which each worker of the cluster
    holds a shard.

    `inputs` as for Features.matrix. The trees are not those of one process: rows are drawn, and
    quantiles taken, by shard.
    """
    workers = list(client.scheduler_info(n_workers=-1)["workers"])
    columns = load_features(data_dir)[1].matrix(inputs, slice(0, 1)).shape[1]
    parts: list[list[da.Array]] = [[], []]  # of the matrix and of the labels, rows unknown
    for number, worker in enumerate(workers):
        place = dict(workers=[worker], pure=False)
        shard = client.submit(
            read_shard, data_dir, inputs, task, final, number, len(workers), **place
        )
        for index, width in enumerate([(columns,), ()]):
            part = client.submit(itemgetter(index), shard, **place)
            parts[index].append(da.from_delayed(part, (np.nan, *width), np.float32))
    x, y = map(da.concatenate, parts)
    matrix = xgboost_dask.DaskQuantileDMatrix(client, x, y, max_bin=model.max_bin)
    params = model.get_xgb_params() | {"n_jobs": None}  # each worker takes the threads that it has
    rounds = model.get_num_boosting_rounds()
    trained = xgboost_dask.train(client, params, matrix, num_boost_round=rounds)
    model.load_model(trained["booster"].save_raw("ubj"))
