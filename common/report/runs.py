"""Two runs side by side: what differs between the metrics of two data directories."""

from pathlib import Path

import pandas as pd
from pandas import DataFrame

from common.metrics import read_metrics
from common.report.speed_tables import verdicts
from common.store import InputError, read_json

RUNS = ("_here", "_there")
SHOWN = 5e-5  # scores that differ by less are written alike


def metrics_of(data_dir: Path) -> DataFrame:
    """The metrics of a data directory that somebody named; InputError when there are none."""
    try:
        read_json(data_dir, "manifest.json")
        metrics = read_metrics(data_dir)
    except (InputError, OSError, ValueError) as error:
        raise InputError(f"{str(data_dir)[:100]!r} cannot be compared with: {error}") from None
    if metrics.empty:
        raise InputError(f"nothing was measured in {data_dir}")
    return metrics


def origins(here: DataFrame, there: DataFrame) -> DataFrame:
    """What differs of where and on what two runs' metrics were measured: what, here, there."""
    facts = []
    for metrics in (here, there):
        table = metrics[["host", "commit", "reviews", "data", "seed"]]
        table = table.join(DataFrame(metrics["versions"].tolist()).add_prefix("version of "))
        table["number of reviews"] = metrics["rows"].max()
        facts.append(
            table.agg(lambda cells: ", ".join(sorted(cells.dropna().astype(str).unique())))
        )
    both = pd.concat(facts, axis=1, keys=["here", "there"]).fillna("none")
    return both[both["here"] != both["there"]].rename_axis("what").reset_index()


def speed_ups(here: DataFrame, there: DataFrame) -> tuple[DataFrame, int]:
    """(Verdicts whose intervals lie apart in two runs: step, way, verdict_here, verdict_there; the
    number of the others). Each is of ratios within its run; one of one repeat has no interval."""
    both = verdicts(here).merge(verdicts(there), on=["step", "way"], suffixes=RUNS)
    both = both[both["verdict_here"] != "baseline"]
    apart = (both["low_here"] > both["high_there"]) | (both["low_there"] > both["high_here"])
    return both.loc[apart, ["step", "way", *(f"verdict{run}" for run in RUNS)]], sum(~apart)


def scores(here: DataFrame, there: DataFrame) -> tuple[DataFrame, int]:
    """(AUC and RMSE on test that are not written alike in two runs: step, name, model, features,
    value_here, value_there; the number of those that are)."""
    keys, tables = ["step", "name", "label.model", "label.features"], []
    for metrics in (here, there):
        rows = metrics.reindex(columns=[*keys, "label.split", "value"])
        on_test = (rows["label.split"] == "test") & rows["name"].str.endswith((".auc", ".rmse"))
        tables.append(rows.loc[on_test, [*keys, "value"]])
    both = tables[0].merge(tables[1], on=keys, suffixes=RUNS)
    alike = (both["value_here"] - both["value_there"]).abs() < SHOWN
    return both[~alike].rename(columns=lambda name: name.removeprefix("label.")), sum(alike)
