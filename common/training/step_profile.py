"""Where the time of a training step goes, on every rank, from the spans of torch.profiler."""

import gzip
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, record_function, schedule

WAIT, WARM_UP, ACTIVE = 1, 1, 4  # steps
OPERATORS = 30
MEMORY_POINTS = 300


class StepProfile(NamedTuple):
    """What one rank's profiled steps showed."""

    # {"shares": {part: share of the steps' time}, "operators": [{operator, calls, self_cpu_ms,
    # total_cpu_ms, on a GPU self_device_ms}], most own time first, "memory": [[milliseconds, bytes
    # that torch's allocator holds]]}
    summary: dict
    trace: bytes  # Chrome's format, gzipped JSON


def in_data() -> record_function:
    """Around the making of a step's inputs, so that a profile tells it apart."""
    return record_function("data")


def profile_steps(step: Callable[[int], None], batches: int, device: torch.device) -> StepProfile:
    """Profile ACTIVE steps on this rank, after WAIT and WARM_UP ones.

    step: function of a batch's number, below `batches`, that returns when the step's work is done.
    """
    # Else the profiler tells of its starts and stops on stderr.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    plan = schedule(wait=WAIT, warmup=WARM_UP, active=ACTIVE, repeat=1)
    with profile(activities=activities, schedule=plan, profile_memory=True) as profiler:
        for number in range(WAIT + WARM_UP + ACTIVE):
            step(number % batches)
            profiler.step()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json.gz"
        profiler.export_chrome_trace(str(file))
        trace = file.read_bytes()
    events = json.loads(gzip.decompress(trace))["traceEvents"]
    summary = {
        "shares": shares(events),
        "operators": operators(profiler),
        "memory": memory(events),
    }
    return StepProfile(summary, trace)


def shares(events: list[dict]) -> dict[str, float]:
    """The share of the profiled steps' time that each part takes, from a trace's events.

    Each moment counts once: for making inputs ("data"), else for operations that "compute", else
    for gloo or NCCL ("communication" that nothing hides), else as "idle", which Python between
    operations is, too.
    """
    spans = [event for event in events if event.get("ph") == "X"]
    steps = [
        span
        for span in spans
        if span["name"].startswith("ProfilerStep#") and span["cat"] == "user_annotation"
    ]
    first = min(float(span["ts"]) for span in steps)
    last = max(float(span["ts"]) + span["dur"] for span in steps)
    computing = "kernel" if any(span.get("cat") == "kernel" for span in spans) else "cpu_op"
    # A column for each microsecond, a row for each part.
    parts = ("data", "compute", "communication")
    busy = {part: np.zeros(int(last - first) + 1, bool) for part in parts}
    for span in spans:
        name, category = span["name"], span.get("cat")
        if name.startswith(("gloo:", "nccl")):
            part = "communication"
        elif name == "data" and category == "user_annotation":
            part = "data"
        elif category == computing and not name.startswith(("c10d::", "fsdp::")):
            part = "compute"
        else:
            continue
        start, end = span["ts"] - first, span["ts"] + span["dur"] - first
        busy[part][max(0, int(start)) : max(0, int(end))] = True
    part_of_moment = np.select(list(busy.values()), range(3), default=3)
    moments = np.bincount(part_of_moment, minlength=4)
    return dict(zip((*parts, "idle"), (moments / moments.sum()).tolist()))


def operators(profiler: profile) -> list[dict]:
    """The OPERATORS operators with the most time of their own."""
    table = []
    for event in profiler.key_averages():
        row = {
            "operator": event.key,
            "calls": event.count,
            "self_cpu_ms": event.self_cpu_time_total / 1e3,
            "total_cpu_ms": event.cpu_time_total / 1e3,
        }
        if event.self_device_time_total:
            row["self_device_ms"] = event.self_device_time_total / 1e3
        table.append(row)
    table.sort(key=lambda row: -row["self_cpu_ms"] - row.get("self_device_ms", 0))
    return table[:OPERATORS]


def memory(events: list[dict]) -> list[list[float]]:
    """[milliseconds, bytes that torch's allocator holds] at MEMORY_POINTS and more moments."""
    points = sorted(
        (event["ts"], event["args"]["Total Allocated"])
        for event in events
        if event.get("name") == "[memory]"
    )
    thinned = points[:: max(1, len(points) // MEMORY_POINTS)]
    return [[round((time - points[0][0]) / 1e3, 3), size] for time, size in thinned]
