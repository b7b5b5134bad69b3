"""NetflixNet trains the same on one rank and on many; FSDP shards; nothing of the test rows is
learnt; launches fail clearly."""

import html
import json
import shutil
import subprocess
import time
from contextlib import nullcontext
from functools import partial
from importlib import import_module

import numpy as np
import psutil
import pytest
import torch
from conftest import ROOT, republish
from launching import forked, launch, torchrun

from common.features.transformer import load_features
from common.metrics import read_metrics
from common.models.files import load_model
from common.report import launches, speed_tables
from common.report.page import SAID
from common.scores import five_star_scores
from common.store import InputError
from common.training import batches as batches_module
from common.training import launch as launch_module
from common.training import recording
from common.training.batches import Data, Shard
from common.training.launch import plan
from common.training.nets import NetflixNet, SumOfVectors, build_net, predict
from common.training.ranks import Ranks
from common.training.trainer import Trainer

TRAIN = import_module("05_gpu_train")
MODELS = {"mlp": "netflixnet_mlp-metadata", "text": "netflixnet_text-all"}
STRATEGIES = ("ddp", "fsdp", "fsdp_reshard")
RANKS = tuple((strategy, ranks) for ranks in (2, 4) for strategy in STRATEGIES)
LAUNCHES = ("none-1x1-cpu", *(f"{strategy}-{ranks}x1-cpu" for strategy, ranks in RANKS))


def train(data_dir, *words):
    TRAIN.main(
        ["--data-dir", str(data_dir), "--device", "cpu", "--threads", "1", "--epochs", "4", *words]
    )


@pytest.fixture(scope="session")
def one_over(trainable):
    """A batch size that leaves one row for the last batch of an epoch: one of two ranks has an
    empty shard of it."""
    rows, _ = load_features(trainable)
    fit = ((rows["split"] == "train") & (rows["fold"] != 0)).sum()
    return next(size for size in range(150, fit) if fit % size == 1)


@pytest.fixture(scope="session")
def launched(trainable, one_over, tmp_path_factory):
    """Data directory in which one rank, and two and four of each strategy, have trained on the same
    global batches, in this order."""
    folder = shutil.copytree(trainable, tmp_path_factory.mktemp("launched") / "data")
    train(folder, "--batch", str(one_over), "--compare")
    words = ["--data-dir", folder, "--strategy", *STRATEGIES, "--device", "cpu", "--threads", 1]
    words += ["--epochs", 4, "--batch", one_over]
    for launched_so in (partial(torchrun, "05_gpu_train.py", ranks=2), partial(forked, ranks=4)):
        done = launched_so(*words)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("netflixnet_text-all: test accuracy") == len(STRATEGIES)
    return folder


def figures(data_dir, name, model):
    """{(strategy, ranks): list of values} of a metric of one model."""
    metrics = read_metrics(data_dir)
    of_model = metrics[(metrics["name"] == name) & (metrics["label.model"] == model)]
    return {
        key: group["value"].tolist()
        for key, group in of_model.groupby(["label.strategy", "label.ranks"])
    }


