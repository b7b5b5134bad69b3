"""The exploration as one lazy Dask graph."""

from collections.abc import Sequence
from pathlib import Path

import dask
from dask.delayed import Delayed

from common.compute import compute
from common.eda.answers import Frames, all_answers
from common.eda.counts import count, merge
from common.eda.recount import plan, recount

MERGED_AT_ONCE = 8


def explore(paths: Sequence[Path], everything: bool = True) -> Frames:
    """The answers from the reviews' Parquet files, by name, counted on the active scheduler."""
    return compute([one_graph(paths, everything)], "exploring")[0]


def one_graph(paths: Sequence[Path], everything: bool) -> Delayed:
    """The answers as one delayed value: counts of a file a task, their sum, and again of what only
    the sum tells.
    """
    first = summed([dask.delayed(count)(path, everything) for path in paths])
    if not everything:
        return dask.delayed(all_answers)(first)
    planned = dask.delayed(plan)(first)
    again = summed([dask.delayed(recount)(path, planned) for path in paths])
    return dask.delayed(all_answers)(first, again, planned)


def summed(parts: list[Delayed]) -> Delayed:
    """Sums of MERGED_AT_ONCE files' tables, which are too large for the client."""
    while len(parts) > 1:
        parts = [
            dask.delayed(merge)(parts[first : first + MERGED_AT_ONCE])
            for first in range(0, len(parts), MERGED_AT_ONCE)
        ]
    return parts[0]
