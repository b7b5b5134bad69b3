"""What parallelism bought, from planted seconds: one baseline a step, no claim within noise."""

import json

import numpy as np
import pandas as pd
import pytest

from common.charts import speed as speed_charts
from common.charts.base import draw
from common.metrics import Metrics, read_metrics
from common.report import launches, scaling, speed_tables
from common.store import publishing

MANIFEST = {"data": "csv", "loaded": 10, "sources": []}
FEW = ([4.0, 4.1, 3.9], [2.0, 2.1, 1.9])  # seconds of a baseline, and of something twice as fast


def publish_manifest(data_dir, manifest):
    with publishing(data_dir, "manifest.json") as staging:
        (staging / "manifest.json").write_text(json.dumps(manifest))


def planted(tmp_path, fill, reviews=10):
    """The metrics of a data directory whose rows `fill` adds."""
    manifest = MANIFEST | {"loaded": reviews}
    publish_manifest(tmp_path, manifest)
    metrics = Metrics("planted", manifest, 42)
    metrics.add("load.loaded", reviews, "rows")
    fill(metrics)
    metrics.publish(tmp_path)
    return read_metrics(tmp_path)


def add(metrics, name, ways, workers=2, **labels):
    """{way: seconds} under the labels of a step."""
    label = labels.pop("label", "variant")
    for way, seconds in ways.items():
        for repeat, value in enumerate(seconds):
            said = {label: way, "workers": 1 if way == "serial" else workers}
            metrics.add(name, value, "s", repeat=repeat, **said, **labels)


def by_size(data_dir):
    metrics = read_metrics(data_dir)
    return speed_tables.by_size(speed_tables.scaling_runs(data_dir, metrics))


def row(table, step, way):
    (found,) = table[(table["step"] == step) & (table["way"] == way)].to_dict("records")
    return found


def test_a_step_has_one_baseline_and_parsing_stands_beside_parsing(tmp_path):
    ways = {
        "pandas": [1.0, 1.1, 0.9],
        "polars": [0.25, 0.26, 0.24],
        "blocks": FEW[1],
        "serial": FEW[0],
        "duckdb_all": [4.0, 4.1, 3.9],
        "original": [8.0],
    }
    metrics = planted(tmp_path, lambda m: add(m, "load.seconds", ways, label="engine"))
    table = speed_tables.verdicts(metrics)
    bases = table[table["verdict"] == "baseline"].set_index("step")["way"]
    assert bases.to_dict() == {"Loading": "one process", "Bare parsing": "pandas"}
    loading = table[table["step"] == "Loading"]["way"].tolist()
    assert loading == ["one process", "all cores", "DuckDB", "original study"]
    cores = row(table, "Loading", "all cores")
    assert cores["ratio"] == 2
    assert (cores["workers"], cores["repeats"], cores["kind"]) == (2, 3, "this project")
    assert (cores["fastest"], cores["seconds"], cores["slowest"]) == (1.9, 2, 2.1)
    assert 1 < cores["low"] < 2 < cores["high"]
    assert row(table, "Loading", "DuckDB")["verdict"] == "not told apart from noise"
    original = row(table, "Loading", "original study")
    assert original["verdict"] == "2.0x slower (once)"
    assert original["kind"] == "original study"
    assert np.isnan(original["low"])
    polars = row(table, "Bare parsing", "polars")
    assert (polars["ratio"], polars["kind"]) == (4, "another tool")


def test_what_has_no_baseline_or_nothing_beside_it_is_not_compared(tmp_path):
    def fill(metrics):
        add(metrics, "eda.seconds", {"parallel": [1.0]}, part="everything")
        add(metrics, "features.seconds", {"serial": [1.0]}, part="all")

    metrics = planted(tmp_path, fill)
    assert speed_tables.verdicts(metrics).empty
    assert speed_tables.whole(metrics) is None
    assert speed_tables.works(metrics) == ""


