"""The explorer's page about where the time goes within a step."""

import json
from pathlib import Path
from typing import Any

import streamlit as st
from pandas import DataFrame

from common.charts import speed as speed_charts
from common.charts.base import draw
from common.explorer.widgets import not_run, show_chart, show_charts, show_table
from common.metrics import read_metrics
from common.report import profile_tables, speed_tables
from common.store import require
from common.training.timeline import Timeline, compute_seconds, lanes


def page(data_dir: Path) -> None:
    steps = speed_tables.steps(read_metrics(data_dir))
    if len(steps):
        st.header("Time and peak memory by step")
        show_charts(speed_charts.by_step(steps).values())
        show_table(steps, "A step a row, all its processes together.")
    st.header("Where the time goes within a step")
    root = data_dir / "profiles"
    folders = sorted({path.parent for path in root.rglob("*.*") if path.is_file()})
    if not folders:
        return not_run("03_features.py --profile", data_dir, "Where the time goes.")
    names = [path.relative_to(root).as_posix() for path in folders]
    name = st.selectbox("Profile", names, key="profile", bind="query-params")
    folder = require(data_dir, f"profiles/{name}")
    show_flames(profile_tables.flames(data_dir, name))
    show_lanes(profile_tables.timelines(data_dir, name))
    memory, lines = folder / "memory.json", folder / "lines.txt"
    if memory.exists():
        show_chart(draw("memory_by_process", DataFrame(json.loads(memory.read_bytes()))))
    if lines.exists():
        st.subheader("Line by line (line_profiler)")
        st.code(lines.read_text(encoding="utf-8"), language=None, height=500)
    for summary in sorted(folder.glob("*-rank*[0-9].json")):
        st.subheader(f"Steps of {summary.stem.replace('-', ', ')} (torch.profiler)")
        show_steps(json.loads(summary.read_bytes()))
    for file in sorted({*folder.glob("*.trace.json.gz"), *folder.glob("*.html")}):
        what = "Dask report (a page)" if file.suffix == ".html" else "trace (open it in Perfetto)"
        st.download_button(
            f"Download {file.name.split('.')[0]}: {what}",
            file.read_bytes(),
            file_name=file.name,
            key=str(file),
            on_click="ignore",
        )


def show_flames(graphs: dict[str, dict[str, Any]]) -> None:
    """A flame graph of the main process, and one of Dask's workers."""
    for side, graph in graphs.items():
        bars = DataFrame(graph["bars"])
        waits = bars.loc[bars["kind"] == "waiting", "own"].sum()
        st.subheader(f"Flame graph: {side}")
        text = f"{graph['seconds']:,.1f} seconds in all"
        if waits >= 0.005:
            text += f", {waits:.0%} of them waiting for other threads and processes"
            if len(graphs) == 1:
                text += ", which are not sampled: joblib's, where it searches"
        st.write(f"{text}. A bar is a function, beneath the one that calls it.")
        show_chart(draw("flame", bars))


def show_lanes(models: dict[str, dict[int, Timeline]]) -> None:
    """What each rank did when, and who was slowest."""
    for model, ranks in models.items():
        st.subheader(f"Ranks side by side: {model}")
        seconds = {rank: compute_seconds(line) for rank, line in ranks.items()}
        st.write(profile_tables.straggler(seconds))
        show_chart(draw("lanes", lanes(ranks)))


def show_steps(summary: dict) -> None:
    """The operators of one rank's training steps, and the memory that they held."""
    operators = DataFrame(summary["operators"])
    memory = DataFrame(summary["memory"], columns=["ms", "bytes"])
    show_charts([draw("operators", operators.head(15)), draw("memory", memory)])
    with st.expander("All operators"):
        show_table(operators, "An operator a row.")
