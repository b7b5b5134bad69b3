"""The explorer's pages: each takes (data_dir, manifest) and draws. Text written by reviewers is never rendered as Markdown."""
import json
import tempfile
from datetime import datetime, time
from pathlib import Path

import altair as alt
import pandas as pd
import streamlit as st

from common import charts, claims, launches, tables
from common.artifacts import InputError, require
from common.measure import read_metrics
from common.models import read_cards
from common.predict import Predictor, one_review, write_scores

SEPARATE = 3  # charts side by side on a wide screen; Streamlit stacks them on a narrow one


def not_run(script, data_dir, what):
    """Say what is missing and which command makes it."""
    st.info(f"{what} Not run yet; this makes it:", icon=":material/hourglass_empty:")
    st.code(f"python {script} --data-dir {data_dir}", language="bash")


def show_table(table, **options):
    st.dataframe(tables.as_text(table), hide_index=True, width="stretch", **options)


def show_chart(chart, where=st):
    """Draw a chart as wide as there is room, and as high as it says: Streamlit would take titles and legends from its height."""
    where.altair_chart(chart.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding")), width="stretch")


def overview(data_dir, manifest):
    st.title("Smarter Netflix Predictions")
    st.write("Will a review have five stars, and how many stars? And at each step: what does parallelism buy, measured?")
    metrics = read_metrics(data_dir)
    numbers = {"Reviews loaded": f"{manifest['loaded']:,}", "Records quarantined": f"{manifest['quarantined']:,}"}
    eda = tables.eda_tables(data_dir)
    if eda:
        numbers["Five-star share"] = f"{eda['ratings'].set_index('review_rating')['share'].get(5, 0):.1%}"
    board = tables.leaderboard(data_dir, metrics, "five_star")
    if len(board) > 1:
        numbers["Best accuracy on test"] = f"{board['accuracy'][1]:.4f}"
        numbers["Majority class"] = f"{board['accuracy'][0]:.4f}"
    for column, (label, value) in zip(st.columns(len(numbers)), numbers.items()):
        column.metric(label, value)
    st.subheader("The original study's claims, and what was measured here")
    st.table(claims.compared(data_dir, metrics).set_index("step"))
    st.caption("Each figure's baseline stands beside it on the pages Models and Scaling.")


def data(data_dir, manifest):
    st.title("Data")
    st.write(f"{manifest['records']:,} records: {manifest['loaded']:,} loaded, {manifest['quarantined']:,} quarantined.")
    show_table(pd.DataFrame(manifest["sources"])[["name", "header_family", "bytes", "records", "sha256"]])
    if manifest["reasons"]:
        st.subheader("Why records were quarantined")
        st.write("A record can have several reasons. Its bytes are kept whole under quarantine/.")
        show_table(pd.DataFrame(manifest["reasons"].items(), columns=["reason", "records"]))
    sizes = tables.splits(read_metrics(data_dir))
    if sizes:
        st.subheader("Splits")
        show_table(pd.DataFrame(sizes.items(), columns=["split", "reviews"]))
    st.subheader("What the reviews look like")
    eda = tables.eda_tables(data_dir)
    if not eda:
        return not_run("02_eda.py", data_dir, "What the reviews look like.")
    drawn = list(charts.eda_charts(eda).values())
    for at in range(0, len(drawn), SEPARATE):
        for column, chart in zip(st.columns(SEPARATE), drawn[at:at + SEPARATE]):
            show_chart(chart, column)
    st.subheader("Most liked reviews")
    st.dataframe(eda["most_liked"][["review_likes", "review_rating", "review_timestamp", "review_text"]], hide_index=True, width="stretch")
    st.subheader("Texts written most often")
    st.write(tables.repeats_sentence(eda["repeats"]))
    st.dataframe(eda["repeated_texts"], hide_index=True, width="stretch")


def models(data_dir, manifest):
    st.title("Models")
    metrics = read_metrics(data_dir)
    boards = {task: tables.leaderboard(data_dir, metrics, task) for task in tables.SCORES}
    if not any(map(len, boards.values())):
        return not_run("04_cpu_models.py", data_dir, "The models and their scores.")
    for task, title in (("five_star", "Will a review have five stars?"), ("rating", "How many stars?")):
        if not len(boards[task]):
            continue
        st.subheader(title)
        score = st.segmented_control("Score on the chart", tables.SCORES[task], default=tables.SCORES[task][0], required=True, key=f"score-{task}")
        show_table(boards[task])
        st.caption("The first row is what a model must beat; one that does not is shown as not learning. The chart's dashed line is that row.")
        show_chart(charts.leaderboard(boards[task].assign(value=boards[task][score]), f"{score} on test", title))
    st.subheader("Metadata features")
    st.write("Chosen on the training reviews by mutual information with five stars (in nats).")
    scores = pd.read_parquet(require(data_dir, "features/scores.parquet"))
    show_chart(charts.feature_scores(scores))
    unequal = tables.imbalance(metrics)
    if len(unequal):
        st.subheader("Unequal classes")
        st.write(tables.imbalance_sentence(unequal))
        show_table(unequal)
    with st.expander("How each model was trained"):
        for name, card in read_cards(data_dir).items():
            st.code(f"{name}: {json.dumps({key: card[key] for key in ('params', 'rows', 'validation', 'sha256')})}", language=None, wrap_lines=True)
    texts = sorted(Path(data_dir, "models").glob("*/card.md"))
    if texts:
        chosen = st.selectbox("Model card", texts, format_func=lambda path: path.parent.name)
        st.markdown(chosen.read_text(encoding="utf-8").replace("# ", "#### "))


def scaling(data_dir, manifest):
    st.title("Scaling")
    metrics = read_metrics(data_dir)
    table = tables.parallel(metrics)
    st.subheader("What parallelism bought")
    st.write("Ratio: the baseline's median time divided by the variant's, in the same run. Above 1 the variant is faster.")
    if len(table):
        compared = tables.ratios(table)
        if len(compared):
            show_chart(charts.ratios(compared))
        else:
            not_run("01_load.py --compare", data_dir, "The plain, serial ways to compare with.")
        show_table(table)
        st.caption(tables.WAYS)
        for title, found in (("The study's grids, searched its way and here", tables.searches(metrics)),
                             ("Share of each search that more workers do not shorten (Amdahl)", tables.serial_shares(metrics))):
            if len(found):
                st.subheader(title)
                show_table(found)
    else:
        not_run("01_load.py", data_dir, "The first timings.")
    st.subheader("Training NetflixNet on ranks")
    runs = launches.training(metrics)
    if not len(runs):
        return not_run("05_gpu_train.py", data_dir, "Training with one rank, DDP and FSDP.")
    show_table(runs)
    st.caption(launches.LAUNCHES)
    st.write(launches.original_network(metrics))
    for draw, table, title in ((charts.step_loss, launches.loss_curves(metrics), "Loss on the same global batches"),
                               (charts.step_shares, launches.step_shares(metrics), "Where a step's time goes")):
        models = list(table.groupby("model"))
        for column, (model, own) in zip(st.columns(max(2, len(models))), models):
            show_chart(draw(own).properties(title=f"{title}: {model}"), column)
    for caption, table in launches.scaling_study(metrics).items():
        st.write(caption)
        if caption == launches.BEYOND:
            show_chart(charts.beyond(table))
        show_table(table)


def profiles(data_dir, manifest):
    st.title("Profiles")
    folders = sorted({path.parent for path in Path(data_dir, "profiles").rglob("*.*") if path.is_file()})
    if not folders:
        return not_run("03_features.py --profile", data_dir, "Where the time goes.")
    folder = st.selectbox("Profile", folders, format_func=lambda path: str(path.relative_to(Path(data_dir, "profiles"))))
    calls, lines = folder / "cprofile.json", folder / "lines.txt"
    if calls.exists():
        table = pd.DataFrame(json.loads(calls.read_text(encoding="utf-8")))
        table.insert(0, "what", table["function"] + " (" + table["file"].map(lambda file: Path(file).name) + ":" + table["line"].astype(str) + ")")
        show_chart(charts.bars(table.nlargest(15, "own_seconds"), "own_seconds", "what", "Own time (cProfile)", "seconds"))
        st.dataframe(table.drop(columns=["file", "line", "function"]), hide_index=True, width="stretch")
    if lines.exists():
        st.subheader("Line by line (line_profiler)")
        st.code(lines.read_text(encoding="utf-8"), language=None)
    for steps in sorted(folder.glob("*-rank*[0-9].json")):
        summary = json.loads(steps.read_text(encoding="utf-8"))
        st.subheader(f"Steps of {steps.stem.replace('-', ', ')} (torch.profiler)")
        table = pd.DataFrame(summary["operators"])
        left, right = st.columns(2)
        show_chart(charts.bars(table.head(15), "self_cpu_ms", "operator", "Operators", "own CPU milliseconds"), left)
        show_chart(charts.memory(pd.DataFrame(summary["memory"], columns=["ms", "bytes"])), right)
        with st.expander("All operators"):
            st.dataframe(table, hide_index=True, width="stretch")
    for file in sorted({*folder.glob("*.trace.json.gz"), *folder.glob("*.html")}):
        what = "Dask report (a page)" if file.suffix == ".html" else "trace (open it in Perfetto)"
        st.download_button(f"Download {file.name.split('.')[0]}: {what}", file.read_bytes(), file_name=file.name, key=str(file))


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def load_predictor(data_dir, model, stamp):
    """A Predictor, kept until the artifacts that `stamp` stands for change."""
    return Predictor(data_dir, model)


def stamp_of(data_dir):
    files = [Path(data_dir) / "features" / "transformer.json", *sorted(Path(data_dir, "models").glob("*/card.json"))]
    return tuple((path.parent.name, path.stat().st_mtime_ns) for path in files if path.exists())


def predict(data_dir, manifest):
    st.title("Predict")
    cards = read_cards(data_dir)
    names = [name for name, card in cards.items() if card["task"] == "five_star"]
    if not names or not any(card["task"] == "rating" for card in cards.values()):
        return not_run("04_cpu_models.py", data_dir, "The models that score a review.")
    model = st.selectbox("Model", names, help="Best validation AUC first")
    predictor = load_predictor(data_dir, model, stamp_of(data_dir))
    text = st.text_area("Review", placeholder="Write a review", max_chars=10_000)
    left, middle, right = st.columns(3)
    likes = left.number_input("Likes", min_value=0, max_value=1_000_000, value=0)
    version = middle.text_input("App version", placeholder="8.120.0 build 10 50712")
    day = right.date_input("Written on", value=None)
    if text.strip():
        moment = datetime.combine(day, time(12)) if day else None
        found = predictor.score(one_review(text, likes, version.strip() or None, moment)).iloc[0]
        first, second = st.columns(2)
        first.metric("Probability of five stars", f"{found['p_five_star']:.1%}")
        first.progress(float(found["p_five_star"]))
        second.metric("Predicted rating", f"{found['predicted_rating']:.2f} of 5 stars")
        second.progress((float(found["predicted_rating"]) - 1) / 4)
    st.subheader("Score a whole export")
    upload = st.file_uploader("CSV with the columns that 01_load.py accepts; ratings are not needed", type=["csv", "gz"])
    if upload is not None and st.button("Score it"):
        with tempfile.TemporaryDirectory() as folder, st.spinner("Scoring"):
            source, out = Path(folder) / "reviews.csv", Path(folder) / "scores.csv"
            source.write_bytes(upload.getbuffer())
            try:
                records, unreadable = write_scores(source, out, predictor)
            except InputError as error:
                st.error("The file cannot be scored:")
                return st.text(str(error).replace(str(source), upload.name))
            st.write(f"{records:,} records scored; {unreadable:,} could not be read (see their reason).")
            st.download_button("Download the scores", out.read_bytes(), file_name="scores.csv", mime="text/csv")
