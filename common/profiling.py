"""Measuring a block: wall time, peak memory, and profiles."""

import cProfile
import io
import json
import os
import pstats
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import psutil

from common.store import publishing


@contextmanager
def timed():
    """`with timed() as t: ...`; afterwards t.seconds holds the wall-clock seconds of the block."""
    result, start = SimpleNamespace(seconds=None), time.perf_counter()
    yield result
    result.seconds = time.perf_counter() - start


class Timing(NamedTuple):
    """Wall time of one repeat (from 0) of a variant."""

    name: str
    repeat: int
    seconds: float


def interleave(
    variants: Mapping[str, Callable[[], object]], once: bool = False
) -> Iterator[Timing]:
    """Run {name: function} in turn, then in turn again, so that a machine's slow minutes fall on all, and yield every repeat.

    A variant's first time says how often it is run: five times under 2 s, three up to a minute, else once. `once`: all once.
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


def peak_rss():
    """Bytes of the largest resident set that this process alone has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


@contextmanager
def peak_memory(interval=0.05, look_around=5):
    """`with peak_memory() as m: ...`; afterwards m.bytes is the peak of the resident set summed over this process and all
    its children, sampled every `interval` seconds. Pages that processes share count once for each: an upper bound.

    Children are looked for in every `look_around`th sample only: to list all processes takes milliseconds.
    """
    peak, stop, me = SimpleNamespace(bytes=0), threading.Event(), psutil.Process()
    known = []

    def sample(number=0):
        if number % look_around == 0:
            known[:] = [me, *me.children(recursive=True)]
        total = 0
        for process in known:
            try:
                total += process.memory_info().rss
            except psutil.Error:  # it ended between listing and reading
                pass
        peak.bytes = max(peak.bytes, total)

    def watch():
        number = 0
        while not stop.wait(interval):
            sample(number := number + 1)

    sample()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()
        sample()


@contextmanager
def profiled(enabled, data_dir, step, functions=()):
    """With `enabled`, run the block under cProfile and line_profiler and publish profiles/<step>/.

    Written: cprofile.json (the 60 functions with the most cumulative time: file, line, function, calls, own_seconds,
    cumulative_seconds), cprofile.txt, lines.txt (line_profiler on each of `functions`, which run in this process), and, where a
    Dask client is active, dask.html (its performance report: tasks, workers, transfers).
    """
    if not enabled:
        yield
        return
    import dask  # the pages that only read metrics do without
    from distributed import performance_report
    from line_profiler import LineProfiler

    lines, calls = LineProfiler(*functions), cProfile.Profile()
    # line_profiler measures the wrapped copy: put it where callers look the name up, which is each module that imported it.
    places = [
        (module, function)
        for module in list(sys.modules.values())
        for function in functions
        if getattr(module, "__dict__", {}).get(function.__name__) is function
    ]
    for module, function in places:
        setattr(module, function.__name__, lines.wrap_callable(function))
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        page = Path(temporary) / "dask.html"
        if getattr(dask.base.get_scheduler(), "__self__", None):
            stack.enter_context(
                performance_report(page, mode="inline")
            )  # else the page would fetch Bokeh from the web
        calls.enable()
        try:
            yield
        finally:
            calls.disable()
            for module, function in places:
                setattr(module, function.__name__, function)
        stack.close()
        report = page.read_bytes() if page.exists() else None
    with publishing(data_dir, f"profiles/{step}") as staging:
        folder = staging / "profiles" / step
        folder.mkdir(parents=True)
        if report:
            (folder / "dask.html").write_bytes(report)
        text = io.StringIO()
        stats = pstats.Stats(calls, stream=text).strip_dirs().sort_stats("cumulative")
        stats.print_stats(60)
        (folder / "cprofile.txt").write_text(text.getvalue(), encoding="utf-8")
        table = [
            {
                "file": file,
                "line": line,
                "function": name,
                "calls": n,
                "own_seconds": own,
                "cumulative_seconds": cumulative,
            }
            for (file, line, name), (_, n, own, cumulative, _) in stats.stats.items()
        ]
        table.sort(key=lambda row: -row["cumulative_seconds"])
        (folder / "cprofile.json").write_text(json.dumps(table[:60], indent=1), encoding="utf-8")
        text = io.StringIO()
        lines.print_stats(text, stripzeros=True)
        (folder / "lines.txt").write_text(
            text.getvalue().replace(os.getcwd() + os.sep, ""), encoding="utf-8"
        )
