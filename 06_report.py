"""Write the report from what earlier scripts saved: one self-contained HTML page, and the same as Markdown.

    python 06_report.py --data-dir data
    python 06_report.py --data-dir data --mlflow sqlite:///mlflow.db    # also logs runs, models and files to MLflow

Published: report/index.html (charts inside, no network needed), report/report.md with its charts beside it as SVG files. A part
whose script has not run says so; a figure that was not measured is called that, never 0.
"""

import base64
import html
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common import cli
from common.charts import models as model_charts
from common.charts import reviews as charts
from common.charts import speed as speed_charts
from common.metrics import read_metrics
from common.report import claims, formats, launches, model_tables, scaling, speed_tables, tables
from common.report.tracking import log_run
from common.store import locked, published, publishing, read_json
from common.synthetic import NOTICE

QUESTION = (
    "Will a review of the Netflix app have five stars, and how many stars will it have? And at each step on the way, from loading to training: what "
    "does parallelism buy on this machine? Each figure stands beside its baseline: the majority class or the mean rating for a model, the plain, "
    "serial way or the original study's for a time."
)
MEASURED = {  # section -> the metrics that its figures are
    "Data": "load.records, load.quarantined, features.rows; manifest.json",
    "What the reviews look like": "eda/*.parquet",
    "Models": "model.accuracy and the other scores of model.*, their _low and _high; features/scores.parquet",
    "What parallelism bought": "load.seconds, eda.seconds, features.seconds, model.search_seconds, model.serial_share",
    "Training NetflixNet on ranks": "train.epoch_seconds, train.step_loss, train.step_share, train.step_seconds, train.collective_seconds, "
    "train.state_bytes_per_rank, train.peak_rss_bytes_per_rank",
    "Profiles": "load.peak_rss_bytes, eda.peak_rss_bytes, features.peak_rss_bytes, models.peak_rss_bytes, train.peak_rss_bytes_per_rank; profiles/",
}
TOP_CALLS = 5
PADDING = {
    "left": 30,
    "right": 20,
    "top": 5,
    "bottom": 5,
}  # a reader's font can be wider than the one that was measured
COMPARED = [
    f"{script} --compare"
    for script in ("01_load.py", "02_eda.py", "03_features.py", "04_cpu_models.py")
]
STYLE = """
:root { color-scheme: light; --line: #d8dce2; --soft: #f5f6f8; --ink: #1c232d; --mark: #0072B2 }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); max-width: 1080px; margin: 0 auto; padding: 1.5rem 1.25rem 4rem }
h1 { line-height: 1.2; margin-bottom: .2rem } h2 { margin-top: 2.6rem; border-bottom: 2px solid var(--mark); padding-bottom: .2rem }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem } a { color: var(--mark) }
.made { background: #fff3d6; border-left: 5px solid #E69F00; padding: .7rem 1rem; margin: 1rem 0 }
.scroll { overflow-x: auto; margin: 1rem 0 } table { border-collapse: collapse; font-size: .88rem }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem } th { background: var(--soft); text-align: left; vertical-align: bottom }
th.number { text-align: right }
th, td { border-bottom: 1px solid var(--line); padding: .32rem .7rem; vertical-align: top; min-width: 3.5rem }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } td.long { min-width: 13rem }
.charts { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem } .charts img { max-width: 100%; height: auto }
code { background: var(--soft); padding: .1rem .35rem; border-radius: 4px; overflow-wrap: anywhere } .command { color: #55606e; font-size: .9rem }
@media print { body { max-width: none; font-size: 11px; padding: 0 } nav { display: none } .scroll { overflow: visible } table { font-size: 8px }
  h2 { break-after: avoid } tr, img { break-inside: avoid } th, td { min-width: 0; padding: .2rem .3rem } td.long { min-width: 6rem } .charts img { max-width: 48% } }
"""


@dataclass
class Section:
    """A part of the report: text paragraphs, captioned tables {caption: DataFrame}, charts {name: altair chart}, and the
    names of the scripts, with their flags, that reproduce its figures."""

    title: str
    text: list
    tables: dict
    charts: dict
    scripts: list


