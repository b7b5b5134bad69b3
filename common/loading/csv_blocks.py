"""The records of a block of a CSV file at the speed of Arrow's reader, the same as ExactReader's.

Between two record boundaries quotes come in pairs, so a byte range where every odd quote opens a
field and every even one closes it needs no closer look: numpy finds its record ends, Arrow reads
its fields. Whatever does not fit goes to ExactReader, which makes the result the same for every
way of cutting a file into blocks.
"""

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy import ndarray

from common.loading.csv_records import (
    BOM,
    CR,
    LF,
    MAX_FIELD_BYTES,
    QUOTE,
    ExactReader,
    Layout,
    Record,
    is_utf8,
)


class ByteRange(NamedTuple):
    """Bytes [start, end), whole records: regular ones, of which the offsets of the quotes are
    known, or those that ExactReader has read."""

    start: int
    end: int
    quotes: ndarray
    records: list[Record] | None


def map_file(path: str | Path) -> mmap:
    """Read-only memory map of a file that is not empty.

    Keep it for one block only: the pages touched count as memory.
    """
    with open(path, "rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)


def byte_ranges(data: mmap, start: int, stop: int, layout: Layout) -> Iterator[ByteRange]:
    """Cut [start, first record boundary at or after `stop`), where `start` is a record boundary."""
    quotes = _offsets(data, QUOTE, start, stop)
    misplaced = _misplaced_quotes(data, quotes, start, layout.delimiter[0])
    position, reader = start, ExactReader(data, layout)
    while position < stop:
        first = np.searchsorted(quotes, position)
        flaws = misplaced[first % 2]
        nth = np.searchsorted(flaws, first)
        last = flaws[nth] if nth < len(flaws) else len(quotes)
        limit = quotes[last] if last < len(quotes) else stop
        end = _last_record_end(data, position, quotes[first:last], limit)
        if end > position:
            yield ByteRange(position, end, quotes[first:last], None)
        position = end
        if position < stop:
            records, position = reader.read(end)
            yield ByteRange(end, position, quotes[:0], records)


def _offsets(data: mmap, byte: int, start: int, stop: int) -> ndarray:
    """int64 offsets of the bytes in [start, stop) that are `byte`."""
    return start + np.flatnonzero(np.frombuffer(data, np.uint8)[start:stop] == byte)


def _misplaced_quotes(data: mmap, quotes: ndarray, start: int, delimiter: int) -> list[ndarray]:
    """Indices of the quotes that break the grammar if fields open at [0] even, [1] odd ones."""
    view = np.frombuffer(data, np.uint8)
    before = np.where(quotes > start, view[quotes - 1], LF)
    after, second = (view[np.minimum(quotes + n, len(view) - 1)] for n in (1, 2))
    is_edge = np.isin(np.arange(256), (delimiter, LF, QUOTE))
    opens = is_edge[before]
    closes = is_edge[after] | ((after == CR) & (second == LF))
    is_even = np.arange(len(quotes)) % 2 == 0
    return [np.flatnonzero(~np.where(opening, opens, closes)) for opening in (is_even, ~is_even)]


def _last_record_end(data: mmap, position: int, quotes: ndarray, limit: int) -> int:
    """Last record boundary in [position, limit]; `quotes` are the offsets of well-placed ones."""
    if len(quotes) % 2:
        limit, quotes = quotes[-1], quotes[:-1]
    while True:
        gap = quotes[-1] if len(quotes) else position
        newline = data.rfind(b"\n", gap, limit)
        if newline >= 0:
            return newline + 1
        if not len(quotes):
            return position
        limit, quotes = quotes[-2], quotes[:-2]


def read_columns(
    data: mmap, start: int, stop: int, layout: Layout
) -> tuple[pa.Table, list[Record]]:
    """Read the records in [start, stop), both record boundaries.

    The table holds, in file order, each record without a fault of its bytes or width: string
    columns named as in `layout.columns`, and int64 `start` and `end`. The list has all other
    records. Those in the table can still have faults in the sense of `layout.faults` where Arrow
    read them.
    """
    bounds, exact = [np.empty((2, 0), np.int64)], []
    for byte_range in byte_ranges(data, start, stop, layout):
        if byte_range.records is None:
            bounds.append(_regular_records(data, byte_range))
        else:
            exact += byte_range.records
    starts, ends = np.concatenate(bounds, axis=1)
    is_ambiguous = _ambiguous(data, starts, ends)
    table, wrong_width = _read_regular(data, starts[~is_ambiguous], ends[~is_ambiguous], layout)
    for first in [*starts[is_ambiguous].tolist(), *wrong_width.tolist()]:
        exact += ExactReader(data, layout).read(first)[0]
    good = [record for record in exact if not record.reasons]
    if good:
        columns = [
            pa.array((record.fields[position] for record in good), pa.string())
            for position in layout.columns.values()
        ]
        starts_and_ends = zip(*(record[:2] for record in good))
        extra = pa.table([*columns, *map(pa.array, starts_and_ends)], table.schema)
        table = pa.concat_tables([table, extra]).sort_by("start")
    return table.combine_chunks(), [record for record in exact if record.reasons]


def _regular_records(data: mmap, byte_range: ByteRange) -> ndarray:
    """Starts and ends of a regular byte range's records, without blank lines: (2, n) int64."""
    newlines = _offsets(data, LF, byte_range.start, byte_range.end)
    ends = newlines[np.searchsorted(byte_range.quotes, newlines) % 2 == 0] + 1
    starts = np.append(byte_range.start, ends[:-1])
    length = ends - starts
    is_blank = (length == 1) | ((length == 2) & (np.frombuffer(data, np.uint8)[starts] == CR))
    return np.stack([starts, ends])[:, ~is_blank]


def _ambiguous(data: mmap, starts: ndarray, ends: ndarray) -> ndarray:
    """Mask of the records that Arrow may read otherwise than ExactReader, or of faulty bytes."""
    ambiguous = ends - starts > MAX_FIELD_BYTES
    if not len(starts):
        return ambiguous
    first, stop = starts[0], ends[-1]
    view, text = np.frombuffer(data, np.uint8), memoryview(data)
    ambiguous |= view[starts] == BOM[0]
    odd = np.empty(0, np.int64)
    if data.find(b"\0", first, stop) >= 0:
        odd = _offsets(data, 0, first, stop)
    if data.find(b"\r", first, stop) >= 0:
        returns = _offsets(data, CR, first, stop)
        odd = np.append(odd, returns[view[returns + 1] != LF])
    ambiguous[np.searchsorted(starts, odd, side="right") - 1] = True
    for group in np.array_split(np.arange(len(starts)), len(starts) // 1000 + 1):
        if not _are_utf8(text[starts[group[0]] : ends[group[-1]]]):
            ambiguous[group] |= [not is_utf8(text[starts[row] : ends[row]]) for row in group]
    return ambiguous


def _are_utf8(text: memoryview) -> bool:
    """`is_utf8` for many records at several GB/s."""
    offsets = pa.py_buffer(np.array([0, len(text)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _read_regular(
    data: mmap, starts: ndarray, ends: ndarray, layout: Layout
) -> tuple[pa.Table, ndarray]:
    """Regular records with Arrow's reader: the table of `read_columns`, and the starts of those
    that it lacks, as they are of a wrong width."""
    schema = pa.schema(
        dict.fromkeys(layout.columns, pa.string()) | {"start": pa.int64(), "end": pa.int64()}
    )
    if not len(starts):
        return schema.empty_table(), starts
    gaps = np.flatnonzero(starts[1:] != ends[:-1])
    runs = zip(starts[np.append(0, gaps + 1)], ends[np.append(gaps, -1)])
    parts = [memoryview(data)[start:end] for start, end in runs]
    text = parts[0] if len(parts) == 1 else b"".join(parts)
    wrong_width: list[int] = []

    def skip(row: pacsv.InvalidRow) -> str:
        wrong_width.append(row.number - 1)
        return "skip"

    # One block, one thread: only so are newlines in values safe at block edges, and rows of a wrong
    # width numbered.
    columns = [str(position) for position in layout.columns.values()]
    used = sorted(set(columns))
    table = pacsv.read_csv(
        pa.BufferReader(pa.py_buffer(text)),
        pacsv.ReadOptions(
            use_threads=False,
            block_size=len(text) + 1,
            column_names=[str(n) for n in range(layout.width)],
        ),
        pacsv.ParseOptions(
            delimiter=layout.delimiter.decode(), newlines_in_values=True, invalid_row_handler=skip
        ),
        pacsv.ConvertOptions(
            check_utf8=False,
            include_columns=used,
            column_types=dict.fromkeys(used, pa.string()),
            strings_can_be_null=False,
        ),
    )
    right = np.delete(np.arange(len(starts)), wrong_width)
    arrays = [*(table[name] for name in columns), starts[right], ends[right]]
    return pa.table(arrays, schema=schema), starts[wrong_width]
