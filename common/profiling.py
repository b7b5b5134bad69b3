"""Measuring a block: wall time, repeats, peak memory, and profiles."""

import cProfile
import io
import itertools
import json
import math
import os
import pstats
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
    is run: five times under 2 s, three up to a minute, else once. With `once`, all are run once.
    """
    counts = dict.fromkeys(variants, 1)
    for repeat in range(5):
        for name, function in variants.items():
            if repeat < counts[name]:
                with timed() as t:
                    function()
                if repeat == 0 and not once:
                    counts[name] = 5 if t.seconds < 2 else 3 if t.seconds <= 60 else 1
                yield Timing(name, repeat, t.seconds)


def peak_rss() -> int:
    """Bytes of the largest resident set that this process alone has had so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass
class PeakMemory:
    """The largest sum of resident sets seen."""

    bytes: int = 0

    def sample(self, processes: Iterable[psutil.Process]) -> None:
        """Add up the resident sets of processes, and keep the sum if it is the largest."""
        total = 0
        for process in processes:
            with suppress(psutil.Error):  # it ended between listing and reading
                total += process.memory_info().rss
        self.bytes = max(self.bytes, total)


def _process_tree() -> list[psutil.Process]:
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


@contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """`with peak_memory() as m: ...`; afterwards m.bytes is the peak RSS of this process tree.

    Resident sets are summed in samples. Pages that processes share count once for each of them: an
    upper bound.
    """
    peak, stop = PeakMemory(), threading.Event()

    def watch() -> None:
        for number in itertools.count():
            if number % SAMPLES_PER_LISTING == 0:
                processes = _process_tree()
            peak.sample(processes)
            if stop.wait(MEMORY_SECONDS):
                break

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()
        peak.sample(_process_tree())


@contextmanager
def profiled(
    enabled: bool, data_dir: str | Path, step: str, functions: Sequence[Callable] = ()
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
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        page = Path(temporary) / "dask.html"
        if active_client():  # inline: else the page would fetch Bokeh from the web
            stack.enter_context(performance_report(page, mode="inline"))
        # line_profiler measures these functions whatever calls them, while it is enabled.
        with calls, lines:
            yield
        stack.close()
        report = page.read_bytes() if page.exists() else None
    with publishing(data_dir, f"profiles/{step}") as staging:
        folder = staging / "profiles" / step
        folder.mkdir(parents=True)
        if report:
            (folder / "dask.html").write_bytes(report)
        _write_calls(folder, calls)
        text = io.StringIO()
        lines.print_stats(text, stripzeros=True)
        relative = text.getvalue().replace(os.getcwd() + os.sep, "")
        (folder / "lines.txt").write_text(relative, encoding="utf-8")


def _write_calls(folder: Path, calls: cProfile.Profile) -> None:
    """Write cprofile.txt and cprofile.json."""
    calls.create_stats()
    costliest = sorted(calls.stats.items(), key=lambda item: -item[1][3])[:60]
    text = io.StringIO()
    pstats.Stats(calls, stream=text).strip_dirs().sort_stats("cumulative").print_stats(60)
    (folder / "cprofile.txt").write_text(text.getvalue(), encoding="utf-8")
    table = [
        {
            "file": os.path.basename(file),
            "line": line,
            "function": name,
            "calls": count,
            "own_seconds": own,
            "cumulative_seconds": cumulative,
        }
        for (file, line, name), (_, count, own, cumulative, _) in costliest
    ]
    (folder / "cprofile.json").write_text(json.dumps(table, indent=1), encoding="utf-8")
