"""This checkout against an older one, in turn on the same rows: load, features, one rank's epochs.

    python tests/bench_against.py ../older-checkout --rows 1531126
    python tests/bench_against.py ../older-checkout --csv reviews.csv --steps load --repeats 9

Prints the median of each, their ratio with its interval, and the peak of the memory that the
scripts saw themselves. --record FILE appends the repeats to a file in the format of metrics/.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from common.metrics import Metrics, verdict  # noqa: E402 - found through the line above

STEPS = {  # step -> the script's arguments, and the metric of its own seconds with its labels
    "load": (["01_load.py"], "load.seconds", {"engine": "blocks"}),
    "explore": (["02_eda.py"], "eda.seconds", {"part": "everything", "variant": "parallel"}),
    "features": (["03_features.py"], "features.seconds", {"part": "all", "variant": "parallel"}),
    "epoch": (
        ["05_gpu_train.py", "--model", "text", "--threads", "1", "--epochs", "4"],
        "train.epoch_seconds",
        {},
    ),
}


def run(checkout: Path, words: list[str]) -> None:
    done = subprocess.run([sys.executable, *words], cwd=checkout, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{checkout}: {' '.join(words)}\n{done.stderr[-2000:]}")


def figures(data: Path, step: str) -> tuple[float, float]:
    """Median seconds and most bytes that the step's own metrics hold."""
    words, name, labels = STEPS[step]
    rows = []
    for path in sorted(data.glob(f"metrics/{words[0][:-3]}*.jsonl")):
        rows += [json.loads(line) for line in path.read_text().splitlines()]
    seconds = [
        row["value"]
        for row in rows
        if row["name"] == name and labels.items() <= row["labels"].items()
    ]
    peaks = [row["value"] for row in rows if "peak_rss" in row["name"]]
    return statistics.median(seconds), max(peaks, default=float("nan"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("baseline", type=Path, help="a checkout of the older commit")
    parser.add_argument("--rows", type=int, default=100_000, help="synthetic reviews to write")
    parser.add_argument("--csv", type=Path, help="reviews to use instead")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=["load", "features", "epoch"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--record", type=Path, help="metrics file to append to")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        csv = args.csv or Path(folder, "reviews.csv")
        if not args.csv:
            rows = str(args.rows)
            run(HERE, ["-m", "common.synthetic", "--rows", rows, "--out", str(csv)])
        checkouts = {"baseline": args.baseline.resolve(), "this": HERE}
        data = {name: Path(folder, name) for name in checkouts}
        for name, checkout in checkouts.items():  # what later steps need, and a warm-up
            for step in ("load", "features") if args.steps != ["load"] else ("load",):
                extra = ["--csv", str(csv)] if step == "load" else []
                run(checkout, [*STEPS[step][0], *extra, "--data-dir", str(data[name])])
        metrics = Metrics(
            "against", {"data": "csv" if args.csv else "synthetic", "loaded": args.rows}, 42
        )
        for step in args.steps:
            seconds: dict[str, list[float]] = {name: [] for name in checkouts}
            peaks = dict(seconds)
            for repeat in range(args.repeats):
                for name, checkout in checkouts.items():
                    extra = ["--csv", str(csv)] if step == "load" else []
                    shutil.rmtree(data[name] / "metrics", ignore_errors=True)
                    run(checkout, [*STEPS[step][0], *extra, "--data-dir", str(data[name])])
                    value, peak = figures(data[name], step)
                    seconds[name].append(value)
                    peaks[name] = [*peaks[name], peak]
                    labels = {"part": step, "variant": name}
                    metrics.add("against.seconds", value, "s", repeat=repeat, **labels)
            result = verdict(seconds["baseline"], seconds["this"])
            medians = {name: statistics.median(values) for name, values in seconds.items()}
            print(
                f"{step}: baseline {medians['baseline']:.3f} s, this {medians['this']:.3f} s, "
                f"{medians['this'] / medians['baseline']:.3f}x of its time: {result.text}; memory "
                f"{max(peaks['baseline']) / 1e9:.2f} and {max(peaks['this']) / 1e9:.2f} GB",
                flush=True,
            )
    if args.record:
        with args.record.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in metrics.rows)


if __name__ == "__main__":
    main()
