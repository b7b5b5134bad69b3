"""Bytes of a CSV file to records, exactly, from any record boundary on; knows nothing of what the columns mean.

The grammar is RFC 4180 as pandas and Python's csv module write it. Records end at LF or CRLF outside quotes (a lone CR is
content); blank lines are no records; a quote opens a quoted field at the start of a field only, `""` inside stands for one
quote, and the closing quote must end the field. A byte-order mark at the start of a record is dropped (joined files).

`read_exactly` defines, byte by byte and from the start of the file, where records begin and end, also after a quote that is
never closed. `csv_blocks` reads the same records faster.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

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


def parse_record(data, start, end, width=sys.maxsize):
    """Strictly parse the record at `start`, as if the file ended at `end`.

    Returns (fields, stop, None), with no fields for a blank line, or (None, None, flaw): `flaw` is the offset of the byte after
    a closing quote that does not end its field, or `end` where a quote is never closed. (None, None, None) gives up on a record
    of several lines and more than `width` fields, whose end can be as far as the file's.
    """
    while data[start : min(start + 3, end)] == BOM:
        start += 3
    fields, position = [], start
    first_line_end = line_end = _line_end(data, start, end)
    while True:
        if len(fields) > width and line_end > first_line_end:
            return None, None, None
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


def read_exactly(data, start, layout, far=(None, None)):
    """Read on from the record boundary `start` to the first boundary from which the strict grammar can go on.

    Returns (records, stop, far): one record as a rule, none for a blank line, several where a quote that is never closed meets a
    later one and seems to be closed by it. A record is cut short, so that such a quote swallows nothing that follows,
    - when it breaks the grammar: at the first later line, up to the flaw, that starts a record of the right width with one
      fault at most; failing that, at the line of the flaw if the flaw looks like the opening of a quoted field there;
    - when it has the wrong width: at the first of its lines that starts a faultless record; its extent stays what it was.
    Text within a record of the right width is text, whatever it looks like.

    `far` is (stop, flaw), as of `parse_record`, of the last record that was cut: a later record of several lines whose first line
    ends before that ends there too, as both are inside quotes at that line end. So the way is gone once, not once for each cut.
    """
    records, position, limit = [], start, None
    while True:
        end = limit or len(data)
        is_near = data.find(b"\n", position, (far[0] or far[1] or 1) - 1) >= 0
        fields, stop, flaw = parse_record(
            data, position, end, layout.width if is_near else sys.maxsize
        )
        if stop is None and flaw is None:
            stop, flaw = far
        width = len(fields) if fields is not None else layout.width + 1
        if flaw is not None:
            far = None, flaw
            stop, reason = _cut_broken(data, position, flaw, end, layout)
            records.append(_unreadable(data, position, stop, reason))
        elif width and width != layout.width:
            cut = _next_record(data, position, stop, stop, layout, most_faults=0)
            if cut:
                far, limit = (stop, None), stop
                records.append(_unreadable(data, position, cut, "unterminated_quote"))
                stop = cut
            else:
                fields = fields or parse_record(data, position, stop)[0]
                reason = "too_few_fields" if width < layout.width else "too_many_fields"
                records.append(_unreadable(data, position, stop, reason, fields))
        elif width:
            reasons = _byte_faults(data[position:stop], fields) + layout.faults(fields)
            records.append(Record(position, stop, fields, reasons))
        position = stop
        if limit is None or position >= limit:
            return records, position, far


def _next_record(data, start, flaw, end, layout, most_faults):
    """First line start in (start, flaw) where a record of the right width with at most `most_faults` faults begins, or None."""
    line = data.find(b"\n", start, flaw) + 1
    while line:
        fields = parse_record(data, line, end, layout.width)[0] if line < end else None
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
    if not is_utf8(raw):
        faults.append("invalid_utf8")
    return faults


def is_utf8(raw):
    """Whether `raw` (bytes-like) is valid UTF-8."""
    try:
        str(raw, "utf-8")
    except UnicodeDecodeError:
        return False
    return True
