"""Bytes of a CSV file to records, exactly, from any record boundary on, whatever the columns mean.

The grammar is RFC 4180 as pandas and Python's csv module write it. Records end at LF or CRLF
outside quotes (a lone CR is content); blank lines are no records; a quote opens a quoted field at
the start of a field only, `""` inside stands for one quote, and the closing quote must end the
field. A byte-order mark at the start of a record is dropped (joined files).

`ExactReader` defines, byte by byte and from the start of the file, where records begin and end,
also after a quote that is never closed. `csv_blocks` reads the same records faster.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import NamedTuple

QUOTE, LF, CR = b'"\n\r'
BOM = b"\xef\xbb\xbf"
MAX_FIELD_BYTES = 4 << 20


@dataclass(frozen=True)
class Layout:
    """What a record must look like.

    width      number of fields
    columns    name -> position of each field that is wanted
    faults     function of a record's fields -> names of its faults; it must be picklable
    delimiter  the byte between fields
    ignored    faults that do not keep a record from being read
    """

    width: int
    columns: dict[str, int]
    faults: Callable[[list[bytes]], list[str]]
    delimiter: bytes = b","
    ignored: frozenset[str] = frozenset()


class Record(NamedTuple):
    """Bytes [start, end) of a file, line end included; no `fields` where their number is wrong."""

    start: int
    end: int
    fields: list[bytes]
    reasons: list[str]


class Parsed(NamedTuple):
    """What the strict grammar makes of the bytes after a record boundary; no offset can be 0.

    fields  those of the record, none for a blank line; None if the grammar is broken
    stop    offset of the next record boundary
    flaw    offset of the byte after a closing quote that does not end its field, or the end of the
            data if a quote is never closed; 0 if the grammar holds
    """

    fields: list[bytes] | None = None
    stop: int = 0
    flaw: int = 0


def parse_record(
    data: mmap | bytes, start: int, end: int, delimiter: bytes = b",", width: int = sys.maxsize
) -> Parsed:
    """Strictly parse the record at `start`, as if the file ended at `end`.

    Returns Parsed() for a record of several lines and more than `width` fields: it is given up, as
    its end can be as far as the file's.
    """
    while data[start : min(start + 3, end)] == BOM:
        start += 3
    fields: list[bytes] = []
    position = start
    first_line_end = line_end = _line_end(data, start, end)
    while len(fields) <= width or line_end == first_line_end:
        if position < end and data[position] == QUOTE:
            close = _closing_quote(data, position, end)
            if close < 0:
                return Parsed(flaw=end)
            fields.append(data[position + 1 : close].replace(b'""', b'"'))
            position = close + 1
            if position > line_end:
                line_end = _line_end(data, position, end)
            rest = data[position : min(position + 2, line_end)]
            if rest[:1] == delimiter:
                position += 1
            elif not rest or (rest == b"\r" and line_end < end):
                return Parsed(fields, min(line_end + 1, end))
            else:
                return Parsed(flaw=position)
        else:
            separator = data.find(delimiter, position, line_end)
            if separator < 0:
                field = data[position:line_end]
                if line_end < end:
                    field = field.removesuffix(b"\r")
                if fields or field:
                    fields.append(field)
                return Parsed(fields, min(line_end + 1, end))
            fields.append(data[position:separator])
            position = separator + 1
    return Parsed()


def _line_end(data: mmap | bytes, position: int, end: int) -> int:
    newline = data.find(b"\n", position, end)
    return end if newline < 0 else newline


def _closing_quote(data: mmap | bytes, opening: int, end: int) -> int:
    """Offset of the quote that closes the one at `opening`, or -1."""
    close = data.find(b'"', opening + 1, end)
    while 0 <= close < end - 1 and data[close + 1] == QUOTE:
        close = data.find(b'"', close + 2, end)
    return close


class ExactReader:
    """Reads records of a mapped file, from record boundaries in ascending order on.

    A record is cut short, so that a quote that is never closed swallows nothing that follows,
    - when it breaks the grammar: at the first later line, up to the flaw, that starts a record of
      the right width with one fault at most; failing that, at the line of the flaw if the flaw
      looks like the opening of a quoted field there;
    - when it has the wrong width: at the first of its lines that starts a faultless record; its
      extent stays what it was.
    Text within a record of the right width is text, whatever it looks like.

    `reach` is the stop or the flaw of the last record that was cut: a later record of several lines
    whose first line ends before it ends there too, as both are inside quotes at that line end. So
    the way is gone once, not once for each cut.
    """

    def __init__(self, data: mmap, layout: Layout) -> None:
        self.data, self.layout = data, layout
        self.reach = Parsed()

    def read(self, start: int) -> tuple[list[Record], int]:
        """Read on from a record boundary to the first one from which the strict grammar can go on.

        Returns the records and that boundary: one record as a rule, none for a blank line, several
        where a quote that is never closed meets a later one and seems to be closed by it.
        """
        records = []
        position, limit = start, 0
        while True:
            end = limit or len(self.data)
            fields, stop, flaw = self._parse(position, end)
            width = self.layout.width + 1 if fields is None else len(fields)
            if flaw:
                self.reach = Parsed(flaw=flaw)
                stop, reason = self._cut_broken(position, flaw, end)
                records.append(self._unreadable(position, stop, reason))
            elif fields and width == self.layout.width:
                reasons = _byte_faults(self.data[position:stop], fields)
                faults = self.layout.faults(fields)
                reasons += [fault for fault in faults if fault not in self.layout.ignored]
                records.append(Record(position, stop, fields, reasons))
            elif width:
                if cut := self._next_record(position, stop, stop, most_faults=0):
                    self.reach, limit = Parsed(stop=stop), stop
                    records.append(self._unreadable(position, cut, "unterminated_quote"))
                    stop = cut
                else:
                    reason = "too_few_fields" if width < self.layout.width else "too_many_fields"
                    parsed = parse_record(self.data, position, stop, self.layout.delimiter)
                    fields = fields or parsed.fields or []
                    records.append(self._unreadable(position, stop, reason, fields))
            position = stop
            if position >= limit:
                return records, position

    def _parse(self, start: int, end: int) -> Parsed:
        is_within_reach = self.data.find(b"\n", start, max(*self.reach[1:], 1) - 1) >= 0
        width = self.layout.width if is_within_reach else sys.maxsize
        parsed = parse_record(self.data, start, end, self.layout.delimiter, width)
        return self.reach if parsed == Parsed() else parsed

    def _next_record(self, start: int, flaw: int, end: int, most_faults: int) -> int:
        """First line start in (start, flaw) of a record of the right width with at most
        `most_faults` faults, or 0."""
        line = self.data.find(b"\n", start, flaw) + 1
        while 0 < line < end:
            fields = parse_record(
                self.data, line, end, self.layout.delimiter, self.layout.width
            ).fields
            if (
                fields
                and len(fields) == self.layout.width
                and len(self.layout.faults(fields)) <= most_faults
            ):
                return line
            line = self.data.find(b"\n", line, flaw) + 1
        return 0

    def _cut_broken(self, start: int, flaw: int, end: int) -> tuple[int, str]:
        """Where a record that breaks the grammar at `flaw` ends, and why it is unreadable."""
        cut = self._next_record(start, flaw, end, most_faults=1)
        if not cut and flaw < end:
            line = self.data.rfind(b"\n", start, flaw) + 1
            if line and self.data[line:flaw].rstrip(b'"').endswith(self.layout.delimiter):
                cut = line
        if cut or flaw == end:
            return cut or end, "unterminated_quote"
        return min(_line_end(self.data, flaw, end) + 1, end), "bad_quoting"

    def _unreadable(
        self, start: int, end: int, reason: str, fields: Sequence[bytes] = ()
    ) -> Record:
        return Record(start, end, [], [reason, *_byte_faults(self.data[start:end], fields)])


def _byte_faults(raw: bytes, fields: Sequence[bytes]) -> list[str]:
    is_fault = {
        "field_too_large": any(len(field) > MAX_FIELD_BYTES for field in fields),
        "nul_byte": b"\0" in raw,
        "invalid_utf8": not is_utf8(raw),
    }
    return [reason for reason, holds in is_fault.items() if holds]


def is_utf8(raw: bytes | memoryview) -> bool:
    """Whether the bytes are valid UTF-8."""
    try:
        str(raw, "utf-8")
    except UnicodeDecodeError:
        return False
    return True
