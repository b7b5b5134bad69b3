"""NetflixNet's launches, arranged to be read: what 06 and the app show of 05's metrics. Metrics in, DataFrames and sentences out."""

import numpy as np
import pandas as pd

from common.report import scaling
from common.report.tables import column

LAUNCHES = (
    "Ratio is the speed beside one rank with as many threads a rank, at the same global batch; a launch's first epoch is left out. State "
    "is what a rank holds of parameters, gradients and optimizer. Communication is what no computing hides, data the time spent waiting "
    "for inputs. Ranks that share cores show correctness and memory, not speed."
)
BEYOND = (
    "DDP on faster networks: this machine's compute a rank, with assumed bandwidths and latencies"
)


def training(metrics):
    """NetflixNet's launches, a row each, with the train metrics that are one figure a launch.

    seconds: median of an epoch. ratio: speed beside the one-rank launch with as many threads a rank. loss_difference: the largest
    relative difference of the loss to a one-rank launch's on the same global batches.
    """
    runs = scaling.epochs(metrics)
    found = []
    for labels, own in runs.groupby(scaling.LAUNCH):
        run = dict(zip(scaling.LAUNCH, labels))
        rows = metrics[
            np.logical_and.reduce(
                [metrics[f"label.{name}"] == value for name, value in run.items()]
            )
        ]
        values = {
            name: part["value"].median()
            for name, part in rows.groupby(rows["name"].str.removeprefix("train."))
        }
        found.append(
            run
            | {
                "epochs": len(own),
                "seconds": own["seconds"].median(),
                "samples_per_second": (own["rows"] / own["seconds"]).median(),
                **{
                    name: values.get(name, np.nan)
                    for name in (
                        "state_bytes_per_rank",
                        "peak_rss_bytes_per_rank",
                        "communication_share",
                        "data_share",
                    )
                },
            }
        )
    if not found:
        return pd.DataFrame()
    table, losses = pd.DataFrame(found), step_losses(metrics)
    same = [name for name in scaling.LAUNCH if name not in ("strategy", "ranks")]
    base = table[table["ranks"] == 1].drop_duplicates(same).set_index(same)["seconds"]
    table["ratio"] = [
        base.get(tuple(row[same]), np.nan) / row["seconds"] for _, row in table.iterrows()
    ]
    table["loss_difference"] = [_loss_difference(losses, run) for run in table.itertuples()]
    order = {"none": 0, "ddp": 1, "fsdp": 2}
    first = [
        "model",
        "strategy",
        "ranks",
        "threads_per_rank",
        "global_batch",
        "seconds",
        "ratio",
        "loss_difference",
        "state_bytes_per_rank",
    ]
    table = table[first + [column for column in table if column not in first]]
    return table.sort_values(
        ["model", "global_batch", "ranks", "strategy", "threads_per_rank"],
        ignore_index=True,
        key=lambda c: c.map(order) if c.name == "strategy" else c,
    )


def original_network(metrics):
    """How the original study's network and loop did on a slice of the same rows, beside ours; "" where it was not compared."""
    own = metrics[column(metrics, "strategy") == "original"]
    ours = scaling.epochs(metrics)
    ours = ours[(ours["model"] == "mlp") & (ours["ranks"] == 1)]
    if not len(own) or not len(ours):
        return ""
    speed, fastest = (
        own.loc[own["name"] == "train.samples_per_second", "value"].median(),
        (ours["rows"] / ours["seconds"]).median(),
    )
    auc = metrics[
        (metrics["name"] == "train.auc")
        & (column(metrics, "split") == "test")
        & (column(metrics, "model") == "mlp")
    ]
    auc = auc.groupby("label.strategy")["value"].median()
    return (
        f"The original study's network and loop, on a slice of {own.loc[own['name'] == 'train.epoch_seconds', 'rows'].max():,.0f} training rows: {speed:,.0f} rows a second, AUC {auc['original']:.4f} "
        f"on test. The mlp here, one rank, on all training rows: {fastest:,.0f} rows a second ({fastest / speed:.1f}x), AUC {auc.get('none', np.nan):.4f}."
        + _gradient(metrics)
    )


