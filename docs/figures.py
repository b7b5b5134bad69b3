"""Tables of figures in README and docs, written from measured rows in docs/measurements/.

    python -m cogapp -I . -r README.md docs/*.md         # write them between their markers
    python -m cogapp -I . --check README.md docs/*.md    # fail where one is not what its rows say

docs/measurements/<run>/ holds metrics files as a data directory's metrics/ has them.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from common.metrics import as_frame
from common.report.formats import as_text

MEASUREMENTS = Path(__file__).parent / "measurements"


def measured(run: str) -> pd.DataFrame:
    """The metrics rows of a measured run, as `read_metrics` gives them."""
    rows = []
    for path in sorted((MEASUREMENTS / run).glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    return as_frame(rows)


def markdown(table: pd.DataFrame, columns: Mapping[str, str]) -> str:
    """Some columns of a table as Markdown, under headings of their own."""
    text = as_text(table[list(columns)])
    lines = [list(columns.values()), ["---"] * len(columns), *text.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def where(run: str) -> str:
    """When, with which commit and on what machine a run was measured, as a sentence."""
    last = measured(run).iloc[-1]
    return f"Measured on {last['at'][:10]} at commit {last['commit']}: {last['host']}.\n"


def run_times(metrics: pd.DataFrame) -> pd.DataFrame:
    """command, reviews, minutes and disk of whole runs of run_all.sh."""
    wide = metrics.pivot(index=["label.command", "label.data", "rows"], columns="name", values="value")
    table = wide.reset_index().sort_values("runs.seconds")
    kind = table["label.data"].map({"synthetic": "synthetic", "csv": "real"})
    return pd.DataFrame(
        {
            "command": "`" + table["label.command"] + "`",
            "reviews": [f"{rows:,.0f} {name}" for rows, name in zip(table["rows"], kind)],
            "minutes": [f"{s // 60:.0f} min {s % 60:02.0f} s" for s in table["runs.seconds"]],
            "disk": [f"{size / 1e6:,.0f} MB" for size in table["runs.bytes"]],
        }
    )
