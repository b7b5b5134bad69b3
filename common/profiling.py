"""Measuring a block: wall time, repeats, peak memory, and profiles."""

import cProfile
import io
import math
import os
import pstats
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import psutil

from common.store import publishing

MEMORY_SECONDS = 0.05  # between two samples of memory
SAMPLES_PER_LISTING = 5  # listing all processes takes milliseconds: one sample in so many does it


@dataclass
class WallTime:
    """Wall time of a block, NaN until it ends."""

    seconds: float = math.nan


@contextmanager
def timed() -> Iterator[WallTime]:
    """`with timed() as t: ...`; afterwards t.seconds is the wall time of the block."""
    wall_time, start = WallTime(), time.perf_counter()
    yield wall_time
    wall_time.seconds = time.perf_counter() - start


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
    is run: five times under 0.5 s, three up to a minute, else once. With `once`, all are run once.
    """
    counts = dict.fromkeys(variants, 1)
    for repeat in range(5):
        for name, function in variants.items():
            if repeat < counts[name]:
                with timed() as t:
                    function()
                if repeat == 0 and not once:
                    counts[name] = 5 if t.seconds < 0.5 else 3 if t.seconds <= 60 else 1
                yield Timing(name, repeat, t.seconds)


def peak_rss() -> int:
    """Bytes of the largest resident set that this process alone has had so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass
class PeakMemory:
    """The largest sum of resident sets seen."""

    bytes: int = 0


@contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """`with peak_memory() as m: ...`; afterwards m.bytes is the peak RSS of this process tree.

    Resident sets are summed in samples. Pages that processes share count once for each of them: an
    upper bound.
    """
    peak, stop, this = PeakMemory(), threading.Event(), psutil.Process()

    def watch() -> None:
        stopped = False
        while not stopped:
            processes = [this, *this.children(recursive=True)]
            for _ in range(SAMPLES_PER_LISTING):
                stopped = stop.wait(MEMORY_SECONDS)
                peak.bytes = max(peak.bytes, sum(map(_rss, processes)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _rss(process: psutil.Process) -> int:
    """Bytes of a process's resident set; 0 when it has ended since it was listed."""
    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


@contextmanager
def profiled(
    enabled: bool, data_dir: Path, step: str, functions: Sequence[Callable] = ()
) -> Iterator[None]:
    """With `enabled`, run the block under cProfile and line_profiler; publish profiles/<step>/.

    Written: cprofile.json (the 60 functions with the most cumulative time: file, line, function,
    calls, own_seconds, cumulative_seconds), cprofile.txt, lines.txt (line_profiler on each of
    `functions`, in this thread), and, where a Dask client is active, dask.html (its performance
    report: tasks, workers, transfers). A block that raises leaves none.
    """
    if not enabled:
        yield
        return
    from distributed import performance_report  # the pages that only read metrics do without
    from line_profiler import LineProfiler

    from common.compute import active_client

    lines, calls = LineProfiler(*functions), cProfile.Profile()
    with publishing(data_dir, f"profiles/{step}") as staging:
        folder = staging / "profiles" / step
        folder.mkdir(parents=True)
        # Inline: else the page would fetch Bokeh from the web.
        page = performance_report(folder / "dask.html", mode="inline")
        # line_profiler measures these functions whatever calls them, while it is enabled.
        with page if active_client() else nullcontext(), calls, lines:
            yield
        _write_calls(folder, calls)
        text = io.StringIO()
        lines.print_stats(text, stripzeros=True)
        relative = text.getvalue().replace(os.getcwd() + os.sep, "")
        (folder / "lines.txt").write_text(relative, encoding="utf-8")


def _write_calls(folder: Path, calls: cProfile.Profile) -> None:
    """Write cprofile.txt and cprofile.json."""
    calls.create_stats()
    table = pd.DataFrame(
        [
            (*function, count, own, cumulative)
            for function, (_, count, own, cumulative, _) in calls.stats.items()
        ],
        columns=["file", "line", "function", "calls", "own_seconds", "cumulative_seconds"],
    )
    table["file"] = table["file"].map(os.path.basename)
    costliest = table.nlargest(60, "cumulative_seconds")
    costliest.to_json(folder / "cprofile.json", orient="records", indent=1)
    with open(folder / "cprofile.txt", "w", encoding="utf-8") as file:
        pstats.Stats(calls, stream=file).strip_dirs().sort_stats("cumulative").print_stats(60)
