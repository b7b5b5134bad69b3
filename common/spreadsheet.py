"""Tables for spreadsheets, in which no cell of text runs as a formula."""

import pandas as pd
from pandas import Series


def neutralise(column: Series) -> Series:
    """A string column in which cells that a spreadsheet would run start with an apostrophe."""
    return column.str.replace(r"^(?=[=+\-@\t\r\n])", "'", regex=True)


def spreadsheet_csv(table: pd.DataFrame, header: bool = True) -> bytes:
    """The table as CSV, with its header or without; text cells and headings neutralised."""
    safe = table.copy()
    for name in safe.select_dtypes(["object", "string"]):
        text = safe[name].astype("str").where(safe[name].notna(), "")
        safe[name] = neutralise(text)
    safe.columns = neutralise(Series(safe.columns, dtype="str"))
    return safe.to_csv(index=False, header=header, float_format="%.6g").encode()
