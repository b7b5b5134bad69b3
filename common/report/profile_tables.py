"""What profiles/ says, arranged to be read: flame graphs of threads, lanes of ranks."""

import gzip
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pandas import DataFrame

from common.metrics import verdict
from common.store import published
from common.training.timeline import Timeline, timeline

SIDES = {"driver": "main process", "workers": "Dask's workers"}
COSTLIEST = 5


def flames(data_dir: Path, name: str) -> dict[str, dict[str, Any]]:
    """{what ran: flame graph, as of `sampling.flame_graph`} of a profile."""
    graphs = {
        SIDES[file.stem]: json.loads(file.read_bytes())
        for file in published(data_dir, f"profiles/{name}/*.json")
        if file.stem in SIDES
    }
    return {side: graph for side, graph in graphs.items() if graph["bars"]}


def functions(data_dir: Path, metrics: DataFrame) -> DataFrame:
    """Where the time of the profiled steps went that these metrics are of: step, threads, seconds,
    and the functions with the most time of their own, with its share, as text."""
    rows = []
    for step in metrics["step"].unique():
        for side, graph in flames(data_dir, step).items():
            own = DataFrame(graph["bars"]).groupby("function")["own"].sum().nlargest(COSTLIEST)
            texts = [f"{name} {share:.0%}" for name, share in own.items() if share >= 0.005]
            rows.append((step, side, graph["seconds"], ", ".join(texts)))
    return DataFrame(rows, columns=["step", "threads", "seconds", "time_of_their_own"])


def timelines(data_dir: Path, name: str) -> dict[str, dict[int, Timeline]]:
    """{model: {rank: timeline}} of a launch's profile."""
    models: defaultdict[str, dict[int, Timeline]] = defaultdict(dict)
    for file in published(data_dir, f"profiles/{name}/*-rank*.trace.json.gz"):
        model, _, rank = file.name.split(".")[0].rpartition("-rank")
        models[model][int(rank)] = timeline(json.loads(gzip.decompress(file.read_bytes())))
    return dict(models)


def straggler(seconds: Mapping[int, Sequence[float]]) -> str:
    """Which rank the others wait for, from the compute seconds of each step of each rank.

    It is the slowest, where it can be told apart from the next slowest.
    """
    if len(seconds) < 2:
        return ""
    *_, next_slowest, slowest = sorted(seconds, key=lambda rank: np.median(seconds[rank]))
    compared = verdict(seconds[next_slowest], seconds[slowest])
    if not compared.high < 1:
        return "No rank computes longer than the others beyond noise."
    return f"Rank {slowest} is the straggler: than rank {next_slowest}, it is {compared.text}."
