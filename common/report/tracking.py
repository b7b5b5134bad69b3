"""What was measured, logged to MLflow: a run for each step and for each saved model."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pandas import DataFrame

from common.models.files import read_cards
from common.store import InputError

EXPERIMENT = "smarter-netflix-predictions"
SPLITS = "validation", "test", "future", "unseen_text"


class Run(NamedTuple):
    """What one run of MLflow's holds; figures: (name, value, repeat)."""

    name: str
    parameters: dict[str, Any]
    figures: list[tuple[str, float, int]]
    files: list[Path]


def log_run(uri: str, data_dir: Path, metrics: DataFrame) -> int:
    """Log a data directory's metrics (as of read_metrics), cards and report to the MLflow store at
    `uri`; returns the number of runs.

    InputError when mlflow is not installed, or when the store does not take them.
    """
    try:
        import mlflow
    except ImportError:
        advice = "--mlflow needs a package: `pip install -r requirements-mlflow.txt`"
        raise InputError(advice) from None
    runs = step_runs(Path(data_dir), metrics) + model_runs(Path(data_dir))
    try:
        mlflow.set_tracking_uri(uri)
        if not mlflow.get_experiment_by_name(EXPERIMENT):
            mlflow.create_experiment(EXPERIMENT, artifact_location(uri))
        mlflow.set_experiment(EXPERIMENT)
        for run in runs:
            with mlflow.start_run(run_name=run.name) as active:
                mlflow.log_params(run.parameters)
                # Not log_metrics: it takes one value a name, and steps have many of a repeat.
                figures = [
                    mlflow.entities.Metric(name, value, active.info.start_time, repeat)
                    for name, value, repeat in run.figures
                ]
                mlflow.MlflowClient().log_batch(active.info.run_id, figures)
                for file in run.files:
                    mlflow.log_artifact(str(file))
    except (mlflow.exceptions.MlflowException, OSError, ValueError) as error:
        raise InputError(f"--mlflow {uri}: {' '.join(str(error).split())[:200]}") from None
    return len(runs)


def artifact_location(uri: str) -> str | None:
    """Where files go: beside a database, which is no place for them; a server knows where."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.split(":///", 1)[1]).resolve().parent / "mlartifacts").as_uri()


def step_runs(folder: Path, metrics: DataFrame) -> list[Run]:
    """A run per step: its metrics, and the report's files with the first."""
    runs: list[Run] = []
    for step, rows in metrics.groupby("step"):
        last = rows.iloc[-1]
        parameters = {name: last.get(name) for name in ("data", "seed", "rows", "commit", "host")}
        parameters |= {f"version of {name}": value for name, value in last["versions"].items()}
        figures = [(key(row), row["value"], int(row["repeat"])) for _, row in rows.iterrows()]
        files = [folder / "metrics" / f"{step}.jsonl"]
        if not runs:
            files += sorted((folder / "report").iterdir())
        runs.append(Run(step, parameters, figures, files))
    return runs


def model_runs(folder: Path) -> list[Run]:
    """A run per saved model: parameters, scores by split, and the model's files."""
    runs = []
    for name, card in read_cards(folder).items():
        parameters = {key: card[key] for key in ("task", "features", "kind", "rows", "sha256")}
        scores = [
            (f"{split}.{score}", value, 0)
            for split in SPLITS
            for score, value in card.get(split, {}).items()
        ]
        saved = folder / "models" / name
        files = [*saved.glob("card.*"), saved / card["file"]]
        runs.append(Run(name, parameters | card["params"], scores, files))
    return runs


def key(row: pd.Series) -> str:
    """A measurement's name and labels in MLflow's letters: load.seconds/engine blocks/workers 2."""
    words = [row["name"]]
    for name, value in row.filter(like="label.").dropna().items():
        text = f"{value:g}" if isinstance(value, float) else value
        words.append(f"{name.removeprefix('label.')} {text}")
    return re.sub(r"[^\w\-. /]", "_", "/".join(words))[:250]
