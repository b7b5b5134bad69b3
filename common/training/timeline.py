"""What a rank did in each microsecond of its profiled steps, from a trace of torch.profiler."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from pandas import DataFrame

PARTS = ("data", "compute", "communication", "idle")
POINTS = 600  # of the time that a chart of lanes spans


class Timeline(NamedTuple):
    """A rank's profiled steps."""

    start: float  # microseconds since 1970, by its host's clock
    parts: np.ndarray  # index into PARTS, uint8, of each microsecond since then
    steps: list[slice]  # of `parts`


def timeline(trace: Mapping[str, Any]) -> Timeline:
    """The timeline of a trace in Chrome's format.

    Each moment counts once: for making inputs ("data"), else for operations that "compute", else
    for gloo or NCCL ("communication" that nothing hides), else as "idle", which Python between
    operations is, too.
    """
    spans = [event for event in trace["traceEvents"] if event.get("ph") == "X"]
    steps = [
        span
        for span in spans
        if span["name"].startswith("ProfilerStep#") and span["cat"] == "user_annotation"
    ]
    first = min(float(span["ts"]) for span in steps)

    def within(span: Mapping[str, Any]) -> slice:
        start = float(span["ts"]) - first
        return slice(max(0, int(start)), max(0, int(start + span["dur"])))

    computing = "kernel" if any(span.get("cat") == "kernel" for span in spans) else "cpu_op"
    length = max(within(step).stop for step in steps)
    busy = {part: np.zeros(length, bool) for part in PARTS[:3]}
    for span in spans:
        name, category = span["name"], span.get("cat")
        if name.startswith(("gloo:", "nccl")):
            busy["communication"][within(span)] = True
        elif name == "data" and category == "user_annotation":
            busy["data"][within(span)] = True
        elif category == computing and not name.startswith(("c10d::", "fsdp::")):
            busy["compute"][within(span)] = True
    parts = np.select(list(busy.values()), range(3), default=3).astype(np.uint8)
    start = trace.get("baseTimeNanoseconds", 0) / 1e3 + first
    return Timeline(start, parts, [within(step) for step in steps])


def shares(parts: np.ndarray) -> dict[str, float]:
    """The share of the time that each of PARTS takes."""
    return dict(zip(PARTS, (np.bincount(parts, minlength=4) / len(parts)).tolist()))


def lanes(ranks: Mapping[int, Timeline]) -> DataFrame:
    """What each rank did at POINTS moments, those alike joined: rank, part, start and end, in ms
    since the first rank's start."""
    first = min(line.start for line in ranks.values())
    last = max(line.start + len(line.parts) for line in ranks.values())
    every, rows = int((last - first) // POINTS) + 1, []
    for rank, (start, parts, _) in ranks.items():
        begins = np.flatnonzero(np.diff(parts[::every], prepend=9)) * every
        for begin, end in zip(begins, [*begins[1:], len(parts)]):
            times = np.add((begin, end), start - first) / 1e3
            rows.append((rank, PARTS[parts[begin]], *times))
    return DataFrame(rows, columns=["rank", "part", "start", "end"])


def compute_seconds(line: Timeline) -> list[float]:
    """Seconds of compute in each step."""
    compute = line.parts == PARTS.index("compute")
    return [float(compute[step].sum() / 1e6) for step in line.steps]
