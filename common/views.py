"""The explorer's pages about the run as a whole: what it found, what parallelism bought, and where the time went."""
import json
from pathlib import Path

import pandas as pd
import streamlit as st

from common.report import claims
from common.report import launches
from common.report import scaling
from common.report import tables
from common.charts import reviews as charts
from common.charts import speed as speed_charts
from common.store.artifacts import require
from common.metrics import read_metrics
from common.show import not_run, show_chart, show_table

RANKS = [2**k for k in range(7)]


def overview(data_dir, manifest):
    st.title("Smarter Netflix Predictions")
    st.write("Will a review have five stars, and how many stars? And at each step: what does parallelism buy, measured?")
    metrics, eda = read_metrics(data_dir), tables.eda_tables(data_dir)
    numbers = {"Reviews loaded": f"{manifest['loaded']:,}", "Records quarantined": f"{manifest['quarantined']:,}"}
    if eda:
        days = eda["cumulative"]["day"]
        numbers["Written"] = f"{days.min():%Y-%m} to {days.max():%Y-%m}"
        numbers["Five-star share"] = f"{eda['ratings'].set_index('review_rating')['share'].get(5, 0):.1%}"
    board = tables.leaderboard(data_dir, metrics, "five_star")
    if len(board) > 1:
        numbers["Best accuracy on test"] = f"{board['accuracy'][1]:.4f}"
        numbers["Majority class"] = f"{board['accuracy'][0]:.4f}"
    for columns, items in ((st.columns(3), list(numbers.items())[:3]), (st.columns(3), list(numbers.items())[3:])):
        for column, (label, value) in zip(columns, items):
            column.metric(label, value)
    if len(board) > 1:
        st.caption(f"Best by AUC on test: {board['model'][1]} on {board['features'][1]}, AUC {board['auc'][1]:.4f} (0.5 for the majority class).")
    st.header("Speed-ups at a glance")
    headlines = tables.headlines(metrics)
    if len(headlines):
        show_table(headlines)
        st.caption("Plain: pandas for loading, else the same code in one process. Original: the study's way on the same rows. Above 1x ours is faster; the page "
                   "Scaling has every repeat.")
    else:
        not_run("01_load.py --compare", data_dir, "The plain ways to compare with.")
    st.header("The original study's claims, and what was measured here")
    st.table(claims.compared(data_dir, metrics).set_index("step"))
    st.caption(claims.EVIDENCE)
    st.header("Where the reviews come from")
    st.write(f"{manifest['records']:,} records: {manifest['loaded']:,} loaded, {manifest['quarantined']:,} quarantined.")
    show_table(pd.DataFrame(manifest["sources"])[["name", "header_family", "bytes", "records", "sha256"]])
    if manifest["reasons"]:
        st.write("Why records were quarantined (one can have several reasons; its bytes are kept whole under quarantine/):")
        show_table(pd.DataFrame(manifest["reasons"].items(), columns=["reason", "records"]))
    sizes = tables.splits(metrics)
    if sizes:
        st.write("Splits: future is the newest tenth by time, unseen text the part of test whose text no training review has.")
        show_table(pd.DataFrame(sizes.items(), columns=["split", "reviews"]))


def what_parallelism_bought(data_dir, metrics):
    table = tables.parallel(metrics)
    st.header("What parallelism bought")
    st.write("Ratio: the baseline's median time divided by the variant's, in the same run. Above 1 the variant is faster.")
    if not len(table):
        return not_run("01_load.py", data_dir, "The first timings.")
    compared = tables.ratios(table)
    if len(compared):
        show_chart(speed_charts.ratios(compared))
    else:
        not_run("01_load.py --compare", data_dir, "The plain, serial ways to compare with.")
    show_table(table)
    st.caption(tables.WAYS)
    for title, found in (("The study's grids, searched its way and here", tables.searches(metrics)),
                         ("Share of each search that more workers do not shorten (Amdahl)", tables.serial_shares(metrics))):
        if len(found):
            st.subheader(title)
            show_table(found)


def scaling_page(data_dir, manifest):
    st.title("Scaling")
    metrics = read_metrics(data_dir)
    what_parallelism_bought(data_dir, metrics)
    st.header("Training NetflixNet on ranks")
    runs = launches.training(metrics)
    if not len(runs):
        return not_run("05_gpu_train.py", data_dir, "Training with one rank, DDP and FSDP.")
    show_table(runs)
    st.caption(launches.LAUNCHES)
    st.write(launches.original_network(metrics))
    draw_laws(metrics)
    for draw, table, title in ((speed_charts.step_loss, launches.loss_curves(metrics), "Loss on the same global batches"),
                               (speed_charts.step_shares, launches.step_shares(metrics), "Where a step's time goes")):
        models = list(table.groupby("model"))
        for column, (model, own) in zip(st.columns(max(2, len(models))), models):
            show_chart(draw(own).properties(title=f"{title}: {model}"), column)
    for caption, table in launches.scaling_study(metrics).items():
        if caption != launches.BEYOND:
            st.write(caption)
            show_table(table)


