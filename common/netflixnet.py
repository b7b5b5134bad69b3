"""NetflixNet: will a review have five stars? A small net on the metadata alone ("mlp"), or on metadata and text ("text").

The text enters as TF-IDF weights of hashed n-grams: an EmbeddingBag sums one learned vector per n-gram, each times its weight.
The n-gram columns of `Features` fold into fewer buckets, because every step of DDP sends the gradient of all of them.
"""
import json
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

from common.artifacts import InputError
from common.features import load_features
from common.models import identity, write_card

FEATURES = {"mlp": "metadata", "text": "all"}  # model -> the kind of features that its card names
INPUTS = {"mlp": "metadata", "text": "metadata+ngrams"}
SIZES = {"mlp": {"hidden": 64}, "text": {"hidden": 32, "buckets": 2**16, "width": 8}}  # buckets: a power of two
ADAM = {"mlp": {"lr": 0.02}, "text": {"lr": 0.01, "weight_decay": 3e-4}}  # chosen on fold 0 of train
CLIP = 5.0  # standard deviations: the rare review with ten thousand likes must not outweigh a batch
TEXT_SCALE = 8.0  # rows of TF-IDF have length 1 over some hundred n-grams: brings their sums to the metadata's scale
PREDICT_ROWS = 8192  # rows a forward pass without gradients


class NetflixNet(nn.Module):
    """Metadata (n, columns), and with `buckets` the n-grams as vectors of `width`, through one ReLU layer to one logit.

    `sizes` holds the arguments that build the same net again.
    """

    def __init__(self, columns, hidden, buckets=0, width=0):
        super().__init__()
        self.sizes = {"columns": columns, "hidden": hidden, "buckets": buckets, "width": width}
        if buckets:
            self.bag = nn.EmbeddingBag(buckets, width, mode="sum")
            nn.init.normal_(self.bag.weight, std=0.01)
        self.hidden = nn.Linear(columns + width, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, metadata, *ngrams):
        """metadata (n, columns) float32; ngrams: buckets (entries,), offsets (n,), both int32, and weights (entries,) float32.

        Returns logits (n, 1). n may be 0: a rank with no rows still takes part in its step's communication.
        """
        if ngrams:
            buckets, offsets, weights = ngrams
            metadata = torch.cat([metadata, self.bag(buckets, offsets, per_sample_weights=weights)], dim=1)
        return self.out(torch.relu(self.hidden(metadata)))

    def inputs(self, features, at, device="cpu"):
        """What `forward` takes for rows `at` (an index array) of a Features, as tensors on `device`."""
        arrays = [np.clip(features.metadata[at], -CLIP, CLIP, dtype=np.float32)]
        if self.sizes["buckets"]:
            text = features.text[at]
            arrays += [(text.indices & (self.sizes["buckets"] - 1)).astype(np.int32, copy=False),
                       text.indptr[:-1].astype(np.int32, copy=False), text.data * np.float32(TEXT_SCALE)]
        return [torch.from_numpy(array).to(device, non_blocking=True) for array in arrays]


class Data:
    """What all models and ranks of a launch train on: the features, the labels (n,) float32, and row numbers.

    `fit` and `validation` (fold 0) are the train split's, `rest` the others'; `quick` draws at most that many rows to fit on.
    Raises InputError when there is nothing to learn or to validate on.
    """

    def __init__(self, data_dir, seed, quick=None):
        self.rows, self.features = load_features(data_dir)
        self.seed = seed
        self.five_star = (self.rows["rating"] == 5).to_numpy()
        self.labels = torch.from_numpy(self.five_star.astype(np.float32))
        train, fold = (self.rows["split"] == "train").to_numpy(), self.rows["fold"].to_numpy()
        self.fit, self.validation, self.rest = (np.flatnonzero(part) for part in (train & (fold != 0), train & (fold == 0), ~train))
        if quick:
            self.fit = np.random.default_rng(seed).permutation(self.fit)[:quick]
        for name, at in (("fit", self.fit), ("validation", self.validation)):
            if len(np.unique(self.five_star[at])) < 2:
                raise InputError(f"the {len(at)} {name} rows under {data_dir}/features lack five-star reviews or others: load more reviews")

    def batches(self, size, epoch):
        """Row numbers of an epoch's global batches: a permutation by seed and epoch, cut every `size`; the last may be small.

        The same for any number of ranks: each takes its share of every batch.
        """
        order = np.random.default_rng((self.seed, epoch)).permutation(self.fit)
        return [order[start:start + size] for start in range(0, len(order), size)]


@torch.no_grad()
def predict(net, features, rows=None, ranks=None):
    """(n,) float64, the probability of five stars for each row of a Features, or for `rows` (an index array) of it.

    With `ranks` (common.ranks.Ranks) every rank must call this with the same rows; each predicts its share, all get the whole.
    """
    rows = np.arange(len(features.metadata)) if rows is None else rows
    device = next(net.parameters()).device
    found = torch.zeros(len(rows), device=device)
    for start in range(0, len(rows), PREDICT_ROWS):
        batch = slice(start, min(start + PREDICT_ROWS, len(rows)))
        own = ranks.share(batch) if ranks else batch
        found[own] = torch.sigmoid(net(*net.inputs(features, rows[own], device))[:, 0])
    return (ranks.total(found) if ranks else found).double().cpu().numpy()


def save(folder, card, state, predicted):
    """Write a model folder: model.safetensors, card.json, and predictions.npy, float32 of all rows, NaN on train rows.

    state: {name: tensor}, whole and on the CPU; `card["params"]` must hold the net's sizes.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(state))
    write_card(folder, card | identity(folder / "model.safetensors"))
    np.save(folder / "predictions.npy", predicted.astype(np.float32))


def load(folder):
    """The NetflixNet of a model folder, on the CPU: sizes from card.json, weights from the file that the card names."""
    card = json.loads((Path(folder) / "card.json").read_text(encoding="utf-8"))
    net = NetflixNet(**card["params"])
    net.load_state_dict(safetensors.torch.load_file(Path(folder) / card["file"]))
    return net.eval()
