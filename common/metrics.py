"""The one format in which every figure is kept, and what may be said of figures.

A metrics row is {"step", "name", "value", "unit", "labels": {...}, "repeat", "rows",
"data": "synthetic"|"csv", "seed", "reviews" (a hash of which), "commit", "host", "versions", "at"}.
Rows of a step lie in metrics/<step>.jsonl, which each run of the step replaces whole. A figure that
was not measured has no row; it is never 0.
"""

import hashlib
import importlib.metadata
import json
import math
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psutil
from joblib import cpu_count
from pandas import DataFrame

from common.store import published, publishing, read_json

PACKAGES = [
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
]
BOOTSTRAP_DRAWS = 2000


@cache
def environment() -> dict[str, Any]:
    """Where figures are taken: {"commit", "host", "versions"}.

    A commit ends in "+" when the working tree has changes; it is None outside a repository.
    """
    # Every tag is excluded: what is left to describe a commit by is its hash.
    describe = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        output = subprocess.check_output(
            describe, cwd=Path(__file__).parent, stderr=subprocess.DEVNULL, text=True, timeout=10
        )
        commit = output.strip()
    except (OSError, subprocess.SubprocessError):
        commit = None
    memory_gib = psutil.virtual_memory().total / 2**30
    machine = f"{platform.system()} {platform.machine()}"
    return {
        "commit": commit,
        "host": f"{machine}, {cpu_count()} cores, {memory_gib:.0f} GiB",
        "versions": {
            "python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in PACKAGES},
        },
    }


def reviews_hash(manifest: Mapping[str, Any]) -> str:
    """Which reviews a manifest is of: by their sources' contents and how many were loaded."""
    sources = [source["sha256"] for source in manifest.get("sources", ())]
    return hashlib.sha256(f"{sources} {manifest.get('loaded')}".encode()).hexdigest()[:16]