def data_section(manifest, metrics, eda):
    names = ["name", "header_family", "bytes", "records", "sha256"]
    text = [
        f"{manifest['records']:,} records were read: {manifest['loaded']:,} loaded, {manifest['quarantined']:,} quarantined whole, with "
        "their reasons."
    ]
    if eda:
        days = eda["cumulative"]["day"]
        text.append(
            f"The loaded reviews were written from {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}."
        )
    sources = pd.DataFrame(manifest["sources"])[names]
    found = {"Sources": sources.assign(sha256=sources["sha256"].str[:16] + "...")}
    if manifest["reasons"]:
        found["Quarantined records by reason (a record can have several)"] = pd.DataFrame(
            manifest["reasons"].items(), columns=["reason", "records"]
        )
    sizes = tables.splits(metrics)
    if sizes:
        text.append(
            "Future is the newest tenth by time; a hash of the review id puts a fifth of the rest into test. Unseen text is the "
            "part of test whose text occurs in no training review. Nothing is fitted on any of them."
        )
        found["Splits"] = pd.DataFrame(sizes.items(), columns=["split", "reviews"])
    return Section("Data", text, found, {}, ["01_load.py"])


def eda_section(eda):
    if not eda:
        return Section("What the reviews look like", [not_run("02_eda.py")], {}, {}, ["02_eda.py"])
    liked = eda["most_liked"][["review_likes", "review_rating", "review_timestamp", "review_text"]]
    found = {"Most liked reviews": liked, "Texts written most often": eda["repeated_texts"]}
    return Section(
        "What the reviews look like",
        [tables.repeats_sentence(eda["repeats"])],
        found,
        charts.eda_charts(eda),
        ["02_eda.py"],
    )


def models_section(data_dir, metrics):
    text, found, drawn = [], {}, {}
    for task, title, unit in (
        ("five_star", "Will a review have five stars?", "AUC on test"),
        ("rating", "How many stars?", "RMSE on test"),
    ):
        board = model_tables.leaderboard(data_dir, metrics, task)
        if not len(board):
            text.append(f"{title} {not_run('04_cpu_models.py')}")
            continue
        found[f"{title} Scores on test; the first row is what a model must beat"] = board
        score = "auc" if task == "five_star" else "rmse"
        drawn[f"leaderboard_{task}"] = model_charts.leaderboard(
            board.assign(value=board[score]), unit, title
        )
    for path in published(data_dir, "features/scores.parquet"):
        drawn["feature_scores"] = model_charts.feature_scores(pd.read_parquet(path))
    unequal = model_tables.imbalance(metrics)
    if len(unequal):
        text.append(model_tables.imbalance_sentence(unequal))
        found["Unequal classes: what to do about them, on rows of train out of fold"] = unequal
    if len(found):
        text.append(
            "Metadata is length, time, version and form of a review; all adds its words and characters. The dashed line is the "
            "baseline. Each model was tuned on folds of the training split, "
            "never on test. Intervals are of 95%; behind best is how far the model with the best validation is ahead, row by row."
        )
    return Section("Models", text, found, drawn, ["04_cpu_models.py"])


def parallel_section(metrics):
    table = speed_tables.parallel(metrics)
    text = [
        "Each ratio is the baseline's median time divided by the variant's, on the same rows in the same run: above 1 the variant is "
        "faster. A part without its baseline was not compared; --compare measures it.",
        speed_tables.WAYS,
    ]
    if not len(table):
        return Section("What parallelism bought", [not_run("01_load.py")], {}, {}, COMPARED)
    ratios, drawn = speed_tables.ratios(table), {}
    if len(ratios):
        drawn["ratios"] = speed_charts.ratios(ratios)
    found, shares = {"Seconds by step": table}, speed_tables.serial_shares(metrics)
    searched = speed_tables.searches(metrics)
    if len(searched):
        found[
            "The study's grids: searched its way on its columns, and by fits that serve several cells (seconds, times as fast, AUC or RMSE)"
        ] = searched
    if len(shares):
        found["Share of each search that more workers do not shorten (Amdahl's law, fitted)"] = (
            shares
        )
    return Section("What parallelism bought", text, found, drawn, COMPARED)


