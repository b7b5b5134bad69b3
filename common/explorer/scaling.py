"""The explorer's page about speed: what parallelism bought, and training on ranks, as the report
says it."""

from pathlib import Path

import streamlit as st

from common.explorer.widgets import not_run, show_chart, show_table
from common.metrics import read_metrics
from common.report import sections


def page(data_dir: Path) -> None:
    metrics = read_metrics(data_dir)
    for part in (sections.parallelism(data_dir, metrics), sections.training(metrics)):
        st.header(part.title)
        if not part.tables:
            not_run(part.commands[0].removeprefix("python "), data_dir, "These figures.")
            continue
        for chart in part.charts.values():
            show_chart(chart)
        st.markdown("\n".join(f"- {said}" for said in part.text))
        for caption, table in part.tables.items():
            show_table(table, f"{caption}.")
