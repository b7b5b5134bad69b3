"""What 05 is compared with: the original study's network and loop, and torch's own gradient of the
n-gram vectors."""

from pathlib import Path

import numpy as np
import torch

from common.baselines.models import original_columns, original_network
from common.metrics import Metrics
from common.profiling import interleave
from common.scores import five_star_scores
from common.training.batches import Data
from common.training.nets import build_net, to_device
from common.training.recording import add_epochs, add_scores

ORIGINAL_ROWS = 50_000
GRADIENT_ROWS = 16_384


def measure_original(data_dir: Path, data: Data, metrics: Metrics, threads: int) -> None:
    """Train the original study's network on a slice of the rows that 05 fits on, judge it on test,
    and record both."""
    fit, test = np.sort(data.fit[:ORIGINAL_ROWS]), np.flatnonzero(data.rows["split"] == "test")
    columns = original_columns(data_dir, np.concatenate([fit, test]))
    seconds, probability = original_network(
        columns[: len(fit)], data.five_star[fit], columns[len(fit) :], data.seed
    )
    labels = dict(
        model="mlp",
        strategy="original",
        ranks=1,
        threads_per_rank=threads,
        device="cpu",
        global_batch=64,
        precision="float32",
    )
    add_epochs(metrics, dict(enumerate(seconds)), len(fit), labels)
    scores = five_star_scores(data.five_star[test], probability)
    add_scores(metrics, "test", scores, len(test), labels)


def measure_gradient(data: Data, metrics: Metrics) -> None:
    """Time the sum of some rows' n-gram vectors and its gradient on the CPU, by torch's
    EmbeddingBag and by ours, and record every repeat."""
    net, rows = build_net("text", data.features), data.fit[:GRADIENT_ROWS]
    _, buckets, offsets, weights = to_device(net.inputs(data.features, rows), torch.device("cpu"))
    plain = torch.nn.EmbeddingBag.from_pretrained(net.bag.weight.detach(), freeze=False, mode="sum")

    def embedding_bag() -> None:
        plain.zero_grad()
        plain(buckets, offsets, per_sample_weights=weights).sum().backward()

    def sparse_product() -> None:
        net.bag.zero_grad()
        net.bag(buckets, offsets, weights).sum().backward()

    ways = {"embedding_bag": embedding_bag, "sparse_product": sparse_product}
    for way in ways.values():
        way()  # warm-up
    for name, repeat, seconds in interleave(ways):
        metrics.add(
            "train.gradient_seconds",
            seconds,
            "s",
            repeat=repeat,
            rows=len(rows),
            model="text",
            variant=name,
            device="cpu",
        )
