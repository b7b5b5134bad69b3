"""The times of NetflixNet's launches, from 05's metrics."""

from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from common.report.formats import HUMAN
from common.report.tables import column

WORK = ["model", "threads_per_rank", "device", "precision", "global_batch"]
LAUNCH = ["strategy", "ranks", *WORK]  # the labels that tell launches apart


def labelled(rows: DataFrame) -> DataFrame:
    """Metrics rows with the labels of LAUNCH as columns."""
    return rows.assign(**{label: column(rows, label) for label in LAUNCH})


def epochs(metrics: DataFrame, original: bool = False) -> DataFrame:
    """A row per measured epoch of NetflixNet, or also of the original study's network: the labels
    of LAUNCH, step, which tells launches of the same labels apart, planned, the number of a
    launch's epochs, rows and seconds.

    A launch's first epoch, which touches the features for the first time, is left out where there
    are more.
    """
    table = labelled(metrics[metrics["name"] == "train.epoch_seconds"])
    table = table.rename(columns={"value": "seconds"})
    table["planned"] = table.groupby(["step", *LAUNCH])["repeat"].transform("max") + 1
    kept = (table["repeat"] > 0) | (table["planned"] == 1)
    kept &= original | (table["strategy"] != "original")
    return table.loc[kept, [*LAUNCH, "step", "planned", "rows", "seconds"]]


def launch_seconds(metrics: DataFrame) -> DataFrame:
    """Metrics rows that say what each launch takes for the longest launch's epochs, all rows of
    train and a model's usual batch: name "train.seconds", value, and the labels variant, workers
    and model, which says device and precision where they are unusual."""
    table = epochs(metrics, original=True)
    original = table["strategy"] == "original"
    table = pd.concat([usual_batch(table[~original]), table[original]])
    if table.empty:
        return table
    same = ["model", "device", "precision"]
    all_rows = table.groupby(same)[["rows", "planned"]].transform("max").prod(axis=1)
    table["value"] = table["seconds"] / table["rows"] * all_rows
    launches = table.groupby(["step", *LAUNCH], as_index=False)["value"].median()
    threads = launches["threads_per_rank"].where(launches["device"] == "cpu", 1)
    strategy, names = launches["strategy"], rank_names(launches)
    alone = threads.where(strategy == "none")
    most = alone.groupby([launches[label] for label in same]).transform("max")
    ways = np.select(
        [strategy == "original", alone.isna(), alone == 1, alone == most],
        ["original", strategy.str.upper() + ", " + names, "serial", "parallel"],
        names,
    )
    return DataFrame(
        {
            "name": "train.seconds",
            "value": launches["value"],
            "label.variant": ways,
            "label.workers": launches["ranks"] * threads,
            "label.model": [
                ", ".join([net_name(row.model), *unusual(row)]) for row in launches.itertuples()
            ],
        }
    )


def net_name(model: str) -> str:
    """What people call one of 05's nets."""
    return HUMAN["models"].get(f"netflixnet_{model}", model)


def rank_names(launches: DataFrame) -> pd.Series:
    """ "2 x 1": ranks and threads of each; "2 x GPU"."""
    ranks = launches["ranks"].astype(int).astype(str)
    threads = launches["threads_per_rank"].astype(int).astype(str)
    return ranks + " x " + threads.where(launches["device"] == "cpu", "GPU")


def unusual(launch: Any) -> list[str]:
    """A launch's device and precision, where these are not the usual ones."""
    return sorted({launch.device, launch.precision} - {"cpu", "float32"})


def usual_batch(rows: DataFrame) -> DataFrame:
    """The rows of the global batch that each model was trained with most often."""
    usual = rows.groupby("model")["global_batch"].agg(lambda sizes: sizes.mode()[0])
    return rows[rows["global_batch"] == rows["model"].map(usual)]
