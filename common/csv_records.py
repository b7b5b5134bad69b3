"""Bytes of a CSV file to records, losslessly and from any block of the file; knows nothing of what the columns mean.

The grammar is RFC 4180 as pandas and Python's csv module write it. Records end at LF or CRLF outside quotes (a lone CR is
content); blank lines are no records; a quote opens a quoted field at the start of a field only, `""` inside stands for one
quote, and the closing quote must end the field. A byte-order mark at the start of a record is dropped (joined files).

`read_exactly` defines, byte by byte and from the start of the file, where records begin and end, also after a quote that is
never closed. `stretches` finds the same boundaries with numpy: between two record boundaries quotes come in pairs, so a range
where every odd quote opens a field and every even one closes it needs no closer look. Whatever does not fit goes to
`read_exactly`, which makes the result the same for every way of cutting a file into blocks.
"""
import mmap
from dataclasses import dataclass
from typing import Callable, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

QUOTE, COMMA, LF, CR = b'",\n\r'
BOM = b"\xef\xbb\xbf"
MAX_FIELD_BYTES = 4 << 20


@dataclass(frozen=True)
class Layout:
    """What a record must look like.

    width    number of fields
    columns  name -> position of each field that is wanted
    faults   function of a record's fields (list of bytes) -> names of its faults; it must be picklable
    """

    width: int
    columns: dict[str, int]
    faults: Callable[[list[bytes]], list[str]]


class Record(NamedTuple):
    """Bytes [start, end) of the file, line end included; `fields` is None where their number is not the layout's."""

    start: int
    end: int
    fields: list[bytes] | None
    reasons: list[str]


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


def parse_record(data, start, end):
    """Strictly parse the record at `start`, as if the file ended at `end`.

    Returns (fields, stop, None), with no fields for a blank line, or (None, None, flaw): `flaw` is the offset of the byte after
    a closing quote that does not end its field, or `end` where a quote is never closed.
    """
    while data[start : min(start + 3, end)] == BOM:
        start += 3
    fields, position, line_end = [], start, _line_end(data, start, end)
    while True:
        if position < end and data[position] == QUOTE:
            close = _closing_quote(data, position, end)
            if close < 0:
                return None, None, end
            fields.append(data[position + 1 : close].replace(b'""', b'"'))
            position = close + 1
            if position > line_end:
                line_end = _line_end(data, position, end)
            rest = data[position : min(position + 2, line_end)]
            if rest[:1] == b",":
                position += 1
            elif not rest or (rest == b"\r" and line_end < end):
                return fields, min(line_end + 1, end), None
            else:
                return None, None, position
        else:
            comma = data.find(b",", position, line_end)
            if comma < 0:
                field = data[position:line_end]
                if line_end < end:
                    field = field.removesuffix(b"\r")
                if fields or field:
                    fields.append(field)
                return fields, min(line_end + 1, end), None
            fields.append(data[position:comma])
            position = comma + 1


def _line_end(data, position, end):
    found = data.find(b"\n", position, end)
    return end if found < 0 else found


def _closing_quote(data, opening, end):
    """Offset of the quote that closes the one at `opening`, or -1."""
    close = data.find(b'"', opening + 1, end)
    while 0 <= close < end - 1 and data[close + 1] == QUOTE:
        close = data.find(b'"', close + 2, end)
    return close


def read_exactly(data, start, layout):
    """Read on from the record boundary `start` to the first boundary from which the strict grammar can go on.

    Returns (records, stop): one record as a rule, none for a blank line, several where a quote that is never closed meets a
    later one and seems to be closed by it. A record is cut short, so that such a quote swallows nothing that follows,
    - when it breaks the grammar: at the first later line, up to the flaw, that starts a record of the right width with one
      fault at most; failing that, at the line of the flaw if the flaw looks like the opening of a quoted field there;
    - when it has the wrong width: at the first of its lines that starts a faultless record; its extent stays what it was.
    Text within a record of the right width is text, whatever it looks like.
    """
    records, position, ends = [], start, [len(data)]
    while True:
        fields, stop, flaw = parse_record(data, position, ends[-1])
        if flaw is not None:
            stop, reason = _cut_broken(data, position, flaw, ends[-1], layout)
            records.append(_unreadable(data, position, stop, reason))
        elif fields and len(fields) != layout.width:
            cut = _next_record(data, position, stop, stop, layout, most_faults=0)
            if cut:
                ends.append(stop)
                stop, reason = cut, "unterminated_quote"
            else:
                reason = "too_few_fields" if len(fields) < layout.width else "too_many_fields"
            records.append(_unreadable(data, position, stop, reason, fields))
        elif fields:
            reasons = _byte_faults(data[position:stop], fields) + layout.faults(fields)
            records.append(Record(position, stop, fields, reasons))
        position = stop
        while len(ends) > 1 and position >= ends[-1]:
            ends.pop()
        if len(ends) == 1:
            return records, position


