"""Figures are kept in one format, whole files at a time; verdicts hold; blocks are measured."""

import json
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from conftest import run

from common import profiling
from common.cli import positive
from common.metrics import Metrics, amdahl_serial_share, environment, read_metrics, verdict
from common.profiling import interleave, measured


def test_row_format_and_replacement(tmp_path):
    for value in (1, 2):
        metrics = Metrics("01_load", {"data": "csv", "loaded": 10}, 42)
        metrics.add("load.seconds", value, "s", engine="blocks", repeat=1)
        metrics.publish(tmp_path)
    (row,) = map(json.loads, (tmp_path / "metrics/01_load.jsonl").read_text().splitlines())
    measured = {key: row.pop(key) for key in ("commit", "host", "versions", "at", "reviews")}
    assert row == {
        "step": "01_load",
        "name": "load.seconds",
        "value": 2.0,
        "unit": "s",
        "labels": {"engine": "blocks"},
        "repeat": 1,
        "rows": 10,
        "data": "csv",
        "seed": 42,
    }
    assert measured["versions"]["pandas"] == pd.__version__
    frame = read_metrics(tmp_path)
    assert frame["label.engine"].tolist() == ["blocks"]


def test_peak_memory_counts_children(tmp_path):
    code = "block = bytearray(300_000_000); import time; time.sleep(0.6)"
    with measured(False, tmp_path, "01_load") as before:
        pass
    with measured(False, tmp_path, "01_load") as during:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert during.peak_bytes > before.peak_bytes + 250e6
    assert during.seconds > 0.6


def slow(rows):
    return sum(i * i for i in range(rows))


CALLS = {"slow": slow}  # a reference that no module's names lead to


def test_profile_has_lines_whatever_calls_them(tmp_path):
    with measured(True, tmp_path, "01_load", [slow, positive]):
        CALLS["slow"](100_000)
        positive("1")
    lines = (tmp_path / "profiles/01_load/lines.txt").read_text().splitlines()
    for code in ("return sum(i * i", "number = int(text)"):
        (line,) = (line for line in lines if code in line)
        assert line.split()[1] == "1"  # hits


def test_without_the_flag_nothing_is_profiled(tmp_path):
    with measured(False, tmp_path / "none", "01_load", [slow]):
        slow(10)
    assert not (tmp_path / "none").exists()


def test_a_failed_run_leaves_no_profile(tmp_path):
    threads = threading.active_count()
    with pytest.raises(RuntimeError), measured(True, tmp_path, "01_load"):
        raise RuntimeError
    assert not (tmp_path / "profiles").exists()
    assert threading.active_count() == threads


def test_environment_says_where():
    environment.cache_clear()
    assert "cores" in environment()["host"]
    assert "GiB" in environment()["host"]
    commit = run("git", "rev-parse", "HEAD").stdout.strip()
    if commit:  # a copy without its history has none
        assert commit.startswith(environment()["commit"].removesuffix("+"))


def test_variants_are_interleaved_and_every_repeat_is_kept(monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: clock["now"])

    def takes(seconds):
        return lambda: clock.update(now=clock["now"] + seconds)

    seconds = {"short": 0.25, "middle": 2.5, "long": 30, "longest": 100}
    variants = {name: takes(value) for name, value in seconds.items()}
    timings = list(interleave(variants))
    names = [t.name for t in timings]
    assert names == [*seconds, "short", "middle", "long", "short", "middle", "short", "short"]
    assert [(t.repeat, t.seconds) for t in timings if t.name == "short"] == [
        (repeat, 0.25) for repeat in range(5)
    ]
    assert [t.repeat for t in timings if t.name == "middle"] == [0, 1, 2]
    assert [t.repeat for t in timings if t.name == "long"] == [0, 1]
    assert [t.repeat for t in timings if t.name == "longest"] == [0]
    assert [(t.name, t.repeat) for t in interleave(variants, once=True)] == [
        (name, 0) for name in variants
    ]


@pytest.mark.parametrize(
    ("baseline", "variant", "text"),
    [
        ([3.0, 3.1, 2.9], [2.0, 2.1, 2.0], "1.5x faster (1.4 to 1.6)"),
        ([2.0, 2.1, 2.0], [3.0, 3.1, 2.9], "1.5x slower (1.4 to 1.6)"),
        ([2.00, 2.01, 2.02], [1.90, 1.91, 1.92], "1.05x faster (1.04 to 1.06)"),
        ([2.0, 2.1, 1.9], [2.0, 2.2, 1.8], "not told apart from noise"),
        ([3.0, 3.0, 3.0], [2.0], "1.5x faster (once)"),
        ([2.0], [3.0], "1.5x slower (once)"),
        ([], [3.0], "not measured"),
    ],
)
def test_verdicts_in_words(baseline, variant, text):
    assert verdict(baseline, variant).text == text


@pytest.mark.parametrize("repeats", [3, 5])
@pytest.mark.parametrize("noise", [0.03, 0.3])
def test_a_thing_compared_with_itself_seldom_differs(repeats, noise):
    rng = np.random.default_rng(7)
    times = np.exp(rng.normal(0, noise, (200, 2, repeats)))
    claims = [verdict(*pair).text != "not told apart from noise" for pair in times]
    assert np.mean(claims) <= 0.08
    groups = np.reshape(claims, (10, 20)).sum(axis=1)
    assert np.mean(groups <= 2) >= 0.9


def test_a_slow_down_by_a_fifth_is_noticed_with_five_repeats():
    rng = np.random.default_rng(7)
    for baseline, variant in np.exp(rng.normal(0, 0.03, (100, 2, 5))):
        outcome = verdict(baseline, 1.2 * variant)
        assert outcome.text.startswith("1.")
        assert "slower" in outcome.text
        assert outcome.low <= outcome.ratio <= outcome.high < 1


def test_a_serial_share_only_where_amdahls_law_can_hold():
    assert amdahl_serial_share({1: 10, 2: 6, 4: 4}) == pytest.approx(0.2)
    assert np.isnan(amdahl_serial_share({1: 10, 2: 6}))  # two points fit any share
    assert np.isnan(amdahl_serial_share({2: 6, 4: 4, 8: 3}))  # none at one worker
    assert np.isnan(amdahl_serial_share({1: 10, 2: 11, 4: 4}))  # slower with two
    assert np.isnan(amdahl_serial_share({1: 10, 2: 4, 4: 2}))  # more than n times as fast


def test_a_figure_that_was_not_measured_has_no_row(tmp_path):
    metrics = Metrics("04_cpu_models", {"data": "csv", "loaded": 10}, 42)
    metrics.add("model.serial_share", float("nan"), "1", model="xgboost")
    assert metrics.rows == []


def test_a_later_run_keeps_the_figures_beside_its_own(tmp_path):
    manifest = {"data": "csv", "loaded": 3}
    first = Metrics("02_eda", manifest, 42)
    for variant in ("parallel", "serial"):
        first.add("eda.seconds", 1.0, "s", variant=variant)
    first.publish(tmp_path)
    later = Metrics("02_eda", manifest, 42, beside=tmp_path)
    for repeat in range(2):
        later.add("eda.seconds", 2.0, "s", repeat=repeat, variant="serial")
    later.publish(tmp_path)
    seconds = read_metrics(tmp_path).groupby("label.variant")["value"].apply(list).to_dict()
    assert seconds == {"parallel": [1.0], "serial": [2.0, 2.0]}
    other = Metrics("02_eda", {"data": "csv", "loaded": 4}, 42, beside=tmp_path)
    assert other.earlier == []
