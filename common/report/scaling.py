"""What more ranks bring: measured speed-ups beside the ideal one, and Amdahl's law where it can
hold."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas import DataFrame

from common.metrics import amdahl_serial_share
from common.report.formats import HUMAN
from common.report.tables import column

WORK = ["model", "threads_per_rank", "device", "precision", "global_batch"]
LAUNCH = ["strategy", "ranks", *WORK]  # the labels that tell launches apart


class Study(NamedTuple):
    """One strategy's launches on several ranks, and those of the same work on one."""

    strategy: str
    work: dict  # the labels of WORK
    points: DataFrame  # rows of `speed_ups`
    serial_share: float  # Amdahl's; NaN where the law cannot hold

    @property
    def title(self) -> str:
        work = self.work
        return (
            f"{work['model']}, {self.strategy}, {work['threads_per_rank']:.0f} threads a rank, "
            f"batches of {work['global_batch']:,.0f}, {work['device']}, {work['precision']}"
        )


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
                ", ".join(
                    [HUMAN["models"].get(f"netflixnet_{row.model}", row.model), *unusual(row)]
                )
                for row in launches.itertuples()
            ],
        }
    )


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


def studies(metrics: DataFrame) -> list[Study]:
    """The launches that can be compared by their number of ranks."""
    result = []
    for work, launches in speed_ups(epochs(metrics)).dropna(subset="one").groupby(WORK):
        one = launches[launches["ranks"] == 1]
        for strategy, more in launches[launches["ranks"] > 1].groupby("strategy"):
            points = pd.concat([one, more])
            share = amdahl_serial_share(dict(zip(points["ranks"], points["seconds"])))
            result.append(Study(strategy, dict(zip(WORK, work)), points, share))
    return result


def serial_shares(metrics: DataFrame) -> DataFrame:
    """A row per study: strategy, the labels of WORK, ranks (those measured), and serial_share in
    words, missing where fewer than three points were measured."""
    table = []
    for study in studies(metrics):
        ranks, share = study.points["ranks"], None
        if pd.notna(study.serial_share):
            share = f"{study.serial_share:.1%}"
        elif len(ranks) > 2:
            slower = (study.points.loc[ranks > 1, "ratio"] <= 1).any()
            share = "slower with more ranks" if slower else "faster than ideal"
        measured = ", ".join(f"{n:.0f}" for n in ranks)
        table.append(
            {"strategy": study.strategy, **study.work, "ranks": measured, "serial_share": share}
        )
    return DataFrame(table)


def curves(study: Study) -> DataFrame:
    """The ideal speed-up on the ranks measured, and Amdahl's where it can hold, both then drawn to
    four times as many: law, ranks, speed_up."""
    share, most = study.serial_share, int(study.points["ranks"].max())
    holds = pd.notna(share)
    ranks = np.arange(1, most * (4 if holds else 1) + 1)
    table = DataFrame({"ranks": ranks, "ideal": ranks})
    if holds:
        table["Amdahl"] = 1 / (share + (1 - share) / ranks)
    return table.melt("ranks", var_name="law", value_name="speed_up")
