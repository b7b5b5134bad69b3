"""An uploaded export, scored record by record: its own columns, and beside them what models say."""

import io
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
from pandas import DataFrame, Series

from common.explorer.review_index import ReviewIndex
from common.explorer.search import speaks_of
from common.loading.convert import to_csv
from common.loading.csv_blocks import map_file
from common.loading.csv_records import parse_record
from common.loading.sources import read_head
from common.predict import Predictor, Written, score_file
from common.spreadsheet import spreadsheet_csv
from common.store import InputError

SAID = ["p_five_star", "predicted_rating", "in_training", "complaints", "reason"]
NUMBERS = ["review_rating", "review_likes", "characters", "has_version", *SAID[:3]]


class Scored(NamedTuple):
    """A scored export: its name, the model's, a CSV of its own columns and SAID, and NUMBERS by
    record, NaN where one has none."""

    file: str
    model: str
    written: Written
    csv: bytes
    numbers: DataFrame


def score_export(
    name: str,
    path: Path,
    predictor: Predictor,
    index: ReviewIndex,
    report_progress: Callable[[float], object] = lambda share: None,
) -> Scored:
    """Score the export at `path`, called `name`; InputError where no record could be scored.

    `report_progress` is called with the share of the file that is done.
    """
    text, parts = io.BytesIO(), [DataFrame(columns=NUMBERS)]
    with TemporaryDirectory() as folder:
        source = to_csv(path, Path(folder)).path
        data = map_file(source)
        head = read_head(source, source)
        names = [
            f"{n} {at}" if head.names.count(n) > 1 else n for at, n in enumerate(head.names, 1)
        ]
        for rows, done in score_file(source, predictor):
            own = [fields_of(data, at, head.delimiter, len(names)) for at in rows["byte_offset"]]
            rows["characters"] = rows["review_text"].str.len()
            rows["has_version"] = (
                rows["author_app_version"].notna().where(rows["in_training"].notna())
            )
            rows["complaints"] = complaints_of(rows["review_text"].fillna(""), index)
            said = rows[SAID].rename(
                columns=lambda name: f"scored {name}" if name in names else name
            )
            table = pd.concat([DataFrame(own, columns=names), said], axis=1)
            text.write(spreadsheet_csv(table, header=not text.tell()))
            parts.append(rows[NUMBERS].astype(float))
            report_progress(done)
    numbers = pd.concat(parts[1:] or parts, ignore_index=True)
    scored, known = numbers["p_five_star"].count(), numbers["in_training"].sum()
    if not scored:
        raise InputError(f"{name}: none of {len(numbers):,} records could be scored")
    written = Written(len(numbers), len(numbers) - scored, int(known))
    return Scored(name, predictor.name, written, text.getvalue(), numbers)


def fields_of(data: mmap, first: int, delimiter: bytes, width: int) -> list[str]:
    """The record that begins at a byte, as so many fields; one that breaks the rules of CSV is its
    line, in the first."""
    fields = parse_record(data, first, len(data), delimiter).fields
    if fields is None:
        fields = data[first:].split(b"\n", 1)[:1]
    return [field.decode("utf-8", "replace") for field in (fields + [b""] * width)[:width]]


def complaints_of(texts: Series, index: ReviewIndex) -> Series:
    """(n,) str: the groups of complaints that each text speaks of, "; " between them."""
    said = Series("", texts.index, dtype=object)
    for group, listed in index.groups.groupby("group", sort=False):
        said[speaks_of(pa.table({"text": texts})["text"], listed)] += f"; {group}"
    return said.str[2:]
