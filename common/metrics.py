"""The one format in which every figure is kept.

A metrics row is {"step", "name", "value", "unit", "labels": {...}, "repeat", "rows", "data": "synthetic"|"csv", "seed",
"commit", "host", "versions", "at"}. Rows of a step lie in metrics/<step>.jsonl, which each run of the step replaces whole.
A figure that was not measured has no row; it is never 0.
"""

import importlib.metadata
import json
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

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
        """Keep one measurement. `value` is a number, `unit` its unit ("s", "bytes", "1" for ratios), labels say of what."""
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


def amdahl_serial_share(seconds):
    """The serial share s of least squares. seconds: {workers n: T(n)}, with n = 1 and at least one more; NaN otherwise. Below 0
    where n workers were more than n times as fast."""
    n, t = (np.array(values, float) for values in zip(*seconds.items()))
    ideal = 1 - 1 / n
    return (
        float((ideal * (t / seconds.get(1, np.nan) - 1 / n)).sum() / (ideal**2).sum())
        if ideal.any()
        else np.nan
    )
