"""Tables of figures in README and docs, written from measured rows in docs/measurements/.

    python -m cogapp -I . -I tests -r README.md docs/*.md         # write them
    python -m cogapp -I . -I tests --check README.md docs/*.md    # fail where rows say otherwise

docs/measurements/<run>/ holds metrics files as a data directory's metrics/ has them.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from common.metrics import read_rows
from common.report import speed_tables
from common.report.formats import as_text


def measured(run: str) -> pd.DataFrame:
    """The metrics rows of a measured run, as `read_metrics` gives them."""
    return read_rows(sorted(Path(__file__).parent.parent.glob(f"docs/measurements/{run}/*.jsonl")))


def markdown(table: pd.DataFrame, columns: Mapping[str, str]) -> str:
    """Some columns of a table as Markdown, under headings of their own."""
    table = table[list(columns)]
    table.attrs["decimals"] = 4
    rows = [columns.values(), ["---"] * len(columns), *as_text(table).rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def noticed() -> pd.DataFrame:
    """What tests/mutants.py found: room, its changes, those tried, and those noticed."""
    path = Path(__file__).parent.parent / "docs/measurements/mutants.json"
    rooms = json.loads(path.read_text())
    table = pd.DataFrame([{"room": name, **found} for name, found in rooms.items()])
    return table.assign(noticed_share=table["noticed"] / table["tried"])


def where(run: str) -> str:
    """When, at which commit and on what machine a run was measured, as a sentence."""
    last = measured(run).iloc[-1]
    return f"Measured on {last['at'][:10]} at commit {last['commit']}: {last['host']}.\n\n"


def believed(run: str) -> str:
    """How often verdicts claimed a difference, of a step with itself and with a slower one."""
    rows = measured(run).set_index("label.way")
    of = rows["label.comparisons"].iloc[0]
    itself, slower = (f"{rows.loc[way, 'value']:.0f}" for way in ("itself", "a fifth slower"))
    return (
        f"Of {of} comparisons of a step with itself {itself} claimed a difference; of {of} with "
        f"one that takes a fifth longer, {slower} did (`tests/bench_verdicts.py`).\n\n"
    )


def sizes(run: str) -> pd.DataFrame:
    """How all cores compare with one process, at each number of reviews that was measured."""
    return speed_tables.by_size(
        [measured(run + part) for part in ("", "/scaling/4", "/scaling/16")]
    )


def model_scores(run: str, task: str, first: str) -> pd.DataFrame:
    """A row per model and features with the scores on test, "<score> (future)", and the ends of
    the interval of the `first` score; baselines first, then the worst."""
    rows = measured(run)
    rows = rows[(rows["label.task"] == task) & rows["label.split"].isin(["test", "future"])]
    names = rows["name"].str.removeprefix("model.")
    names += rows["label.split"].map({"test": "", "future": " (future)"})
    keys = ["label.model", "label.features"]
    table = rows.assign(score=names).pivot_table("value", keys, "score").reset_index()
    table["interval"] = [
        f"{low:.4f} to {high:.4f}"
        for low, high in zip(table[f"{first}_low"], table[f"{first}_high"])
    ]
    table = table.rename(columns={"label.model": "model", "label.features": "features"})
    table["is_model"] = table["features"] != "none"
    return table.sort_values(["is_model", first], ascending=[True, task == "five_star"])


def run_times(run: str) -> pd.DataFrame:
    """command, reviews, time to the results and to the end, and disk of runs of run_all.sh."""
    keys = ["label.command", "label.data", "rows"]
    table = measured(run).pivot_table("value", keys, "name").reset_index()
    kind = table["label.data"].map({"synthetic": "synthetic", "csv": "real"})
    return pd.DataFrame(
        {
            "command": "`" + table["label.command"] + "`",
            "reviews": table["rows"].map("{:,.0f} ".format) + kind,
            "results": table["runs.results_seconds"].map(_minutes),
            "all": table["runs.seconds"].map(_minutes),
            "disk": (table["runs.bytes"] / 1e6).map("{:,.0f} MB".format),
        }
    )


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def group_gains(run: str, score: str) -> pd.DataFrame:
    """A row per group of features: what it adds to a score on folds of train and on its newest
    part, each "gain (low to high)"; positive where the group helps."""
    rows = measured(run)
    rows = rows[(rows["label.score"] == score) & rows["name"].str.startswith("group.gain")]
    keys = ["label.group", "label.part"]
    table = rows.pivot_table("value", keys, "name", sort=False)
    cells = [
        f"{gain:.4f} ({low:.4f} to {high:.4f})"
        for gain, low, high in zip(*(table[f"group.gain{end}"] for end in ("", "_low", "_high")))
    ]
    return pd.Series(cells, table.index).unstack(sort=False).rename_axis("group").reset_index()


def features_against(run: str) -> pd.DataFrame:
    """A row per checkout and workers: median seconds of 03 and of its text scorers, peak memory."""
    rows = measured(run)
    names = (
        rows["label.part"]
        .fillna("memory_bytes")
        .map({"all": "seconds", "text scores": "scorers_seconds", "memory_bytes": "memory_bytes"})
    )
    keys = ["label.checkout", "label.workers"]
    table = (
        rows.assign(name=names).dropna(subset="name").pivot_table("value", keys, "name", "median")
    )
    table["ratio"] = table["seconds"] / table["seconds"].loc[("6f972b9", 2)]
    return table.rename_axis(["checkout", "workers"]).reset_index()


def fits(run: str) -> pd.DataFrame:
    """A row per model of 04: features, rows that it was fitted on, seconds of that, AUC on test."""
    rows = measured(run)
    keys = ["label.model", "label.features"]
    fitted = rows[rows["name"] == "model.fit_seconds"].set_index(keys)[["rows", "value"]]
    on_test = rows[(rows["name"] == "model.auc") & (rows["label.split"] == "test")]
    table = fitted.join(on_test.set_index(keys)["value"].rename("auc"))
    names = {"value": "seconds", "label.model": "model", "label.features": "features"}
    return table.reset_index().rename(columns=names)


def text_models(run: str) -> pd.DataFrame:
    """A row per text model: seconds from loaded reviews, accuracy and AUC."""
    rows = measured(run)
    names = rows["name"].str.removeprefix("text.")
    table = rows.assign(name=names).pivot_table("value", "label.variant", "name", sort=False)
    return table.rename_axis("model").reset_index()


def encoder_gains(run: str) -> pd.DataFrame:
    """A row per seed and score: what boosting and its blend with the encoder reach, and the paired
    95% interval of the gain."""
    rows = measured(run)
    rows = rows[rows["name"].str.startswith("encoder.")]
    keys = ["label.seed", "label.score"]
    table = rows.assign(name=rows["name"].str.removeprefix("encoder."))
    table = table.pivot_table("value", keys, "name").reset_index()
    table["gain"] = [f"{low:.4f} to {high:.4f}" for low, high in zip(table["low"], table["high"])]
    table = table.astype({"label.seed": int})
    return table.rename(columns={"label.seed": "seed", "label.score": "score"})


def encoder_scores(run: str) -> pd.DataFrame:
    """A row per saved model and score: its value on test with its interval, and on future."""
    rows = measured(run)
    rows = rows[rows["name"].str.startswith("card.")]
    names = rows["name"].str.removeprefix("card.")
    keys = ["label.model", "label.score"]
    table = rows.assign(name=names).pivot_table("value", keys, "name", sort=False).reset_index()
    table["interval"] = [
        f"{low:.4f} to {high:.4f}" for low, high in zip(table["low"], table["high"])
    ]
    return table.rename(columns={"label.model": "model", "label.score": "score"})


def launch_speeds(run: str) -> pd.DataFrame:
    """A row per net, device, launch, precision and global batch: rows per second, the median over
    epochs, and how many times those of one rank with one thread (or one GPU) at the same batch."""
    rows = measured(run)
    rows = rows[rows["name"] == "train.samples_per_second"]
    names = ["model", "device", "strategy", "ranks", "threads_per_rank", "precision"]
    keys = [f"label.{name}" for name in [*names, "global_batch"]]
    table = rows.groupby(keys)["value"].median().reset_index()
    table.columns = [*names, "global_batch", "speed"]
    same = ["model", "device", "precision", "global_batch"]
    one = table[table["strategy"] == "none"].sort_values("threads_per_rank")
    one = one.drop_duplicates(same).set_index(same)["speed"].rename("one")
    table = table.join(one, on=same)
    table["ratio"] = table["speed"] / table["one"]
    return table.assign(launch=_launches(table), speed=table["speed"].map("{:,.0f}".format))


def _launches(table: pd.DataFrame) -> pd.Series:
    """ "ddp, 2 x 1" of each launch: strategy, ranks, threads or GPUs of each."""
    threads = table["threads_per_rank"].where(table["device"] == "cpu", 1)
    counts = table["ranks"].astype(int).astype(str) + " x " + threads.astype(int).astype(str)
    return table["strategy"].replace("none", "one rank") + ", " + counts
