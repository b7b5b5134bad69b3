"""The explorer's page Profiles, of planted profiles."""

import gzip
import json

import pytest
from conftest import page

from common.report import profile_tables
from common.sampling import WAITING, Function, flame_graph
from common.store import publishing

WORK = Function("", "work", "a.py:1")
RANKS = "05_gpu_train/ddp-2x1-cpu"


def trace(compute_us):
    """Four steps of 1 ms, of which so many microseconds compute."""
    events = []
    for number in range(4):
        start = 1000 * number
        step = dict(name=f"ProfilerStep#{number}", cat="user_annotation", ts=start, dur=1000)
        work = dict(name="aten::mm", cat="cpu_op", ts=start, dur=compute_us + 3 * number)
        events += [step | {"ph": "X"}, work | {"ph": "X"}]
    return gzip.compress(json.dumps({"traceEvents": events}).encode())


@pytest.fixture
def profiles(tmp_path):
    """A data directory with nothing but profiles."""
    driver = flame_graph([((WORK,), 1.0), ((WORK, WAITING), 3.0)], "04_cpu_models.py")
    workers = flame_graph([((WORK,), 8.0)], "all tasks")
    memory = [{"seconds": n, "process": "main process", "bytes": 10**8 * n} for n in range(5)]
    summary = {
        "operators": [{"operator": "mm", "calls": 1, "self_cpu_ms": 1.0}],
        "memory": [[0, 1]],
    }
    files = {
        "manifest.json": {"data": "csv", "sources": [], "loaded": 1},
        "profiles/03_features/driver.json": driver,
        "profiles/03_features/workers.json": workers,
        "profiles/03_features/memory.json": memory,
        "profiles/04_cpu_models/driver.json": driver,
        f"profiles/{RANKS}/mlp-rank0.json": summary,
        f"profiles/{RANKS}/mlp-rank1.json": summary,
    }
    with publishing(tmp_path, "manifest.json", "profiles") as staging:
        for name, content in files.items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_text(json.dumps(content))
        for rank, compute_us in enumerate((400, 600)):
            file = staging / f"profiles/{RANKS}/mlp-rank{rank}.trace.json.gz"
            file.write_bytes(trace(compute_us))
    return tmp_path


def shown_by(profiles, name):
    shown = page("Profiles", profiles, profile=name)
    assert not shown.exception
    assert not shown.error
    charts = [json.loads(chart.proto.spec) for chart in shown.get("vega_lite_chart")]
    return [x.value for x in shown.subheader], [x.value for x in shown.markdown], charts


def test_both_sides_and_memory_are_drawn(profiles):
    heads, texts, charts = shown_by(profiles, "03_features")
    assert heads == [f"Flame graph: {side}" for side in profile_tables.SIDES.values()]
    assert any(t.startswith("4.0 seconds in all, 75% of them waiting") for t in texts)
    assert any(t.startswith("8.0 seconds in all. A bar") for t in texts)
    assert len(charts) == 3
    assert not any("not sampled" in text for text in texts)


def test_who_waits_for_unsampled_processes_is_told_so(profiles):
    _, texts, charts = shown_by(profiles, "04_cpu_models")
    assert any("which are not sampled" in text for text in texts)
    assert len(charts) == 1


def test_ranks_lie_side_by_side_and_the_straggler_is_named(profiles):
    heads, texts, charts = shown_by(profiles, RANKS)
    assert heads[0] == "Ranks side by side: mlp"
    (text,) = (text for text in texts if "straggler" in text)
    assert text.startswith("Rank 1 is the straggler: than rank 0, it is 1.5x slower")
    assert len(charts) == 1 + 2 * 2
