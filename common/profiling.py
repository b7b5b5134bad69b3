"""Measuring a block: wall time, repeats, peak memory, and profiles."""

import io
import json
import math
import os
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import psutil

from common.sampling import begin_on_worker, end_on_worker, flame_graph, sampled
from common.store import publishing

MEMORY_SECONDS = 0.05  # between two samples of memory
SAMPLES_PER_LISTING = 5  # listing all processes takes milliseconds: one sample in so many does it
MEMORY_POINTS = 200  # a process, in a profile
HELPER_BYTES = 80e6  # below an interpreter with this project's imports
Sample = tuple[float, int, int]  # of memory: seconds, process id, bytes of its resident set


@dataclass
class Measured:
    """Wall time of a block, NaN until it ends, and the peak RSS of this process tree, where it is
    watched: the largest sum of resident sets in samples. Pages that processes share count once for
    each of them: an upper bound."""

    seconds: float = math.nan
    peak_bytes: int = 0


@contextmanager
def timed() -> Iterator[Measured]:
    """`with timed() as t: ...`; afterwards t.seconds is the wall time of the block."""
    block, start = Measured(), time.perf_counter()
    yield block
    block.seconds = time.perf_counter() - start


class Timing(NamedTuple):
    """Wall time of one repeat (from 0) of a variant."""

    name: str
    repeat: int
    seconds: float


def interleave(
    variants: Mapping[str, Callable[[], object]], once: bool = False
) -> Iterator[Timing]:
    """Run {name: function} in turn, then in turn again, and yield every repeat.

    Taking turns lets a machine's slow minutes fall on all. A variant's first time says how often it
    is run: 15 times under 0.15 s, where noise is largest, seven under 0.5 s, three under 3 s, two
    up to a minute, else once. With `once`, all are run once.
    """
    counts = dict.fromkeys(variants, 1)
    for repeat in range(15):
        for name, function in variants.items():
            if repeat < counts[name]:
                with timed() as t:
                    function()
                if repeat == 0 and not once:
                    limits = ((0.15, 15), (0.5, 7), (3, 3), (60, 2), (math.inf, 1))
                    counts[name] = next(times for most, times in limits if t.seconds < most)
                yield Timing(name, repeat, t.seconds)


def peak_rss() -> int:
    """Bytes of the largest resident set that this process alone has had so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def measured(
    profile: bool, data_dir: Path, step: str, functions: Sequence[Callable] = ()
) -> Iterator[Measured]:
    """`with measured(...) as whole: ...`; afterwards whole.seconds and whole.peak_bytes are there.

    With `profile`, profiles/<step>/ is published: driver.json and, where a Dask client is active,
    workers.json (flame graphs of this thread and of the threads that ran tasks, as of
    `sampling.flame_graph`), dask.html (its performance report: tasks, workers, transfers),
    memory.json (records of `by_process`) and lines.txt (line_profiler on each of `functions`, in
    this thread). A block that raises leaves none.
    """
    whole, samples = Measured(), deque[Sample](maxlen=None if profile else 0)
    around = _profiled(data_dir, step, functions, samples) if profile else nullcontext()
    with around, _memory_watched(whole, samples), timed() as t:
        yield whole
    whole.seconds = t.seconds


@contextmanager
def _memory_watched(whole: Measured, samples: deque[Sample]) -> Iterator[None]:
    """Keep the peak in `whole`, and samples of each process of this tree."""
    ended, this, start = threading.Event(), psutil.Process(), time.perf_counter()

    def watch() -> None:
        while not ended.is_set():
            processes = [this, *this.children(recursive=True)]
            for _ in range(SAMPLES_PER_LISTING):
                ended.wait(MEMORY_SECONDS)
                sizes = [_rss(process) for process in processes]
                whole.peak_bytes = max(whole.peak_bytes, sum(sizes))
                seconds = time.perf_counter() - start
                samples.extend((seconds, p.pid, size) for p, size in zip(processes, sizes))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _rss(process: psutil.Process) -> int:
    """Bytes of a process's resident set; 0 when it has ended since it was listed."""
    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def by_process(samples: Sequence[Sample]) -> pd.DataFrame:
    """Samples of memory as a table of seconds, process ("main process", "worker 1", ...) and bytes,
    at MEMORY_POINTS moments at most, the most that a process held about each.

    Multiprocessing's own helpers, which hold next to nothing, are left out.
    """
    table = pd.DataFrame(samples, columns=["seconds", "process", "bytes"])
    table = table[table.groupby("process")["bytes"].transform("max") > HELPER_BYTES]
    number = pd.Series(pd.factorize(table["process"])[0], table.index).astype(str)
    table["process"] = ("worker " + number).replace("worker 0", "main process")
    moment = (table["seconds"] / table["seconds"].max() * MEMORY_POINTS).round()
    return table.groupby(["process", moment.rename("moment")]).max().reset_index("process")


@contextmanager
def _profiled(
    data_dir: Path, step: str, functions: Sequence[Callable], samples: Sequence[Sample]
) -> Iterator[None]:
    """Profile the block, and publish that and the samples of memory that it leaves."""
    from distributed import performance_report  # the pages that only read metrics do without
    from line_profiler import LineProfiler

    from common.compute import active_client

    lines, client, text = LineProfiler(*functions), active_client(), io.StringIO()
    name = f"{step}.py"
    with publishing(data_dir, f"profiles/{step}") as staging:
        folder = staging / "profiles" / step
        folder.mkdir(parents=True)
        # Inline: else the page would fetch Bokeh from the web.
        page = performance_report(folder / "dask.html", mode="inline")
        if client:
            client.run(begin_on_worker)
        end = sampled([threading.get_ident()], name)
        graphs = {}
        with page if client else nullcontext():
            try:
                # line_profiler measures these functions whatever calls them, while it is enabled.
                with lines:
                    yield
            finally:
                graphs["driver"] = flame_graph(end(), name)
                if client:
                    tasks = chain(*client.run(end_on_worker).values())
                    graphs["workers"] = flame_graph(tasks, "all tasks")
        for side, graph in graphs.items():
            (folder / f"{side}.json").write_text(json.dumps(graph), encoding="utf-8")
        by_process(samples).to_json(folder / "memory.json", orient="records")
        lines.print_stats(text, stripzeros=True)
        relative = text.getvalue().replace(os.getcwd() + os.sep, "")
        (folder / "lines.txt").write_text(relative, encoding="utf-8")