@pytest.mark.parametrize("model", MODELS)
def test_losses_agree_whatever_the_ranks(launched, one_over, model):
    steps, losses, data = (
        figures(launched, "train.step_loss", model),
        figures(launched, "train.loss", model),
        Data(launched, 42),
    )
    one = steps["none", 1]
    assert len(one) == min(20, 4 * len(data.batches(one_over)))
    assert one[-1] < one[0]
    # One-row batches, of which all ranks but one have an empty share, are among the steps.
    for ranks in RANKS:
        np.testing.assert_allclose(steps[ranks], one, rtol=1e-4)
        np.testing.assert_allclose(losses[ranks], losses["none", 1], rtol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_fsdp_shards_the_state(launched, model):
    held = {
        launch: values[0]
        for launch, values in figures(launched, "train.state_bytes_per_rank", model).items()
    }
    for ranks in (2, 4):
        assert held["fsdp_reshard", ranks] == held["fsdp", ranks]
        assert held["fsdp", ranks] <= 1.1 / ranks * held["ddp", ranks]
        assert held["ddp", ranks] == held["none", 1]


def test_figures_and_profiles_of_every_launch(launched):
    metrics = read_metrics(launched)
    assert set(metrics["step"]) >= {f"05_gpu_train.{launch}" for launch in LAUNCHES}
    seconds = metrics[
        (metrics["name"] == "train.epoch_seconds") & (metrics["label.strategy"] != "original")
    ]
    assert seconds.groupby(["label.model", "label.strategy", "label.ranks"])["repeat"].apply(
        list
    ).tolist() == [[0, 1, 2, 3]] * 2 * (1 + len(RANKS))
    assert (seconds["value"] > 0).all()
    assert set(seconds["label.device"]) == {"cpu"}
    shares = metrics[metrics["name"] == "train.step_share"]
    whole = shares.groupby(["label.model", "label.strategy", "label.ranks", "label.rank"])[
        "value"
    ].sum()
    assert len(whole) == 2 * (1 + 3 * (2 + 4))
    assert whole.to_numpy() == pytest.approx(1)
    assert (shares["value"] >= 0).all()
    talked = (
        shares[shares["label.part"] == "communication"].groupby("label.strategy")["value"].max()
    )
    assert talked["none"] == 0
    assert talked["ddp"] > 0
    assert talked["fsdp"] > 0
    assert talked["fsdp_reshard"] > 0
    for strategy, ranks in (("none", 1), *RANKS):
        folder = launched / f"profiles/05_gpu_train/{strategy}-{ranks}x1-cpu"
        assert len(list(folder.iterdir())) == 2 * 2 * ranks
        for model in MODELS:
            for rank in range(ranks):
                assert 0 < (folder / f"{model}-rank{rank}.trace.json.gz").stat().st_size < 5 << 20
                summary = json.loads((folder / f"{model}-rank{rank}.json").read_text())
                if ranks == 1:
                    assert any(
                        "SumOfVectors" in row["operator"] for row in summary["operators"]
                    ) == (model == "text")
                assert len(summary["memory"]) > 10
                assert max(size for _, size in summary["memory"]) > 0


def test_report_shows_the_scaling_study(launched):
    import_module("06_report").main(["--data-dir", str(launched)])
    page = html.unescape((launched / "report/index.html").read_text())
    assert SAID["sharding"] in page
    assert 'alt="Chart: by cores"' in page
    assert 'alt="Chart: step text"' in page


def test_tables_of_the_scaling_study(launched, one_over):
    metrics = read_metrics(launched)
    table = launches.training(metrics).set_index(["model", "strategy", "ranks"])
    assert len(table) == 2 * (1 + len(RANKS))
    assert (table["ratio"] > 0).all()
    assert table.loc[("mlp", "none", 1), "ratio"] == 1
    assert (table["loss_difference"].dropna() < 1e-4).all()
    assert table["loss_difference"].notna().sum() == 2 * len(RANKS)
    points = speed_tables.by_cores(speed_tables.verdicts(metrics))
    assert set(points["what"]) == {
        f"Training: {model}, {strategy.upper().replace('_', ' ')}"
        for model in ("NetflixNet", "NetflixNet of n-grams")
        for strategy in STRATEGIES
    }
    assert all(cores == [1, 2, 4] for cores in points.groupby("what")["workers"].agg(list))
    shards = launches.sharding(metrics)
    assert len(shards) == 4
    assert not shards["pays"].any()
    assert (shards["share"] * shards["ranks"]).between(1, 1.1).all()
    assert (shards["slower"] > 0).all()
    table = speed_tables.verdicts(metrics)
    assert "original study" in set(table.loc[table["step"] == "Training: NetflixNet", "way"])


@pytest.mark.parametrize("name", MODELS.values())
def test_saved_model_predicts_what_was_scored(launched, name):
    rows, features = load_features(launched)
    saved = np.load(launched / "models" / name / "predictions.npy")
    model = load_model(launched, name)
    assert model.card["trained_with"]["ranks"] == 4
    assert model.card["validation"]["auc"] > 0.5
    rest = (rows["split"] != "train").to_numpy()
    np.testing.assert_allclose(model.predict(features)[rest], saved[rest], atol=1e-5)
    assert np.isnan(saved[~rest]).all()


def test_weights_of_the_best_epoch_are_kept(trainable, tmp_path):
    folder = shutil.copytree(trainable, tmp_path / "data")
    train(folder, "--model", "text", "--epochs", "10", "--batch", "64")  # long enough to overfit
    data, model = Data(folder, 42), load_model(folder, MODELS["text"])
    assert model.card["trained_with"]["kept_epoch"] < 10
    found = five_star_scores(
        data.five_star[data.validation], model.predict(data.features)[data.validation]
    )
    assert found == pytest.approx(model.card["validation"], abs=1e-5)


def test_test_rows_teach_nothing(trainable, tmp_path):
    changed = shutil.copytree(trainable, tmp_path / "changed")
    same = shutil.copytree(trainable, tmp_path / "same")
    rows, _ = load_features(changed)
    rest = (rows["split"] != "train").to_numpy()
    rows["rating"] = rows["rating"].where(~rest, 6 - rows["rating"])
    rows.to_parquet(changed / "features/rows.parquet")
    bounds = np.load(changed / "features/text_bounds.npy")
    columns = np.load(changed / "features/text_columns.npy", mmap_mode="r+")
    columns[np.repeat(rest, np.diff(bounds[::2]))] = 0
    columns.flush()
    metadata = np.load(changed / "features/metadata.npy", mmap_mode="r+")
    metadata[rest] += 1
    metadata.flush()
    republish(changed, "features")
    for folder in (same, changed):
        train(folder, "--batch", "256", "--threads", "1")
    for name in MODELS.values():
        weights = [
            (folder / "models" / name / "model.safetensors").read_bytes()
            for folder in (same, changed)
        ]
        assert weights[0] == weights[1]
        cards = [
            json.loads((folder / "models" / name / "card.json").read_text())
            for folder in (same, changed)
        ]
        assert cards[0]["validation"] == cards[1]["validation"]
        assert cards[0]["test"] != cards[1]["test"]


def test_validation_rows_are_not_fitted_on(trainable):
    data = Data(trainable, 42)
    assert set(data.rows["fold"].to_numpy()[data.fit]) == {1, 2, 3, 4}
    assert set(data.rows["fold"].to_numpy()[data.validation]) == {0}
    assert sorted([*data.fit, *data.validation, *data.rest]) == list(range(len(data.rows)))
    batches = data.batches(100)
    assert sorted(np.concatenate(batches)) == sorted(data.fit)
    assert list(data.fit) != sorted(data.fit)
    assert sorted(data.order(9, 1)) == list(range(9))
    assert list(data.order(9, 1)) != list(data.order(9, 2))


@pytest.mark.parametrize("mapped_bytes", [1 << 30, 1000])
@pytest.mark.parametrize("model", MODELS)
def test_shards_hold_the_rows_of_the_batches(trainable, one_over, model, mapped_bytes, monkeypatch):
    """Of two ranks, in order; each batch is what the net would be given for the same rows, and
    takes no memory of its own."""
    monkeypatch.setattr(batches_module, "MAPPED_BYTES", mapped_bytes)
    data = Data(trainable, 42)
    net, batches = build_net(model, data.features), data.batches(one_over)
    shards = []
    for rank in range(2):
        own = [
            batch[Ranks(rank, 2, "ddp", None, 1).shard(slice(0, len(batch)))] for batch in batches
        ]
        shard = Shard(net, data, own)
        for number, rows in enumerate(own):
            inputs, labels = shard.batch(number)
            assert (labels[:, 0] == data.five_star[rows]).all()
            for found, expected in zip(inputs, net.inputs(data.features, rows), strict=True):
                np.testing.assert_array_equal(found, expected)
            if len(rows):
                assert np.shares_memory(inputs[0], shard.arrays[0])
                assert model == "mlp" or np.shares_memory(inputs[1], shard.arrays[1])
        shards.append(len(shard.labels))
    assert sum(shards) == len(data.fit)
    assert not [
        path
        for path in trainable.iterdir()
        if path.is_file() and path.name not in ("manifest.json", "index.json", ".lock")
    ]


def test_large_shards_give_their_memory_back(trainable, tmp_path, monkeypatch):
    monkeypatch.setattr(batches_module, "MAPPED_BYTES", 1 << 20)
    data = Data(trainable, 42)
    shard = Shard(build_net("mlp", data.features), data, data.batches(100))
    array, process = shard.mapped((1 << 24,), np.float32), psutil.Process()
    before = process.memory_info().rss
    array[:] = 1
    assert process.memory_info().rss - before > 60e6
    shard.release()
    assert process.memory_info().rss - before < 10e6
    assert (array == 1).all()


def losses_of(folder, model="text"):
    metrics = read_metrics(folder)
    return metrics[(metrics["name"] == "train.loss") & (metrics["label.model"] == model)][
        "value"
    ].to_numpy()


STEPPING = (
    "--model",
    "text",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--epochs",
    "12",
    "--batch",
    "64",
    "--checkpoint-steps",
    "7",
)


@pytest.fixture(scope="session")
def undisturbed(trainable, tmp_path_factory):
    folder = shutil.copytree(trainable, tmp_path_factory.mktemp("undisturbed") / "data")
    train(folder, *STEPPING)
    return folder


def interrupted(trainable, folder, steps, monkeypatch):
    """A copy of `trainable` in `folder`, where training on one rank was interrupted after some
    steps."""
    shutil.copytree(trainable, folder)
    step, done = Trainer.step, []

    def failing(*args):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(1)
        return step(*args)

    monkeypatch.setattr(Trainer, "step", failing)
    with pytest.raises(KeyboardInterrupt):
        train(folder, *STEPPING)
    monkeypatch.undo()
    return folder


def test_killed_rank_costs_nothing(trainable, undisturbed, tmp_path):
    folder = shutil.copytree(trainable, tmp_path / "data")
    agent = subprocess.Popen(
        launch("05_gpu_train.py", "--data-dir", folder, *STEPPING, restarts=2),
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    until = time.monotonic() + 120
    while not list(folder.glob("checkpoints/*/step-????????")):
        assert time.monotonic() < until
        assert agent.poll() is None
        time.sleep(0.005)
    victim = next(
        child
        for child in psutil.Process(agent.pid).children()
        if child.environ().get("RANK") == "1"
    )
    victim.kill()
    output, _ = agent.communicate(timeout=600)
    assert agent.returncode == 0
    assert "goes on after step" in output
    np.testing.assert_allclose(losses_of(folder), losses_of(undisturbed), rtol=1e-4)
    assert not (folder / "checkpoints").exists()


def test_training_goes_on_as_if_nothing_had_been(
    trainable, undisturbed, tmp_path, monkeypatch, capsys
):
    folder = interrupted(trainable, tmp_path / "data", 100, monkeypatch)
    assert sorted(path.name for path in folder.glob("checkpoints/*/*")) == [
        "step-00000091",
        "step-00000098",
    ]
    train(folder, *STEPPING)
    assert "text steps goes on after step 98 of" in capsys.readouterr().out
    assert not (folder / "checkpoints").exists()
    assert (losses_of(folder) == losses_of(undisturbed)).all()
    weights = [
        (data / "models" / MODELS["text"] / "model.safetensors").read_bytes()
        for data in (folder, undisturbed)
    ]
    assert weights[0] == weights[1]
    epochs = [
        sorted(metrics.loc[metrics["name"] == "train.epoch_seconds", "repeat"])
        for metrics in (read_metrics(folder), read_metrics(undisturbed))
    ]
    assert epochs[1] == list(range(12))
    assert epochs[0] == epochs[1][-len(epochs[0]) :]
    assert 0 < len(epochs[0]) < 12


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_other_ranks_go_on_from_a_checkpoint(
    trainable, undisturbed, tmp_path, monkeypatch, strategy
):
    folder = interrupted(trainable, tmp_path / "data", 60, monkeypatch)
    done = forked("--data-dir", folder, *STEPPING, "--strategy", strategy)
    assert done.returncode == 0, done.stderr
    assert "goes on after step 56" in done.stdout
    np.testing.assert_allclose(losses_of(folder), losses_of(undisturbed), rtol=1e-4)


def test_damaged_checkpoint_is_named_and_the_one_before_is_used(
    trainable, undisturbed, tmp_path, monkeypatch, capsys
):
    folder = interrupted(trainable, tmp_path / "data", 40, monkeypatch)
    newest = sorted(folder.glob("checkpoints/*/step-*"))[-1]
    file = next(newest.glob("*.distcp"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    (newest.parent / "step-00000099.part").mkdir()  # as a killed launch leaves one
    train(folder, *STEPPING)
    printed = capsys.readouterr().out
    assert f"{newest} is damaged" in printed
    assert "goes on after step 28" in printed
    assert (losses_of(folder) == losses_of(undisturbed)).all()
    assert not (folder / "checkpoints").exists()


def test_other_settings_start_anew(trainable, tmp_path, monkeypatch, capsys):
    folder = interrupted(trainable, tmp_path / "data", 20, monkeypatch)
    train(folder, *STEPPING, "--seed", "1")
    assert "goes on" not in capsys.readouterr().out
    assert (folder / "checkpoints").exists()


def test_gradient_of_the_sum_of_vectors_is_torchs():
    torch.manual_seed(0)
    bag, offsets = (
        torch.nn.EmbeddingBag(50, 4, mode="sum"),
        torch.tensor([0, 3, 3, 40], dtype=torch.int32),
    )  # the second row is empty
    ngrams, weights = torch.randint(0, 50, (90,), dtype=torch.int32), torch.rand(90)
    direction, gradients = torch.rand(4, 4), []
    for run in (
        lambda: bag(ngrams, offsets, per_sample_weights=weights),
        lambda: SumOfVectors.apply(bag.weight, ngrams, offsets, weights),
    ):
        bag.zero_grad()
        (run() * direction).sum().backward()
        gradients.append(bag.weight.grad.clone())
    torch.testing.assert_close(*gradients)
    assert gradients[0].abs().sum() > 0


def test_half_precision_trains_alike(trainable, tmp_path):
    folder = shutil.copytree(trainable, tmp_path / "data")
    train(folder, "--batch", "256", "--repeat", "1")
    train(folder, "--batch", "256", "--precision", "bf16")
    words = ["--strategy", "fsdp", "--device", "cpu", "--threads", 1, "--epochs", 4]
    done = forked("--data-dir", folder, *words, "--batch", 256, "--precision", "bf16")
    assert done.returncode == 0, done.stderr
    table = launches.training(read_metrics(folder))
    assert set(table["precision"]) == {"float32", "bf16"}
    assert len(table) == 6
    metrics = read_metrics(folder)
    losses = (
        metrics[metrics["name"] == "train.loss"]
        .groupby(["label.model", "label.precision", "label.strategy"])["value"]
        .last()
        .unstack("label.model")
    )
    assert len(losses) == 3
    assert np.ptp(losses.to_numpy(), axis=0).max() < 0.02


def test_a_repeat_only_measures(trainable, tmp_path):
    folder = shutil.copytree(trainable, tmp_path / "data")
    train(folder, "--model", "mlp", "--repeat", "2")
    assert (folder / "metrics/05_gpu_train.none-1x1-cpu.2.jsonl").exists()
    assert not (folder / "models").exists()


def test_offload_needs_a_gpu(trainable, capsys):
    with pytest.raises(
        InputError, match="--offload is for FSDP on GPUs, and this launch is none on cpu"
    ):
        train(trainable, "--offload")


def test_interrupted_training_changes_nothing(trainable, tmp_path, monkeypatch):
    folder = shutil.copytree(trainable, tmp_path / "data")
    train(folder, "--model", "mlp", "--epochs", "1")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "measure_steps", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(folder, "--model", "mlp", "--seed", "1")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not torch.distributed.is_initialized()


def test_fsdp_at_one_rank_shards_nothing(trainable, tmp_path, capsys):
    folder = shutil.copytree(trainable, tmp_path / "data")
    train(folder, "--model", "mlp", "--strategy", "fsdp", "--quick")
    assert "nothing to shard" in capsys.readouterr().out
    assert (folder / "metrics/05_gpu_train.none-1x1-cpu.jsonl").exists()
    assert set(figures(folder, "train.loss", "mlp")) == {("none", 1)}


def test_no_strategy_at_two_ranks_is_refused_once(trainable):
    done = torchrun("05_gpu_train.py", "--data-dir", trainable, "--strategy", "none")
    assert done.returncode != 0
    assert done.stderr.count("--strategy none trains on one rank") == 1
    assert "exitcode  : 2" in done.stderr
    assert not (trainable / "models").exists()


def test_failing_rank_ends_the_others(tmp_path):
    (tmp_path / "fail.py").write_text(
        f"import sys, torch\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from common.training.launch import launched\n"
        "with launched('ddp', 'cpu', 1) as ranks:\n"
        "    if ranks.rank == 1: raise RuntimeError('rank 1 fails')\n"
        "    ranks.all_reduce_sum(torch.ones(1))\n"
    )
    done = torchrun(tmp_path / "fail.py")  # which ends by itself, long before a wait of gloo's
    assert done.returncode != 0
    assert "RuntimeError: rank 1 fails" in done.stderr


def test_a_lost_rank_is_one_line_and_a_failure(capsys):
    with pytest.raises(SystemExit) as end, launch_module.launched("none", "cpu", 1):
        raise RuntimeError("Connection closed by peer [127.0.0.1]:4242")
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("rank 0 lost another rank, or its host: start the ")


def test_the_first_rank_locks_the_data_directory(tmp_path, monkeypatch):
    asked = []

    def lock(folder):
        asked.append(folder)
        return nullcontext()

    monkeypatch.setattr("common.training.ranks.locked", lock)
    for rank, expected in ((1, []), (0, [tmp_path])):
        with Ranks(rank, 2, "none", None, 1).locking(tmp_path):
            assert asked == expected


def test_launches_that_cannot_work_say_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match="0 GPUs"):
        plan("none", "cuda", None)
    for name, value in (("RANK", 1), ("LOCAL_RANK", 1), ("WORLD_SIZE", 2), ("LOCAL_WORLD_SIZE", 2)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="2 ranks and 1 GPUs"):
        plan("ddp", "cuda", None)
    monkeypatch.setattr(launch_module, "cpu_count", lambda: 5)
    assert plan(None, "auto", None) == Ranks(1, 2, "ddp", torch.device("cpu"), 2)


@pytest.mark.parametrize(
    ("device", "gpus", "here", "number", "expected"),
    [
        ("auto", 0, 1, 0, "cpu"),
        ("auto", 1, 2, 1, "cpu"),  # of one host's ranks, each has a GPU or none has
        ("auto", 2, 2, 1, "cuda:1"),
        ("auto", 1, 1, None, "cuda:0"),
        ("cuda", 4, 2, 1, "cuda:1"),
        ("cpu", 4, 2, 1, "cpu"),
    ],
)
def test_a_rank_has_the_device_of_its_number(monkeypatch, device, gpus, here, number, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    environment = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": str(here)}
    if number is not None:
        environment["LOCAL_RANK"] = str(number)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ranks = plan(None, device, 3)
    assert ranks.device == torch.device(expected)
    assert (ranks.rank, ranks.count, ranks.strategy, ranks.threads) == (1, 4, "ddp", 3)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [0, 1, 2, 5, 100])
def test_shares_cover_each_batch_once(count, rows):
    shares = [
        range(1000)[Ranks(rank, count, "none", None, 1).shard(slice(10, 10 + rows))]
        for rank in range(count)
    ]
    assert [row for share in shares for row in share] == list(range(10, 10 + rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_prediction_of_no_rows_and_of_outliers(trainable):
    _, features = load_features(trainable)
    columns = features.form + features.text_scores.shape[1]
    net = NetflixNet(columns, hidden=4, buckets=16, width=2)
    assert predict(net, features, np.arange(0)).shape == (0, 1)
    features.metadata = np.where(
        np.arange(len(features.metadata))[:, None] == 3, 1e9, features.metadata
    ).astype(np.float32)
    found = predict(net, features)
    assert found.dtype == np.float64
    assert 0.01 < found[3, 0] < 0.99
    np.testing.assert_allclose(found[[3, 7]], predict(net, features, np.array([3, 7])), atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("strategy", ["none", "ddp"])
def test_gpu_agrees_with_cpu(trainable, tmp_path, strategy):
    steps = []
    for device in ("cpu", "cuda"):
        folder = shutil.copytree(trainable, tmp_path / device)
        TRAIN.main(
            [
                "--data-dir",
                str(folder),
                "--device",
                device,
                "--strategy",
                strategy,
                "--epochs",
                "3",
                "--batch",
                "256",
            ]
        )
        steps.append(
            [
                *figures(folder, "train.step_loss", "mlp").values(),
                *figures(folder, "train.step_loss", "text").values(),
            ]
        )
    np.testing.assert_allclose(*steps, atol=1e-3)
