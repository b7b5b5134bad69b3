"""Blocks of an export to tables of reviews and what cannot be loaded, in one process."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.loading.csv_blocks import read_columns
from common.loading.fields import MISSING_WORDS
from common.loading.ids import content_ids, ids_in_links, numbered
from common.loading.sources import AS_WRITTEN, Block, Hints, Source, open_source, unchanged
from common.schema import OPTIONAL, SCHEMA, with_title

REQUIRED = pa.schema([field for field in SCHEMA if field.name not in OPTIONAL])


class Quarantined(NamedTuple):
    """A record that cannot be loaded: its bytes, all reasons, and its id where that is readable."""

    byte_offset: int
    raw: bytes
    reasons: list[str]
    review_id: str | None


def read_block(block: Block) -> tuple[pa.Table, list[Quarantined]]:
    """The reviews that can be loaded and the records that cannot, both in file order.

    The table holds the source's canonical columns, review_id always, and int64 `byte_offset` and
    `end`, where each record's bytes are.
    """
    source, start, stop = block
    data = source.map(stop)
    table, unreadable = read_columns(data, start, stop, source.layout)
    columns, faults = source.fields.check(table)
    ids = columns.pop("review_id", pa.nulls(len(table), pa.string()))
    reviews = pa.table({**columns, "byte_offset": table["start"], "end": table["end"]})
    quarantined = [
        Quarantined(first, data[first:end], reasons, _readable_id(fields, source))
        for first, end, fields, reasons in unreadable
    ]
    blocking = [mask for reason, mask in faults.items() if reason not in source.ignored]
    is_bad = np.logical_or.reduce(blocking)
    if is_bad.any():
        rows = np.flatnonzero(is_bad)
        bad = table.select(["start", "end"]).append_column("id", [ids]).take(rows).to_pylist()
        for row, record in zip(rows, bad):
            raw = data[record["start"] : record["end"]]
            reasons = [reason for reason, mask in faults.items() if mask[row]]
            quarantined.append(Quarantined(record["start"], raw, reasons, record["id"]))
        reviews, ids = reviews.filter(pa.array(~is_bad)), ids.filter(pa.array(~is_bad))
    if source.ids == "link":
        ids = ids_in_links(ids)
    if ids.null_count:
        ids = pc.coalesce(ids, content_ids(reviews))
    return reviews.add_column(0, "review_id", [ids]), sorted(quarantined)


def with_columns(reviews: pa.Table, schema: pa.Schema) -> pa.Table:
    """The reviews with all columns of a schema, null where the export has none; likes are 0."""
    for field in schema:
        if field.name not in reviews.column_names:
            values = pa.nulls(len(reviews), field.type)
            if field.name == "review_likes":
                values = pc.fill_null(values, 0)
            reviews = reviews.append_column(field, values)
    return reviews


def _readable_id(fields: list[bytes], source: Source) -> str | None:
    position = source.fields.positions.get("review_id")
    if not fields or position is None or source.ids == "link":
        return None
    try:
        review_id = fields[position].decode()
    except UnicodeDecodeError:
        return None
    return review_id if review_id not in MISSING_WORDS else None


def read_records(
    path: str | Path, block_bytes: int = 16 << 20, hints: Hints = AS_WRITTEN
) -> Iterator[tuple[pa.Table, list[Quarantined], float]]:
    """Read one export block by block, in input order and bounded memory, for prediction.

    Only a text is needed: a rating, a time or likes that cannot be read are null. Yields what
    `read_block` returns and the share of the file that is read by then. Repeated ids are kept; of
    records that are alike and have no ids each gets one of its own. InputError as for `ingest`.
    """
    with TemporaryDirectory() as folder:
        # A copy: a map of a file that is cut short meanwhile would end this process.
        with unchanged([path]):
            source = open_source(path, folder, hints, to_score=True)
        size = Path(source.path).stat().st_size
        occurrences: Counter[str] = Counter()
        for block in source.blocks(block_bytes):
            reviews, quarantined = read_block(block)
            ids = [numbered(i, occurrences) for i in reviews["review_id"].to_pylist()]
            reviews = reviews.set_column(0, "review_id", pa.array(ids, pa.string()))
            reviews = with_columns(with_title(reviews), REQUIRED)
            yield reviews, quarantined, block.stop / size
