"""NetflixNet: will a review have five stars? A small net on the metadata alone ("mlp"), or on metadata and text ("text").

The text enters as TF-IDF weights of hashed n-grams: an EmbeddingBag sums one learned vector per n-gram, each times its weight.
The n-gram columns of `Features` fold into fewer buckets, because every step of DDP sends the gradient of all of them.
"""

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

FEATURES = {
    "mlp": "metadata",
    "text": "all",
    "wide": "all",
}  # model -> the kind of features that its card names
INPUTS = {"mlp": "metadata", "text": "metadata+scores+ngrams", "wide": "metadata+scores+ngrams"}
SIZES = {  # buckets: a power of two
    "mlp": {"hidden": 64},
    "text": {"hidden": 32, "buckets": 2**14, "width": 8},
    "wide": {
        "hidden": 32,
        "buckets": 2**19,
        "width": 120,
    },  # 62.9 million parameters: weighs what sharding saves
}
ADAM = {
    "mlp": {"lr": 0.02},
    "text": {"lr": 0.01, "weight_decay": 1e-3},
    "wide": {"lr": 0.001},
}  # chosen on fold 0 of train, but for wide
CLIP = 5.0  # standard deviations: the rare review with ten thousand likes must not outweigh a batch
TEXT_SCALE = 8.0  # rows of TF-IDF have length 1 over some hundred n-grams: brings their sums to the metadata's scale
PREDICT_ROWS = 8192  # rows a forward pass without gradients


def columns(model, features):
    """How many dense columns a model's net takes: the metadata, and with the text the out-of-fold text scores."""
    return features.metadata.shape[1] + (
        features.text_scores.shape[1] if "scores" in INPUTS[model] else 0
    )


class SumOfVectors(torch.autograd.Function):
    """EmbeddingBag's weighted sum, with a gradient that takes a sixth of the time of torch's on a CPU: a sparse product, where torch
    sorts the entries. Arguments: vectors (buckets, width), and forward's ngrams, all float32 or int32."""

    @staticmethod
    def forward(ctx, vectors, buckets, offsets, weights):
        ctx.save_for_backward(buckets, offsets, weights)
        ctx.buckets = len(vectors)
        return nn.functional.embedding_bag(
            buckets, vectors, offsets, mode="sum", per_sample_weights=weights
        )

    @staticmethod
    def backward(ctx, gradient):
        buckets, offsets, weights = (tensor.numpy() for tensor in ctx.saved_tensors)
        columns = np.append(offsets, np.int32(len(buckets)))
        ngrams = sp.csc_matrix(
            (weights, buckets, columns), shape=(ctx.buckets, len(offsets)), copy=False
        )  # transposed: a column a row
        return torch.from_numpy(ngrams @ gradient.numpy()), None, None, None


class Bag(nn.EmbeddingBag):
    """EmbeddingBag in mode "sum" with SumOfVectors' gradient where that can be: in float32 on a CPU, not compiled."""

    def forward(self, buckets, offsets, weights):
        vectors = self.weight
        if (
            torch.is_grad_enabled()
            and vectors.device.type == "cpu"
            and vectors.dtype == torch.float32
            and not torch.compiler.is_compiling()
        ):
            return SumOfVectors.apply(vectors, buckets, offsets, weights)
        return super().forward(buckets, offsets, per_sample_weights=weights)


class NetflixNet(nn.Module):
    """Metadata (n, columns), and with `buckets` the n-grams as vectors of `width`, through one ReLU layer to one logit.

    `sizes` holds the arguments that build the same net again.
    """

    def __init__(self, columns, hidden, buckets=0, width=0):
        super().__init__()
        self.sizes = {"columns": columns, "hidden": hidden, "buckets": buckets, "width": width}
        if buckets:
            self.bag = Bag(buckets, width, mode="sum")
            nn.init.normal_(self.bag.weight, std=0.01)
        self.hidden = nn.Linear(columns + width, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, metadata, *ngrams):
        """metadata (n, columns) float32; ngrams: buckets (entries,), offsets (n,), both int32, and weights (entries,) float32.

        Returns logits (n, 1). n may be 0: a rank with no rows still takes part in its step's communication.
        """
        if ngrams:
            metadata = torch.cat([metadata, TEXT_SCALE * self.bag(*ngrams)], dim=1)
        return self.out(torch.relu(self.hidden(metadata)))

    def inputs(self, features, at):
        """What `forward` takes for rows `at` (an index array) of a Features, as NumPy arrays."""
        metadata = np.clip(np.asarray(features.metadata, np.float32).take(at, axis=0), -CLIP, CLIP)
        if not self.sizes["buckets"]:
            return [metadata]
        metadata = np.hstack(
            [metadata, np.clip(np.asarray(features.text_scores).take(at, axis=0), -CLIP, CLIP)]
        )
        text = features.text[at]
        text.indices &= self.sizes["buckets"] - 1
        return [
            metadata,
            text.indices.astype(np.int32, copy=False),
            text.indptr[:-1].astype(np.int32, copy=False),
            text.data,
        ]


def to_device(arrays, device):
    """Tensors of NumPy arrays on `device`; the same memory on the CPU; to a GPU from pinned memory, without waiting."""
    tensors = map(torch.from_numpy, arrays)
    return (
        [t.pin_memory().to(device, non_blocking=True) for t in tensors]
        if torch.device(device).type == "cuda"
        else list(tensors)
    )


@torch.no_grad()
def predict(net, features, rows=None, ranks=None):
    """(n,) float64, the probability of five stars for each row of a Features, or for `rows` (an index array) of it.

    With `ranks` (common.ranks.Ranks) every rank must call this with the same rows; each predicts its share, all get the whole.
    """
    rows = np.arange(len(features.metadata)) if rows is None else rows
    device = ranks.device if ranks else next(net.parameters()).device
    found = torch.zeros(len(rows), device=device)
    for start in range(0, len(rows), PREDICT_ROWS):
        batch = slice(start, min(start + PREDICT_ROWS, len(rows)))
        own = ranks.share(batch) if ranks else batch
        found[own] = torch.sigmoid(net(*to_device(net.inputs(features, rows[own]), device))[:, 0])
    return (ranks.total(found) if ranks else found).double().cpu().numpy()
