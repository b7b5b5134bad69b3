"""What was measured of the data, arranged to be read, and a label of metrics rows.

A figure that was not measured is NaN, shown as "not measured"; no table has a default for one.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common.store import require


def column(rows, label):
    """A label of metrics rows as a Series; NaN where there is no such label."""
    return (
        rows[f"label.{label}"]
        if label and f"label.{label}" in rows
        else pd.Series(np.nan, rows.index, dtype=object)
    )


def splits(metrics):
    """Reviews in each split: {name: count}."""
    rows = metrics[metrics["name"] == "features.rows"]
    return dict(zip(column(rows, "split"), rows["value"].astype(int)))


def eda_tables(data_dir):
    """{name: DataFrame} of what 02_eda.py published; empty before it ran."""
    if not Path(data_dir, "eda").exists():
        return {}
    return {
        path.stem: pd.read_parquet(path)
        for path in sorted(require(data_dir, "eda").glob("*.parquet"))
    }


def repeats_sentence(repeats):
    """What 02's table of repeats says."""
    row = repeats.iloc[0]
    found = f"{row['repeated_share']:.1%} of the reviews repeat the text of another one."
    if row["often_repeated_reviews"]:
        found += (
            f" {row['often_repeated_reviews']:,.0f} have a text that was written five times or more, with contradicting ratings: no "
            f"classifier of five stars that knows the text alone can be right on more than {row['best_accuracy']:.1%} of those."
        )
    return found