def test_the_chart_names_each_baseline_once_and_what_is_not_told_apart(tmp_path):
    noise = {"serial": [1.0, 1.2, 0.8], "parallel": [1.0, 1.1, 0.9], "original": [9.0]}
    metrics = planted(tmp_path, lambda m: add(m, "eda.seconds", noise, part="everything"))
    spec = speed_charts.verdicts(speed_tables.verdicts(metrics)).to_dict()
    (rows,) = [values for values in spec["datasets"].values() if "claim" in values[0]]
    assert [(r["row"], r["way"]) for r in rows] == [
        ("Exploring#|Exploring", "1x: one process"),
        ("Exploring|all cores", "all cores"),
        ("Exploring|original study", "original study"),
    ]
    assert [r["claim"] for r in rows[1:]] == ["within noise", "once"]


def test_the_whole_is_what_was_measured_both_ways_with_start_up_apart(tmp_path):
    def fill(metrics):
        add(metrics, "eda.seconds", dict(zip(("serial", "parallel"), FEW)), part="everything")
        add(metrics, "eda.seconds", {"serial": [90.0], "parallel": [1.0]}, part="the seven")
        for model in ("xgboost_rating", "random_forest"):
            ways = {"serial": [3.0, 3.0, 3.3], "parallel": [1.5, 1.5, 1.5]}
            add(metrics, "model.search_seconds", ways, model=model, features="all")
        add(metrics, "features.seconds", {"parallel": [50.0]}, part="all")
        metrics.add("load.client_seconds", 1.5, "s")

    whole = speed_tables.whole(planted(tmp_path, fill))
    assert whole.table.to_dict("list") == {
        "way": ["one process"] * 3 + ["all cores"] * 3,
        "step": ["start of processes", "Exploring", "Tuning"] * 2,
        "seconds": [0, 4, 6, 1.5, 2, 3],
    }
    # Totals of each repeat: 10.0, 10.1, 10.5 and 6.5, 6.6, 6.4.
    assert whole.total.ratio == pytest.approx(10.1 / 6.5)
    assert whole.total.repeats == 3
    assert whole.text.startswith("10.0 s in one process, 6.5 s on all cores")
    bars = speed_charts.whole(whole.table, "").to_dict()["datasets"]
    (values,) = bars.values()
    assert [v["total"] for v in values if v["total"] is not None] == [10, 6.5]
    assert [v["from"] for v in values] == [0, 0, 4, 0, 1.5, 3.5]


def test_break_even_is_between_sizes_that_were_measured(tmp_path):
    sizes = {
        "data": (16_000, [2.0, 2.1, 1.9]),
        "data/scaling/4": (4_000, [4.0, 4.2, 3.8]),
        "data/scaling/16": (1_000, [8.0, 8.2, 7.8]),
    }
    for folder, (reviews, seconds) in sizes.items():

        def fill(metrics, seconds=seconds):
            add(metrics, "eda.seconds", {"serial": FEW[0], "parallel": seconds}, part="everything")
            threes = {"serial": seconds, "parallel": [3.0, 3.1, 2.9]}
            add(metrics, "features.seconds", threes, part="all")
            once = {"serial": [9.0], "parallel": [1.0]}
            add(metrics, "model.search_seconds", once, model="xgboost", features="all")

        planted(tmp_path / folder, fill, reviews)
    data = tmp_path / "data"
    planted(data / "scaling/8", fill, 9_000)  # a part of other reviews than these
    table = by_size(data)
    exploring = table[table["step"] == "Exploring"]
    assert exploring["reviews"].tolist() == [1_000, 4_000, 16_000]
    assert exploring["ratio"].tolist() == pytest.approx([0.5, 1, 2])
    first, second = speed_tables.break_even(table)
    assert first.startswith("Exploring, all cores: faster from 16,000 reviews on (2.0x faster (1.")
    assert first.endswith("; at 4,000: not told apart from noise.")
    assert second == "Not faster, or within noise, up to 16,000 reviews: All features, all cores."
    by_step = table.sort_values("step", kind="stable")  # what is never faster comes first
    assert by_step["step"].iloc[0] != "Exploring"
    assert speed_tables.break_even(by_step) == [first, second]
    drawn = speed_charts.by_size(table).to_dict()["datasets"].values()
    assert [row["way"] for rows in drawn for row in rows if row["step"].startswith("Expl")] == [
        "1x: one process",
        "1,000 reviews",
        "4,000 reviews",
        "16,000 reviews",
    ]


