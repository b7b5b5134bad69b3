"""Blocks of an export to tables of reviews and what cannot be loaded, in one process."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from common.loading.csv_blocks import read_columns
from common.loading.csv_records import Layout
from common.loading.fields import check_fields
from common.loading.headers import FAMILIES
from common.loading.sources import Block, open_source, unchanged


class Quarantined(NamedTuple):
    """A record that cannot be loaded: its bytes, all reasons, and its id where that is readable."""

    byte_offset: int
    raw: bytes
    reasons: list[str]
    review_id: str | None


def read_block(block: Block) -> tuple[pa.Table, list[Quarantined]]:
    """The reviews that can be loaded and the records that cannot, both in file order.

    The table holds the source's canonical columns and int64 `byte_offset` and `end`, where each
    record's bytes are.
    """
    source, start, stop = block
    data = source.map(stop)
    table, unreadable = read_columns(data, start, stop, source.layout)
    columns, faults = check_fields(table, FAMILIES[source.family])
    reviews = pa.table({**columns, "byte_offset": table["start"], "end": table["end"]})
    quarantined = [
        Quarantined(first, data[first:end], reasons, _readable_id(fields, source.layout))
        for first, end, fields, reasons in unreadable
    ]
    is_bad = np.logical_or.reduce(list(faults.values()))
    if is_bad.any():
        rows = np.flatnonzero(is_bad)
        bad = table.select(["start", "end", "review_id"]).take(rows).to_pylist()
        for row, record in zip(rows, bad):
            raw = data[record["start"] : record["end"]]
            reasons = [reason for reason, mask in faults.items() if mask[row]]
            quarantined.append(
                Quarantined(record["start"], raw, reasons, record["review_id"] or None)
            )
        reviews = reviews.filter(pa.array(~is_bad))
    return reviews, sorted(quarantined)


def _readable_id(fields: list[bytes], layout: Layout) -> str | None:
    try:
        return fields[layout.columns["review_id"]].decode() or None if fields else None
    except UnicodeDecodeError:
        return None


def read_records(
    path: str | Path, block_bytes: int = 16 << 20
) -> Iterator[tuple[pa.Table, list[Quarantined], float]]:
    """Read one export block by block, in input order and bounded memory, for prediction.

    Ratings are neither needed nor read. Yields what `read_block` returns, without review_rating
    and author_name, and the share of the file that is read by then. Repeated ids are kept.
    InputError as for `ingest`.
    """
    with TemporaryDirectory() as folder:
        # A copy: a map of a file that is cut short meanwhile would end this process.
        with unchanged([path]):
            source = open_source(
                path, folder, without=("review_rating", "author_name"), copied=True
            )
        size = Path(source.path).stat().st_size
        for block in source.blocks(block_bytes):
            reviews, quarantined = read_block(block)
            yield reviews, quarantined, block.stop / size
