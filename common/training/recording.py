"""What a launch of 05 measured, as rows of metrics."""

import json
from collections.abc import Callable, Mapping

import numpy as np

from common.scores import Scores
from common.training.step_profile import profile_steps
from common.training.trainer import Run, Trainer

RECORDED_STEPS = 20  # global batches whose losses are kept, for comparing launches


def add_epochs(add: Callable, seconds: Mapping[int, float], rows: int) -> None:
    """Record the seconds of each epoch over so many rows; add: `Metrics.add` with labels."""
    for epoch, value in seconds.items():
        add("train.epoch_seconds", value, "s", repeat=epoch, rows=rows)
        add("train.samples_per_second", rows / value, "rows/s", repeat=epoch, rows=rows)


def add_scores(add: Callable, split: str, scores: Scores, rows: int) -> None:
    """Record the scores of one split of the rows."""
    for name, value in scores.items():
        add(f"train.{name}", value, "nats" if name == "log_loss" else "1", rows=rows, split=split)


def add_run(add: Callable, run: Run, trainer: Trainer) -> None:
    """Record one model's times, losses, bytes a rank and validation scores."""
    data, rows = trainer.data, len(trainer.data.fit)
    add_epochs(add, run.seconds, rows)
    for epoch, seconds in run.data_seconds.items():
        add("train.data_share", seconds / run.seconds[epoch], "1", repeat=epoch, rows=rows)
    sizes = np.array(list(map(len, trainer.batches)))
    for epoch, losses in enumerate(run.losses):
        loss = np.average(losses, weights=sizes[data.order(len(sizes), epoch)])
        add("train.loss", loss, "nats", repeat=epoch, rows=rows)
    for step, loss in enumerate(run.losses.ravel()[:RECORDED_STEPS]):
        add("train.step_loss", loss, "nats", rows=rows, step=step)
    add("train.state_bytes_per_rank", run.state_bytes, "bytes")
    add("train.peak_rss_bytes_per_rank", run.rss_bytes, "bytes")
    add_scores(add, "validation", run.validation, len(data.validation))


def measure_steps(add: Callable, trainer: Trainer) -> dict[str, bytes]:
    """Profile a few steps, once the net is trained and its state is kept, and record their shares.

    Returns the content of each file for profiles/ on rank 0, nothing on the others; every rank must
    call this.
    """
    ranks = trainer.ranks

    def step(number: int) -> None:
        trainer.step(trainer.load(number))
        ranks.synchronize()

    profiles = ranks.gather(profile_steps(step, len(trainer.batches), ranks.device))
    files = {}
    for rank, (summary, trace) in enumerate(profiles):
        for part, share in summary["shares"].items():
            add("train.step_share", share, "1", rank=rank, part=part)
        name = f"{trainer.settings.model}-rank{rank}"
        files[f"{name}.json"] = json.dumps(summary).encode()
        files[f"{name}.trace.json.gz"] = trace
    if profiles and ranks.count > 1:
        share = profiles[0].summary["shares"]["communication"]
        add("train.communication_share", share, "1")
    return files
