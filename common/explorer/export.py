"""An uploaded export, scored record by record: its own columns, and beside them what models say."""

import io
from collections.abc import Callable, Iterator
from mmap import mmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas import DataFrame

from common.explorer.review_index import ReviewIndex
from common.explorer.search import speaks_of
from common.loading import read_records
from common.loading.convert import to_csv
from common.loading.csv_blocks import map_file
from common.loading.csv_records import parse_record
from common.loading.sources import read_head
from common.predict import BATCH_BYTES, Predictor, Written
from common.spreadsheet import spreadsheet_csv
from common.store import InputError

PREVIEWED = 20
SAID = ["p_five_star", "predicted_rating", "in_training", "complaints", "reason"]
NUMBERS = ["review_rating", "review_likes", "characters", "has_version", *SAID[:3]]


class Scored(NamedTuple):
    """A scored export: its name, the model's, a CSV of its own columns and SAID, the first records
    of that, and NUMBERS by record, NaN where one has none."""

    file: str
    model: str
    written: Written
    csv: bytes
    first: DataFrame
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
    text = io.BytesIO()
    first: list[DataFrame] = []
    numbers: list[DataFrame] = []
    with TemporaryDirectory() as folder:
        source = to_csv(path, Path(folder)).path
        for own, said, done in batches(source, predictor, index):
            renamed = {name: f"scored {name}" for name in SAID if name in own.columns}
            table = pd.concat([own, said[SAID].rename(columns=renamed)], axis=1)
            text.write(spreadsheet_csv(table, header=not numbers))
            first.append(table.head(PREVIEWED))
            numbers.append(said[NUMBERS])
            report_progress(done)
    counted = pd.concat(numbers, ignore_index=True) if numbers else DataFrame(columns=NUMBERS)
    unreadable = int(counted["p_five_star"].isna().sum())
    if unreadable == len(counted):
        raise InputError(f"{name}: none of {len(counted):,} records could be scored")
    written = Written(len(counted), unreadable, int(counted["in_training"].eq(True).sum()))
    preview = pd.concat(first, ignore_index=True).head(PREVIEWED)
    return Scored(name, predictor.name, written, text.getvalue(), preview, counted)


def batches(
    source: Path, predictor: Predictor, index: ReviewIndex
) -> Iterator[tuple[DataFrame, DataFrame, float]]:
    """Of a UTF-8 CSV, in input order: records' own columns as text, SAID and NUMBERS of each, and
    the share of the file that is done."""
    data = map_file(source)
    head = read_head(source, data)
    for reviews, unreadable, done in read_records(source, BATCH_BYTES):
        said = DataFrame(columns=SAID)
        if len(reviews):
            said = predictor.score(reviews).assign(
                complaints=complaints_of(reviews["review_text"], index),
                characters=pc.utf8_length(reviews["review_text"]).to_numpy(),
                has_version=pc.is_valid(reviews["author_app_version"]).to_numpy(),
                review_likes=reviews["review_likes"].to_numpy(),
                review_rating=np.nan,
            )
            if "review_rating" in reviews.column_names:
                said["review_rating"] = reviews["review_rating"].to_pandas().astype(float)
        said.index = reviews["byte_offset"].to_numpy()
        failed = {one.byte_offset: "; ".join(one.reasons) for one in unreadable}
        said = pd.concat([said, DataFrame({"reason": failed})]).sort_index()
        own = [fields_of(data, first, head.delimiter, len(head.names)) for first in said.index]
        said = said.reindex(columns=[*dict.fromkeys(SAID + NUMBERS)])
        yield DataFrame(own, columns=unique(head.names)), said.reset_index(drop=True), done


def fields_of(data: mmap, first: int, delimiter: bytes, width: int) -> list[str]:
    """The record that begins at a byte, as so many fields; one that breaks the rules of CSV is its
    line, in the first."""
    fields = parse_record(data, first, len(data), delimiter).fields
    if fields is None:
        end = data.find(b"\n", first)
        fields = [data[first : end if end >= 0 else len(data)]]
    text = [field.decode("utf-8", "replace") for field in fields]
    return (text + [""] * width)[:width]


def unique(names: list[str]) -> list[str]:
    """The names, with their place where one stands twice."""
    return [
        name if names.count(name) == 1 else f"{name} {place}" for place, name in enumerate(names, 1)
    ]


def complaints_of(texts: pa.ChunkedArray, index: ReviewIndex) -> list[str]:
    """The groups of complaints that each text speaks of, "; " between them."""
    groups = [""] * len(texts)
    for group, listed in index.groups.groupby("group", sort=False):
        for row in np.flatnonzero(speaks_of(texts, listed["term"], listed["needs"].iloc[0])):
            groups[row] += f"; {group}" if groups[row] else group
    return groups
