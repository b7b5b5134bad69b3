"""How a column of figures is headed and written, by its name: in the report and the explorer."""

import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import pandas as pd

from common.toml import toml_beside


class Format(NamedTuple):
    """One way to write a number: Python's for the report ("" for three significant digits),
    Streamlit's for the explorer."""

    python: str
    streamlit: str


HUMAN = toml_beside(__file__, "names.toml")
FORMATS = {
    name: Format(form["python"], form["streamlit"])
    for form in HUMAN["formats"]
    for name in form["names"].split()
}


def of_column(name: Hashable, cells: pd.Series, decimals: int = 3) -> Format:
    """The format of a column: of its name or the longest ending that has one, else of its type;
    decimals: of a score."""
    words = str(name).split("_")
    for start in range(len(words)):
        form = FORMATS.get("_".join(words[start:]))
        if form:
            return form
    score = Format(f"{{:.{decimals}f}}", f"%.{decimals}f")
    return FORMATS["rows"] if pd.api.types.is_integer_dtype(cells) else score


def heading(name: Hashable) -> str:
    """A name as words."""
    return str(name).replace("_", " ")


def column_name(name: Hashable) -> str:
    """What people call a column; of "auc (future)" both parts."""
    first, bracket, rest = str(name).partition(" (")
    words = HUMAN["columns"].get(first) or first[:1].upper() + first[1:]
    return heading(words + bracket + rest)


def model_name(name: str) -> str:
    """What people call a model, saved or a baseline: "XGBoost on the text"."""
    model, _, features = name.partition("-")
    words = HUMAN["models"].get(model) or heading(model)
    of = HUMAN["features"].get(features, features)
    return f"{words} on {of}" if of not in ("", "none") else words


def cell_text(value: Any, form: Format, missing: str) -> str:
    """A cell in words; `missing`: what says that there is none, never 0."""
    if pd.isna(value):
        return missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, (int, float)):
        python = form.python or f"{{:,.{max(2 - math.floor(math.log10(abs(value) or 1)), 0)}f}}"
        return python.format(value / 1e6 if "MB" in form.python else value)
    return str(value)


class TextTable(NamedTuple):
    """A table in words: headings, whether each column holds numbers, and rows of cells."""

    headings: list[str]
    numeric: list[bool]
    rows: list[tuple[str, ...]]


def as_text(table: pd.DataFrame) -> TextTable:
    """A table in words. Its attrs: decimals of scores, and what says that a cell is missing."""
    missing = table.attrs.get("missing", "not measured")
    headings, numeric, columns = [], [], []
    for name, cells in table.items():
        form = of_column(name, cells, table.attrs.get("decimals", 3))
        headings.append(column_name(name))
        numeric.append(pd.api.types.is_numeric_dtype(cells) and cells.dtype != bool)
        columns.append([cell_text(value, form, missing) for value in cells.tolist()])
    return TextTable(headings, numeric, list(zip(*columns)))
