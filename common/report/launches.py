"""NetflixNet's launches, arranged to be read: what 06 and the app show of 05's metrics. Metrics in,
DataFrames and sentences out."""

import numpy as np
import pandas as pd
from pandas import DataFrame

from common.metrics import verdict
from common.report import scaling
from common.report.formats import HUMAN
from common.report.scaling import LAUNCH, WORK
from common.report.tables import column


def training(metrics: DataFrame) -> DataFrame:
    """NetflixNet's launches, a row each, with the train metrics that are one figure a launch.

    seconds: median of an epoch. ratio: speed beside one rank that does the same work.
    loss_difference: see `_loss_difference`.
    """
    epochs = scaling.epochs(metrics)
    if epochs.empty:
        return epochs
    epochs["samples_per_second"] = epochs["rows"] / epochs["seconds"]
    launches = epochs.groupby(LAUNCH)
    table = launches[["seconds", "samples_per_second"]].median().assign(epochs=launches.size())
    rows = scaling.labelled(metrics)
    rows["name"] = rows["name"].str.removeprefix("train.")
    figures = rows.pivot_table("value", LAUNCH, "name", "median")
    table = table.join(figures, suffixes=("", "_of_all_epochs")).reset_index()
    one = epochs[epochs["ranks"] == 1].groupby(WORK)["seconds"].median().rename("one")
    table["ratio"] = table.join(one, on=WORK)["one"] / table["seconds"]
    losses = step_losses(metrics)
    table["loss_difference"] = [_loss_difference(losses, launch) for _, launch in table.iterrows()]
    order = ["model", "global_batch", "ranks", "strategy", "threads_per_rank"]
    return table.sort_values(order, ignore_index=True).reindex(columns=HUMAN["launches"])


def threads_or_ranks(metrics: DataFrame) -> DataFrame:
    """Rows per second by ranks and threads: a row per model and global batch that was trained in
    several ways, a column a way, and which is best beside the next, in words.

    Repeats are launches: the epochs of one have its minute of the machine in common.
    """
    launches = scaling.epochs(metrics).groupby(["step", *LAUNCH], as_index=False)
    launches = launches[["rows", "seconds"]].median()
    launches["way"], table, best = _run_names(launches), [], []
    for work, own in launches.groupby(["model", "global_batch", "device", "precision"]):
        seconds = own.groupby("way")["seconds"].agg(list)
        speeds = (own["rows"].median() / seconds.map(np.median)).sort_values(ascending=False)
        if len(speeds) > 1:
            first, second = speeds.index[:2]
            said = verdict(seconds[second], seconds[first])
            is_best = not said.low <= 1
            best.append(f"{first}: {said.text}" if is_best else f"{first} or {second}: {said.text}")
            table.append(dict(zip(("model", "global_batch"), work)) | speeds.round().to_dict())
    speeds = DataFrame(table).convert_dtypes()
    return speeds[[*speeds.columns[:2], *sorted(speeds.columns[2:])]].assign(best=best)


def _loss_difference(losses: DataFrame, launch: pd.Series) -> float:
    """The largest relative difference of a launch's losses to those of one rank on the same global
    batches: one of the same precision, device and threads where there is one. NaN for one rank.

    losses: as `step_losses`.
    """
    if launch["ranks"] == 1:
        return np.nan
    same = ["model", "global_batch"]
    losses = losses[(losses[same] == launch[same]).all(axis=1)]
    one = losses[losses["ranks"] == 1]
    for label in ("precision", "device", "threads_per_rank"):
        alike = one[label] == launch[label]
        one = one[alike] if alike.any() else one
    mine = losses[(losses[LAUNCH] == launch[LAUNCH]).all(axis=1)].groupby("step")["loss"].first()
    return (mine / one.groupby("step")["loss"].first() - 1).abs().max()


def sharding(metrics: DataFrame) -> DataFrame:
    """What FSDP saves and costs beside DDP, for the same work on as many ranks.

    ddp_state and fsdp_state (bytes of parameters, gradients and Adam state a rank), share (fsdp /
    ddp; 1 / ranks is the least), ddp_rss and fsdp_rss (peak bytes a rank), slower (seconds of an
    epoch, fsdp / ddp), and pays: whether what is saved is at least a twentieth of the memory that a
    rank of DDP takes.
    """
    runs, same = training(metrics), ["ranks", *WORK]
    if not len(runs):
        return runs
    ddp, fsdp = (runs[runs["strategy"] == strategy] for strategy in ("ddp", "fsdp"))
    both = ddp.merge(fsdp, on=same, suffixes=("", "_fsdp"))
    state, sharded = both["state_bytes_per_rank"], both["state_bytes_per_rank_fsdp"]
    return both[same].assign(
        ddp_state=state,
        fsdp_state=sharded,
        share=sharded / state,
        ddp_rss=both["peak_rss_bytes_per_rank"],
        fsdp_rss=both["peak_rss_bytes_per_rank_fsdp"],
        slower=both["seconds_fsdp"] / both["seconds"],
        pays=state - sharded >= 0.05 * both["peak_rss_bytes_per_rank"],
    )


def step_shares(metrics: DataFrame) -> DataFrame:
    """Where the profiled steps' time went on each rank, the mean of a launch's repeats: model, run,
    rank, part, share."""
    rows = metrics[metrics["name"] == "train.step_share"]
    rows = scaling.labelled(rows).assign(rank=column(rows, "rank"), part=column(rows, "part"))
    groups = scaling.usual_batch(rows).groupby(
        [*LAUNCH, "rank", "part"], as_index=False, sort=False
    )
    table = groups["value"].mean().rename(columns={"value": "share"})
    return table.assign(run=_run_names(table))[["model", "run", "rank", "part", "share"]]


def step_losses(metrics: DataFrame) -> DataFrame:
    """Loss of the first global batches of each launch: the labels of LAUNCH, step, loss."""
    rows = metrics[metrics["name"] == "train.step_loss"]
    table = scaling.labelled(rows).assign(step=column(rows, "step").astype(int), loss=rows["value"])
    return table[[*LAUNCH, "step", "loss"]]


def loss_curves(metrics: DataFrame) -> DataFrame:
    """`step_losses` of each model's usual batch, a curve for each launch, which `run` names."""
    losses = scaling.usual_batch(step_losses(metrics)).drop_duplicates([*LAUNCH, "step"])
    return losses.assign(run=_run_names(losses))


def _run_names(launches: DataFrame) -> list[str]:
    """What a chart calls each launch of a model: "ddp 2 x 1"."""
    strategies = launches["strategy"].replace("none", "").str.upper().str.replace("_", " ")
    names = strategies + " " + scaling.rank_names(launches)
    return [
        ", ".join([name.strip(), *scaling.unusual(run)])
        for name, run in zip(names, launches.itertuples())
    ]
