"""The report's sections: each made from what earlier scripts saved, or naming the one to run."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from common.charts import models as model_charts
from common.charts import reviews as review_charts
from common.charts import speed as speed_charts
from common.report import claims, launches, model_tables, scaling, speed_tables, tables
from common.report.page import Section
from common.scores import SCORES
from common.store import published

TOP_CALLS = 5
SCRIPTS = "01_load.py", "02_eda.py", "03_features.py", "04_cpu_models.py"
TASKS = {  # -> question, unit of the first score
    "five_star": ("Will a review have five stars?", "AUC on test"),
    "rating": ("How many stars?", "RMSE on test"),
}


def not_run(script: str) -> str:
    return f"Not run yet: `python {script}` makes this part."


def question() -> Section:
    return Section(
        "Question",
        ["06_report.py"],
        text=[
            "Will a review of the Netflix app have five stars, and how many stars will it have? "
            "And at each step on the way, from loading to training: what does parallelism buy on "
            "this machine? Each figure stands beside its baseline: the majority class or the mean "
            "rating for a model, the plain, serial way or the original study's for a time."
        ],
    )


def data(manifest: dict[str, Any], metrics: pd.DataFrame, eda: dict[str, pd.DataFrame]) -> Section:
    """What was loaded from where, what was not and why, and how it was split."""
    section = Section(
        "Data",
        ["01_load.py"],
        "load.records, load.quarantined, features.rows; manifest.json",
        [
            "{records:,} records were read: {loaded:,} loaded, {quarantined:,} quarantined whole, "
            "with their reasons.".format(**manifest)
        ],
    )
    if eda:
        days = eda["cumulative"]["day"]
        section.text.append(
            f"The loaded reviews were written from {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}."
        )
    sources = pd.DataFrame(manifest["sources"])
    sources["sha256"] = sources["sha256"].str[:16] + "..."
    section.add_table("Sources", sources[["name", "header_family", "bytes", "records", "sha256"]])
    section.add_table(
        "Quarantined records by reason (a record can have several)",
        pd.DataFrame(manifest["reasons"].items(), columns=["reason", "records"]),
    )
    splits = tables.splits(metrics)
    section.add_table("Splits", pd.DataFrame(splits.items(), columns=["split", "reviews"]))
    if splits:
        section.text.append(
            "Future is the newest tenth by time; a hash of the review id puts a fifth of the rest "
            "into test. Unseen text is the part of test whose text occurs in no training review. "
            "Nothing is fitted on any of them."
        )
    return section


def reviews(eda: dict[str, pd.DataFrame]) -> Section:
    section = Section("What the reviews look like", ["02_eda.py"], "eda/*.parquet")
    if not eda:
        section.text.append(not_run("02_eda.py"))
        return section
    section.text.append(tables.repeats_sentence(eda["repeats"]))
    columns = ["review_likes", "review_rating", "review_timestamp", "review_text"]
    section.add_table("Most liked reviews", eda["most_liked"][columns])
    section.add_table("Texts written most often", eda["repeated_texts"])
    section.charts = review_charts.eda_charts(eda)
    return section


def parallelism(metrics: pd.DataFrame) -> Section:
    """What parallelism bought, step by step, beside the baselines."""
    section = Section(
        "What parallelism bought",
        [f"{script} --compare" for script in SCRIPTS],
        "load.seconds, eda.seconds, features.seconds, model.search_seconds",
    )
    steps = speed_tables.parallel(metrics)
    if not len(steps):
        section.text.append(not_run("01_load.py"))
        return section
    section.text += [
        "Each ratio is the baseline's median time divided by the variant's, on the same rows in "
        "the same run: above 1 the variant is faster. A part without its baseline was not "
        "compared; --compare measures it.",
        speed_tables.WAYS,
    ]
    ratios = speed_tables.ratios(steps)
    if len(ratios):
        section.charts["ratios"] = speed_charts.ratios(ratios)
    section.add_table("Seconds by step", steps)
    section.add_table(
        "The study's grids: searched its way on its columns, and by fits that serve several "
        "parameter sets (seconds, times as fast, AUC or RMSE)",
        speed_tables.searches(metrics),
    )
    section.add_table(
        "Share of each search that more workers do not shorten (Amdahl's law, fitted)",
        speed_tables.serial_shares(metrics),
    )
    return section


def models(data_dir: str, metrics: pd.DataFrame) -> Section:
    """The models' scores beside the baseline's, and what was done about class imbalance."""
    section = Section(
        "Models",
        ["04_cpu_models.py"],
        "model.accuracy and the other scores of model.*, their _low and _high; "
        "features/scores.parquet",
    )
    for task, (title, unit) in TASKS.items():
        board = model_tables.leaderboard(data_dir, metrics, task)
        if not len(board):
            section.text.append(f"{title} {not_run('04_cpu_models.py')}")
            continue
        section.add_table(f"{title} Scores on test; the first row is what a model must beat", board)
        section.charts[f"leaderboard_{task}"] = model_charts.leaderboard(
            board.assign(value=board[SCORES[task][0]]), unit, title
        )
    for path in published(data_dir, "features/scores.parquet"):
        section.charts["feature_scores"] = model_charts.feature_scores(pd.read_parquet(path))
    imbalance = model_tables.imbalance(metrics)
    if len(imbalance):
        section.text.append(model_tables.imbalance_sentence(imbalance))
        section.add_table(
            "Unequal classes: what to do about them, on rows of train out of fold", imbalance
        )
    if section.tables:
        section.text.append(
            "Metadata is length, time, version and form of a review; all adds its words and "
            "characters. The dashed line is the baseline. Each model was tuned on folds of the "
            "training split, never on test. Intervals are of 95%; behind best is how far the model "
            "with the best validation is ahead, row by row."
        )
    return section


def training(metrics: pd.DataFrame) -> Section:
    """NetflixNet's launches side by side: speed, loss, and where the time of a step goes."""
    torchrun = "torchrun --nproc-per-node 2 05_gpu_train.py --strategy"
    section = Section(
        "Training NetflixNet on ranks",
        ["05_gpu_train.py --compare", f"{torchrun} ddp", f"{torchrun} fsdp"],
        "train.epoch_seconds, train.step_loss, train.step_share, train.state_bytes_per_rank, "
        "train.peak_rss_bytes_per_rank",
    )
    runs = launches.training(metrics)
    if not len(runs):
        section.text.append(not_run("05_gpu_train.py"))
        return section
    section.text.append(launches.LAUNCHES)
    original = launches.original_network(metrics)
    if original:
        section.text.append(original)
    for model, losses in launches.loss_curves(metrics).groupby("model"):
        chart = speed_charts.step_loss(losses)
        section.charts[f"loss_{model}"] = chart.properties(
            title=f"Loss on the same global batches: {model}"
        )
    for model, shares in launches.step_shares(metrics).groupby("model"):
        chart = speed_charts.step_shares(shares)
        section.charts[f"step_{model}"] = chart.properties(
            title=f"Where a step's time goes: {model}"
        )
    section.add_table("Launches", runs)
    section.tables |= launches.scaling_study(metrics)
    for number, study in enumerate(scaling.studies(metrics)):
        if (study.work["model"], study.strategy) == ("text", "ddp"):
            section.charts[f"speed_up_{number}"] = speed_charts.speed_ups(
                study.points, scaling.curves(study), study.title
            )
    return section