def test_faster_at_every_size_says_so(tmp_path):
    for folder, reviews in {"data": 200, "data/scaling/4": 50}.items():
        ways = {"serial": FEW[0], "parallel": FEW[1]}

        def fill(metrics, ways=ways):
            add(metrics, "eda.seconds", ways, part="everything")

        planted(tmp_path / folder, fill, reviews)
    table = by_size(tmp_path / "data")
    (said,) = speed_tables.break_even(table)
    assert said.startswith("Exploring, all cores: faster from 50 reviews on (2.0x faster (1.")
    assert said.endswith(").")
    only = by_size(tmp_path / "data/scaling/4")
    assert speed_tables.break_even(only) == []


LAUNCH = {
    "model": "text",
    "device": "cpu",
    "precision": "float32",
    "global_batch": 1024,
}


def launch(metrics, seconds, strategy="none", ranks=1, threads=1, rows=1000, **labels):
    """Epochs of one launch, the first of them slow."""
    said = LAUNCH | {"strategy": strategy, "ranks": ranks, "threads_per_rank": threads} | labels
    for repeat, value in enumerate([9 * seconds, seconds, seconds]):
        metrics.add("train.epoch_seconds", value, "s", repeat=repeat, rows=rows, **said)


def trained(tmp_path, *fills):
    """The metrics of launches, each in a file of its own."""
    publish_manifest(tmp_path, MANIFEST)
    for number, fill in enumerate(fills):
        metrics = Metrics(f"05_gpu_train.{number}", MANIFEST, 42)
        fill(metrics)
        metrics.publish(tmp_path)
    return read_metrics(tmp_path)


def test_a_launch_is_a_repeat_of_training_and_the_slice_of_the_original_is_scaled(tmp_path):
    metrics = trained(
        tmp_path,
        lambda m: launch(m, 4.0),
        lambda m: launch(m, 4.2),
        lambda m: launch(m, 3.0, threads=4),
        lambda m: launch(m, 2.0, "ddp", 2),
        lambda m: launch(m, 2.1, "ddp", 2),
        lambda m: launch(m, 1.0, "original", threads=4, rows=100, global_batch=64),
        lambda m: launch(m, 0.1, global_batch=4096),
    )
    table = speed_tables.verdicts(metrics)
    assert set(table["step"]) == {"Training: NetflixNet of n-grams"}
    table = table.set_index("way")
    assert table["seconds"].to_dict() == pytest.approx(
        {
            "one rank, one thread": 3 * 4.1,
            "all cores": 3 * 3,
            "DDP, 2 x 1": 3 * 2.05,
            "original study": 3 * 10,
        }
    )
    assert table["repeats"].tolist() == [2, 1, 2, 1]
    assert table["workers"].tolist() == [1, 4, 2, 4]
    assert table.loc["all cores", "verdict"].endswith("(once)")
    assert table.loc["DDP, 2 x 1", "low"] < 2 < table.loc["DDP, 2 x 1", "high"]


def test_devices_and_precisions_are_never_compared_with_each_other(tmp_path):
    metrics = trained(
        tmp_path,
        lambda m: launch(m, 4.0),
        lambda m: launch(m, 2.0, "ddp", 2),
        lambda m: launch(m, 0.1, threads=16, device="cuda"),
        lambda m: launch(m, 0.2, "ddp", 2, threads=8, device="cuda"),
        lambda m: launch(m, 1.0, "ddp", 2, precision="bf16"),
    )
    table = speed_tables.verdicts(metrics).query("verdict != 'baseline'").set_index("step")
    assert table["ratio"].to_dict() == {
        "Training: NetflixNet of n-grams": 2,
        "Training: NetflixNet of n-grams, cuda": 0.5,
    }
    assert table["way"].tolist() == ["DDP, 2 x 1", "DDP, 2 x GPU"]
    ways = launches.threads_or_ranks(metrics)
    assert len(ways) == 2