def training_section(metrics):
    table = launches.training(metrics)
    if not len(table):
        return Section(
            "Training NetflixNet on ranks",
            [not_run("05_gpu_train.py")],
            {},
            {},
            ["05_gpu_train.py"],
        )
    text = [launches.LAUNCHES, *filter(None, [launches.original_network(metrics)])]
    losses, shares, drawn = launches.loss_curves(metrics), launches.step_shares(metrics), {}
    for model, own in losses.groupby("model"):
        drawn[f"loss_{model}"] = speed_charts.step_loss(own).properties(
            title=f"Loss on the same global batches: {model}"
        )
    for model, own in shares.groupby("model"):
        drawn[f"step_{model}"] = speed_charts.step_shares(own).properties(
            title=f"Where a step's time goes: {model}"
        )
    found = {"Launches": table} | launches.scaling_study(metrics)
    runs = scaling.epochs(metrics)
    for law in (
        law
        for _, law in scaling.laws(runs).iterrows()
        if (law["model"], law["strategy"]) == ("text", "ddp")
    ):
        points = scaling.speed_ups(
            runs, "text", "ddp", law["threads_per_rank"], law["global_batch"]
        )
        title = f"DDP, batches of {law['global_batch']:,.0f}: measured and fitted"
        drawn[f"laws_{law['threads_per_rank']:.0f}_{law['global_batch']:.0f}"] = speed_charts.laws(
            points, scaling.law_curves(law, [1, 2, 4, 8]), title
        )
    if launches.BEYOND in found:
        drawn["beyond"] = speed_charts.beyond(found[launches.BEYOND])
    ranks = [
        f"torchrun --nproc-per-node 2 05_gpu_train.py --strategy {strategy}"
        for strategy in ("ddp", "fsdp")
    ]
    return Section(
        "Training NetflixNet on ranks", text, found, drawn, ["05_gpu_train.py --compare", *ranks]
    )


def profiles_section(data_dir, metrics):
    steps, found = speed_tables.steps(metrics), {}
    if not len(steps):
        return Section("Profiles", [not_run("01_load.py")], {}, {}, ["01_load.py"])
    found[
        "Time and peak memory, summed over a script's processes (training: seconds of all epochs, bytes of a rank)"
    ] = steps
    calls = []
    for file in published(data_dir, "profiles/*/cprofile.json"):
        table = pd.DataFrame(json.loads(file.read_text(encoding="utf-8"))).nlargest(
            TOP_CALLS, "own_seconds"
        )
        calls.append(
            table.assign(
                step=file.parent.name,
                where=table["file"].map(lambda name: Path(name).name)
                + ":"
                + table["line"].astype(str),
            )
        )
    text = [] if calls else ["Which functions take the time was not profiled: --profile does so."]
    if calls:
        found[
            "Functions that took most time of their own (cProfile, main process; what waits for workers is waiting)"
        ] = pd.concat(calls)[
            ["step", "function", "where", "calls", "own_seconds", "cumulative_seconds"]
        ]
    operators = []
    for file in published(data_dir, "profiles/05_gpu_train/*/*-rank0.json"):
        table = pd.DataFrame(json.loads(file.read_text(encoding="utf-8"))["operators"][:TOP_CALLS])
        operators.append(table.assign(launch=f"{file.parent.name}, {file.stem.split('-')[0]}"))
    if operators:
        found[
            "Operators that took most time of their own (torch.profiler, four steps of rank 0)"
        ] = pd.concat(operators)[["launch", "operator", "calls", "self_cpu_ms", "total_cpu_ms"]]
    return Section(
        "Profiles",
        text,
        found,
        speed_charts.by_step(steps),
        [
            f"{script} --profile"
            for script in ("01_load.py", "02_eda.py", "03_features.py", "04_cpu_models.py")
        ],
    )


def environment_section(metrics):
    if not len(metrics):
        return Section(
            "Where this was measured", ["No figure has been measured yet."], {}, {}, ["01_load.py"]
        )
    last = metrics.iloc[-1]
    table = (
        metrics.groupby("step")
        .agg(
            at=("at", "max"),
            commit=("commit", "last"),
            host=("host", "last"),
            seed=("seed", "last"),
        )
        .reset_index()
    )
    packages = pd.DataFrame(last["versions"].items(), columns=["package", "version"])
    return Section(
        "Where this was measured", [], {"Runs": table, "Versions": packages}, {}, ["06_report.py"]
    )


def not_run(script):
    return f"Not run yet: `python {script}` makes this part."


