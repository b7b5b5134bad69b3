"""Whether verdicts can be believed on this machine: a step against itself, and against one that was
slowed down by a fifth.

    python tests/bench_verdicts.py --data-dir data --record verdicts.jsonl    # after 01_load.py

Repeats as every comparison has them. At most 2 of 20 comparisons with itself should claim a
difference; the slower one should be found.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import dask

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common.eda.graph import explore
from common.metrics import Metrics, verdict
from common.profiling import interleave
from common.store import read_json

COMPARISONS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--record", type=Path, required=True, help="metrics file to write")
    args = parser.parse_args()
    paths = sorted((args.data_dir / "reviews").glob("*.parquet"))

    def step() -> None:
        with dask.config.set(scheduler="synchronous"):
            explore(paths, everything=False)

    def slowed() -> None:
        start = time.perf_counter()
        step()
        until = start + 1.2 * (time.perf_counter() - start)
        while time.perf_counter() < until:
            pass

    step()  # what is loaded first is no step's time
    claims: dict[str, int] = defaultdict(int)
    for _ in range(COMPARISONS):
        seconds = defaultdict(list)
        for way, _, value in interleave({"step": step, "itself": step, "a fifth slower": slowed}):
            seconds[way].append(value)
        for way in ("itself", "a fifth slower"):
            said = verdict(seconds["step"], seconds[way])
            claims[way] += said.high < 1 or (way == "itself" and said.low > 1)
    metrics = Metrics("verdicts", read_json(args.data_dir, "manifest.json"), 42)
    for way in ("itself", "a fifth slower"):
        print(f"{way}: {claims[way]} of {COMPARISONS} comparisons claim a difference")
        metrics.add("verdicts.claims", claims[way], "1", way=way, comparisons=COMPARISONS)
    args.record.parent.mkdir(parents=True, exist_ok=True)
    args.record.write_text("".join(json.dumps(row) + "\n" for row in metrics.rows))


if __name__ == "__main__":
    main()
