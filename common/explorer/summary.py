"""The explorer's first page: the answers in three sentences, and whose reviews they are about."""

from pathlib import Path

import streamlit as st
from pandas import DataFrame

from common.charts.time import by_time
from common.explorer.filters import link
from common.explorer.loaded import load
from common.explorer.timeline import means, show_over_time
from common.explorer.widgets import not_run, plain, show_table
from common.loading import quarantine_sentence
from common.metrics import read_metrics
from common.report.summary import sentences
from common.report.tables import eda_tables
from common.store import read_json

OVER_TIME = {"reviews_by_time": "Reviews over time", "rating_by_time": "Mean rating over time"}


def page(data_dir: Path) -> None:
    manifest, eda = read_json(data_dir, "manifest.json"), load(eda_tables, data_dir)
    said = sentences(data_dir, read_metrics(data_dir), eda)
    for sentence in said:
        with st.container(border=True):
            st.markdown(plain(sentence.text))
            link(sentence.page, f"More on the page {sentence.page}")
    if "Models" not in {sentence.page for sentence in said}:
        not_run("04_cpu_models.py", data_dir, "How well models predict five stars.")
    text = quarantine_sentence(manifest)
    if eda:
        days = eda["health"].set_index("day")
        stars = days["mean_rating"].fillna(0) * days["reviews"]
        table = by_time(days[["reviews"]].assign(stars=stars))
        show_over_time(OVER_TIME, means(table), eda)
        text += f" They were written from {days.index[0]:%Y-%m-%d} to {days.index[-1]:%Y-%m-%d}."
    else:
        not_run("02_eda.py", data_dir, "How ratings move, and what stands out.")
    st.header("Whose reviews these are")
    st.write(text)
    sources = DataFrame(manifest["sources"])[["name", "records", "bytes", "ids", "sha256"]]
    show_table(sources, "A file a row, as it was loaded.")
