"""What a first run takes: run_all.sh on synthetic and on real reviews, timed whole.

    python tests/bench_runs.py --csv reviews.csv --record docs/measurements/runs/runs.jsonl

Without --csv the run on real reviews is left out. Each command runs once, into a folder of its own,
whose metrics the tables of the docs are made of: --keep FOLDER leaves them there.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from common.metrics import Metrics  # noqa: E402 - found through the line above


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", type=Path, help="real reviews")
    parser.add_argument("--keep", type=Path, help="folder for the data directories")
    parser.add_argument("--record", type=Path, required=True, help="metrics file to write")
    args = parser.parse_args()
    commands = [("bash run_all.sh --quick", ["--quick"]), ("bash run_all.sh", [])]
    if args.csv:
        commands.append(("bash run_all.sh --csv ...", ["--csv", str(args.csv.resolve())]))
    metrics = Metrics("runs", {"data": "synthetic"}, 42)
    with tempfile.TemporaryDirectory() as temporary:
        for number, (command, words) in enumerate(commands):
            folder = Path(args.keep or temporary, f"run-{number}").resolve()
            start = time.perf_counter()
            run = ["bash", "run_all.sh", *words, "--data-dir", str(folder)]
            results = float("nan")  # until the report stands, before anything is compared
            with subprocess.Popen(run, cwd=HERE, stdout=subprocess.PIPE, text=True) as running:
                for line in running.stdout or ():
                    print(line, end="", flush=True)
                    if line.startswith("Results in "):
                        results = time.perf_counter() - start
            if running.returncode:
                raise SystemExit(f"{command} ended with {running.returncode}")
            seconds = time.perf_counter() - start
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            labels = {"command": command, "data": manifest["data"]}
            metrics.add("runs.seconds", seconds, "s", rows=manifest["loaded"], **labels)
            metrics.add("runs.results_seconds", results, "s", rows=manifest["loaded"], **labels)
            metrics.add("runs.bytes", size, "bytes", rows=manifest["loaded"], **labels)
    args.record.parent.mkdir(parents=True, exist_ok=True)
    args.record.write_text("".join(json.dumps(row) + "\n" for row in metrics.rows))


if __name__ == "__main__":
    main()