class Metrics:
    """The figures of one run of one step, written at its end.

    manifest: of the reviews that they are about, all of them unless a figure says how many; beside:
    a data directory whose published figures of this step and these reviews stay, but for those that
    are measured again.
    """

    def __init__(
        self, step: str, manifest: Mapping[str, Any], seed: int, beside: Path | None = None
    ) -> None:
        self.step = step
        self.rows: list[dict[str, Any]] = []
        self.common = {
            "step": step,
            "data": manifest["data"],
            "seed": seed,
            "rows": manifest.get("loaded"),
            "reviews": reviews_hash(manifest),
        }
        paths = published(beside, f"metrics/{step}.jsonl") if beside else ()
        self.earlier = _rows_of(paths, self.common["reviews"])

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        repeat: int = 0,
        rows: int | None = None,
        **labels: Any,
    ) -> None:
        """Keep one measurement; NaN, a figure that was not measured, leaves no row.

        `unit` is the value's ("s", "bytes", "1" for ratios); labels say what was measured.
        """
        if math.isnan(value):
            return
        self.rows.append(
            {
                **self.common,
                "name": name,
                "value": float(value),
                "unit": unit,
                "labels": labels,
                "repeat": repeat,
                "rows": self.common["rows"] if rows is None else int(rows),
                **environment(),
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )

    @contextmanager
    def optional(self, comparison: str) -> Iterator[None]:
        """Let a comparison fail: the reason is printed, and kept for the report."""
        try:
            yield
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            print(f"not measured: {comparison}: {reason}", file=sys.stderr)
            self.add("not_measured", 1, "1", comparison=comparison, reason=reason)

    @contextmanager
    def publishing(self, data_dir: Path, *names: str) -> Iterator[Path]:
        """Publish `names`, which are written to the folder that is yielded, and these figures, as
        metrics/<step>.jsonl of a data directory."""
        name = f"metrics/{self.step}.jsonl"
        with publishing(data_dir, *names, name) as staging:
            yield staging
            again = {_measured(row) for row in self.rows}
            rows = [row for row in self.earlier if _measured(row) not in again] + self.rows
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (staging / name).parent.mkdir(exist_ok=True)
            (staging / name).write_text(text, encoding="utf-8")

    def publish(self, data_dir: Path) -> None:
        """Publish these figures alone."""
        with self.publishing(data_dir):
            pass


def read_metrics(data_dir: Path) -> DataFrame:
    """All metrics rows about the reviews of a data directory, as of `read_rows`.

    Those about earlier reviews there are left out.
    """
    manifest = Path(data_dir, "manifest.json")
    reviews = reviews_hash(read_json(data_dir, manifest.name)) if manifest.exists() else None
    return read_rows(published(data_dir, "metrics/*.jsonl"), reviews)


def read_rows(paths: Sequence[Path], reviews: str | None = None) -> DataFrame:
    """All rows of metrics files, or those about some reviews (by their hash), with one column
    "label.<x>" per label."""
    rows = _rows_of(paths, reviews)
    if not rows:
        return DataFrame(
            columns=["step", "name", "value", "unit", "repeat", "rows", "data", "seed", "at"]
        )
    frame = DataFrame(rows)
    labels = DataFrame(frame["labels"].tolist(), index=frame.index).add_prefix("label.")
    return pd.concat([frame.drop(columns="labels"), labels], axis=1)


def _rows_of(paths: Sequence[Path], reviews: str | None) -> list[dict[str, Any]]:
    rows = [
        json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [row for row in rows if reviews in (None, row.get("reviews"))]


def _measured(row: dict[str, Any]) -> tuple[str, str]:
    """What a row is a measurement of, whichever repeat."""
    return row["name"], json.dumps(row["labels"], sort_keys=True)


class Verdict(NamedTuple):
    """How a variant compares with its baseline: the ratio of median seconds and its 95% interval.

    A ratio above 1 is a faster variant. `repeats` is of whichever was run less often; the interval
    is NaN below two.
    """

    ratio: float
    low: float
    high: float
    repeats: int

    @property
    def text(self) -> str:
        """The verdict in words, as in "1.5x faster (1.3 to 1.7)"."""
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


def verdict(baseline: Sequence[float], variant: Sequence[float]) -> Verdict:
    """Compare the seconds of two variants' repeats, which `profiling.interleave` takes.

    The interval is that of the percentile bootstrap for the ratio of medians (Efron and Tibshirani,
    "An Introduction to the Bootstrap", 1993, chapter 13), widened to hold that of Welch's t-test on
    the logarithms (Biometrika 34, 1947). The bootstrap alone sees a difference whenever no time of
    one lies among the other's: with three repeats, in a tenth of a thing's comparisons with itself.
    Together they see one in 3 to 4% under lognormal noise, with three repeats and with five.
    """
    repeats = min(len(baseline), len(variant))
    ratio = float(np.median(baseline) / np.median(variant)) if repeats else np.nan
    if repeats < 2:
        return Verdict(ratio, np.nan, np.nan, repeats)
    from scipy.stats import ttest_ind  # takes half a second to import

    rng = np.random.default_rng(0)
    medians = [
        np.median(rng.choice(seconds, (BOOTSTRAP_DRAWS, len(seconds))), axis=1)
        for seconds in (baseline, variant)
    ]
    drawn = np.percentile(np.divide(*medians), [2.5, 97.5])
    t_test = ttest_ind(np.log(baseline), np.log(variant), equal_var=False)
    welch = np.exp(t_test.confidence_interval(0.95))
    # fmin and fmax pass over Welch's NaN for times that are all equal.
    low, high = np.fmin(drawn[0], welch[0]), np.fmax(drawn[1], welch[1])
    return Verdict(ratio, float(low), float(high), repeats)


def amdahl_serial_share(seconds: Mapping[int, float]) -> float:
    """The serial share s of least squares in T(n) / T(1) = s + (1 - s) / n, from {workers n: T(n)}.

    Amdahl, AFIPS 1967. NaN where the law cannot hold: fewer than three points, none of them at one
    worker, more workers slower than one, or a share below 0.
    """
    if len(seconds) < 3 or not all(t < seconds.get(1, 0) for n, t in seconds.items() if n > 1):
        return np.nan
    n, t = np.array(list(seconds.items())).T
    ideal = 1 - 1 / n
    share = float(ideal @ (t / seconds[1] - 1 / n) / (ideal @ ideal))
    return share if share >= 0 else np.nan
