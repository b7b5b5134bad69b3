"""Figures are kept in one format, whole files at a time; verdicts hold; blocks are measured."""

import json
import platform
import subprocess
import sys
import threading

import joblib
import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import run
from scipy import optimize, stats

from common import profiling
from common.cli import positive
from common.metrics import (
    Metrics,
    Verdict,
    amdahl_serial_share,
    environment,
    read_metrics,
    reviews_hash,
    verdict,
)
from common.profiling import interleave, measured
from common.store import publishing


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


def test_environment_is_that_of_the_machine(monkeypatch):
    environment.cache_clear()
    gib = psutil.virtual_memory().total / 1024**3
    where = f"{platform.system()} {platform.machine()}, {joblib.cpu_count()} cores, {gib:.0f} GiB"
    assert environment()["host"] == where

    def absent(*_, **__):
        raise FileNotFoundError

    environment.cache_clear()
    monkeypatch.setattr(subprocess, "check_output", absent)
    assert environment()["commit"] is None
    environment.cache_clear()


def test_variants_are_interleaved_and_every_repeat_is_kept(monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: clock["now"])

    def takes(seconds):
        return lambda: clock.update(now=clock["now"] + seconds)

    seconds = {"tiny": 0.1, "short": 0.25, "middle": 2.5, "long": 30, "longest": 100}
    variants = {name: takes(value) for name, value in seconds.items()}
    timings = list(interleave(variants))
    assert [t.name for t in timings[:9]] == [*seconds, *list(seconds)[:4]]
    assert all(t.seconds == pytest.approx(seconds[t.name]) for t in timings)
    repeats = {name: [t.repeat for t in timings if t.name == name] for name in seconds}
    counts = {"tiny": 15, "short": 7, "middle": 3, "long": 2, "longest": 1}
    assert repeats == {name: list(range(count)) for name, count in counts.items()}
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


@pytest.mark.parametrize("repeats", [3, 5])
@pytest.mark.parametrize("ratio", [0.5, 1.3])
def test_the_interval_holds_the_ratio_in_95_of_100(ratio, repeats):
    rng = np.random.default_rng(11)
    held = 0
    for baseline, variant in np.exp(rng.normal(0, 0.2, (200, 2, repeats))):
        outcome = verdict(ratio * baseline, variant)
        held += outcome.low <= ratio <= outcome.high
    assert 180 <= held <= 199


def ratio_of_medians(baseline, variant, axis):
    return np.median(baseline, axis=axis) / np.median(variant, axis=axis)


def test_the_interval_is_the_wider_of_the_bootstrap_and_welchs():
    """Both by scipy; each of them is the wider one somewhere."""
    wider, off = [], []
    for seed, (few, more) in enumerate([(4, 5)] * 4 + [(40, 50)] * 12):
        rng = np.random.default_rng(seed)
        baseline, variant = (
            np.exp(rng.normal(mean, 0.1, n)) * np.where(rng.random(n) < 0.3, 1.5, 1)
            for mean, n in ((0, few), (0.5, more))
        )
        drawn = stats.bootstrap(
            (baseline, variant), ratio_of_medians, method="percentile", rng=rng
        ).confidence_interval
        logs = stats.ttest_ind(np.log(baseline), np.log(variant), equal_var=False)
        welch = np.exp(logs.confidence_interval(0.95))
        found = verdict(baseline, variant)
        assert found.ratio == np.median(baseline) / np.median(variant)
        assert found.repeats == few
        low, high = min(drawn.low, welch[0]), max(drawn.high, welch[1])
        off.append(np.subtract(found[1:3], (low, high)) / (high - low))
        wider.append((drawn.low < welch[0], drawn.high > welch[1]))
    assert np.abs(off).max() < 0.15
    assert np.abs(np.mean(off, axis=0)).max() < 0.015  # draws cancel out, other percentiles do not
    assert (np.mean(wider, axis=0) > 0.2).all()
    assert (np.mean(wider, axis=0) < 0.9).all()


def test_few_repeats_of_unlike_noise_have_welchs_interval():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        baseline, variant = np.exp(rng.normal(1, 0.02, 4)), np.exp(rng.normal(0, 0.3, 3))
        logs = stats.ttest_ind(np.log(baseline), np.log(variant), equal_var=False)
        expected = np.exp(logs.confidence_interval(0.95))
        found = verdict(baseline, variant)
        assert found[1:3] == pytest.approx(tuple(expected))
        assert verdict(baseline, variant) == found
    many = np.exp(rng.normal(0, 0.1, (2, 30)))
    assert verdict(*many) == verdict(*many)  # draws are the same ones


@pytest.mark.filterwarnings("error")
def test_nothing_measured_is_no_warning():
    assert verdict([], [1.0]).text == "not measured"