def draw_laws(metrics):
    """Measured points, the ideal and the fitted laws, and what they say of a number of ranks that can be moved."""
    runs = scaling.epochs(metrics)
    laws, beyond = scaling.laws(runs), scaling.beyond(metrics)
    if not len(laws):
        return
    st.subheader("More ranks")
    names = [f"{law.model}, {law.strategy}, {law.threads_per_rank:.0f} threads a rank, batches of {law.global_batch:,.0f}" for law in laws.itertuples()]
    left, right = st.columns(2)
    law = laws.iloc[names.index(left.selectbox("Fitted to", names, index=next((i for i, name in enumerate(names) if name.startswith("text, ddp")), 0)))]
    ranks = right.select_slider("What if there were so many ranks?", RANKS, value=4, key="ranks", bind="query-params")
    points = scaling.speed_ups(runs, law["model"], law["strategy"], law["threads_per_rank"], law["global_batch"])
    curves = scaling.law_curves(law, RANKS)
    show_chart(speed_charts.laws(points, curves, f"{law['model']}, {law['strategy']}: measured and fitted"), left)
    if len(beyond):
        show_chart(speed_charts.beyond(beyond), right)
    own = curves[curves["ranks"] == ranks]
    found = pd.concat([own.assign(source=own["law"]), beyond[beyond["ranks"] == ranks].assign(source=beyond["network"], low=float("nan"), high=float("nan"))]
                      if len(beyond) else [own.assign(source=own["law"])])
    show_table(found.assign(efficiency=found["speed_up"] / ranks)[["source", "ranks", "speed_up", "low", "high", "efficiency"]], placeholder="")
    st.caption("Orange: measured medians, from the slowest to the fastest epoch. Amdahl's band is the law's 95% interval. Both laws were fitted on this machine; the "
               "networks are assumptions, with this machine's compute.")


def profiles(data_dir, manifest):
    st.title("Profiles")
    steps = tables.steps(read_metrics(data_dir))
    if len(steps):
        st.header("Time and peak memory by step")
        for column, chart in zip(st.columns(2), speed_charts.by_step(steps).values()):
            show_chart(chart, column)
        show_table(steps)
    st.header("Where the time goes within a step")
    folders = sorted({path.parent for path in Path(data_dir, "profiles").rglob("*.*") if path.is_file()})
    if not folders:
        return not_run("03_features.py --profile", data_dir, "Where the time goes.")
    names = [path.relative_to(Path(data_dir, "profiles")).as_posix() for path in folders]
    folder = require(data_dir, f"profiles/{st.selectbox('Profile', names, key='profile', bind='query-params')}")
    calls, lines = folder / "cprofile.json", folder / "lines.txt"
    if calls.exists():
        table = pd.DataFrame(json.loads(calls.read_text(encoding="utf-8")))
        table.insert(0, "what", table["function"] + " (" + table["file"].map(lambda file: Path(file).name) + ":" + table["line"].astype(str) + ")")
        show_chart(charts.bars(table.nlargest(15, "own_seconds"), "own_seconds", "what", "Own time (cProfile)", "seconds"))
        show_table(table.drop(columns=["file", "line", "function"]))
    if lines.exists():
        st.subheader("Line by line (line_profiler)")
        st.code(lines.read_text(encoding="utf-8"), language=None, height=500)
    for summary_file in sorted(folder.glob("*-rank*[0-9].json")):
        summary = json.loads(summary_file.read_text(encoding="utf-8"))
        st.subheader(f"Steps of {summary_file.stem.replace('-', ', ')} (torch.profiler)")
        table = pd.DataFrame(summary["operators"])
        left, right = st.columns(2)
        show_chart(charts.bars(table.head(15), "self_cpu_ms", "operator", "Operators", "own CPU milliseconds"), left)
        show_chart(speed_charts.memory(pd.DataFrame(summary["memory"], columns=["ms", "bytes"])), right)
        with st.expander("All operators"):
            show_table(table)
    for file in sorted({*folder.glob("*.trace.json.gz"), *folder.glob("*.html")}):
        what = "Dask report (a page)" if file.suffix == ".html" else "trace (open it in Perfetto)"
        st.download_button(f"Download {file.name.split('.')[0]}: {what}", file.read_bytes(), file_name=file.name, key=str(file), on_click="ignore")
