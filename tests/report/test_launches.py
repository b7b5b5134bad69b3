"""NetflixNet's launches in tables: joined on what they are, never on how they are called."""

import numpy as np
import pandas as pd
import pytest

from common.report import claims, launches

LABELS = {
    "model": "text",
    "strategy": "none",
    "ranks": 1,
    "threads_per_rank": 1,
    "device": "cpu",
    "precision": "float32",
    "global_batch": 1024,
}


class Planted:
    """Metrics rows as `read_metrics` gives them."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, repeat=0, **labels):
        labels = {f"label.{label}": text for label, text in (LABELS | labels).items()}
        row = {"step": "05_gpu_train", "name": f"train.{name}", "value": value, "repeat": repeat}
        self.rows.append({**row, "rows": 4096, **labels})

    def launch(self, seconds, loss=0.5, **labels):
        """Three epochs, the first slow, and the losses of two steps."""
        for repeat, value in enumerate((9 * seconds, 0.9 * seconds, 1.1 * seconds)):
            self.add("epoch_seconds", value, repeat, **labels)
            self.add("samples_per_second", 4096 / value, repeat, **labels)
        for step in range(2):
            self.add("step_loss", loss - 0.1 * step, step=step, **labels)

    def metrics(self):
        return pd.DataFrame(self.rows)


@pytest.fixture
def planted():
    return Planted()


DDP = {"strategy": "ddp", "ranks": 2}
FSDP = {"strategy": "fsdp", "ranks": 2}


def differences(planted):
    table = launches.training(planted.metrics())
    return table.set_index(["strategy", "precision"])["loss_difference"]


def test_losses_are_compared_within_a_precision(planted):
    planted.launch(4)
    planted.launch(3, **DDP)
    planted.launch(4, loss=0.6, precision="bf16")
    planted.launch(2, loss=0.9, precision="bf16", **DDP)
    found = differences(planted)
    assert found["ddp", "float32"] == 0
    assert found["ddp", "bf16"] == pytest.approx(0.8 / 0.5 - 1)
    assert np.isnan(found["none", "float32"])


def test_losses_are_compared_with_one_rank_of_another_kind_where_there_is_no_other(planted):
    planted.launch(4, threads_per_rank=2)
    planted.launch(3, **DDP)
    planted.launch(2, loss=0.75, precision="bf16", **DDP)
    found = differences(planted)
    assert found["ddp", "float32"] == 0
    assert found["ddp", "bf16"] == pytest.approx(0.65 / 0.4 - 1)


def test_a_ratio_has_its_own_device_precision_threads_and_batch(planted):
    planted.launch(4)
    planted.launch(3, precision="bf16")
    planted.launch(1, device="cuda")
    planted.launch(2, threads_per_rank=2)
    planted.launch(2, **DDP)
    planted.launch(2, **DDP, precision="bf16")
    planted.launch(0.8, **DDP, device="cuda")
    planted.launch(2, **DDP, global_batch=4096)
    table = launches.training(planted.metrics())
    ratios = table[table["ranks"] == 2].set_index(["device", "precision", "global_batch"])["ratio"]
    assert ratios["cpu", "float32", 1024] == pytest.approx(2)
    assert ratios["cpu", "bf16", 1024] == pytest.approx(1.5)
    assert ratios["cuda", "float32", 1024] == pytest.approx(1.25)
    assert np.isnan(ratios["cpu", "float32", 4096])


def test_what_sharding_saves(planted):
    for labels, seconds, state in (({}, 4, 100), (DDP, 3, 100), (FSDP, 6, 50)):
        planted.launch(seconds, **labels)
        planted.add("state_bytes_per_rank", state, **labels)
        planted.add("peak_rss_bytes_per_rank", 1000, **labels)
    table = launches.training(planted.metrics()).set_index("strategy")
    assert table.loc["fsdp", "peak_rss_bytes_per_rank"] == 1000
    assert table.loc["fsdp", "samples_per_second"] == pytest.approx((4096 / 5.4 + 4096 / 6.6) / 2)
    assert table["communication_share"].isna().all()
    (row,) = launches.sharding(planted.metrics()).to_dict("records")
    assert (row["ddp_state"], row["fsdp_state"], row["share"]) == (100, 50, 0.5)
    assert row["slower"] == pytest.approx(2)
    assert row["pays"]


def test_a_claim_is_answered_by_the_longest_launch_and_without_one_rank_by_no_loss(
    planted, tmp_path
):
    planted.launch(4, **DDP)
    planted.launch(3, **DDP, precision="bf16")
    for repeat in (3, 4):
        planted.add("epoch_seconds", 3, repeat, **DDP, precision="bf16")
    for precision in ("float32", "bf16"):
        planted.add("state_bytes_per_rank", 2e6, **DDP, precision=precision)
    table = claims.compared(tmp_path, planted.metrics()).set_index("step")
    ddp = "2 ranks on cpu: 3.00 s an epoch, state 2.0 MB a rank"
    assert table.loc["DDP", "measured here"] == ddp
    planted.launch(4)
    table = claims.compared(tmp_path, planted.metrics()).set_index("step")
    assert table.loc["DDP", "measured here"].endswith(", loss within 0e+00 of one rank")


def test_curves_and_shares_are_of_the_usual_batch_and_name_what_is_unusual(planted):
    planted.launch(4)
    planted.launch(4, device="cuda")
    planted.launch(4, **DDP, precision="bf16")
    planted.launch(4, global_batch=64)
    for part, share in {"compute": 0.75, "idle": 0.25}.items():
        planted.add("step_share", share, **DDP, rank=1, part=part)
        planted.add("step_share", share - 0.1, **DDP, rank=1, part=part)
    curves = launches.loss_curves(planted.metrics())
    assert set(curves["run"]) == {
        "1 x 1",
        "1 x GPU, cuda",
        "DDP 2 x 1, bf16",
    }
    assert len(curves) == 6
    shares = launches.step_shares(planted.metrics())
    assert shares["share"].tolist() == pytest.approx([0.7, 0.2])
    assert set(shares["run"]) == {"DDP 2 x 1"}


def test_nothing_measured_is_no_table():
    empty = pd.DataFrame(columns=["name", "value", "repeat", "rows", "step"])
    assert not len(launches.training(empty))
    assert not len(launches.sharding(empty))
    assert not len(launches.loss_curves(empty))
    assert not len(launches.step_shares(empty))
