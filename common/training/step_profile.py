"""Where the time of a training step goes, on every rank, from the spans of torch.profiler."""

import gzip
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile, record_function, schedule

from common.training.timeline import shares, timeline

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
    content = json.loads(gzip.decompress(trace))
    summary = {
        "shares": shares(timeline(content).parts),
        "operators": operators(profiler),
        "memory": memory(content["traceEvents"]),
    }
    return StepProfile(summary, trace)


def operators(profiler: profile) -> list[dict]:
    """The OPERATORS operators with the most time of their own."""
    table = []
    for event in profiler.key_averages():
        row = {
            "operator": event.key.replace("ProfilerStep*", "between operators"),
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
