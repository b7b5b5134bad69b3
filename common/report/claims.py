"""What the original study reported, beside what a second look shows and what was measured here."""

from pathlib import Path

import pandas as pd
from pandas import DataFrame

from common.report import launches, model_tables, speed_tables
from common.report.formats import column_name
from common.toml import toml_beside


def compared(data_dir: Path, metrics: DataFrame) -> DataFrame:
    """A row per claim of claims.toml: step, original study reported, on a second look, measured
    here ("not measured" where a script has not run), evidence."""
    boards = model_tables.boards(data_dir, metrics)
    five_star, timings = boards.get("five_star"), speed_tables.verdicts(metrics)
    measured = {
        "Loading": _speed(timings, "Loading"),
        "Exploring": _speed(timings, "The study's seven questions"),
        "Logistic regression": _score(five_star, "Logistic regression"),
        "Random forest": _score(five_star, "Random forest"),
        "SVM": _score(five_star, "Linear SVM", "Kernel SVM"),
        "XGBoost on ratings": _score(boards.get("rating"), "XGBoost for ratings"),
        "NetflixNet": _score(five_star, "NetflixNet"),
        **_strategies(metrics),
    }
    claims = toml_beside(__file__)
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
    """This project's ways of a step and the study's; "" where nothing was compared."""
    own = timings[(timings["step"] == step) & (timings["kind"] != speed_tables.OTHER)]
    return "; ".join(
        f"{row.way} {row.seconds:.3g} s" + (f", {row.verdict}" if row.verdict != "baseline" else "")
        for row in own.itertuples()
    )


def _score(board: DataFrame | None, *models: str) -> str:
    """The first score of models whose names begin so, and the baseline's; "" without them."""
    if board is None or not len(rows := board[board["model"].str.startswith(models)]):
        return ""
    score = board.columns[1]
    shown = pd.concat([rows, board[:1]])
    said = [f"{name} {value:.3f}" for name, value in zip(shown["model"], shown[score])]
    return f"{column_name(score)}: {', '.join(said)}"


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
