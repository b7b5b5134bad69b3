"""What a run measured, logged to MLflow: a run for each step and for each saved model, with its parameters, metrics and files."""

import re
from pathlib import Path

from common.models.files import read_cards
from common.store import InputError

EXPERIMENT = "smarter-netflix-predictions"
BATCH = 900  # MLflow takes at most 1,000 metrics, or 100 parameters or tags, in one call
PARAMETERS = 100


def log_run(uri, data_dir, metrics):
    """Log a data directory's metrics (as of read_metrics), cards and report to the MLflow store at `uri`; returns the number of runs.

    InputError when mlflow is not installed, or when the store does not take them.
    """
    try:
        import mlflow
    except ImportError:
        raise InputError(
            "--mlflow needs a package: `pip install -r requirements-mlflow.txt`"
        ) from None
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        known = client.get_experiment_by_name(EXPERIMENT)
        # A database is no place for files: they go beside it. A server knows where.
        files = (
            Path(uri.split(":///", 1)[1]).resolve().parent / "mlartifacts"
            if uri.startswith("sqlite:///")
            else None
        )
        experiment = (
            known.experiment_id
            if known
            else client.create_experiment(EXPERIMENT, files and files.as_uri())
        )
        report, folder = sorted(Path(data_dir, "report").glob("*.*")), Path(data_dir)
        for step, rows in metrics.groupby("step"):
            last = rows.iloc[-1]
            parameters = {
                "data": last["data"],
                "seed": last["seed"],
                "rows": last["rows"],
                "commit": last.get("commit"),
                "host": last.get("host"),
                **{f"version of {name}": version for name, version in last["versions"].items()},
            }
            values = [(_key(row), row["value"], int(row["repeat"])) for _, row in rows.iterrows()]
            _log(
                mlflow,
                client,
                experiment,
                step,
                parameters,
                values,
                [folder / "metrics" / f"{step}.jsonl", *(report if step == "01_load" else [])],
            )
        cards = read_cards(data_dir)
        for name, card in cards.items():
            values = [
                (f"{split}.{score}", value, 0)
                for split in ("validation", "test", "future", "unseen_text")
                for score, value in card.get(split, {}).items()
            ]
            parameters = {
                key: card[key] for key in ("task", "features", "kind", "rows", "sha256")
            } | card["params"]
            _log(
                mlflow,
                client,
                experiment,
                name,
                parameters,
                values,
                [
                    folder / "models" / name / file
                    for file in ("card.json", "card.md", card["file"])
                ],
            )
        return metrics["step"].nunique() + len(cards)
    except (mlflow.exceptions.MlflowException, OSError, ValueError) as error:
        raise InputError(f"--mlflow {uri}: {' '.join(str(error).split())[:200]}") from None


def _key(row):
    """A measurement's name and labels as MLflow allows them: load.seconds/engine blocks/workers 2."""
    labels = [
        f"{name.removeprefix('label.')} {value:g}"
        if isinstance(value, float)
        else f"{name.removeprefix('label.')} {value}"
        for name, value in row.items()
        if name.startswith("label.") and value == value and value is not None
    ]
    return re.sub(r"[^\w\-. /]", "_", "/".join([row["name"], *labels]))[:250]


def _log(mlflow, client, experiment, name, parameters, values, files):
    run = client.create_run(experiment, run_name=name).info
    entities = mlflow.entities
    client.log_batch(
        run.run_id,
        params=[
            entities.Param(re.sub(r"[^\w\-. /]", "_", key), str(value))
            for key, value in list(parameters.items())[:PARAMETERS]
        ],
    )
    for start in range(0, len(values), BATCH):
        client.log_batch(
            run.run_id,
            metrics=[
                entities.Metric(key, value, run.start_time, repeat)
                for key, value, repeat in values[start : start + BATCH]
            ],
        )
    for file in files:
        if file.exists():
            client.log_artifact(run.run_id, str(file))
    client.set_terminated(run.run_id)
