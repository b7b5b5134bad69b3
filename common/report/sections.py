"""The report's sections, each filled from what earlier scripts saved; empty where none has run."""

from pathlib import Path
from typing import Any

import pandas as pd
from pandas import DataFrame

from common.charts import models as model_charts
from common.charts import reviews as review_charts
from common.charts import speed as speed_charts
from common.charts.base import draw
from common.features.splits import require_classes
from common.loading import quarantine_sentence
from common.report import (
    claims,
    launches,
    model_tables,
    profile_tables,
    scaling,
    speed_tables,
    summary,
    tables,
)
from common.report.page import SAID, Section, section
from common.store import InputError, published

TASKS = {  # -> the question, and the score by which models are drawn
    "five_star": ("Will a review have five stars?", "auc"),
    "rating": ("How many stars?", "rmse"),
}
SMALL = 1_000  # test reviews


def question(data_dir: Path, metrics: DataFrame, eda: dict[str, DataFrame]) -> Section:
    """The answers in three sentences, and then the questions."""
    part = section("question")
    part.text = [said.text for said in summary.sentences(data_dir, metrics, eda)] + part.text
    return part


def data(manifest: dict[str, Any], metrics: DataFrame, eda: dict[str, DataFrame]) -> Section:
    """What was loaded from where, what was not and why, and how it was split."""
    splits = tables.splits(metrics)
    text = [quarantine_sentence(manifest)]
    if eda and len(days := eda["cumulative"]["day"]):
        text.append(
            f"The loaded reviews were written from {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}."
        )
    if splits:
        text.append(
            "Future is the newest tenth by time; a hash of the review id puts a fifth of the rest "
            "into test. Unseen text is the part of test whose text occurs in no training review. "
            "Nothing is fitted on any of them."
        )
    sources = DataFrame(manifest["sources"])
    sources["sha256"] = sources["sha256"].str[:16] + "..."
    return section(
        "data",
        *text,
        tables={
            "Sources": sources[["name", "records", "bytes", "ids", "sha256"]],
            "Splits": pairs(splits, "split", "reviews"),
        },
    )


def pairs(items: dict[str, Any], *columns: str) -> DataFrame:
    return DataFrame(items.items(), columns=columns)


def reviews(eda: dict[str, DataFrame]) -> Section:
    if not eda:
        return section("reviews")
    columns = ["review_likes", "review_rating", "review_timestamp", "review_text"]
    return section(
        "reviews",
        tables.repeats_sentence(eda["repeats"]),
        tables={
            "Most liked reviews": eda["most_liked"][columns],
            "Texts written most often": eda["repeated_texts"],
        },
        charts=review_charts.eda_charts({name: eda[name] for name in eda if name != "releases"}),
    )


def parallelism(data_dir: Path, metrics: DataFrame) -> Section:
    """What parallelism bought: step by step, as a whole, and from which number of reviews on."""
    timings = speed_tables.verdicts(metrics)
    sizes = speed_tables.by_size(speed_tables.scaling_runs(data_dir, metrics))
    text, charts = [speed_tables.works(metrics)], {}
    if len(timings):
        charts["verdicts"] = speed_charts.verdicts(timings)
    if whole := speed_tables.whole(metrics):
        charts["whole"] = speed_charts.whole(whole.table, "The whole")
        text.append(whole.text)
    if sizes["reviews"].nunique() > 1:
        charts["by_size"] = speed_charts.by_size(sizes)
        text += speed_tables.break_even(sizes)
    elif len(timings):
        text.append(SAID["one_size"])
    if len(points := speed_tables.by_cores(timings)):
        charts["by_cores"] = draw("by_cores", points)
        text += speed_tables.serial_shares(points)
    return section(
        "parallelism",
        *text,
        tables={
            "Seconds by step": timings.drop(columns=["kind", "ratio", "low", "high"]),
        },
        charts=charts,
    )