def test_threads_or_ranks_marks_the_best_and_what_it_is_not_told_apart_from(tmp_path):
    metrics = trained(
        tmp_path,
        *(lambda m, s=s: launch(m, s) for s in (4.0, 4.1)),
        *(lambda m, s=s: launch(m, s, "ddp", 2) for s in (2.0, 2.1)),
        *(lambda m, s=s: launch(m, s, threads=2, global_batch=64) for s in (1.0, 2.0)),
        *(lambda m, s=s: launch(m, s, "fsdp", 2, global_batch=64) for s in (1.1, 2.1)),
    )
    small, usual = launches.threads_or_ranks(metrics).to_dict("records")
    assert usual["1 x 1"] == round(1000 / 4.05)
    assert usual["DDP 2 x 1"] == round(1000 / 2.05)
    assert usual["best"].startswith("DDP 2 x 1: 2.0x faster (")
    assert small["best"] == "1 x 2 or FSDP 2 x 1: not told apart from noise"
    assert pd.isna(small["DDP 2 x 1"])  # not measured, not 0
    assert launches.threads_or_ranks(metrics[:0]).empty
    assert scaling.launch_seconds(metrics[:0]).empty


SHARE = 0.2  # of the time is serial


def searches(metrics):
    """Searches on 1, 2 and 4 workers by Amdahl's law, slower with more, and on two counts only."""
    times = {
        "xgboost_rating": {n: 8 * (SHARE + (1 - SHARE) / n) for n in (1, 2, 4)},
        "random_forest": {1: 2.0, 2: 3.0, 4: 4.0},
        "logistic_regression": {1: 3.0, 2: 2.0},
    }
    for model, seconds in times.items():
        for workers, value in seconds.items():
            way = {1: "serial", max(seconds): "parallel"}.get(workers, f"{workers} workers")
            add(
                metrics,
                "model.search_seconds",
                {way: [value]},
                workers,
                model=model,
                features="all",
            )


def test_amdahls_share_is_said_where_the_law_can_hold(tmp_path):
    table = speed_tables.verdicts(planted(tmp_path, searches))
    points = speed_tables.by_cores(table)
    assert set(points["what"]) == {"Tuning: XGBoost for ratings", "Tuning: Random forest"}
    assert points["workers"].tolist() == [1, 2, 4] * 2
    (said,) = speed_tables.serial_shares(points)
    assert said.startswith("Tuning: XGBoost for ratings: more cores do not shorten 20.0% of the")
    ideal = draw("by_cores", points).to_dict()["layer"][0]
    assert ideal["transform"] == [{"calculate": "datum.workers", "as": "ideal"}]
    assert speed_tables.by_cores(table[:0]).empty


def test_threads_and_ranks_scale_beside_one_core(tmp_path):
    metrics = trained(
        tmp_path,
        lambda m: launch(m, 4.0),
        lambda m: launch(m, 3.0, threads=2),
        lambda m: launch(m, 2.5, threads=4),
        lambda m: launch(m, 2.2, "ddp", 2),
        lambda m: launch(m, 1.0, "ddp", 4),
        lambda m: launch(m, 9.0, "fsdp", 4),
    )
    table = speed_tables.verdicts(metrics)
    threads = table[~table["way"].str.contains("DDP|FSDP")].set_index("way")["workers"]
    assert threads.to_dict() == {"one rank, one thread": 1, "1 x 2": 2, "all cores": 4}
    points = speed_tables.by_cores(table)
    ratios = points.groupby("what")["ratio"].agg(list).to_dict()
    step = "Training: NetflixNet of n-grams"
    assert ratios == {
        step: pytest.approx([1, 4 / 3, 1.6]),
        f"{step}, DDP": pytest.approx([1, 4 / 2.2, 4]),
    }
