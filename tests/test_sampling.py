"""Where the time of threads goes: samples of stacks, flame graphs, memory by process."""

import json
import math
import sys
import threading
import time
from collections import Counter
from itertools import pairwise

import pandas as pd
import pytest
from conftest import run
from hypothesis import given, settings
from hypothesis import strategies as st

from common.compute import dask_client
from common.profiling import by_process, measured
from common.sampling import CARRIERS, WAITING, Function, flame_graph, readable, sampled
from common.store import published

STEP = "test_sampling"  # as this file is called: stacks begin beneath it


def busy(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        math.factorial(200)


def half_busy(seconds):
    busy(seconds / 2)
    time.sleep(seconds / 2)


def own(bars):
    shares = Counter()
    for bar in bars:
        shares[bar["function"]] += bar["own"]
    return shares


def graph(data_dir, side):
    (path,) = published(data_dir, f"profiles/{STEP}/{side}.json")
    return json.loads(path.read_text())


def test_the_driver_s_busy_function_and_its_waiting_are_seen(tmp_path):
    with measured(True, tmp_path, STEP) as whole:
        half_busy(1.2)
    found = graph(tmp_path, "driver")
    shares = own(found["bars"])
    assert shares["busy"] + shares["half_busy"] + shares[STEP + ".py"] == pytest.approx(
        0.5, abs=0.1
    )
    assert shares["waits"] == pytest.approx(0.5, abs=0.1)
    assert found["seconds"] == pytest.approx(whole.seconds, rel=0.25)
    root = found["bars"][0]
    assert (root["function"], root["start"], root["end"]) == (STEP + ".py", 0, 1)
    assert not (tmp_path / f"profiles/{STEP}/workers.json").exists()


def test_the_workers_busy_function_is_seen_not_its_caller(tmp_path):
    with dask_client(2) as client:
        client.submit(busy, 0.5, pure=False).result()  # before the block: not of it
        with measured(True, tmp_path, STEP) as whole:
            client.gather(client.map(busy, [0.7, 0.9], pure=False))
    found = graph(tmp_path, "workers")
    assert own(found["bars"]).most_common(1)[0][0] == "busy"
    assert own(found["bars"])["busy"] > 0.9
    assert found["seconds"] == pytest.approx(1.6, rel=0.25)
    here = graph(tmp_path, "driver")
    assert own(here["bars"])["waits"] > 0.9
    assert here["seconds"] == pytest.approx(whole.seconds, rel=0.25)  # without Dask's report
    assert (tmp_path / f"profiles/{STEP}/dask.html").exists()


def test_a_thread_counts_while_it_runs():
    thread, start = threading.Thread(target=busy, args=[0.4]), time.perf_counter()
    thread.start()
    end = sampled([thread.ident], "threading.py")
    thread.join()
    ran = time.perf_counter() - start
    time.sleep(0.3)
    samples = end()
    assert 0.2 < sum(seconds for _, seconds in samples) < ran + 0.1
    assert {stack[0].name for stack, _ in samples if stack} <= {"busy", "Python: Thread.run"}


def test_code_that_holds_python_s_lock_counts_in_full(tmp_path):
    with measured(True, tmp_path, STEP) as whole:
        sum(range(30_000_000))
    assert whole.seconds > 0.1
    assert graph(tmp_path, "driver")["seconds"] == pytest.approx(whole.seconds, rel=0.25)


functions = st.sampled_from([Function("", name, "") for name in "abc"])
stacks = st.lists(st.tuples(st.lists(functions, max_size=4).map(tuple), st.integers(1, 50)))


@settings(deadline=None, max_examples=60)
@given(stacks)
def test_bars_are_what_their_stacks_say(samples):
    found = flame_graph(samples, "all")
    total = sum(seconds for _, seconds in samples)
    assert found["seconds"] == total
    bars = pd.DataFrame(found["bars"])
    if not total:
        assert bars.empty
        return
    assert bars["start"].min() >= 0
    assert bars["end"].max() <= 1
    paths = {}
    for bar in found["bars"]:  # the path of a bar: what lies above its middle, by depth
        middle = (bar["start"] + bar["end"]) / 2
        above = [b for b in found["bars"] if b["start"] <= middle <= b["end"]]
        path = [b for b in sorted(above, key=lambda b: b["depth"]) if b["depth"] <= bar["depth"]]
        assert [b["depth"] for b in path] == list(range(bar["depth"] + 1))
        for parent, child in pairwise(path):
            assert parent["start"] <= child["start"] + 1e-9
            assert child["end"] <= parent["end"] + 1e-9
        paths[tuple(b["function"] for b in path[1:])] = bar
    assert len(paths) == len(found["bars"])
    for path, bar in paths.items():
        through = sum(
            n for stack, n in samples if tuple(f.name for f in stack)[: len(path)] == path
        )
        alone = sum(n for stack, n in samples if tuple(f.name for f in stack) == path)
        assert bar["end"] - bar["start"] == pytest.approx(through / total)
        assert bar["own"] == pytest.approx(alone / total)
        assert bar["share"] == pytest.approx(bar["end"] - bar["start"])
        assert bar["kind"] == "this project"


def test_small_bars_are_left_out():
    a, b = Function("", "a", ""), Function("", "b", "")
    bars = flame_graph([((a,), 996), ((b,), 4)], "all")["bars"]
    assert [bar["function"] for bar in bars] == ["all", "a"]


def code_of(path, name):
    return compile("", path, "exec").replace(co_name=name, co_qualname=name, co_firstlineno=7)


def test_a_stack_says_whose_work_it_is():
    here = f"{sys.path[0]}/x.py"
    project = code_of(__file__, "task")
    site = "/venv/lib/python3.11/site-packages"
    stack = [
        code_of("/usr/lib/python3.11/threading.py", "run"),
        code_of(f"{site}/dask/_task_spec.py", "__call__"),
        project,
        code_of("/usr/lib/python3.11/contextlib.py", "inner"),
        code_of(f"{site}/sklearn/base.py", "fit.wrapper"),
        code_of(f"{site}/sklearn/svm.py", "fit"),
        code_of(f"{site}/sklearn/deep.py", "deep"),
        code_of(here, "<listcomp>"),
        code_of(f"{site}/joblib/parallel.py", "retrieve"),
        code_of("/usr/lib/python3.11/threading.py", "wait"),
    ]
    assert CARRIERS
    names = [function.name for function in readable([*stack, None])]
    assert names == ["task", "sklearn: fit", "waits"]
    function = readable(stack)[1]
    assert (function.package, function.where) == ("sklearn", "sklearn/svm.py:7")
    assert readable(stack)[0] == Function("", "task", "tests/test_sampling.py:7")
    assert readable([None]) == (WAITING,)
    assert readable(stack[:2]) == ()


MEMORY = """
import subprocess, sys, time
from pathlib import Path
import numpy as np
from common.profiling import measured
code = "block = b'x' * 300_000_000; import time; time.sleep(0.8)"
with measured(True, Path(sys.argv[1]), "01_load") as whole:
    block = np.ones(25_000_000)  # 200 MB
    subprocess.run([sys.executable, "-c", code], check=True)
    del block
    time.sleep(0.3)
print(whole.peak_bytes, whole.seconds)
"""


def test_memory_is_a_line_a_process(tmp_path):
    """In a process of its own: others' tests may have left children here."""
    done = run(sys.executable, "-c", MEMORY, tmp_path)
    assert done.returncode == 0, done.stderr
    peak, seconds = map(float, done.stdout.split())
    table = pd.DataFrame(json.loads((tmp_path / "profiles/01_load/memory.json").read_text()))
    assert set(table["process"]) == {"main process", "worker 1"}
    worker = table.loc[table["process"] == "worker 1", "bytes"]
    assert worker.max() == pytest.approx(310e6, abs=20e6)
    here = table.loc[table["process"] == "main process", "bytes"]
    assert here.max() - here.iloc[-1] == pytest.approx(200e6, abs=40e6)
    assert peak == pytest.approx(here.max() + worker.max(), rel=0.05)
    assert table["seconds"].max() <= seconds + 0.2


def test_few_points_keep_the_peak():
    samples = [(n / 20, 1, 10**8 + (n == 4321) * 10**9) for n in range(10_000)]
    table = by_process(samples)
    assert len(table) <= 201
    assert table["bytes"].max() == 11 * 10**8
    assert table["process"].unique().tolist() == ["main process"]
