"""The times of NetflixNet's launches, from 05's metrics."""

from typing import Any

import pandas as pd
from pandas import DataFrame

from common.report.formats import HUMAN
from common.report.tables import column

WORK = ["model", "threads_per_rank", "device", "precision", "global_batch"]
LAUNCH = ["strategy", "ranks", *WORK]  # the labels that tell launches apart


def labelled(rows: DataFrame) -> DataFrame:
    """Metrics rows with the labels of LAUNCH as columns."""
    return rows.assign(**{label: column(rows, label) for label in LAUNCH})


def epochs(metrics: DataFrame) -> DataFrame:
    """A row per measured epoch of NetflixNet: the labels of LAUNCH, rows, seconds.

    A launch's first epoch, which touches the features for the first time, is left out where there
    are more.
    """
    table = all_epochs(metrics)
    return table[table["strategy"] != "original"]


def all_epochs(metrics: DataFrame) -> DataFrame:
    """As `epochs`, with those of the original study's network, and step, which tells launches of
    the same labels apart, and planned, the number of a launch's epochs."""
    table = labelled(metrics[metrics["name"] == "train.epoch_seconds"])
    table = table.rename(columns={"value": "seconds"})
    table["planned"] = table.groupby(["step", *LAUNCH])["repeat"].transform("max") + 1
    columns = [*LAUNCH, "step", "planned", "rows", "seconds"]
    return table.loc[(table["repeat"] > 0) | (table["planned"] == 1), columns]


def launch_seconds(metrics: DataFrame) -> DataFrame:
    """Metrics rows that say what each launch takes for the longest launch's epochs, all rows of
    train and a model's usual batch: name "train.seconds", value, and the labels variant, workers
    and model, which says device and precision where they are unusual."""
    table = all_epochs(metrics)
    original = table["strategy"] == "original"
    table = pd.concat([usual_batch(table[~original]), table[original]])
    if table.empty:
        return table
    same = ["model", "device", "precision"]
    all_rows = table.groupby(same)[["rows", "planned"]].transform("max").prod(axis=1)
    table["value"] = table["seconds"] / table["rows"] * all_rows
    launches = table.groupby(["step", *LAUNCH], as_index=False)["value"].median()
    on_cpu = launches["device"] == "cpu"
    launches["threads"] = launches["threads_per_rank"].where(on_cpu, 1)
    alone = launches["strategy"] == "none"
    most = launches[alone].groupby(same)["threads"].max().rename("most")
    launches = launches.join(most, on=same)
    ways = launches["strategy"].str.upper() + ", " + rank_names(launches)
    ways = ways.mask(alone, rank_names(launches))
    ways = ways.mask(alone & (launches["threads"] == launches["most"]), "parallel")
    ways = ways.mask(alone & (launches["threads"] == 1), "serial")
    return DataFrame(
        {
            "name": "train.seconds",
            "value": launches["value"],
            "label.variant": ways.mask(launches["strategy"] == "original", "original"),
            "label.workers": launches["ranks"] * launches["threads"],
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


def speed_ups(runs: DataFrame) -> DataFrame:
    """A row per launch: the labels of LAUNCH, epochs (their number), seconds (their median),
    samples_per_second, and ratio: the speed beside one rank that does the same work, NaN without
    one; low and high are that of the slowest and of the fastest epoch.

    runs: as `epochs`.
    """
    table = (
        runs.assign(speed=runs["rows"] / runs["seconds"])
        .groupby(LAUNCH, as_index=False)
        .agg(
            epochs=("seconds", "size"),
            seconds=("seconds", "median"),
            fastest=("seconds", "min"),
            slowest=("seconds", "max"),
            samples_per_second=("speed", "median"),
        )
    )
    if table.empty:  # pandas cannot join what has no chunks
        return table.reindex(columns=[*table, "one", "ratio", "low", "high"])
    one = runs[runs["ranks"] == 1].groupby(WORK)["seconds"].median().rename("one")
    table = table.join(one, on=WORK)
    for name, seconds in {"ratio": "seconds", "low": "slowest", "high": "fastest"}.items():
        table[name] = table["one"] / table[seconds]
    return table
