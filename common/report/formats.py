"""How a column of figures is headed and written, by its name: in the report and the explorer."""

import tomllib
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd


class Format(NamedTuple):
    """One way to write a number: Python's for the report, Streamlit's for the explorer."""

    python: str
    streamlit: str


COUNT = Format("{:,.0f}", "localized")
SCORE = Format("{:.4f}", "%.4f")
BYTES = Format("{:,.2f} MB", "bytes")
NAMES = {  # what is written so: names of columns, whole, or their last words
    COUNT: "rows workers ranks points epochs global_batch threads_per_rank samples_per_second",
    BYTES: "bytes bytes_per_rank state rss",
    Format("{:,.3f}", "%.3f"): "seconds fastest slowest stars_lost",
    Format("{:,.2f}", "%.2f"): "ms mean_rating predicted_rating z psi",
    Format("{:,.1f}", "%.1f"): "mean_characters median_characters mean_likes expected",
    Format("{:.2f}x", "%.2fx"): "ratio speed_up slower",
    Format("{:.1%}", "%.1f%%"): "share effect effect_low effect_high before_after without_version"
    " with_reply other_script share_low share_high p_five_star confidence",
    Format("{:.1e}", "scientific"): "loss_difference",
}
HUMAN = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
FORMATS = {name: form for form, names in NAMES.items() for name in names.split()}


def of_column(name: Hashable, cells: pd.Series) -> Format:
    """The format of a column: of its name or the longest ending that has one, else of its type."""
    words = str(name).split("_")
    for start in range(len(words)):
        form = FORMATS.get("_".join(words[start:]))
        if form:
            return form
    return COUNT if pd.api.types.is_integer_dtype(cells) else SCORE


def heading(name: Hashable) -> str:
    """A column's name as words."""
    return str(name).replace("_", " ")


def column_name(name: Hashable) -> str:
    """What people call a column."""
    words = heading(name)
    return HUMAN["columns"].get(name) or words[:1].upper() + words[1:]


def model_name(name: str) -> str:
    """What people call a saved model: "XGBoost on the text"."""
    model, _, features = name.partition("-")
    known, of = HUMAN["models"], HUMAN["features"]
    return f"{known.get(model, heading(model))} on {of.get(features, features)}"


def cell_text(value: Any, form: Format) -> str:
    """A cell in words; a missing one is "not measured", never 0."""
    if pd.isna(value):
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, (int, float)):
        return form.python.format(value / 1e6 if form is BYTES else value)
    return str(value)


class TextTable(NamedTuple):
    """A table in words: headings, whether each column holds numbers, and rows of cells."""

    headings: list[str]
    numeric: list[bool]
    rows: list[tuple[str, ...]]


def as_text(table: pd.DataFrame) -> TextTable:
    headings, numeric, columns = [], [], []
    for name, cells in table.items():
        form = of_column(name, cells)
        headings.append(heading(name))
        numeric.append(pd.api.types.is_numeric_dtype(cells) and cells.dtype != bool)
        columns.append([cell_text(value, form) for value in cells.tolist()])
    return TextTable(headings, numeric, list(zip(*columns)))
