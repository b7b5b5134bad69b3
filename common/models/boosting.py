"""XGBoost trained by all workers of a Dask cluster, each on its shard of the train rows."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import dask.array as da
import numpy as np
from distributed import Client
from xgboost import XGBModel
from xgboost import dask as xgboost_dask

from common.features.transformer import load_features
from common.models.registry import labels


class Shard(NamedTuple):
    """One of `shards` equal parts of the train split."""

    data_dir: Path
    number: int
    shards: int

    def rows(self) -> np.ndarray:
        train = np.flatnonzero(load_features(self.data_dir)[0]["split"] == "train")
        return np.array_split(train, self.shards)[self.number]

    def matrix(self, inputs: str) -> np.ndarray:
        return load_features(self.data_dir)[1].matrix(inputs, self.rows())

    def labels(self, task: str) -> np.ndarray:
        rating = load_features(self.data_dir)[0]["rating"].to_numpy()
        return labels(rating[self.rows()], task).astype(np.float32)


def fit_spread(client: Client, model: XGBModel, data_dir: Path, inputs: str, task: str) -> None:
    """Fit a model on the train split, of which each worker of the cluster holds a shard.

    `inputs` as for Features.matrix. The trees are not those of one process: rows are drawn, and
    quantiles taken, by shard.
    """
    workers = list(client.scheduler_info(n_workers=-1)["workers"])
    shards = [Shard(data_dir, number, len(workers)) for number in range(len(workers))]

    def distributed(read: Callable, what: str, *width: int) -> da.Array:
        arrays = []
        for shard, worker in zip(shards, workers):
            future = client.submit(read, shard, what, workers=[worker], pure=False)
            arrays.append(da.from_delayed(future, (len(shard.rows()), *width), np.float32))
        return da.concatenate(arrays)

    columns = load_features(data_dir)[1].matrix(inputs, slice(0, 1)).shape[1]
    matrix = xgboost_dask.DaskQuantileDMatrix(
        client,
        distributed(Shard.matrix, inputs, columns),
        distributed(Shard.labels, task),
        max_bin=model.max_bin,
    )
    params = model.get_xgb_params() | {"n_jobs": None}  # each worker takes the threads that it has
    rounds = model.get_num_boosting_rounds()
    trained = xgboost_dask.train(client, params, matrix, num_boost_round=rounds)
    model.load_model(trained["booster"].save_raw("ubj"))
