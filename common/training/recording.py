"""What a launch of 05 measured, as rows of metrics."""

import json
from collections.abc import Mapping

import numpy as np

from common.metrics import Metrics
from common.training.batches import Data
from common.training.ranks import Ranks
from common.training.step_profile import profile_steps
from common.training.trainer import Run, Trainer

RECORDED_STEPS = 20  # global batches whose losses are kept, for comparing launches


def add_epochs(metrics: Metrics, seconds: Mapping[int, float], rows: int, labels: dict) -> None:
    """Record the seconds of each epoch over so many rows."""
    for epoch, value in seconds.items():
        metrics.add("train.epoch_seconds", value, "s", repeat=epoch, rows=rows, **labels)
        speed = rows / value
        metrics.add("train.samples_per_second", speed, "rows/s", repeat=epoch, rows=rows, **labels)


def add_scores(
    metrics: Metrics, split: str, scores: Mapping[str, float], rows: int, labels: dict
) -> None:
    """Record the scores of one split of the rows."""
    for name, value in scores.items():
        unit = "nats" if name == "log_loss" else "1"
        metrics.add(f"train.{name}", value, unit, rows=rows, split=split, **labels)


def add_run(metrics: Metrics, run: Run, data: Data, labels: dict) -> None:
    """Record one model's times, losses, bytes a rank and validation scores."""
    rows = len(data.fit)
    add_epochs(metrics, run.seconds, rows, labels)
    for epoch, seconds in run.data_seconds.items():
        share = seconds / run.seconds[epoch]
        metrics.add("train.data_share", share, "1", repeat=epoch, rows=rows, **labels)
    sizes = np.array([len(batch) for batch in data.batches(labels["global_batch"])])
    for epoch, losses in enumerate(run.losses):
        loss = np.average(losses, weights=sizes[data.order(len(sizes), epoch)])
        metrics.add("train.loss", loss, "nats", repeat=epoch, rows=rows, **labels)
    for step, loss in enumerate(run.losses.ravel()[:RECORDED_STEPS]):
        metrics.add("train.step_loss", loss, "nats", rows=rows, step=step, **labels)
    metrics.add("train.state_bytes_per_rank", run.state_bytes, "bytes", **labels)
    metrics.add("train.peak_rss_bytes_per_rank", run.rss_bytes, "bytes", **labels)
    add_scores(metrics, "validation", run.validation, len(data.validation), labels)


def measure_steps(
    trainer: Trainer, ranks: Ranks, metrics: Metrics, labels: dict
) -> dict[str, bytes]:
    """Profile a few steps, once the net is trained and its state is kept, and record their shares.

    Returns the content of each file for profiles/ on rank 0, nothing on the others; every rank must
    call this.
    """

    def step(number: int) -> None:
        trainer.step(trainer.load(number))
        ranks.synchronize()

    profiles = ranks.gather(profile_steps(step, len(trainer.batches), ranks.device))
    files = {}
    for rank, (summary, trace) in enumerate(profiles):
        for part, share in summary["shares"].items():
            metrics.add("train.step_share", share, "1", rank=rank, part=part, **labels)
        name = f"{labels['model']}-rank{rank}"
        files[f"{name}.json"] = json.dumps(summary).encode()
        files[f"{name}.trace.json.gz"] = trace
    if profiles and ranks.count > 1:
        share = profiles[0].summary["shares"]["communication"]
        metrics.add("train.communication_share", share, "1", **labels)
    return files
