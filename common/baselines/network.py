"""What 05 is compared with: the original study's network and loop."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from common.baselines.models import original_columns
from common.metrics import Metrics
from common.profiling import timed
from common.scores import five_star_scores
from common.training.batches import Data
from common.training.recording import add_epochs, add_scores

ORIGINAL_ROWS = 50_000


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
