"""Where the time of threads goes: samples of their call stacks, drawn as a flame graph."""

import linecache
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path
from traceback import walk_stack
from types import CodeType, FrameType
from typing import Any, NamedTuple

STACK_SECONDS = 0.01  # between two samples
SMALLEST_BAR = 0.005  # of the time
PROJECT = Path(__file__).parent.parent
# In a thread that waits, this is what the line of the innermost Python function calls.
WAITS = re.compile(r"\b(sleep|acquire|poll|recv|waitpid)\(")
CARRIERS = ("dask", "distributed", "Python")  # what calls a task's function is none of its work
WRAPPERS = ("contextlib.py", "functools.py")


class Function(NamedTuple):
    """A function of this project ("" as package), of a library's package, or "waiting"."""

    package: str
    name: str
    where: str  # file:line


Codes = tuple[CodeType | None, ...]
Stack = tuple[Function, ...]  # the outermost first
Samples = list[tuple[Stack, float]]  # seconds
WAITING = Function("waiting", "waits", "")
KINDS = {"": "this project", "waiting": "waiting"}  # of other packages: libraries


def sampled(threads: Collection[int], below: str) -> Callable[[], Samples]:
    """Sample the stacks of threads from now on, until what is returned is called: this ends it, and
    returns stacks and their seconds.

    threads: which ones, by identifier, as they are at each sample; below: what the name of the file
    ends in whose functions, and their callers, are left out.

    A sample counts for the time since the one before: C code that holds Python's lock delays it.
    Dask's own profile of its workers (2026.8) does without that, and counts the innermost function
    of each sample as its caller.
    """
    seconds: defaultdict[Codes, float] = defaultdict(float)
    ended = threading.Event()

    def watch() -> None:
        last = time.perf_counter()
        while not ended.wait(STACK_SECONDS):
            now, frames = time.perf_counter(), sys._current_frames()
            for thread in frames.keys() & threads:
                seconds[codes_of(frames[thread], below)] += now - last
            del frames  # they would keep alive what the functions have let go
            last = now

    def end() -> Samples:
        ended.set()
        watcher.join()
        return [(readable(codes), value) for codes, value in seconds.items()]

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    return end


def codes_of(innermost: FrameType, below: str) -> Codes:
    """The code of each function of a stack, the outermost first, and None where it waits."""
    line = linecache.getline(innermost.f_code.co_filename, innermost.f_lineno or 0)
    codes: list[CodeType | None] = [None] if WAITS.search(line) else []
    for frame, _ in walk_stack(innermost):
        if frame.f_code.co_filename.endswith(below):
            break
        codes.append(frame.f_code)
    return tuple(codes[::-1])


def begin_on_worker(dask_worker: Any) -> None:
    """Sample the threads of a Dask worker that run tasks."""
    dask_worker.end_samples = sampled(dask_worker.active_threads, "distributed/worker.py")


def end_on_worker(dask_worker: Any) -> Samples:
    """Stacks and seconds since `begin_on_worker`; none on a worker that came later."""
    return getattr(dask_worker, "end_samples", list)()


@cache
def function_of(code: CodeType) -> Function:
    """The function that a code is of."""
    path, line = Path(code.co_filename), code.co_firstlineno
    name = code.co_qualname.replace(".<locals>", "")
    installed = re.search(r".*(?:site|dist)-packages/(([^/.]+).*)", code.co_filename)
    if installed:
        return Function(installed[2], f"{installed[2]}: {name}", f"{installed[1]}:{line}")
    if path.is_relative_to(PROJECT):
        return Function("", name, f"{path.relative_to(PROJECT)}:{line}")
    return Function("Python", f"Python: {name}", f"{path.name}:{line}")


def readable(codes: Codes) -> Stack:
    """A stack as a reader wants it: of a library the function that was called alone, without
    what carries a task, without frames for comprehensions; waiting as such."""
    stack: list[Function] = []
    for code in codes:
        if code is None:
            while len(stack) > 1 and stack[-1].package and stack[-2].package:
                stack.pop()
            stack.append(WAITING)
        elif not code.co_filename.endswith(WRAPPERS) and not code.co_name.startswith("<"):
            function = function_of(code)
            inside = (stack[-1].package,) if stack else CARRIERS
            if not function.package or function.package not in inside:
                stack.append(function)
            elif stack and stack[-1].name.endswith(".wrapper"):  # says nothing
                stack[-1] = function
    return tuple(stack)


def flame_graph(samples: Iterable[tuple[Stack, float]], whole: str) -> dict[str, Any]:
    """{"seconds": their sum, "bars": [{depth, start, end, share, own, kind, function, where}]}.

    start and end are shares of the time, share lies between them, and own is the share in which
    nothing that the function calls ran; kind is "this project", "libraries" or "waiting". A bar
    beneath another is a function that it calls; the first, called `whole`, is all of them. Bars
    below SMALLEST_BAR are left out.
    """
    seconds: defaultdict[Stack, float] = defaultdict(float)
    for stack, value in samples:
        seconds[stack] += value
    total, place = sum(seconds.values()), 0.0
    spans: dict[Stack, list[float]] = {}  # start, end, own
    for stack in sorted(seconds):  # those that begin alike come one after the other
        share = seconds[stack] / total
        for depth in range(len(stack) + 1):
            span = spans.setdefault(stack[:depth], [place, place, 0.0])
            span[1] = min(place + share, 1.0)
        span[2] = share
        place = span[1]
    bars = []
    for stack, (start, end, own) in spans.items():
        package, name, where = stack[-1] if stack else ("", whole, "")
        if end - start >= SMALLEST_BAR:
            kind, share = KINDS.get(package, "libraries"), end - start
            bar = dict(depth=len(stack), start=start, end=end, share=share, own=own)
            bars.append(bar | dict(kind=kind, function=name, where=where))
    return {"seconds": total, "bars": bars}
