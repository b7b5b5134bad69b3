"""Two runs side by side: what differs between the metrics of two data directories."""

from pathlib import Path

import pandas as pd
from pandas import DataFrame

from common.metrics import read_metrics
from common.report.speed_tables import verdicts
from common.scores import SCORES
from common.store import InputError, read_json

RUNS = ("here", "there")
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
    both = pd.concat(facts, axis=1, keys=RUNS).fillna("none")
    return both[both["here"] != both["there"]].rename_axis("what").reset_index()


def speed_ups(here: DataFrame, there: DataFrame) -> tuple[DataFrame, int]:
    """(Verdicts whose intervals lie apart in two runs: step, way, here, there; the number of the
    others). Each is of ratios within its run; one of a single repeat has no interval."""
    both = side_by_side(verdicts(here), verdicts(there), ["step", "way"])
    both = both[both["here_verdict"] != "baseline"]
    apart = (both["here_low"] > both["there_high"]) | (both["there_low"] > both["here_high"])
    words = {f"{run}_verdict": run for run in RUNS}
    return both[apart].rename(columns=words)[["step", "way", *RUNS]], sum(~apart)


def side_by_side(here: DataFrame, there: DataFrame, keys: list[str]) -> DataFrame:
    """The rows that two tables both have by these keys, columns with here_ and there_ before."""
    tables = [t.set_index(keys).add_prefix(f"{run}_") for run, t in zip(RUNS, (here, there))]
    return tables[0].join(tables[1], how="inner").reset_index()


def scores(here: DataFrame, there: DataFrame, task: str) -> tuple[DataFrame, int]:
    """(Models of two leaderboards of a task whose first two scores on test are not alike: these,
    and the first one's interval; the number of those whose are)."""
    if here.empty or there.empty:
        return DataFrame(), 0
    names = SCORES[task][:2]
    both = side_by_side(here, there, ["model", "features"])
    differs = (
        sum((both[f"here_{name}"] - both[f"there_{name}"]).abs() > SHOWN for name in names) > 0
    )
    columns = [f"{run}_{name}" for name in (*names, "interval") for run in RUNS]
    return both.loc[differs, ["model", "features", *columns]], sum(~differs)
