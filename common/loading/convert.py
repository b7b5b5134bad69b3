"""What is no UTF-8 CSV becomes one, in bounded memory: packed, of another encoding, JSON, Excel...

A record's offset and bytes are from then on those of the converted file.
"""

import bz2
import codecs
import gzip
import json
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas import DataFrame

from common.store import InputError

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx")
SUFFIXES = (*TABLES, ".gz", ".zip", ".bz2", ".xz")
PACKED: dict[str, tuple[bytes, Callable[[Path], Any]]] = {
    "gzip": (b"\x1f\x8b", gzip.open),
    "bzip2": (b"BZh", bz2.open),
    "xz": (b"\xfd7zXZ", lzma.open),
}
BYTE_ORDER_MARKS = {
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
CHUNK, HEAD_BYTES = 1 << 20, 1 << 16
CHUNK_RECORDS = 10_000
Records = list[dict[str, Any]]


class Converted(NamedTuple):
    """A UTF-8 CSV file, and the steps that made it: none for a file that was one."""

    path: Path
    steps: list[str]


def to_csv(path: Path, folder: Path, encoding: str | None = None) -> Converted:
    """The file as UTF-8 CSV: itself where it is one, else a new file under `folder`.

    encoding: of a text file that says nothing of it by a byte-order mark; default UTF-8.
    Raises InputError for a file that cannot be read as what it is.
    """
    plain, steps, kind = path, [], ""
    try:
        while kind := _kind(plain, encoding if encoding not in steps else None):
            with NamedTemporaryFile(dir=folder, suffix=".csv", delete=False) as file:
                _convert(plain, kind, file)
            plain = Path(file.name)
            steps.append(kind)
    except ImportError:
        advice = "`pip install -r requirements-excel.txt`, or save it as CSV"
        raise InputError(f"{path}: Excel files need a package: {advice}") from None
    except (
        EOFError,
        LookupError,
        RuntimeError,
        ValueError,
        OSError,
        lzma.LZMAError,
        pa.ArrowException,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        if isinstance(error, OSError) and error.errno:  # the machine's fault, not the file's
            raise
        advice = "get it again, or save it as CSV in UTF-8"
        raise InputError(
            f"{path}: this cannot be read as {kind or encoding} ({error}): {advice}"
        ) from None
    return Converted(plain, steps)


def _kind(path: Path, encoding: str | None) -> str:
    """What a file is to be converted from next; "" for UTF-8 CSV."""
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    for kind, (magic, _) in PACKED.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"PAR1"):
        return "parquet"
    if zipfile.is_zipfile(path):
        names = zipfile.ZipFile(path).namelist()
        return "excel" if "[Content_Types].xml" in names else "zip"
    for kind, marks in BYTE_ORDER_MARKS.items():
        if head.startswith(marks):
            return kind
    if encoding and codecs.lookup(encoding).name != "utf-8" and not _is_utf8(path):
        return encoding
    if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        return "json"
    # The first line, outside quotes, ends with a carriage return alone.
    outside = b"".join(head.split(b'"')[::2])
    first = outside.find(b"\r")
    return "carriage returns" if 0 <= first < len(outside) - 1 and b"\n" not in outside else ""


def _is_utf8(path: Path) -> bool:
    """Whether a file is UTF-8 text, which no --encoding needs to name; UTF-16 has zeros."""
    try:
        with open(path, encoding="utf-8", newline="") as text:
            while chunk := text.read(CHUNK):
                if "\0" in chunk:
                    return False
        return True
    except UnicodeDecodeError:
        return False


def _convert(path: Path, kind: str, file: IO[bytes]) -> None:
    """Write what a file of a kind holds."""
    if kind in FRAMES:
        _write_frames(lambda: FRAMES[kind](path), file)
    elif kind in PACKED:
        with PACKED[kind][1](path) as packed:
            shutil.copyfileobj(packed, file, CHUNK)
    elif kind == "carriage returns":
        is_quoted = False
        with open(path, "rb") as lines:
            while part := lines.read(CHUNK):
                parts = part.split(b'"')
                for outside in range(is_quoted, len(parts), 2):
                    parts[outside] = parts[outside].replace(b"\r", b"\n")
                file.write(b'"'.join(parts))
                is_quoted ^= len(parts) % 2 == 0
    elif kind == "zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
            tables = [name for name in names if name.lower().endswith(SUFFIXES)]
            if len(tables) != 1:
                raise ValueError(f"it holds {', '.join(tables) or 'no table'}, not one table")
            with archive.open(tables[0]) as packed:
                shutil.copyfileobj(packed, file, CHUNK)
    else:
        # Halves of surrogate pairs stay, so that their records are quarantined.
        errors = "surrogatepass" if kind.startswith("utf") else "strict"
        with open(path, "rb") as source:
            chunks = iter(partial(source.read, CHUNK), b"")
            for text in codecs.iterdecode(chunks, kind, errors):
                file.write(text.encode("utf-8", errors))


def _write_frames(frames: Callable[[], Iterable[DataFrame]], file: IO[bytes]) -> None:
    """Write frames as one CSV, whose columns are all that any of them has."""
    columns = list(dict.fromkeys(name for frame in frames() for name in frame))
    for number, frame in enumerate(frames()):
        frame = frame.reindex(columns=columns)
        text = frame.to_csv(index=False, header=number == 0, lineterminator="\n")
        file.write(text.encode("utf-8", "as read"))


def _as_read(error: UnicodeError) -> tuple[bytes, int]:
    """What could not be decoded becomes the bytes it was; halves of surrogate pairs stay."""
    assert isinstance(error, UnicodeEncodeError)
    half = error.object[error.start]
    is_byte = "\udc80" <= half <= "\udcff"
    return half.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass"), error.start + 1


codecs.register_error("as read", _as_read)


def _frame(records: Iterable[dict[str, Any]]) -> DataFrame:
    """Records as a frame; {"author": {"name": x}} has the column author.name."""

    def flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        cells: dict[str, Any] = {}
        for name, value in record.items():
            inner = isinstance(value, dict)
            cells |= flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
        return cells

    return DataFrame(map(flat, records), dtype=object)


def _parquet_frames(path: Path) -> Iterator[DataFrame]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(CHUNK_RECORDS):
            yield _frame(batch.to_pylist())


def _excel_frames(path: Path) -> list[DataFrame]:
    """The sheet that holds most."""
    sheets = pd.read_excel(path, sheet_name=None, dtype=object, keep_default_na=False)
    return [max(sheets.values(), key=lambda frame: frame.size)]


def _json_frames(path: Path) -> Iterator[DataFrame]:
    """Records of JSON lines, of an array, or of the longest array of objects inside one object."""
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        lines = filter(str.strip, file)
        try:
            first = _records_in(json.loads(next(lines)))
            is_lines = first is None or next(lines, None) is not None
        except ValueError:
            is_lines = False
        file.seek(0)
        if not is_lines:
            document = json.load(file)
            records = _records_in(document) or [document]
            if records in ([[]], [{}]) or not isinstance(records[0], dict):
                raise ValueError("it holds no objects")
            yield _frame(records)
        while chunk := list(islice(lines, CHUNK_RECORDS)):
            yield _frame(map(_record, chunk))


def _record(line: str) -> dict[str, Any]:
    """A line's object; one that is broken lacks what a review needs, and is quarantined."""
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    return record if isinstance(record, dict) else {"broken JSON": line.rstrip("\n")}


def _records_in(document: Any) -> Records | None:
    """The objects that a document wraps: its largest list of them, or its columns of values."""
    if isinstance(document, list):
        return document if all(isinstance(item, dict) for item in document) else None
    if not isinstance(document, dict):
        return None
    values = list(document.values())
    is_columns = len(values) > 1 and all(isinstance(value, dict) for value in values)
    if is_columns and all(column.keys() == values[0].keys() for column in values):
        return [{name: document[name][row] for name in document} for row in values[0]]
    lists = [records for records in map(_records_in, values) if records]
    return max(lists, key=lambda records: sum(map(len, records)), default=None)


FRAMES: dict[str, Callable[[Path], Iterable[DataFrame]]] = {
    "parquet": _parquet_frames,
    "excel": _excel_frames,
    "json": _json_frames,
}
