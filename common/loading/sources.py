"""Review exports as files: made UTF-8 CSV, recognised by their header, cut into blocks."""

import os
import re
import shutil
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

from charset_normalizer import from_bytes

from common.loading.columns import NEEDED, parse_options, plain, recognise
from common.loading.convert import Converted, to_csv
from common.loading.csv_blocks import byte_ranges, map_file, read_columns
from common.loading.csv_records import BOM, Layout, Parsed, parse_record
from common.loading.fields import MISSING_WORDS, Fields, rules
from common.loading.times import DAY_FIRST, needs_order, order_of
from common.store import InputError

FilePath = str | Path
DELIMITERS = (b",", b";", b"\t", b"|")
# Those that spreadsheets write, the commonest first.
CODE_PAGES = ["cp1252", "cp1251", "cp1250", "cp1256", "cp1254", "cp1253", "cp1255"]
CODE_PAGES += ["gb18030", "cp932", "cp949", "big5", "cp874", "cp1257"]
HEAD_BYTES = 1 << 20
SAMPLED = 200  # records whose values tell candidates for a column apart
# Nothing but a text is needed to score a review.
NOT_NEEDED_TO_SCORE = frozenset({"bad_rating", "bad_likes", "bad_timestamp", "missing_id"})


@dataclass(frozen=True)
class Hints:
    """What the user says of files that they do not tell themselves.

    columns   {canonical column: name in the header}
    dates     the order of day and month, where a day ends with its year
    encoding  of text that is not UTF-8
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    dates: str | None = None
    encoding: str | None = None


AS_WRITTEN = Hints()


def hints_of(args: Namespace) -> Hints:
    """What --columns, --dates and --encoding say. InputError for columns that there cannot be."""
    return Hints(parse_options(args.columns), args.dates, args.encoding)


class Head(NamedTuple):
    """The beginning of a CSV file: names of the columns, the fields of the first records, the byte
    between fields, and the offset of the first record."""

    names: list[str]
    records: list[list[str]]
    delimiter: bytes
    start: int

    def column(self, name: str) -> list[str]:
        """The first values of a column, without missing ones."""
        position = self.names.index(name)
        values = [record[position] for record in self.records]
        return [value for value in values if value not in MISSING_WORDS]


@dataclass(frozen=True)
class Source:
    """A file to read.

    name  as the user gave it
    ids   where ids come from: "column", "link" (inside links) or "content"
    """

    name: str
    converted: Converted
    head: Head
    fields: Fields
    ids: str
    ignored: frozenset[str]

    @property
    def path(self) -> str:
        """Of the plain CSV."""
        return str(self.converted.path.absolute())

    @property
    def layout(self) -> Layout:
        """What its records must look like."""
        fields, head = self.fields, self.head
        width = len(head.names)
        return Layout(width, fields.positions, fields.faults, head.delimiter, self.ignored)

    def map(self, stop: int) -> mmap:
        """Its bytes, of which those before `stop` are wanted.

        InputError when the file has lost some of them since it was opened.
        """
        data = map_file(self.path)
        if len(data) < stop:
            raise changed(self.name)
        return data

    def blocks(self, block_bytes: int) -> list["Block"]:
        """Cut the file into blocks, each the last record of `block_bytes` longer at most."""
        blocks, position, size = [], self.head.start, Path(self.path).stat().st_size
        while position < size:
            start = position
            stop = min(start + block_bytes, size)
            for byte_range in byte_ranges(self.map(size), start, stop, self.layout):
                position = byte_range.end
            blocks.append(Block(self, start, position))
        return blocks


class Block(NamedTuple):
    """The unit of work: the byte range [start, stop) of a file, whole records."""

    source: Source
    start: int
    stop: int


def changed(path: FilePath) -> InputError:
    return InputError(f"{path}: the file changed while it was read; run again when it is complete")


@contextmanager
def unchanged(paths: Sequence[FilePath]) -> Iterator[None]:
    """InputError when one of the files is not as it was before the block, whatever else failed
    because of that."""
    before = [_stamp(path) for path in paths]
    try:
        yield
    finally:
        for path, stamp in zip(paths, before):
            if _stamp(path) != stamp:
                raise changed(path)


def _stamp(path: FilePath) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def without_ids(source: Source) -> Source:
    """The source, whose ids are to be made from content."""
    positions = {n: at for n, at in source.fields.positions.items() if n != "review_id"}
    fields = source.fields._replace(positions=positions, has_ids=False)
    return replace(source, fields=fields, ids="content")


def open_source(
    path: FilePath,
    folder: FilePath,
    hints: Hints = AS_WRITTEN,
    keep_names: bool = False,
    to_score: bool = False,
) -> Source:
    """Recognise a review export: its encoding, separator, columns and form of dates.

    What is no UTF-8 CSV is converted to one under `folder`. With `to_score` only a text is needed,
    and the file is copied there in any case. InputError for what is no review export.
    """
    if not Path(path).is_file():
        what = "not a file" if Path(path).exists() else "no such file"
        raise InputError(f"{path}: {what}; give the path of a file of reviews")
    converted = to_csv(Path(path), Path(folder), hints.encoding)
    if not converted.path.stat().st_size:
        raise InputError(f"{path}: the file is empty; download or export it again")
    if to_score and not converted.steps:
        converted = Converted(shutil.copyfile(path, Path(folder) / "copy.csv"), [])
    head = read_head(path, converted.path)

    def fitting(canonical: str, names: list[str]) -> list[str]:
        """Of the names, those most of whose values can be the column's; one of equal columns."""
        rule = rules(DAY_FIRST).get(canonical)
        fit = {}
        for name in names:
            values = head.column(name)
            if rule:
                good = [rule.parse(v) is not None or needs_order(v) for v in values]
            else:
                good = [not value.isdigit() for value in values]
            if 2 * sum(good) > len(good):
                fit[name] = values
        return list(fit)[: 1 if all(v == values for v in fit.values()) else None]

    needed = ["review_text"] if to_score else list(NEEDED)
    names = recognise(str(path), head.names, hints.columns, needed, fitting)
    for name in names.values():
        if (count := head.names.count(name)) > 1:
            raise InputError(f"{path}: column {name!r} occurs {count} times; keep one of them")
    if "author_name" in names:
        names.setdefault("pseudo_author_id", names["author_name"])
    if plain(names.get("reply_text", "")) == "developerresponse":
        names.setdefault("reply_timestamp", names["reply_text"])
    left_out = () if keep_names else ("author_name",)
    positions = {n: head.names.index(name) for n, name in names.items() if n not in left_out}
    ids = "column" if "review_id" in names else "content"
    if plain(names.get("review_id", "")).endswith("link"):
        ids = "link"
    fields = Fields(names, positions, hints.dates, has_ids=ids == "column" and not to_score)
    ignored = NOT_NEEDED_TO_SCORE if to_score else frozenset()
    source = Source(str(path), converted, head, fields, ids, ignored)
    if hints.dates is None and "review_timestamp" in names:
        order = _order(source, to_score)
        fields = fields._replace(order=order)
    # The first records have told what they could, and need not go to the workers.
    return replace(source, fields=fields, head=head._replace(records=[]))


