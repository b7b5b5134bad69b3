"""Where the time of a training step goes, on every rank: torch.profiler's spans, and its parts measured alone."""

import gzip
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.profiler import ProfilerActivity, profile, record_function, schedule

WAIT, WARM_UP, ACTIVE = 1, 1, 4  # steps
PARTS = ("compute", "communication", "data", "idle")
OPERATORS = 30
MEMORY_POINTS = 300
SIZES = tuple(4**k for k in range(6, 13))  # bytes of a collective: 4 KiB to 16 MiB
REPEATS = 20


def in_data():
    """Around the making of a step's inputs, so that a profile tells it apart."""
    return record_function("data")


def profile_steps(step, batches, device):
    """Profile ACTIVE steps on this rank, after WAIT and WARM_UP ones; (summary, Chrome trace: gzipped JSON as bytes).

    step: function of a batch's number, below `batches`, that returns when the step's work is done.

    summary: {"shares": {part: share of the steps' time}, "operators": [{operator, calls, self_cpu_ms, total_cpu_ms}], with
    self_device_ms on a GPU, most own time first, "memory": [[milliseconds, bytes that torch's allocator holds]]}.
    """
    os.environ.setdefault(
        "KINETO_LOG_LEVEL", "99"
    )  # else the profiler tells of its starts and stops on stderr
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    plan = schedule(wait=WAIT, warmup=WARM_UP, active=ACTIVE, repeat=1)
    with profile(activities=activities, schedule=plan, profile_memory=True) as profiled:
        for i in range(WAIT + WARM_UP + ACTIVE):
            step(i % batches)
            profiled.step()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json.gz"
        profiled.export_chrome_trace(str(file))
        trace = file.read_bytes()
    events = json.loads(gzip.decompress(trace))["traceEvents"]
    return {
        "shares": shares(events),
        "operators": operators(profiled),
        "memory": memory(events),
    }, trace


def shares(events):
    """{part: share} of the profiled steps' time, from a trace's events. Each moment counts once: for making inputs, else for
    operations that compute, else for gloo or NCCL (communication that nothing hides), else as idle, which Python between
    operations is, too."""
    spans = [
        (e["name"], e.get("cat"), float(e["ts"]), float(e["ts"]) + e["dur"])
        for e in events
        if e.get("ph") == "X"
    ]
    steps = [
        span
        for span in spans
        if span[0].startswith("ProfilerStep#") and span[1] == "user_annotation"
    ]
    first, last = min(span[2] for span in steps), max(span[3] for span in steps)
    computing = "kernel" if any(cat == "kernel" for _, cat, *_ in spans) else "cpu_op"
    busy = {
        part: np.zeros(int(last - first) + 1, bool) for part in PARTS[:3]
    }  # a place a microsecond
    for name, cat, start, end in spans:
        part = (
            "communication"
            if name.startswith(("gloo:", "nccl"))
            else "data"
            if name == "data" and cat == "user_annotation"
            else "compute"
            if cat == computing and not name.startswith(("c10d::", "fsdp::"))
            else None
        )
        if part:
            busy[part][max(0, int(start - first)) : max(0, int(end - first))] = True
    compute = busy["compute"] & ~busy["data"]
    found = {
        "compute": compute.mean(),
        "communication": (busy["communication"] & ~compute & ~busy["data"]).mean(),
        "data": busy["data"].mean(),
    }
    return {part: float(found.get(part, 1 - sum(found.values()))) for part in PARTS}


def operators(profiled):
    table = []
    for e in profiled.key_averages():
        row = {
            "operator": e.key,
            "calls": e.count,
            "self_cpu_ms": e.self_cpu_time_total / 1e3,
            "total_cpu_ms": e.cpu_time_total / 1e3,
        }
        table.append(
            row
            | (
                {"self_device_ms": e.self_device_time_total / 1e3}
                if e.self_device_time_total
                else {}
            )
        )
    return sorted(table, key=lambda row: -row["self_cpu_ms"] - row.get("self_device_ms", 0))[
        :OPERATORS
    ]


def memory(events):
    held = sorted(
        (e["ts"], e["args"]["Total Allocated"]) for e in events if e.get("name") == "[memory]"
    )
    return [
        [round((at - held[0][0]) / 1e3, 3), size]
        for at, size in held[:: max(1, len(held) // MEMORY_POINTS)]
    ]


def step_seconds(step, sizes, ranks):
    """{rows: seconds of a step} on `rows` rows of a rank's own, for each of `sizes` in turn: the median of REPEATS, each as long as the
    slowest rank took, for which the others wait in training. step: function of rows. Every rank must call this with the same sizes:
    they compute at the same time."""
    found = {rows: [] for rows in sizes}
    for _ in range(REPEATS + 1):  # the first is a warm-up
        for rows in sizes:
            ranks.barrier()
            start = time.perf_counter()
            step(rows)
            ranks.synchronize()
            found[rows].append(time.perf_counter() - start)
    return {rows: statistics.median(ranks.largest(seconds[1:])) for rows, seconds in found.items()}


def collective_seconds(ranks):
    """{(operation, bytes): median seconds} of all_reduce (bytes: of the tensor), all_gather and reduce_scatter (bytes: of the whole,
    unsharded tensor), float32, of REPEATS; every rank must call this."""
    found = {}
    for size in SIZES:
        whole, part = (torch.ones(size // 4 // n, device=ranks.device) for n in (1, ranks.count))
        whole = whole[: len(part) * ranks.count]
        for name, run in (
            ("all_reduce", lambda: dist.all_reduce(whole)),
            ("all_gather", lambda: dist.all_gather_single(whole, part)),
            ("reduce_scatter", lambda: dist.reduce_scatter_single(part, whole)),
        ):
            seconds = []
            for _ in range(REPEATS + 1):
                ranks.barrier()
                start = time.perf_counter()
                run()
                ranks.synchronize()
                seconds.append(time.perf_counter() - start)
            whole.fill_(1), part.fill_(1)
            found[name, size] = statistics.median(seconds[1:])
    return found