def _gradient(metrics):
    rows = metrics[metrics["name"] == "train.gradient_seconds"]
    seconds = rows.groupby("label.variant")["value"].median() if len(rows) else {}
    return (
        ""
        if not len(rows)
        else (
            f" Summing the n-gram vectors of {rows['rows'].iloc[0]:,.0f} reviews, and their gradient, took {1e3 * seconds['embedding_bag']:.1f} ms by torch's "
            f"EmbeddingBag and {1e3 * seconds['sparse_product']:.1f} ms as a sparse product ({seconds['embedding_bag'] / seconds['sparse_product']:.1f}x as fast)."
        )
    )


def scaling_study(metrics):
    """{caption: table} of what was fitted to NetflixNet's launches; without those that were not measured."""
    found = {
        "Laws fitted to one, two and more ranks: Amdahl's serial share with its 95% interval; contention and coherency need three points": scaling.laws(
            scaling.epochs(metrics)
        ),
        "A step as the cost model predicts it, from compute alone and collectives alone, beside the measured one": scaling.predictions(
            metrics
        ),
        "What FSDP saves and costs beside DDP; it pays where it saves a twentieth of a rank's memory": scaling.sharding(
            metrics
        ),
        BEYOND: scaling.beyond(metrics),
    }
    return {caption: table for caption, table in found.items() if len(table)}


def step_shares(metrics):
    """Where the profiled steps' time went on each rank, the mean of a launch's repeats: model, run, rank, part, share."""
    rows = _usual_batch(metrics[metrics["name"] == "train.step_share"])
    table = pd.DataFrame(
        {
            "model": column(rows, "model"),
            "run": _run_names(rows),
            "rank": column(rows, "rank"),
            "part": column(rows, "part"),
            "share": rows["value"],
        }
    )
    return table.groupby(["model", "run", "rank", "part"], as_index=False, sort=False)[
        "share"
    ].mean()


def loss_curves(metrics):
    """`step_losses` of each model's usual batch, one curve a run, for a chart."""
    rows = _usual_batch(metrics[metrics["name"] == "train.step_loss"])
    return step_losses(rows).drop_duplicates(["model", "run", "step"])


def _usual_batch(rows):
    """Metrics rows of the global batch that each model was trained with most often."""
    if not len(rows):
        return rows
    return rows[
        rows["label.global_batch"]
        == rows.groupby("label.model")["label.global_batch"].transform(
            lambda sizes: sizes.mode()[0]
        )
    ]


def step_losses(metrics):
    """Loss of the first global batches of each launch: model, run ("ddp, 2 ranks of 1 thread"), ranks, global_batch, step, loss."""
    rows = metrics[metrics["name"] == "train.step_loss"]
    if not len(rows):
        return pd.DataFrame(columns=["model", "run", "ranks", "global_batch", "step", "loss"])
    return pd.DataFrame(
        {
            "model": rows["label.model"],
            "run": _run_names(rows),
            "ranks": rows["label.ranks"],
            "global_batch": rows["label.global_batch"],
            "step": rows["label.step"].astype(int),
            "loss": rows["value"],
        }
    ).reset_index(drop=True)


def _run_names(rows):
    if not len(rows):
        return []
    labels = rows[
        [f"label.{name}" for name in ("strategy", "ranks", "threads_per_rank", "precision")]
    ].itertuples(index=False)
    return [
        f"{strategy}, {ranks:.0f} x {threads:.0f} threads"
        + (f", {precision}" if precision != "float32" else "")
        for strategy, ranks, threads, precision in labels
    ]


def _loss_difference(losses, run):
    own = losses[(losses["model"] == run.model) & (losses["global_batch"] == run.global_batch)]
    name = f"{run.strategy}, {run.ranks:.0f} x {run.threads_per_rank:.0f} threads"
    single = own[(own["ranks"] == 1)].groupby("step")["loss"].first()
    mine = own[own["run"] == name].groupby("step")["loss"].first()
    return ((mine - single) / single).abs().max() if run.ranks > 1 else np.nan
