"""What profiles say in words: costliest functions, waiting, the straggler."""

import gzip
import json

import numpy as np
import pytest
from pandas import DataFrame

from common.report import profile_tables
from common.sampling import WAITING, Function, flame_graph
from common.store import publishing

WORK, LOAD = Function("", "work", "a.py:1"), Function("pandas", "pandas: load", "b.py:2")
GRAPH = flame_graph([((WORK,), 3), ((LOAD, WORK), 2), ((LOAD, WAITING), 4), ((LOAD,), 1)], "all")


def test_sides_that_were_sampled_are_shown(tmp_path):
    empty = flame_graph([], "all")
    with publishing(tmp_path, "profiles/01_load") as staging:
        folder = staging / "profiles/01_load"
        folder.mkdir(parents=True)
        (folder / "driver.json").write_text(json.dumps(GRAPH))
        (folder / "workers.json").write_text(json.dumps(empty))
    assert profile_tables.flames(tmp_path, "01_load") == {"main process": GRAPH}
    assert profile_tables.timelines(tmp_path, "01_load") == {}
    metrics = DataFrame({"step": ["01_load", "01_load", "02_eda"]})
    (row,) = profile_tables.functions(tmp_path, metrics).itertuples(index=False)
    assert row == ("01_load", "main process", 10, "work 50%, waits 40%, pandas: load 10%")


def test_the_straggler_is_named_only_beyond_noise():
    steady = [0.010, 0.0101, 0.0099, 0.0102]
    slower = [0.0152, 0.0149, 0.015, 0.0151]
    text = profile_tables.straggler({0: steady, 1: slower, 2: steady[::-1]})
    assert text.startswith("Rank 1 is the straggler: than rank ")
    assert "1.5x slower" in text
    nobody = "No rank computes longer than the others beyond noise."
    assert profile_tables.straggler({0: slower, 1: steady, 2: slower[::-1]}) == nobody
    assert profile_tables.straggler({0: slower}) == ""


@pytest.mark.parametrize("ranks", [2, 4])
def test_equal_ranks_have_a_straggler_once_in_twenty(ranks):
    rng = np.random.default_rng(ranks)
    named = [
        "straggler" in profile_tables.straggler(dict(enumerate(rng.lognormal(0, 0.1, (ranks, 4)))))
        for _ in range(100)
    ]
    assert sum(named) <= 10


def test_timelines_are_by_model_and_rank(tmp_path):
    trace = {
        "traceEvents": [
            {"ph": "X", "name": "ProfilerStep#1", "cat": "user_annotation", "ts": 5, "dur": 10}
        ]
    }
    with publishing(tmp_path, "profiles/05_gpu_train/ddp-2x1-cpu") as staging:
        folder = staging / "profiles/05_gpu_train/ddp-2x1-cpu"
        folder.mkdir(parents=True)
        for name in ("text-rank0", "text-rank1", "mlp-rank10"):
            data = gzip.compress(json.dumps(trace).encode())
            (folder / f"{name}.trace.json.gz").write_bytes(data)
    found = profile_tables.timelines(tmp_path, "05_gpu_train/ddp-2x1-cpu")
    assert {model: set(ranks) for model, ranks in found.items()} == {"text": {0, 1}, "mlp": {10}}
    assert found["mlp"][10].parts.tolist() == [3] * 10
