"""The report's sections, each filled from what earlier scripts saved; empty where none has run."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd

from common.charts import models as model_charts
from common.charts import reviews as review_charts
from common.charts import speed as speed_charts
from common.charts.base import draw
from common.report import claims, launches, model_tables, scaling, speed_tables, tables
from common.report.page import Section
from common.store import published

SECTIONS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TASKS = {  # -> the question, and the score by which models are drawn
    "five_star": ("Will a review have five stars?", "auc"),
    "rating": ("How many stars?", "rmse"),
}
TOP_CALLS = 5


def question() -> Section:
    return Section(**SECTIONS["question"])


def data(manifest: dict[str, Any], metrics: pd.DataFrame, eda: dict[str, pd.DataFrame]) -> Section:
    """What was loaded from where, what was not and why, and how it was split."""
    section = Section(**SECTIONS["data"])
    section.text = [
        "{records:,} records were read: {loaded:,} loaded, {quarantined:,} quarantined whole, "
        "with their reasons.".format(**manifest)
    ]
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
    section = Section(**SECTIONS["reviews"])
    if eda:
        section.text = [tables.repeats_sentence(eda["repeats"])]
        columns = ["review_likes", "review_rating", "review_timestamp", "review_text"]
        section.add_table("Most liked reviews", eda["most_liked"][columns])
        section.add_table("Texts written most often", eda["repeated_texts"])
        section.charts = review_charts.eda_charts(eda)
    return section


def parallelism(metrics: pd.DataFrame) -> Section:
    """What parallelism bought, step by step, beside the baselines."""
    section = Section(**SECTIONS["parallelism"])
    section.text = [*section.text, speed_tables.WAYS]
    timings = speed_tables.parallel(metrics)
    ratios = speed_tables.ratios(timings)
    if len(ratios):
        section.charts["ratios"] = speed_charts.ratios(ratios)
    section.add_table("Seconds by step", timings)
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


def models(data_dir: Path, metrics: pd.DataFrame) -> Section:
    """The models' scores beside the baseline's, and what was done about class imbalance."""
    section = Section(**SECTIONS["models"])
    for task, (title, score) in TASKS.items():
        board = model_tables.leaderboard(data_dir, metrics, task)
        if len(board):
            caption = f"{title} Scores on test; the first row is what a model must beat"
            section.add_table(caption, board)
            section.charts[f"leaderboard_{task}"] = model_charts.leaderboard(
                board.assign(value=board[score]), f"{score.upper()} on test", title
            )
    for path in published(data_dir, "features/scores.parquet"):
        section.charts["feature_scores"] = model_charts.feature_scores(pd.read_parquet(path))
    imbalance = model_tables.imbalance(metrics)
    if len(imbalance):
        section.text = [model_tables.imbalance_sentence(imbalance), *section.text]
        section.add_table(
            "Unequal classes: what to do about them, on rows of train out of fold", imbalance
        )
    return section


def training(metrics: pd.DataFrame) -> Section:
    """NetflixNet's launches side by side: speed, loss, and where the time of a step goes."""
    section = Section(**SECTIONS["training"])
    section.text = [launches.LAUNCHES, launches.original_network(metrics)]
    for model, losses in launches.loss_curves(metrics).groupby("model"):
        title = f"Loss on the same global batches: {model}"
        section.charts[f"loss_{model}"] = draw("step_loss", losses).properties(title=title)
    for model, shares in launches.step_shares(metrics).groupby("model"):
        title = f"Where a step's time goes: {model}"
        section.charts[f"step_{model}"] = speed_charts.step_shares(shares).properties(title=title)
    section.add_table("Launches", launches.training(metrics))
    section.tables |= launches.scaling_study(metrics)
    for number, study in enumerate(scaling.studies(metrics)):
        if (study.work["model"], study.strategy) == ("text", "ddp"):
            section.charts[f"speed_up_{number}"] = speed_charts.speed_ups(
                study.points, scaling.curves(study), study.title
            )
    return section


def profiles(data_dir: Path, metrics: pd.DataFrame) -> Section:
    """Time and memory by step, and what took most of the time."""
    section = Section(**SECTIONS["profiles"])
    steps = speed_tables.steps(metrics)
    if len(steps):
        section.charts = speed_charts.by_step(steps)
    section.add_table(
        "Time and peak memory, summed over a script's processes (training: seconds of all epochs, "
        "bytes of a rank)",
        steps,
    )
    calls, operators = [], []
    for file in published(data_dir, "profiles/*/cprofile.json"):
        table = pd.DataFrame(read(file)).nlargest(TOP_CALLS, "own_seconds")
        table["where"] = [f"{Path(f).name}:{n}" for f, n in zip(table["file"], table["line"])]
        calls.append(table.drop(columns=["file", "line"]).assign(step=file.parent.name))
    for file in published(data_dir, "profiles/05_gpu_train/*/*-rank0.json"):
        table = pd.DataFrame(read(file)["operators"][:TOP_CALLS])
        launch = f"{file.parent.name}, {file.stem.split('-')[0]}"
        operators.append(table.assign(launch=launch))
    if calls:
        columns = ["step", "function", "where", "calls", "own_seconds", "cumulative_seconds"]
        section.add_table(
            "Functions that took most time of their own (cProfile, main process; what waits for "
            "workers is waiting)",
            pd.concat(calls)[columns],
        )
    else:
        section.text = ["Which functions take the time was not profiled: --profile does so."]
    if operators:
        columns = ["launch", "operator", "calls", "self_cpu_ms", "total_cpu_ms"]
        section.add_table(
            "Operators that took most time of their own (torch.profiler, four steps of rank 0)",
            pd.concat(operators)[columns],
        )
    return section


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def original_study(data_dir: Path, metrics: pd.DataFrame) -> Section:
    section = Section(**SECTIONS["original_study"])
    section.text = [*section.text, claims.EVIDENCE]
    section.add_table("Claims", claims.compared(data_dir, metrics))
    return section


def environment(metrics: pd.DataFrame) -> Section:
    """Which commit, machine and versions the figures come from."""
    section = Section(**SECTIONS["environment"])
    if len(metrics):
        runs = metrics.groupby("step")[["at", "commit", "host", "seed"]].last().reset_index()
        section.add_table("Runs", runs)
        versions = pd.DataFrame(
            metrics["versions"].iloc[-1].items(), columns=["package", "version"]
        )
        section.add_table("Versions", versions)
    else:
        section.text = ["No figure has been measured yet."]
    return section
