"""NetflixNet: will a review have five stars? A small net on the metadata alone ("mlp"), or on the
form of the text and what it says ("text").

The text enters as weighted n-grams: an EmbeddingBag sums one learned vector per n-gram, each times
its weight. The n-gram columns of `Features` fold into fewer buckets, because every step of DDP
sends the gradient of all of them.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from numpy import ndarray
from torch import Tensor, nn
from tqdm import tqdm

from common.features.transformer import Features
from common.toml import toml_beside
from common.training.encoder import Encoder, Pretrained

if TYPE_CHECKING:  # loading a model to predict with it needs nothing of torch.distributed
    from common.training.ranks import Ranks


class Design(NamedTuple):
    """What tells one NetflixNet from another."""

    features: str  # the kind of features that its card names
    inputs: str
    sizes: dict[str, int]  # NetflixNet's arguments but for `columns`; buckets: a power of two
    adam: dict[str, float]  # Adam's arguments, chosen on train, but for "wide"
    epochs: int = 16
    batch: int | None = None  # rows of a global batch, where it is not cut by the rows
    warm_up: float = 0.0  # share of the steps in which the learning rate rises
    clip: float = float("inf")  # longest gradient


NETS = {name: Design(**design) for name, design in toml_beside(__file__).items()}
# Standard deviations: the rare review with ten thousand likes must not outweigh a batch.
CLIP = 5.0
# Rows of n-grams have length 1 over some hundred: brings their sums to the metadata's scale.
TEXT_SCALE = 8.0


class SumOfVectors(torch.autograd.Function):
    """EmbeddingBag's weighted sum, with a gradient for CPUs: a sparse product, where torch's sorts
    the entries.

    Arguments: vectors (buckets, width), and forward's n-grams, all float32 or int32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        vectors: Tensor,
        buckets: Tensor,
        offsets: Tensor,
        weights: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(buckets, offsets, weights)
        ctx.buckets = len(vectors)
        return nn.functional.embedding_bag(
            buckets, vectors, offsets, mode="sum", per_sample_weights=weights
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple:
        buckets, offsets, weights = (tensor.numpy() for tensor in ctx.saved_tensors)
        starts = np.append(offsets, np.int32(len(buckets)))
        shape = (ctx.buckets, len(offsets))  # transposed: a column for each review
        ngrams = sp.csc_matrix((weights, buckets, starts), shape=shape, copy=False)
        return torch.from_numpy(ngrams @ gradient.numpy()), None, None, None


class Bag(nn.EmbeddingBag):
    """EmbeddingBag in mode "sum" that takes SumOfVectors' gradient where it can: in float32 on a
    CPU, not compiled."""

    def forward(self, buckets: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
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
    """Dense columns (n, columns), and with `buckets` n-grams as vectors of `width`, through one
    ReLU layer to one logit.

    `sizes` holds the arguments that build the same net again.
    """

    thresholds: tuple[int, ...] = (5,)  # an output's review has at least so many stars
    dense = 1  # how many inputs have a row for each review
    predict_rows = gathered_rows = 8192  # of a forward pass without gradients, of inputs at once

    def __init__(self, columns: int, hidden: int, buckets: int = 0, width: int = 0):
        super().__init__()
        self.sizes = {"columns": columns, "hidden": hidden, "buckets": buckets, "width": width}
        if buckets:
            self.bag = Bag(buckets, width, mode="sum")
            nn.init.normal_(self.bag.weight, std=0.01)
        self.hidden = nn.Linear(columns + width, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, metadata: Tensor, *ngrams: Tensor) -> Tensor:
        """Logits (n, 1) of metadata (n, columns) float32 and n-grams: buckets (entries,) int32,
        weights (entries,) float32 and offsets (n,) int32.

        n may be 0: a rank with no rows still takes part in its step's communication.
        """
        if ngrams:
            metadata = torch.cat([metadata, TEXT_SCALE * self.bag(*ngrams)], dim=1)
        return self.out(torch.relu(self.hidden(metadata)))

    def groups(self, lr: float) -> list[dict[str, Any]]:
        """The optimizer's groups of parameters."""
        return [{"params": list(self.parameters()), "lr": lr}]

    def parts(self) -> list[nn.Module]:
        """What FSDP shards as a group each, beside the rest."""
        return list(self.children())

    def entries(self, features: Features, rows: ndarray) -> ndarray | None:
        """(n,) how many n-grams each of these rows has; None for the net without."""
        return np.diff(features.text.indptr)[rows] if self.sizes["buckets"] else None

    def order(self, features: Features, rows: ndarray) -> ndarray:
        """In which order (n,) rows are predicted: as they are stored."""
        return np.arange(len(rows))

    def inputs(self, features: Features, rows: ndarray) -> list[ndarray]:
        """What `forward` takes for these row numbers of a Features, as NumPy arrays."""
        text = bool(self.sizes["buckets"])
        dense = features.matrix("form+scores" if text else "metadata", rows)
        inputs = [np.clip(dense, -CLIP, CLIP)]
        if text:
            ngrams = features.text[rows]
            ngrams.indices &= self.sizes["buckets"] - 1
            inputs += [
                ngrams.indices.astype(np.int32, copy=False),
                ngrams.data,
                ngrams.indptr[:-1].astype(np.int32, copy=False),
            ]
        return inputs


Net = NetflixNet | Encoder


def build_net(model: str, features: Features, pretrained: Pretrained | None = None) -> Net:
    """The untrained net of a name in NETS; the dense columns of a NetflixNet are the metadata or,
    where it takes the text, its form and the out-of-fold text scores. An Encoder has its pretrained
    weights."""
    if pretrained:
        return Encoder.load(pretrained.sizes, pretrained.arrays)
    dense = features.matrix(NETS[model].inputs.removesuffix("+ngrams"), slice(0))
    return NetflixNet(dense.shape[1], **NETS[model].sizes)


def to_device(arrays: Iterable[ndarray], device: torch.device) -> list[Tensor]:
    """Tensors of NumPy arrays on `device`: the same memory on the CPU; to a GPU from pinned memory,
    without waiting."""
    tensors = map(torch.from_numpy, arrays)
    if device.type == "cuda":
        return [tensor.pin_memory().to(device, non_blocking=True) for tensor in tensors]
    return list(tensors)


@torch.no_grad()
def predict(
    net: Net,
    features: Features,
    rows: ndarray | None = None,
    ranks: "Ranks | None" = None,
    progress: bool = False,
) -> ndarray:
    """(n, outputs) float64, the probabilities of the net's outputs, the last of them five stars,
    for each row of a Features, or for `rows` of it.

    With `ranks` every rank must call this with the same rows; each predicts its shard, all get the
    whole.
    """
    rows = np.arange(len(features.metadata)) if rows is None else rows
    device = ranks.device if ranks else next(net.parameters()).device
    probability = torch.zeros((len(rows), len(net.thresholds)), device=device)
    order = net.order(features, rows)
    for start in tqdm(range(0, len(rows), net.predict_rows), "rows", delay=2, disable=not progress):
        batch = slice(start, min(start + net.predict_rows, len(rows)))
        shard = order[ranks.shard(batch) if ranks else batch]
        logits = net(*to_device(net.inputs(features, rows[shard]), device))
        probability[torch.from_numpy(shard).to(device)] = torch.sigmoid(logits.float())
    if ranks:
        ranks.reshard(net)
        ranks.all_reduce_sum(probability)
    return probability.double().cpu().numpy()
