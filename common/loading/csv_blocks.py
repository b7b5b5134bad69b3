"""The records of a block of a CSV file at the speed of Arrow's reader, the same as `csv_records.read_exactly` finds.

Between two record boundaries quotes come in pairs, so a range where every odd quote opens a field and every even one closes it
needs no closer look: numpy finds its record ends, Arrow reads its fields. Whatever does not fit goes to `read_exactly`, which
makes the result the same for every way of cutting a file into blocks.
"""

import mmap
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from common.loading.csv_records import (
    BOM,
    COMMA,
    CR,
    LF,
    MAX_FIELD_BYTES,
    QUOTE,
    Record,
    is_utf8,
    read_exactly,
)


class Stretch(NamedTuple):
    """Bytes [start, end), whole records: either regular (`quotes` holds the quotes' offsets) or read exactly (`records`)."""

    start: int
    end: int
    quotes: np.ndarray | None
    records: list[Record] | None


def map_file(path):
    """Read-only memory map of a file that is not empty. Keep it for one block only: the pages touched count as memory."""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def stretches(data, start, stop, layout):
    """Cut [start, first record boundary at or after `stop`) into Stretches; `start` must be a record boundary."""
    view = np.frombuffer(data, np.uint8)
    quotes = start + np.flatnonzero(view[start:stop] == QUOTE)
    misplaced = _misplaced_quotes(view, quotes, start)
    position, far = start, (None, None)
    while position < stop:
        first = np.searchsorted(quotes, position)
        flaws = misplaced[first % 2]
        nth = np.searchsorted(flaws, first)
        last = flaws[nth] if nth < len(flaws) else len(quotes)
        limit = int(quotes[last]) if last < len(quotes) else stop
        end = _last_record_end(data, position, quotes[first:last], limit)
        if end > position:
            yield Stretch(position, end, quotes[first:last], None)
        position = end
        if position < stop:
            records, position, far = read_exactly(data, end, layout, far)
            yield Stretch(end, position, None, records)


def _misplaced_quotes(view, quotes, start):
    """Indices of the quotes that break the grammar if the quotes that open fields are (the even, the odd) ones."""
    before = np.where(quotes > start, view[quotes - 1], LF)
    after, second = (view[np.minimum(quotes + n, len(view) - 1)] for n in (1, 2))
    opens = (before == COMMA) | (before == LF) | (before == QUOTE)
    closes = (after == COMMA) | (after == LF) | (after == QUOTE) | ((after == CR) & (second == LF))
    even = np.arange(len(quotes)) % 2 == 0
    return np.flatnonzero(~np.where(even, opens, closes)), np.flatnonzero(
        ~np.where(even, closes, opens)
    )


def _last_record_end(data, position, quotes, limit):
    """Last record boundary in [position, limit]; `quotes` are the offsets of the well-placed quotes between."""
    if len(quotes) % 2:
        limit, quotes = int(quotes[-1]), quotes[:-1]
    while True:
        gap = int(quotes[-1]) if len(quotes) else position
        newline = data.rfind(b"\n", gap, limit)
        if newline >= 0:
            return newline + 1
        if not len(quotes):
            return position
        limit, quotes = int(quotes[-2]), quotes[:-2]


def read_columns(data, start, stop, layout):
    """Read the records in [start, stop), both record boundaries.

    Returns (table, bad): the table holds, in file order, each record without a fault of its bytes or width: string columns
    named as in `layout.columns`, and int64 `start` and `end`; `bad` lists all other Records. Records in the table can still
    have faults in the sense of `layout.faults` where the fast path read them.
    """
    starts, ends, records = [np.empty(0, np.int64)], [np.empty(0, np.int64)], []
    for stretch in stretches(data, start, stop, layout):
        if stretch.records is None:
            found = _regular_records(data, stretch)
            starts.append(found[0])
            ends.append(found[1])
        else:
            records += stretch.records
    starts, ends = np.concatenate(starts), np.concatenate(ends)
    doubtful = _doubtful(data, starts, ends)
    table, wrong_width = _read_regular(data, starts[~doubtful], ends[~doubtful], layout)
    for doubtful_start in np.concatenate([starts[doubtful], wrong_width]).tolist():
        records += read_exactly(data, doubtful_start, layout)[0]
    good = [record for record in records if not record.reasons]
    if good:
        columns = {
            n: pa.array([r.fields[p] for r in good], pa.binary()).cast(pa.string())
            for n, p in layout.columns.items()
        }
        extra = pa.table(
            {**columns, "start": [r.start for r in good], "end": [r.end for r in good]}
        )
        table = pa.concat_tables([table, extra]).sort_by("start")
    return table.combine_chunks(), [record for record in records if record.reasons]


