"""NetflixNet trains the same on one rank and on many; FSDP shards; nothing of the test rows is learnt; launches fail clearly."""
import json
import shutil
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import dask
import numpy as np
import pytest
import torch

from common import ranks as ranks_module
from common.artifacts import InputError
from common.features import load_features, load_text
from common.measure import read_metrics
from common.models import load_model
from common.netflixnet import NetflixNet, predict
from common.ranks import Ranks, plan
from common.reviews import ingest
from common.scores import five_star_scores
from common.synthetic import make_csv

ROOT = Path(__file__).resolve().parent.parent
TRAIN = import_module("05_gpu_train")
MODELS = {"mlp": "netflixnet_mlp-metadata", "text": "netflixnet_text-all"}
LAUNCHES = ("none-1x1-cpu", "ddp-2x1-cpu", "fsdp-2x1-cpu")


def torchrun(*words, ranks=2):
    return subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), *map(str, words)],
                          cwd=ROOT, capture_output=True, text=True, timeout=120)


def train(data_dir, *words):
    TRAIN.main(["--data-dir", str(data_dir), "--device", "cpu", "--threads", "1", "--epochs", "4", *words])


@pytest.fixture(scope="session")
def trainable(tmp_path_factory):
    """Data directory of 2,000 made reviews and their features. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("train")
    make_csv(folder / "made.csv", 2000)
    with dask.config.set(scheduler="synchronous"):
        ingest([folder / "made.csv"], folder / "data")
    done = subprocess.run([sys.executable, "03_features.py", "--data-dir", folder / "data", "--workers", "2", "--quick"],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "data"


@pytest.fixture(scope="session")
def one_over(trainable):
    """A batch size that leaves one row for the last batch of an epoch: of two ranks, one has an empty share of it."""
    rows, _ = load_features(trainable)
    fit = ((rows["split"] == "train") & (rows["fold"] != 0)).sum()
    return next(size for size in range(150, fit) if fit % size == 1)


@pytest.fixture(scope="session")
def launched(trainable, one_over, tmp_path_factory):
    """Data directory in which one rank, two of DDP and two of FSDP have trained on the same global batches, in this order."""
    folder = shutil.copytree(trainable, tmp_path_factory.mktemp("launched") / "data")
    train(folder, "--batch", str(one_over))
    for strategy in ("ddp", "fsdp"):
        done = torchrun("05_gpu_train.py", "--data-dir", folder, "--strategy", strategy, "--device", "cpu", "--threads", 1,
                        "--epochs", 4, "--batch", one_over)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("netflixnet_text-all: test accuracy") == 1
    return folder


def figures(data_dir, name, model):
    """{strategy: list of values} of a metric of one model."""
    metrics = read_metrics(data_dir)
    of_model = metrics[(metrics["name"] == name) & (metrics["label.model"] == model)]
    return {strategy: group["value"].tolist() for strategy, group in of_model.groupby("label.strategy")}


@pytest.mark.parametrize("model", MODELS)
def test_losses_agree_whatever_the_ranks(launched, one_over, model):
    steps, data = figures(launched, "train.step_loss", model), TRAIN.Data(launched, 42)
    assert len(steps["none"]) == min(20, 4 * len(data.batches(one_over, 0))) and steps["none"][-1] < steps["none"][0]
    for strategy in ("ddp", "fsdp"):  # one-row batches with an empty share are among the steps
        np.testing.assert_allclose(steps[strategy], steps["none"], atol=1e-4)
        np.testing.assert_allclose(*(figures(launched, "train.loss", model)[s] for s in (strategy, "none")), atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_fsdp_shards_the_state(launched, model):
    held = {strategy: values[0] for strategy, values in figures(launched, "train.state_bytes_per_rank", model).items()}
    assert held["fsdp"] <= 0.55 * held["ddp"] and held["ddp"] == held["none"]


def test_figures_and_profiles_of_every_launch(launched):
    metrics = read_metrics(launched)
    assert set(metrics["step"]) >= {f"05_gpu_train.{launch}" for launch in LAUNCHES}
    seconds = metrics[metrics["name"] == "train.epoch_seconds"]
    assert seconds.groupby(["label.model", "label.strategy"])["repeat"].apply(list).tolist() == [[0, 1, 2, 3]] * 6
    assert (seconds["value"] > 0).all() and set(seconds["label.device"]) == {"cpu"}
    share = metrics[metrics["name"] == "train.communication_share"]
    assert set(share["label.strategy"]) == {"ddp", "fsdp"} and share["value"].between(0, 1).all()
    for launch in LAUNCHES:
        folder = launched / "profiles/05_gpu_train" / launch
        assert 0 < (folder / "trace.json.gz").stat().st_size < 5 << 20
        operators = json.loads((folder / "top_operators.json").read_text())
        assert any("embedding_bag" in row["operator"] for row in operators)


@pytest.mark.parametrize("name", MODELS.values())
def test_saved_model_predicts_what_was_scored(launched, name):
    rows, features = load_features(launched)
    saved = np.load(launched / "models" / name / "predictions.npy")
    model = load_model(launched, name)
    assert model.card["trained_with"]["strategy"] == "fsdp" and model.card["validation"]["auc"] > 0.5
    rest = (rows["split"] != "train").to_numpy()
    np.testing.assert_allclose(model.predict(features)[rest], saved[rest], atol=1e-5)
    assert np.isnan(saved[~rest]).all()


def test_weights_of_the_best_epoch_are_kept(trainable, tmp_path):
    folder = shutil.copytree(trainable, tmp_path / "data")
    train(folder, "--model", "text", "--epochs", "10", "--batch", "64")  # long enough to overfit
    data, model = TRAIN.Data(folder, 42), load_model(folder, MODELS["text"])
    assert model.card["trained_with"]["kept_epoch"] < 10
    found = five_star_scores(data.five_star[data.validation], model.predict(data.features)[data.validation])
    assert found == pytest.approx(model.card["validation"], abs=1e-5)


def test_test_rows_teach_nothing(trainable, tmp_path):
    changed = shutil.copytree(trainable, tmp_path / "changed")
    same = shutil.copytree(trainable, tmp_path / "same")
    rows, _ = load_features(changed)
    rest = (rows["split"] != "train").to_numpy()
    rows["rating"] = rows["rating"].where(~rest, 6 - rows["rating"])
    rows.to_parquet(changed / "features/rows.parquet")
    text = load_text(changed / "features")
    values = np.load(changed / "features/text_values.npy", mmap_mode="r+")
    values[np.repeat(rest, np.diff(text.indptr))] *= -3
    metadata = np.load(changed / "features/metadata.npy", mmap_mode="r+")
    metadata[rest] += 1
    values.flush(), metadata.flush()
    for folder in (same, changed):
        train(folder, "--batch", "256", "--threads", "1")
    for name in MODELS.values():
        weights = [(folder / "models" / name / "model.safetensors").read_bytes() for folder in (same, changed)]
        assert weights[0] == weights[1]
        cards = [json.loads((folder / "models" / name / "card.json").read_text()) for folder in (same, changed)]
        assert cards[0]["validation"] == cards[1]["validation"] and cards[0]["test"] != cards[1]["test"]


def test_validation_rows_are_not_fitted_on(trainable):
    data = TRAIN.Data(trainable, 42)
    assert set(data.rows["fold"].to_numpy()[data.fit]) == {1, 2, 3, 4} and set(data.rows["fold"].to_numpy()[data.validation]) == {0}
    assert sorted([*data.fit, *data.validation, *data.rest]) == list(range(len(data.rows)))
    order = np.concatenate(data.batches(100, 1))
    assert sorted(order) == sorted(data.fit) and list(order) != list(np.concatenate(data.batches(100, 2)))


def test_interrupted_training_changes_nothing(trainable, tmp_path, monkeypatch):
    folder = shutil.copytree(trainable, tmp_path / "data")
    train(folder, "--model", "mlp", "--epochs", "1")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def interrupt(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(TRAIN, "top_operators", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(folder, "--model", "mlp", "--seed", "1")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not torch.distributed.is_initialized()


def test_fsdp_at_one_rank_shards_nothing(trainable, tmp_path, capsys):
    folder = shutil.copytree(trainable, tmp_path / "data")
    train(folder, "--model", "mlp", "--strategy", "fsdp", "--quick")
    assert "nothing to shard" in capsys.readouterr().out
    assert (folder / "metrics/05_gpu_train.none-1x1-cpu.jsonl").exists() and set(figures(folder, "train.loss", "mlp")) == {"none"}


def test_no_strategy_at_two_ranks_is_refused_once(trainable):
    done = torchrun("05_gpu_train.py", "--data-dir", trainable, "--strategy", "none")
    assert done.returncode != 0 and done.stderr.count("--strategy none trains on one rank") == 1
    assert "exitcode  : 2" in done.stderr and not (trainable / "models").exists()


def test_failing_rank_ends_the_others(tmp_path):
    (tmp_path / "fail.py").write_text(
        f"import sys, torch\nsys.path.insert(0, {str(ROOT)!r})\nfrom common.ranks import launched\n"
        "with launched('ddp', 'cpu', 1) as ranks:\n"
        "    if ranks.rank == 1: raise RuntimeError('rank 1 fails')\n"
        "    ranks.total(torch.ones(1))\n")
    start = time.monotonic()
    done = torchrun(tmp_path / "fail.py")
    assert done.returncode != 0 and "RuntimeError: rank 1 fails" in done.stderr and time.monotonic() - start < 40


def test_launches_that_cannot_work_say_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match="0 GPUs"):
        plan("none", "cuda", None)
    for name, value in (("RANK", 1), ("LOCAL_RANK", 1), ("WORLD_SIZE", 2), ("LOCAL_WORLD_SIZE", 2)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="2 ranks and 1 GPUs"):
        plan("ddp", "cuda", None)
    monkeypatch.setattr(ranks_module, "cores", lambda: 5)
    assert plan(None, "auto", None) == Ranks(1, 2, "ddp", torch.device("cpu"), 2)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [0, 1, 2, 5, 100])
def test_shares_cover_each_batch_once(count, rows):
    shares = [range(1000)[Ranks(rank, count, "none", None, 1).share(slice(10, 10 + rows))] for rank in range(count)]
    assert [row for share in shares for row in share] == list(range(10, 10 + rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_prediction_of_no_rows_and_of_outliers(trainable):
    _, features = load_features(trainable)
    net = NetflixNet(features.metadata.shape[1], hidden=4, buckets=16, width=2)
    assert predict(net, features, np.arange(0)).shape == (0,)
    features.metadata = np.where(np.arange(len(features.metadata))[:, None] == 3, 1e9, features.metadata).astype(np.float32)
    found = predict(net, features)
    assert found.dtype == np.float64 and 0.01 < found[3] < 0.99
    np.testing.assert_allclose(found[[3, 7]], predict(net, features, np.array([3, 7])), atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("strategy", ["none", "ddp"])
def test_gpu_agrees_with_cpu(trainable, tmp_path, strategy):
    steps = []
    for device in ("cpu", "cuda"):
        folder = shutil.copytree(trainable, tmp_path / device)
        TRAIN.main(["--data-dir", str(folder), "--device", device, "--strategy", strategy, "--epochs", "3", "--batch", "256"])
        steps.append([*figures(folder, "train.step_loss", "mlp").values(), *figures(folder, "train.step_loss", "text").values()])
    np.testing.assert_allclose(*steps, atol=1e-3)
