"""XGBoost trained by all workers of a Dask cluster, each on its own part of the rows, which it reads from the shared data directory."""

import dask.array as da
import numpy as np
from xgboost import dask as xgboost_dask

from common.features.transformer import load_features


def labels(rating, task):
    """What a model learns from ratings (n,): int, 1 for five stars, or the ratings as float32."""
    return (rating == 5).astype(int) if task == "five_star" else rating.astype(np.float32)


def fit_spread(client, model, data_dir, inputs, task):
    """Fit an XGBModel on the train split, of which each worker holds an equal part; returns the model.

    `inputs` as for Features.matrix. Its trees are not those of one process: rows are drawn, and quantiles taken, part by part.
    """
    workers = list(client.scheduler_info(n_workers=-1)["workers"])
    at = np.array_split(_train(load_features(data_dir)[0]), len(workers))

    def spread(what, *width):
        read = [
            client.submit(_read, data_dir, what, part, len(workers), workers=[worker], pure=False)
            for part, worker in enumerate(workers)
        ]
        return da.concatenate(
            [
                da.from_delayed(future, (len(own), *width), np.float32)
                for future, own in zip(read, at)
            ]
        )

    columns = load_features(data_dir)[1].matrix(inputs, slice(0, 1)).shape[1]
    matrix = xgboost_dask.DaskQuantileDMatrix(
        client, spread(inputs, columns), spread(task), max_bin=model.max_bin
    )
    params = model.get_xgb_params() | {"n_jobs": None}  # each worker takes the threads that it has
    booster = xgboost_dask.train(
        client, params, matrix, num_boost_round=model.get_num_boosting_rounds()
    )["booster"]
    model.load_model(booster.save_raw("ubj"))
    return model


def _train(rows):
    return np.flatnonzero(rows["split"] == "train")


def _read(data_dir, what, part, parts):
    """One of equal parts of the train split: its labels for a task ("five_star", "rating"), or its matrix for inputs."""
    rows, features = load_features(data_dir)
    at = np.array_split(_train(rows), parts)[part]
    return (
        labels(rows["rating"].to_numpy()[at], what).astype(np.float32)
        if what in ("five_star", "rating")
        else features.matrix(what, at)
    )