def _regular_records(data, stretch):
    """Starts and ends of the records of a regular stretch, blank lines left out: int64 arrays."""
    view = np.frombuffer(data, np.uint8)
    newlines = stretch.start + np.flatnonzero(view[stretch.start : stretch.end] == LF)
    ends = newlines[np.searchsorted(stretch.quotes, newlines) % 2 == 0] + 1
    starts = np.concatenate([[stretch.start], ends[:-1]])
    length = ends - starts
    blank = (length == 1) | ((length == 2) & (view[starts] == CR))
    return starts[~blank], ends[~blank]


def _doubtful(data, starts, ends):
    """Mask of the records that Arrow's reader may take otherwise than the exact one does, or whose bytes are faulty."""
    doubtful = ends - starts > MAX_FIELD_BYTES
    if not len(starts):
        return doubtful
    first, stop = int(starts[0]), int(ends[-1])
    view = np.frombuffer(data, np.uint8)
    doubtful |= view[starts] == BOM[0]
    odd = list(_find_all(data, b"\0", first, stop))
    if data.find(b"\r", first, stop) >= 0:
        returns = first + np.flatnonzero(view[first:stop] == CR)
        odd.extend(returns[view[returns + 1] != LF])
    doubtful[np.searchsorted(starts, odd, side="right") - 1] = True
    text = memoryview(data)
    for row in range(0, len(starts), 1000):
        group = slice(row, row + 1000)
        if not _are_utf8(text[starts[row] : ends[group][-1]]):
            doubtful[group] |= [
                not is_utf8(text[start:end]) for start, end in zip(starts[group], ends[group])
            ]
    return doubtful


def _are_utf8(text):
    """`is_utf8` for many records at several GB/s; for a single one, setting it up would take longer than the check."""
    offsets = pa.py_buffer(np.array([0, len(text)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(text)]).cast(
            pa.large_string()
        )
    except pa.ArrowInvalid:
        return False
    return True


def _find_all(data, pattern, start, stop):
    found = data.find(pattern, start, stop)
    while found >= 0:
        yield found
        found = data.find(pattern, found + 1, stop)


def _read_regular(data, starts, ends, layout):
    """Records of regular stretches with Arrow's reader -> (table as in `read_columns`, starts of records of a wrong width)."""
    columns = {name: str(position) for name, position in layout.columns.items()}
    if not len(starts):
        table = pa.table({name: pa.array([], pa.string()) for name in columns})
        return table.append_column("start", pa.array(starts)).append_column(
            "end", pa.array(ends)
        ), starts
    gaps = np.flatnonzero(starts[1:] != ends[:-1])
    runs = zip(starts[np.append(0, gaps + 1)], ends[np.append(gaps, -1)])
    parts = [memoryview(data)[start:end] for start, end in runs]
    text = parts[0] if len(parts) == 1 else b"".join(parts)
    wrong_width = []

    def skip(row):
        wrong_width.append(row.number - 1)
        return "skip"

    # One block, one thread: only so are newlines in values safe at block edges, and rows of a wrong width numbered.
    used = sorted(set(columns.values()))
    table = pacsv.read_csv(
        pa.BufferReader(pa.py_buffer(text)),
        pacsv.ReadOptions(
            use_threads=False,
            block_size=len(text) + 1,
            column_names=[str(n) for n in range(layout.width)],
        ),
        pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        pacsv.ConvertOptions(
            check_utf8=False,
            include_columns=used,
            column_types=dict.fromkeys(used, pa.string()),
            strings_can_be_null=False,
        ),
    )
    right = np.delete(np.arange(len(starts)), wrong_width)
    columns = {name: table[column] for name, column in columns.items()}
    return pa.table({**columns, "start": starts[right], "end": ends[right]}), starts[wrong_width]
