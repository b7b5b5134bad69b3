"""The explorer's page about where the time goes within a step."""

import json
from pathlib import Path

import pandas as pd
import streamlit as st

from common.charts import speed as speed_charts
from common.charts.base import bars
from common.explorer.widgets import not_run, show_chart, show_table
from common.metrics import read_metrics
from common.report import speed_tables
from common.store import require


def profiles(data_dir, manifest):
    st.title("Profiles")
    steps = speed_tables.steps(read_metrics(data_dir))
    if len(steps):
        st.header("Time and peak memory by step")
        for column, chart in zip(st.columns(2), speed_charts.by_step(steps).values()):
            show_chart(chart, column)
        show_table(steps)
    st.header("Where the time goes within a step")
    folders = sorted(
        {path.parent for path in Path(data_dir, "profiles").rglob("*.*") if path.is_file()}
    )
    if not folders:
        return not_run("03_features.py --profile", data_dir, "Where the time goes.")
    names = [path.relative_to(Path(data_dir, "profiles")).as_posix() for path in folders]
    folder = require(
        data_dir, f"profiles/{st.selectbox('Profile', names, key='profile', bind='query-params')}"
    )
    calls, lines = folder / "cprofile.json", folder / "lines.txt"
    if calls.exists():
        table = pd.DataFrame(json.loads(calls.read_text(encoding="utf-8")))
        table.insert(
            0,
            "what",
            table["function"]
            + " ("
            + table["file"].map(lambda file: Path(file).name)
            + ":"
            + table["line"].astype(str)
            + ")",
        )
        show_chart(
            bars(
                table.nlargest(15, "own_seconds"),
                "own_seconds",
                "what",
                "Own time (cProfile)",
                "seconds",
            )
        )
        show_table(table.drop(columns=["file", "line", "function"]))
    if lines.exists():
        st.subheader("Line by line (line_profiler)")
        st.code(lines.read_text(encoding="utf-8"), language=None, height=500)
    for summary_file in sorted(folder.glob("*-rank*[0-9].json")):
        summary = json.loads(summary_file.read_text(encoding="utf-8"))
        st.subheader(f"Steps of {summary_file.stem.replace('-', ', ')} (torch.profiler)")
        table = pd.DataFrame(summary["operators"])
        left, right = st.columns(2)
        show_chart(
            bars(table.head(15), "self_cpu_ms", "operator", "Operators", "own CPU milliseconds"),
            left,
        )
        show_chart(
            speed_charts.memory(pd.DataFrame(summary["memory"], columns=["ms", "bytes"])), right
        )
        with st.expander("All operators"):
            show_table(table)
    for file in sorted({*folder.glob("*.trace.json.gz"), *folder.glob("*.html")}):
        what = "Dask report (a page)" if file.suffix == ".html" else "trace (open it in Perfetto)"
        st.download_button(
            f"Download {file.name.split('.')[0]}: {what}",
            file.read_bytes(),
            file_name=file.name,
            key=str(file),
            on_click="ignore",
        )