def _next_record(data, start, flaw, end, layout, most_faults):
    """First line start in (start, flaw) where a record of the right width with at most `most_faults` faults begins, or None."""
    line = data.find(b"\n", start, flaw) + 1
    while line:
        fields = parse_record(data, line, end)[0] if line < end else None
        if fields and len(fields) == layout.width and len(layout.faults(fields)) <= most_faults:
            return line
        line = data.find(b"\n", line, flaw) + 1
    return None


def _cut_broken(data, start, flaw, end, layout):
    """Where a record that breaks the grammar at `flaw` ends, and why it is unreadable."""
    cut = _next_record(data, start, flaw, end, layout, most_faults=1)
    if cut is None and flaw < end:
        line = data.rfind(b"\n", start, flaw) + 1
        if line and data[line:flaw].rstrip(b'"').endswith(b","):
            cut = line
    if cut is not None:
        return cut, "unterminated_quote"
    if flaw == end:
        return end, "unterminated_quote"
    return min(_line_end(data, flaw, end) + 1, end), "bad_quoting"


def _unreadable(data, start, end, reason, fields=()):
    return Record(start, end, None, [reason, *_byte_faults(data[start:end], fields)])


def _byte_faults(raw, fields):
    faults = ["field_too_large"] if any(len(field) > MAX_FIELD_BYTES for field in fields) else []
    if b"\0" in raw:
        faults.append("nul_byte")
    if not _is_utf8(raw):
        faults.append("invalid_utf8")
    return faults


def _is_utf8(raw):
    """Whether `raw` (bytes-like) is valid UTF-8; Arrow's check makes no copy and runs at several GB/s."""
    offsets = pa.py_buffer(np.array([0, len(raw)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(raw)]).cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def stretches(data, start, stop, layout):
    """Cut [start, first record boundary at or after `stop`) into Stretches; `start` must be a record boundary."""
    view = np.frombuffer(data, np.uint8)
    quotes = start + np.flatnonzero(view[start:stop] == QUOTE)
    misplaced = _misplaced_quotes(view, quotes, start)
    position = start
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
            records, position = read_exactly(data, end, layout)
            yield Stretch(end, position, None, records)


def _misplaced_quotes(view, quotes, start):
    """Indices of the quotes that break the grammar if the quotes that open fields are (the even, the odd) ones."""
    before = np.where(quotes > start, view[quotes - 1], LF)
    after, second = (view[np.minimum(quotes + n, len(view) - 1)] for n in (1, 2))
    opens = (before == COMMA) | (before == LF) | (before == QUOTE)
    closes = (after == COMMA) | (after == LF) | (after == QUOTE) | ((after == CR) & (second == LF))
    even = np.arange(len(quotes)) % 2 == 0
    return np.flatnonzero(~np.where(even, opens, closes)), np.flatnonzero(~np.where(even, closes, opens))


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
        columns = {n: pa.array([r.fields[p] for r in good], pa.binary()).cast(pa.string()) for n, p in layout.columns.items()}
        extra = pa.table({**columns, "start": [r.start for r in good], "end": [r.end for r in good]})
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
    odd = [*_find_all(data, b"\0", first, stop), *_find_all(data, BOM, first, stop)]
    if data.find(b"\r", first, stop) >= 0:
        view = np.frombuffer(data, np.uint8)
        returns = first + np.flatnonzero(view[first:stop] == CR)
        odd.extend(returns[view[returns + 1] != LF])
    doubtful[np.searchsorted(starts, odd, side="right") - 1] = True
    if not _is_utf8(memoryview(data)[first:stop]):
        doubtful |= [not _is_utf8(data[start:end]) for start, end in zip(starts.tolist(), ends.tolist())]
    return doubtful


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
        return table.append_column("start", pa.array(starts)).append_column("end", pa.array(ends)), starts
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
        pacsv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=[str(n) for n in range(layout.width)]),
        pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        pacsv.ConvertOptions(
            check_utf8=False, include_columns=used, column_types=dict.fromkeys(used, pa.string()), strings_can_be_null=False
        ),
    )
    right = np.delete(np.arange(len(starts)), wrong_width)
    columns = {name: table[column] for name, column in columns.items()}
    return pa.table({**columns, "start": starts[right], "end": ends[right]}), starts[wrong_width]
