"""What 05 is compared with: the original study's network and loop, and torch's own gradient of the
n-gram vectors."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from common.baselines.models import original_columns
from common.metrics import Metrics
from common.profiling import interleave, timed
from common.scores import five_star_scores
from common.training.batches import Data
from common.training.nets import build_net, to_device
from common.training.recording import add_epochs, add_scores

ORIGINAL_ROWS = 50_000
GRADIENT_ROWS = 16_384


def measure_original(data_dir: Path, data: Data, metrics: Metrics, threads: int) -> None:
    """Train the original study's network, by its loop, on a slice of the rows that 05 fits on,
    judge it on test, and record both.

    One layer of 64, a sigmoid, batches of 64 from a DataLoader, the loss fetched after each step,
    columns as they are, the author id among them.
    """
    fit, test = np.sort(data.fit[:ORIGINAL_ROWS]), np.flatnonzero(data.rows["split"] == "test")
    columns = np.nan_to_num(original_columns(data_dir, np.concatenate([fit, test])))
    x = torch.from_numpy(columns.astype(np.float32))
    torch.manual_seed(data.seed)
    net = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
    optimizer, loss_of = torch.optim.Adam(net.parameters(), lr=1e-3), nn.BCELoss()
    rows = torch.utils.data.TensorDataset(
        x[: len(fit)], torch.from_numpy(data.targets(fit, [5])[:, 0])
    )
    loader, seconds = torch.utils.data.DataLoader(rows, batch_size=64, shuffle=True), {}
    for epoch in range(5):
        with timed() as t:
            for batch, labels in loader:
                optimizer.zero_grad()
                loss = loss_of(net(batch)[:, 0], labels)
                loss.backward()
                optimizer.step()
                loss.item()
        seconds[epoch] = t.seconds
    with torch.no_grad():
        probability = net(x[len(fit) :])[:, 0].double().numpy()
    add = partial(
        metrics.add,
        model="mlp",
        strategy="original",
        ranks=1,
        threads_per_rank=threads,
        device="cpu",
        global_batch=64,
        precision="float32",
    )
    add_epochs(add, seconds, len(fit))
    scores = five_star_scores(data.five_star[test], probability)
    add_scores(add, "test", scores, len(test))


def measure_gradient(data: Data, metrics: Metrics) -> None:
    """Time the sum of some rows' n-gram vectors and its gradient on the CPU, by torch's
    EmbeddingBag and by ours, and record every repeat."""
    net, rows = build_net("text", data.features), data.fit[:GRADIENT_ROWS]
    _, buckets, weights, offsets = to_device(net.inputs(data.features, rows), torch.device("cpu"))
    plain = nn.EmbeddingBag.from_pretrained(net.bag.weight.detach(), freeze=False, mode="sum")

    def embedding_bag() -> None:
        plain.zero_grad()
        plain(buckets, offsets, per_sample_weights=weights).sum().backward()

    def sparse_product() -> None:
        net.bag.zero_grad()
        net.bag(buckets, weights, offsets).sum().backward()

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