def read_head(path: FilePath, file: FilePath) -> Head:
    """The header and the first records; the delimiter that gives most columns is the file's.

    InputError where they are no text.
    """
    with open(file, "rb") as opened:  # no map: this process would die of one that is cut short
        data = opened.read(HEAD_BYTES)
    if data[:256].lstrip(BOM + b" \t\r\n").startswith(b"<"):
        raise InputError(f"{path}: this is an HTML or XML page, not CSV; download the data itself")
    end = len(data)
    hint = re.match(rb'(?:\xef\xbb\xbf)?"?sep=."?\r?\n', data[:20])  # by a spreadsheet
    headers = []
    for delimiter in DELIMITERS:
        header = Parsed(fields=[], stop=hint.end() if hint else 0)
        while header.fields == [] and header.stop < end:
            header = parse_record(data, header.stop, end, delimiter)
        headers.append((header, delimiter))
    header, delimiter = max(headers, key=lambda pair: len(pair[0].fields or []))
    try:
        names = [name.decode() for name in header.fields or []]
    except UnicodeDecodeError:
        if b"\0" not in data[:256]:
            raise wrong_encoding(path, data[:end]) from None
        names = []
    if not names or any("\0" in name for name in names):
        # Text of two bytes a letter has zeros in every other place.
        zeros = [data[place:256:2].count(0) for place in (0, 1)]
        is_utf_16 = min(zeros) == 0 and max(zeros) > min(len(data), 256) // 4
        encoding = f"utf-16-{'be' if zeros[0] else 'le'}"
        advice = f"say --encoding {encoding}" if is_utf_16 else "save the table as CSV"
        raise InputError(
            f"{path}: this is {'UTF-16' if is_utf_16 else 'binary, or has no header'}: {advice}"
        )
    records: list[list[str]] = []
    start = header.stop
    while len(records) < SAMPLED and start < end:
        fields, start, _ = parse_record(data, start, end, delimiter)
        if fields is None:
            break
        if len(fields) == len(names):
            records.append([text.decode("utf-8", "replace") for text in fields])
    return Head(names, records, delimiter, header.stop)


def wrong_encoding(path: FilePath, raw: bytes) -> InputError:
    """Names the encoding that bytes which are no UTF-8 are likely of, and how they then read."""
    lines = [line for line in raw.splitlines() if not line.isascii()]
    raw = b"\n".join(lines)[: HEAD_BYTES // 16]
    matches = {match.encoding: match for match in from_bytes(raw, cp_isolation=CODE_PAGES)}
    least = min((match.chaos for match in matches.values()), default=0) + 0.1
    likely = [name for name in CODE_PAGES if name in matches and matches[name].chaos <= least]
    name = likely[0] if likely else CODE_PAGES[0]
    words = re.findall(r"[^\W_]*[^\x00-\x7f]\w*", raw.decode(name, "replace"))
    return InputError(
        f"{path}: this is no UTF-8 text; likely it is {name}, and then has words such as "
        f"{' '.join(words[:5])!r}: if that is right, say --encoding {name}"
    )


def _order(source: Source, to_score: bool) -> str | None:
    """The order of day and month that a source's times settle; None where they need none.

    InputError where nothing settles it; to score, such times are missing.
    """
    name = source.fields.names["review_timestamp"]
    times = source.head.column(name)
    unsettled = [time for time in times if needs_order(time)]
    order = order_of(times)
    if not unsettled or order:
        return order
    position = source.fields.positions["review_timestamp"]
    layout = replace(source.layout, columns={"review_timestamp": position})
    for block in source.blocks(16 * HEAD_BYTES):
        table, _ = read_columns(source.map(block.stop), block.start, block.stop, layout)
        if order := order_of(table["review_timestamp"].to_pylist()):
            return order
    if to_score:
        return None
    raise InputError(
        f"{source.name}: nothing tells whether the day or the month leads in the column {name!r} "
        f"(such as {unsettled[0]!r}): say --dates day-first or --dates month-first"
    )
