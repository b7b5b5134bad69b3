"""What the original study reported, beside what a second look shows and what was measured here."""

import tomllib
from pathlib import Path

import pandas as pd
from pandas import DataFrame

from common.report import launches, model_tables, speed_tables
from common.scores import SCORES

SVMS = "linear_svm", "rbf_svm"
EVIDENCE = (
    "Evidence: the metric, in metrics/, named after the script, of the data directory, that the "
    "figure was read from, and the command that measures it again; every script also takes "
    "--data-dir."
)


def compared(data_dir: Path, metrics: DataFrame) -> DataFrame:
    """A row per claim of claims.toml: step, original study reported, on a second look, measured
    here ("not measured" where a script has not run), evidence."""
    boards = {task: model_tables.leaderboard(data_dir, metrics, task) for task in SCORES}
    five_star, timings = boards["five_star"], speed_tables.verdicts(metrics)
    measured = {
        "Loading": _speed(timings, "Loading"),
        "Exploring": _speed(timings, "The study's seven questions"),
        "Logistic regression": _score(five_star, "logistic_regression"),
        "Random forest": _score(five_star, "random_forest"),
        "SVM": "; ".join(filter(None, (_score(five_star, svm) for svm in SVMS))),
        "XGBoost on ratings": _score(boards["rating"], "xgboost_rating"),
        "NetflixNet": _score(five_star, "netflixnet"),
        **_strategies(metrics),
    }
    claims = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return DataFrame(
        {
            "step": step,
            "original study reported": claim["reported"],
            "on a second look": claim["second_look"],
            "measured here": measured.get(step) or "not measured",
            "evidence": f"{claim['metric']}: {claim['command']}",
        }
        for step, claim in claims.items()
    )


def _speed(timings: DataFrame, step: str) -> str:
    """A step's ways, their seconds and verdicts; "" where nothing was compared."""
    own = timings[timings["step"] == step]
    return "; ".join(
        f"{row.way} {row.seconds:.3g} s" + (f", {row.verdict}" if row.verdict != "baseline" else "")
        for row in own.itertuples()
    )


def _score(board: DataFrame, model: str) -> str:
    """The first score of a model on each kind of features, and the baseline's; "" without them."""
    rows = board[board["model"].str.startswith(model)] if len(board) else board
    if not len(rows):
        return ""
    score = board.columns[2]
    parts = [f"{features} {value:.4f}" for features, value in zip(rows["features"], rows[score])]
    return f"{score}: {', '.join(parts)} ({board['model'][0]} {board[score][0]:.4f})"


def _strategies(metrics: DataFrame) -> dict[str, str]:
    """{"DDP" and "FSDP": what the text network's launch on several ranks showed, of the most epochs
    where there are more}."""
    texts, runs = {}, launches.training(metrics)
    if len(runs):
        runs = runs[(runs["model"] == "text") & (runs["ranks"] > 1)]
        runs = runs.sort_values("epochs", kind="stable")
    for run in runs.itertuples():
        speed = f"{run.ratio:.2f}x the speed of one rank with as many threads"
        if pd.isna(run.ratio):
            speed = f"{run.seconds:.2f} s an epoch"
        text = (
            f"{run.ranks:.0f} ranks on {run.device}: {speed}, state "
            f"{run.state_bytes_per_rank / 1e6:.1f} MB a rank"
        )
        if pd.notna(run.loss_difference):
            text += f", loss within {run.loss_difference:.0e} of one rank"
        texts[run.strategy.upper()] = text
    return texts
