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
    boards, timings = model_tables.boards(data_dir, metrics), speed_tables.verdicts(metrics)
    strategies = _strategies(metrics)
    rows = []
    for step, claim in toml_beside(__file__).items():
        measured = strategies.get(step)
        if "compared" in claim:
            measured = _speed(timings[timings["step"] == claim["compared"]])
        elif claim.get("task") in boards:
            measured = _score(boards[claim["task"]], claim["models"])
        rows.append(
            {
                "step": step,
                "original study reported": claim["reported"],
                "on a second look": claim["second_look"],
                "measured here": measured or "not measured",
                "evidence": f"{claim['metric']}: {claim['command']}",
            }
        )
    return DataFrame(rows)


def _speed(ways: DataFrame) -> str:
    """This project's ways of a step and the study's; "" where nothing was compared."""
    own = ways[ways["kind"] != speed_tables.OTHER]
    return "; ".join(
        f"{row.way} {row.seconds:.3g} s" + (f", {row.verdict}" if row.verdict != "baseline" else "")
        for row in own.itertuples()
    )


def _score(board: DataFrame, models: list[str]) -> str:
    """The first score of models whose names begin so, and the baseline's; "" without them."""
    rows, score = board[board["model"].str.startswith(tuple(models))], board.columns[1]
    shown = pd.concat([rows, board[: len(rows)][:1]])
    said = [f"{name} {value:.3f}" for name, value in zip(shown["model"], shown[score])]
    return f"{column_name(score)}: {', '.join(said)}" if said else ""


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
