"""What was measured of the data, arranged to be read, and a label of metrics rows.

A figure that was not measured is NaN, shown as "not measured"; no table has a default for one.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from pandas import DataFrame, Series

from common.store import require

Frames = dict[str, DataFrame]


def column(rows: DataFrame, label: str) -> Series:
    """A label of metrics rows; NaN where there is no such label."""
    nothing = Series(np.nan, rows.index, dtype=object)
    return rows.get(f"label.{label}", nothing)


def splits(metrics: DataFrame) -> dict[str, int]:
    """Reviews in each split."""
    rows = metrics[metrics["name"] == "features.rows"]
    return dict(zip(column(rows, "split"), rows["value"].astype(int)))


def eda_tables(data_dir: Path) -> dict[str, DataFrame]:
    """The tables that 02_eda.py published, by name; none before it ran."""
    if not Path(data_dir, "eda").exists():
        return {}
    files = sorted(require(data_dir, "eda").glob("*.parquet"))
    return {file.stem: pd.read_parquet(file) for file in files}


def repeats_sentence(repeats: DataFrame) -> str:
    """What 02's table of repeated texts, of one row, says."""
    row = repeats.iloc[0]
    text = f"{row['repeated_share']:.1%} of the reviews repeat the text of another one."
    if row["often_repeated_reviews"]:
        text += (
            f" {row['often_repeated_reviews']:,.0f} have a text that was written five times or "
            "more, with contradicting ratings: no classifier of five stars that knows the text "
            f"alone can be right on more than {row['best_accuracy']:.1%} of those."
        )
    return text
