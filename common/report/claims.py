"""What the original study reported, what a second look at each figure shows, and what was measured here instead."""

import pandas as pd

from common.report import launches, model_tables, speed_tables
from common.scores import SCORES

EVIDENCE = (
    "Evidence: the metric, in metrics/, named after the script, of the data directory, that the figure was read from, and the command that measures it "
    "again; every script also takes --data-dir."
)
CLAIMS = (  # what, what was reported, what the figure really is, metric, command
    (
        "Loading",
        "Dask 12x faster than pandas (13.42 s to 1.12 s)",
        "head(1) reads one block: the data was never loaded",
        "load.seconds",
        "01_load.py --compare",
    ),
    (
        "Exploring",
        "seven plots, no timing",
        "seven full parses of the CSV",
        "eda.seconds",
        "02_eda.py --compare",
    ),
    (
        "Logistic regression",
        "accuracy 0.63 to 0.64",
        "the majority class alone gives 0.611; recall of the minority 0.17; no text used",
        "model.accuracy",
        "04_cpu_models.py",
    ),
    (
        "Random forest",
        "accuracy 0.67",
        "recall of the minority 0.26, macro-F1 0.58; no text used",
        "model.accuracy",
        "04_cpu_models.py",
    ),
    ("SVM", "named in the goals", "never run", "model.accuracy", "04_cpu_models.py"),
    (
        "XGBoost on ratings",
        "RMSE 1.5364",
        "predicting the mean scores 1.5757; all cells of the grid agree to the fourth decimal",
        "model.rmse",
        "04_cpu_models.py",
    ),
    (
        "NetflixNet",
        "accuracy 0.611 to 0.612",
        "the share of five-star reviews is 0.611: the net predicts the majority",
        "train.accuracy",
        "05_gpu_train.py",
    ),
    (
        "DDP",
        "297.54 s on one GPU, 111.95 s on four; flat on CPUs",
        "the loss is fetched after every step, which makes each rank wait",
        "train.epoch_seconds",
        "torchrun --nproc-per-node 2 05_gpu_train.py --strategy ddp",
    ),
    (
        "FSDP",
        "441.87 s to 502.42 s on one to four GPUs",
        "always started with one rank, where nothing is sharded",
        "train.state_bytes_per_rank",
        "torchrun --nproc-per-node 2 05_gpu_train.py --strategy fsdp",
    ),
)


def compared(data_dir, metrics):
    """DataFrame: step, original study reported, on a second look, measured here ("not measured" where a script has not run), evidence."""
    measured = {
        "Loading": _ratios(metrics, "load"),
        "Exploring": _ratios(metrics, "explore"),
        "Logistic regression": _scores(data_dir, metrics, "logistic_regression"),
        "Random forest": _scores(data_dir, metrics, "random_forest"),
        "SVM": "; ".join(
            filter(None, (_scores(data_dir, metrics, name) for name in ("linear_svm", "rbf_svm")))
        ),
        "XGBoost on ratings": _scores(data_dir, metrics, "xgboost_rating", "rating"),
        "NetflixNet": _scores(data_dir, metrics, "netflixnet"),
        **_strategies(metrics),
    }
    rows = [
        (
            what,
            reported,
            look,
            measured.get(what) or "not measured",
            f"{metric}: {command if command[0] == 't' else f'python {command}'}",
        )
        for what, reported, look, metric, command in CLAIMS
    ]
    return pd.DataFrame(
        rows,
        columns=[
            "step",
            "original study reported",
            "on a second look",
            "measured here",
            "evidence",
        ],
    )


def _ratios(metrics, step):
    found = speed_tables.parallel(metrics)
    found = found[
        (found["step"] == step) & found["ratio"].notna() & found["part"].isin(["", "the seven"])
    ]
    base = found[found["ratio"] == 1]
    if len(found) < 2 or not len(base):
        return None
    others = found.drop(base.index[:1])
    parts = [f"{row.variant} {row.seconds:.2f} s ({row.ratio:.2f}x)" for row in others.itertuples()]
    return f"{base['variant'].iloc[0]} {base['seconds'].iloc[0]:.2f} s; " + ", ".join(parts)


def _scores(data_dir, metrics, model, task="five_star"):
    board = model_tables.leaderboard(data_dir, metrics, task)
    if not len(board):
        return None
    score = SCORES[task][0]
    own = board[
        board["model"].str.startswith(model) & ((board["model"] == model) | (model == "netflixnet"))
    ]
    parts = [f"{row['features']} {row[score]:.4f}" for _, row in own.iterrows()]
    return (
        f"{score}: {', '.join(parts)} ({board['model'][0]} {board[score][0]:.4f})"
        if parts
        else None
    )


def _strategies(metrics):
    """Text for DDP and FSDP, from the launches of the text network."""
    runs = launches.training(metrics)
    runs = runs[(runs["model"] == "text") & (runs["ranks"] > 1)] if len(runs) else runs
    found = {}
    for run in runs.itertuples():
        speed = (
            f"{run.ratio:.2f}x the speed of one rank with as many threads"
            if pd.notna(run.ratio)
            else f"{run.seconds:.2f} s an epoch"
        )
        found[run.strategy.upper()] = (
            f"{run.ranks:.0f} ranks on {run.device}: {speed}, state {run.state_bytes_per_rank / 1e6:.1f} MB a rank, "
            f"loss within {run.loss_difference:.0e} of one rank"
        )
    return found