def models(data_dir: Path, metrics: DataFrame) -> Section:
    """The models' scores beside the baseline's, and what was done about class imbalance."""
    imbalance, charts = model_tables.imbalance(metrics), {}
    boards = model_tables.boards(data_dir, metrics)
    for task, board in boards.items():
        title, score = TASKS[task]
        charts[f"leaderboard_{task}"] = model_charts.leaderboard(
            board.assign(value=board[score]),
            f"{score.upper()} on test",
            title,
            sorted(pd.concat(boards.values())["model"]),
        )
    for path in published(data_dir, "features/scores.parquet"):
        charts["feature_scores"] = model_charts.feature_scores(pd.read_parquet(path))
    shown = {
        f"{TASKS[task][0]} Scores on test; the first row is what a model must beat": board
        for task, board in boards.items()
    }
    caption = "Unequal classes: what to do about them, on rows of train out of fold"
    splits = tables.splits(metrics)
    part = section(
        "models",
        model_tables.imbalance_sentence(imbalance) if len(imbalance) else "",
        model_tables.samples_sentence(metrics, splits.get("train", 0)),
        tables=shown | {caption: imbalance},
        charts=charts,
    )
    test = splits.get("test", SMALL)
    if boards and test < SMALL:
        part.text.insert(0, SAID["small_set"].format(test))
    for path in published(data_dir, "features/rows.parquet"):
        try:
            require_classes(pd.read_parquet(path, columns=["rating", "fold"]))
        except InputError as reason:
            part.measured, part.text = "", [f"No models are trained: {reason}."]
    for _, row in metrics[metrics["name"] == "not_measured"].iterrows():
        part.text.append(f"Not measured: {row['label.comparison']}: {row['label.reason']}")
    return part


def training(metrics: DataFrame) -> Section:
    """NetflixNet's launches side by side: speed, loss, and where the time of a step goes."""
    charts = {}
    for model, losses in launches.loss_curves(metrics).groupby("model"):
        title = f"Loss by global batch: {scaling.net_name(model)}"
        charts[f"loss_{model}"] = draw("step_loss", losses).properties(title=title)
    for model, shares in launches.step_shares(metrics).groupby("model"):
        title = f"Where a step's time goes: {scaling.net_name(model)}"
        charts[f"step_{model}"] = speed_charts.step_shares(shares).properties(title=title)
    measured = {
        "Threads or ranks: rows per second": launches.threads_or_ranks(metrics),
        SAID["sharding"]: launches.sharding(metrics),
        "Launches": launches.training(metrics),
    }
    for table in measured.values():
        if len(table):
            table["model"] = table["model"].map(scaling.net_name)
    return section("training", tables=measured, charts=charts)


def profiles(data_dir: Path, metrics: DataFrame) -> Section:
    """Time and memory by step, and what took most of the time."""
    steps = speed_tables.steps(metrics)
    functions = profile_tables.functions(data_dir, metrics)
    unprofiled = "Which functions take the time was not profiled: --profile does so."
    return section(
        "profiles",
        "" if len(functions) else unprofiled,
        tables={
            "Time and peak memory, summed over a script's processes (training: seconds of all "
            "epochs, bytes of a rank)": steps,
            "Functions with the most time of their own, by samples of threads (with what they call "
            "in libraries; seconds of workers are of tasks; joblib's are not sampled)": functions,
        },
        charts=speed_charts.by_step(steps) if len(steps) else {},
    )


def original_study(data_dir: Path, metrics: DataFrame) -> Section:
    return section("original_study", tables={"Claims": claims.compared(data_dir, metrics)})


def environment(metrics: DataFrame) -> Section:
    """Which commit, machine and versions the figures come from."""
    if not len(metrics):
        return section("environment", "No figure has been measured yet.")
    runs = metrics.groupby("step")[["at", "commit", "host", "seed"]].last().reset_index()
    versions = pairs(metrics["versions"].iloc[-1], "package", "version")
    return section("environment", tables={"Runs": runs, "Versions": versions})
