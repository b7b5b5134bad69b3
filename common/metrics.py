"""The one format in which every figure is kept.

A metrics row is {"step", "name", "value", "unit", "labels": {...}, "repeat", "rows", "data": "synthetic"|"csv", "seed",
"commit", "host", "versions", "at"}. Rows of a step lie in metrics/<step>.jsonl, which each run of the step replaces whole.
A figure that was not measured has no row; it is never 0.
"""

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import psutil
from joblib import cpu_count

from common.store import published, publishing

PACKAGES = (
    "dask",
    "pandas",
    "pyarrow",
    "numpy",
    "scikit-learn",
    "xgboost",
    "torch",
    "joblib",
    "streamlit",
    "altair",
)
BOOTSTRAP_DRAWS = 2000


@cache
def environment():
    """Where figures were taken: {"commit", "host", "versions"}; commit ends in "+" when the working tree had changes."""
    here = Path(__file__).resolve().parent.parent

    def git(*words):
        try:
            done = subprocess.run(
                ["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD") or None
    if commit and git("status", "--porcelain", "--untracked-files=no"):
        commit += "+"
    memory_gib = psutil.virtual_memory().total / 2**30
    return {
        "commit": commit,
        "host": f"{platform.system()} {platform.machine()}, {cpu_count()} cores, {memory_gib:.0f} GiB",
        "versions": {
            "python": platform.python_version(),
            **{p: importlib.metadata.version(p) for p in PACKAGES},
        },
    }


class Metrics:
    """The figures of one run of one step, written at its end.

    `data` is "synthetic" or "csv"; `rows` the default number of reviews that a figure is about.
    """

    def __init__(self, step, data, seed, rows=None):
        self.step, self.rows = step, []
        self.common = {"step": step, "data": data, "seed": seed, "rows": rows}

    def add(self, name, value, unit, *, repeat=0, rows=None, **labels):
        """Keep one measurement. `value` is a number, `unit` its unit ("s", "bytes", "1" for ratios), labels say of what.
        NaN, a figure that was not measured, leaves no row."""
        if np.isnan(value):
            return
        row = {
            **self.common,
            "name": name,
            "value": float(value),
            "unit": unit,
            "labels": labels,
            "repeat": repeat,
        }
        if rows is not None:
            row["rows"] = int(rows)
        self.rows.append(
            {**row, **environment(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
        )

    def write(self, folder):
        """Write metrics/<step>.jsonl under `folder` (a staging folder, as a rule) and return its name there."""
        name = f"metrics/{self.step}.jsonl"
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
        return name

    def publish(self, data_dir):
        """Replace metrics/<step>.jsonl of a data directory."""
        with publishing(data_dir, f"metrics/{self.step}.jsonl") as staging:
            self.write(staging)


def read_metrics(data_dir):
    """All metrics rows of a data directory as a DataFrame: the row's columns, and one column "label.<x>" per label."""
    rows = []
    for path in published(data_dir, "metrics/*.jsonl"):
        with path.open(encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    if not rows:
        return pd.DataFrame(
            columns=["step", "name", "value", "unit", "repeat", "rows", "data", "seed", "at"]
        )
    frame = pd.DataFrame(rows)
    labels = pd.DataFrame(frame["labels"].tolist(), index=frame.index).add_prefix("label.")
    return pd.concat([frame.drop(columns="labels"), labels], axis=1)


class Verdict(NamedTuple):
    """How a variant compares with its baseline: ratio of median seconds (above 1: the variant is faster), 95% interval."""

    ratio: float
    low: float
    high: float
    repeats: int  # of whichever was run less often; the interval is NaN below two

    @property
    def text(self) -> str:
        if not self.repeats:
            return "not measured"
        if self.low <= 1 <= self.high:
            return "not told apart from noise"
        word, numbers = "faster", [self.ratio, self.low, self.high]
        if self.ratio < 1:
            word, numbers = "slower", [1 / self.ratio, 1 / self.high, 1 / self.low]
        digits = 2 if np.nanmin(numbers) < 1.2 else 1
        ratio, low, high = (f"{number:.{digits}f}" for number in numbers)
        return f"{ratio}x {word} ({'once' if self.repeats == 1 else f'{low} to {high}'})"


def verdict(baseline: Sequence[float], variant: Sequence[float], seed: int = 0) -> Verdict:
    """Compare seconds of repeats, which `profiling.interleave` takes.

    The interval is the percentile bootstrap's of the ratio of medians (Efron and Tibshirani, "An Introduction to the Bootstrap",
    1993, chapter 13), widened to that of Welch's t-test on the logarithms (Biometrika 34, 1947). The bootstrap alone says
    "different" whenever no time of one lies among the other's: with three repeats, one in ten comparisons of a thing with itself.
    Together they say it in 3 to 4%, with three repeats and with five. Where a single repeat is an outlier the t interval is wide.
    """
    repeats = min(len(baseline), len(variant))
    if not repeats:
        return Verdict(np.nan, np.nan, np.nan, 0)
    ratio = float(np.median(baseline) / np.median(variant))
    if repeats == 1:
        return Verdict(ratio, np.nan, np.nan, 1)
    from scipy.stats import ttest_ind  # takes half a second to import

    rng = np.random.default_rng(seed)
    medians = [
        np.median(rng.choice(seconds, (BOOTSTRAP_DRAWS, len(seconds))), axis=1)
        for seconds in (baseline, variant)
    ]
    drawn = np.percentile(medians[0] / medians[1], [2.5, 97.5])
    t_test = ttest_ind(np.log(baseline), np.log(variant), equal_var=False)
    welch = np.exp(t_test.confidence_interval(0.95))
    return Verdict(
        ratio, float(np.fmin(drawn[0], welch[0])), float(np.fmax(drawn[1], welch[1])), repeats
    )


def amdahl_serial_share(seconds: Mapping[int, float]) -> float:
    """The serial share s of least squares in T(n) / T(1) = s + (1 - s) / n (Amdahl, AFIPS 1967), from {workers n: T(n)}.

    NaN where the law cannot hold: fewer than three points, none of them at one worker, more workers that are slower than one, or a
    share outside 0 to 1.
    """
    if len(seconds) < 3 or not all(t < seconds.get(1, 0) for n, t in seconds.items() if n > 1):
        return np.nan
    n, t = (np.array(values, float) for values in zip(*seconds.items()))
    ideal = 1 - 1 / n
    share = float((ideal * (t / seconds[1] - 1 / n)).sum() / (ideal**2).sum())
    return share if 0 <= share <= 1 else np.nan