def profiles(data_dir: str, metrics: pd.DataFrame) -> Section:
    """Time and memory by step, and what took most of the time."""
    section = Section(
        "Profiles",
        [f"{script} --profile" for script in SCRIPTS],
        "load.peak_rss_bytes, eda.peak_rss_bytes, features.peak_rss_bytes, models.peak_rss_bytes, "
        "train.peak_rss_bytes_per_rank; profiles/",
    )
    steps = speed_tables.steps(metrics)
    if not len(steps):
        section.text.append(not_run("01_load.py"))
        return section
    section.charts = speed_charts.by_step(steps)
    section.add_table(
        "Time and peak memory, summed over a script's processes (training: seconds of all epochs, "
        "bytes of a rank)",
        steps,
    )
    calls = []
    for file in published(data_dir, "profiles/*/cprofile.json"):
        table = pd.DataFrame(read(file)).nlargest(TOP_CALLS, "own_seconds")
        names = table["file"].map(lambda name: Path(name).name)
        where = names + ":" + table["line"].astype(str)
        calls.append(table.assign(step=file.parent.name, where=where))
    if calls:
        columns = ["step", "function", "where", "calls", "own_seconds", "cumulative_seconds"]
        section.add_table(
            "Functions that took most time of their own (cProfile, main process; what waits for "
            "workers is waiting)",
            pd.concat(calls)[columns],
        )
    else:
        section.text.append("Which functions take the time was not profiled: --profile does so.")
    operators = []
    for file in published(data_dir, "profiles/05_gpu_train/*/*-rank0.json"):
        table = pd.DataFrame(read(file)["operators"][:TOP_CALLS])
        launch = f"{file.parent.name}, {file.stem.split('-')[0]}"
        operators.append(table.assign(launch=launch))
    if operators:
        columns = ["launch", "operator", "calls", "self_cpu_ms", "total_cpu_ms"]
        section.add_table(
            "Operators that took most time of their own (torch.profiler, four steps of rank 0)",
            pd.concat(operators)[columns],
        )
    return section


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def original_study(data_dir: str, metrics: pd.DataFrame) -> Section:
    return Section(
        "The original study's claims",
        ["06_report.py"],
        text=[
            "What was claimed, what a second look shows, and what was measured here.",
            claims.EVIDENCE,
        ],
        tables={"Claims": claims.compared(data_dir, metrics)},
    )


def environment(metrics: pd.DataFrame) -> Section:
    """Which commit, machine and versions the figures come from."""
    section = Section("Where this was measured", ["06_report.py"])
    if not len(metrics):
        section.text.append("No figure has been measured yet.")
        return section
    runs = metrics.groupby("step")[["at", "commit", "host", "seed"]].last().reset_index()
    section.add_table("Runs", runs)
    versions = metrics["versions"].iloc[-1]
    section.add_table("Versions", pd.DataFrame(versions.items(), columns=["package", "version"]))
    return section