@pytest.mark.filterwarnings("ignore:Precision loss")
def test_times_that_never_vary_have_an_interval_all_the_same():
    """Welch's is none then, and there is none of a single repeat."""
    assert verdict([3.0] * 3, [2.0] * 3)[:3] == pytest.approx((1.5, 1.5, 1.5))
    assert verdict([3.0] * 3, [2.0] * 3).text == "1.5x faster (1.5 to 1.5)"
    assert verdict([2.0] * 2, [2.0] * 2).text == "not told apart from noise"
    once = verdict([3.0, 3.3, 2.7], [2.0])
    assert once[0] == 1.5
    assert np.isnan(once[1:3]).all()
    none = verdict([], [])
    assert np.isnan(none[:3]).all()
    assert none.repeats == 0


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        ((2.0, 1.0, 3.0, 3), "not told apart from noise"),  # 1 is within
        ((0.5, 0.4, 1.0, 3), "not told apart from noise"),
        ((1.0, 1.0, 1.0, 3), "not told apart from noise"),
        ((1.5, 1.19, 1.96, 3), "1.50x faster (1.19 to 1.96)"),  # digits where they matter
        ((1.5, 1.2, 1.96, 3), "1.5x faster (1.2 to 2.0)"),
        ((0.5, 0.4, 0.8, 2), "2.0x slower (1.2 to 2.5)"),
        ((0.8, 0.5, 0.9, 2), "1.25x slower (1.11 to 2.00)"),
        ((1.0, np.nan, np.nan, 1), "1.00x faster (once)"),
        ((1.25, np.nan, np.nan, 1), "1.2x faster (once)"),
        ((12.34, 11.0, 14.0, 2), "12.3x faster (11.0 to 14.0)"),
        ((np.nan, np.nan, np.nan, 0), "not measured"),
    ],
)
def test_each_verdict_in_words(outcome, text):
    assert Verdict(*outcome).text == text


def test_the_serial_share_is_that_of_least_squares():
    seconds = {1: 10.0, 2: 6.1, 3: 4.9, 4: 4.2, 8: 3.0}
    n, relative = np.array(list(seconds)), np.array(list(seconds.values())) / 10

    def misfit(share):
        return np.sum((share + (1 - share) / n - relative) ** 2)

    best = optimize.minimize_scalar(misfit, bounds=(0, 1), method="bounded").x
    assert amdahl_serial_share(seconds) == pytest.approx(best, abs=1e-4)
    assert amdahl_serial_share({4: 4.2, 1: 10.0, 2: 6.1}) == pytest.approx(
        amdahl_serial_share({1: 10.0, 2: 6.1, 4: 4.2})
    )
    assert amdahl_serial_share({1: 8, 2: 4, 4: 2}) == 0
    assert amdahl_serial_share({1: 10, 2: 9.9, 4: 9.9}) == pytest.approx(64 / 65)
    assert np.isnan(amdahl_serial_share({1: 10, 2: 10, 4: 4}))  # two are no faster


def test_a_serial_share_only_where_amdahls_law_can_hold():
    assert amdahl_serial_share({1: 10, 2: 6, 4: 4}) == pytest.approx(0.2)
    assert np.isnan(amdahl_serial_share({1: 10, 2: 6}))  # two points fit any share
    assert np.isnan(amdahl_serial_share({2: 6, 4: 4, 8: 3}))  # none at one worker
    assert np.isnan(amdahl_serial_share({2: 0.6, 4: 0.4, 8: 0.3}))
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


def test_figures_of_earlier_reviews_are_left_out(tmp_path):
    """Which reviews a figure is about: by their sources' contents and how many were loaded."""
    manifests = [
        {"data": "csv", "loaded": 3, "sources": [{"sha256": "a"}, {"sha256": "b"}]},
        {"data": "csv", "loaded": 3, "sources": [{"sha256": "a"}]},
        {"data": "csv", "loaded": 4, "sources": [{"sha256": "a"}]},
    ]
    hashes = {reviews_hash(manifest) for manifest in [*manifests, {}]}
    assert len(hashes) == 4
    assert {len(text) for text in hashes} == {16}
    for step, manifest in zip(("01_load", "02_eda", "03_features"), manifests):
        metrics = Metrics(step, manifest, 42)
        metrics.add("load.seconds", 1, "s", part="größe", rows=7)
        metrics.publish(tmp_path)
    assert set(read_metrics(tmp_path)["step"]) == {"01_load", "02_eda", "03_features"}
    for step, manifest in zip(("01_load", "02_eda", "03_features"), manifests):
        with publishing(tmp_path, "manifest.json") as staging:
            (staging / "manifest.json").write_text(json.dumps(manifest))
        frame = read_metrics(tmp_path)
        assert frame["step"].tolist() == [step]
        assert frame["label.part"].tolist() == ["größe"]
        assert frame["rows"].tolist() == [7]
    assert list(read_metrics(tmp_path / "none")) == [
        "step",
        "name",
        "value",
        "unit",
        "repeat",
        "rows",
        "data",
        "seed",
        "at",
    ]


def test_a_figure_is_the_same_whatever_the_order_of_its_labels(tmp_path):
    manifest = {"data": "csv", "loaded": 3}
    first = Metrics("02_eda", manifest, 42)
    first.add("eda.seconds", 1, "s", part="all", variant="serial")
    first.add("eda.seconds", 5, "s", part="words", variant="serial")
    first.publish(tmp_path)
    later = Metrics("02_eda", manifest, 42, beside=tmp_path)
    later.add("eda.seconds", 2, "s", variant="serial", part="all")
    later.publish(tmp_path)
    assert sorted(read_metrics(tmp_path)["value"]) == [2, 5]


def test_a_comparison_that_fails_is_kept_with_its_reason(tmp_path, capsys):
    metrics = Metrics("02_eda", {"data": "csv", "loaded": 3}, 42)
    with metrics.optional("polars"):
        raise ValueError("no\nsuch  column " + "x" * 300)
    with metrics.optional("duckdb"):
        pass
    (row,) = metrics.rows
    assert (row["name"], row["value"], row["unit"]) == ("not_measured", 1, "1")
    reason = "ValueError: no such column " + "x" * (200 - len("no such column "))
    assert row["labels"] == {"comparison": "polars", "reason": reason}
    assert capsys.readouterr().err == f"not measured: polars: {reason}\n"