def html_table(caption, table):
    text = formats.as_text(table)

    def cell(value, number):
        kind = ' class="number"' if number else ' class="long"' if len(value) > 40 else ""
        return f"<td{kind}>{html.escape(value)}</td>"

    numeric = [pd.api.types.is_numeric_dtype(dtype) and dtype != bool for dtype in table.dtypes]
    head = "".join(
        f"<th{' class=number' if n else ''}>{html.escape(name)}</th>"
        for name, n in zip(text.columns, numeric)
    )
    body = "".join(
        f"<tr>{''.join(cell(value, n) for value, n in zip(row, numeric))}</tr>\n"
        for row in text.itertuples(index=False)
    )
    return (
        f'<div class="scroll"><table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def html_page(title, notice, sections, images, command):
    """The whole page; images: {chart name: SVG text}, placed as data so that nothing is fetched."""
    anchors = {section.title: section.title.lower().replace(" ", "-") for section in sections}
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n",
        f'<p class="made"><strong>{notice}</strong></p>\n' if notice else "",
        "<nav>",
        *(f'<a href="#{anchor}">{name}</a>' for name, anchor in anchors.items()),
        "</nav>\n",
    ]
    for section in sections:
        parts.append(f'<section id="{anchors[section.title]}"><h2>{section.title}</h2>\n')
        parts += [f"<p>{html.escape(text)}</p>\n" for text in section.text]
        parts.append('<div class="charts">')
        for name in section.charts:
            data = base64.b64encode(images[name].encode()).decode()
            parts.append(
                f'<img alt="Chart: {name.replace("_", " ")}" src="data:image/svg+xml;base64,{data}">\n'
            )
        parts.append("</div>\n")
        parts += [html_table(caption, table) for caption, table in section.tables.items()]
        if section.title in MEASURED:
            parts.append(
                f'<p class="command">Measured: {html.escape(MEASURED[section.title])}</p>\n'
            )
        parts.append(
            f'<p class="command">Reproduce: <code>{html.escape(command(section))}</code></p></section>\n'
        )
    return "".join(parts) + "</body></html>\n"


def markdown_page(title, notice, sections, command):
    def cell(value):
        return " ".join(re.sub(r"([\\`*\[\]!|])", r"\\\1", html.escape(value, quote=False)).split())

    parts = [f"# {title}\n", f"**{notice}**\n" if notice else ""]
    for section in sections:
        parts += [f"## {section.title}\n", *(f"{text}\n" for text in section.text)]
        parts += [f"![{name.replace('_', ' ')}]({name}.svg)\n" for name in section.charts]
        for caption, table in section.tables.items():
            text = formats.as_text(table)
            parts += [
                f"{caption}:\n",
                f"| {' | '.join(text.columns)} |",
                "|" + " --- |" * len(text.columns),
            ]
            parts += [
                f"| {' | '.join(map(cell, row))} |" for row in text.itertuples(index=False)
            ] + [""]
        parts += (
            [f"Measured: {cell(MEASURED[section.title])}\n"] if section.title in MEASURED else []
        )
        parts.append(f"Reproduce: `{command(section)}`\n")
    return "\n".join(parts)


def main(argv):
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--mlflow",
        metavar="URI",
        help="also log to this MLflow store, for example sqlite:///mlflow.db or http://host:5000",
    )
    args = parser.parse_args(argv)
    with locked(args.data_dir):
        run(args)


def run(args):
    manifest, metrics = read_json(args.data_dir, "manifest.json"), read_metrics(args.data_dir)
    eda = tables.eda_tables(args.data_dir)
    original = Section(
        "The original study's claims",
        [
            "What was claimed, what a second look shows, and what was measured here.",
            claims.EVIDENCE,
        ],
        {"Claims": claims.compared(args.data_dir, metrics)},
        {},
        ["06_report.py"],
    )
    sections = [
        Section("Question", [QUESTION], {}, {}, ["06_report.py"]),
        data_section(manifest, metrics, eda),
        eda_section(eda),
        parallel_section(metrics),
        models_section(args.data_dir, metrics),
        training_section(metrics),
        profiles_section(args.data_dir, metrics),
        original,
        environment_section(metrics),
    ]
    title, notice = (
        "Smarter Netflix Predictions",
        NOTICE if manifest["data"] == "synthetic" else "",
    )

    source = (
        "--rows {records}".format(**manifest)
        if notice
        else " ".join(f"--csv {shlex.quote(s['name'])}" for s in manifest["sources"])
    )
    where = f"--data-dir {shlex.quote(args.data_dir)}"

    def command(section):
        scripts = [
            script if script.startswith("torchrun") else f"python {script}"
            for script in section.scripts
        ]
        return " && ".join(
            f"{script} {source + ' ' if '01_load' in script else ''}{where}" for script in scripts
        )

    with publishing(args.data_dir, "report") as staging:
        folder = staging / "report"
        folder.mkdir()
        images = {}
        for section in sections:
            for name, chart in section.charts.items():
                chart.properties(padding=PADDING).save(folder / f"{name}.svg")
                images[name] = (folder / f"{name}.svg").read_text(encoding="utf-8")
        (folder / "index.html").write_text(
            html_page(title, notice, sections, images, command), encoding="utf-8"
        )
        (folder / "report.md").write_text(
            markdown_page(title, notice, sections, command), encoding="utf-8"
        )
    print(f"report of {manifest['loaded']:,} reviews: {args.data_dir}/report/index.html")
    if args.mlflow:
        print(f"{log_run(args.mlflow, args.data_dir, metrics)} runs logged to {args.mlflow}")


if __name__ == "__main__":
    cli.run(main)
