"""Review exports as files: recognised by their header, unpacked where gzipped, cut into pieces of whole records."""

import gzip
import os
import re
import shutil
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.loading.csv_blocks import map_file, stretches
from common.loading.csv_records import Layout, parse_record
from common.loading.fields import FAMILIES, field_faults
from common.schema import OPTIONAL
from common.store import InputError


@dataclass(frozen=True)
class Source:
    """A file to read: `name` as the user gave it, `path` of the plain CSV, its header family and the first record's offset."""

    name: str
    path: str
    family: str
    layout: Layout
    start: int

    def map(self, stop):
        """Its bytes, of which those before `stop` are wanted; InputError when the file has lost some since it was opened."""
        data = map_file(self.path)
        if len(data) < stop:
            raise changed(self.name)
        return data

    def pieces(self, block_bytes):
        """Yield byte ranges of whole records that cover the file, each the last record of a block longer at most."""
        position, size = self.start, Path(self.path).stat().st_size
        while position < size:
            start = position
            for stretch in stretches(
                self.map(size), start, min(start + block_bytes, size), self.layout
            ):
                position = stretch.end
            yield start, position


def changed(path):
    return InputError(f"{path}: the file changed while it was read; run again when it is complete")


@contextmanager
def unchanged(paths):
    """InputError when one of the files is not as it was before the block, whatever else went wrong because of that."""
    before, failure = [_stamp(path) for path in paths], None
    try:
        yield
    except Exception as error:
        failure = error
    for path, earlier in zip(paths, before):
        if _stamp(path) != earlier:
            raise changed(path)
    if failure:
        raise failure


def _stamp(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def open_source(path, folder, without=(), copied=False):
    """Recognise a review export by its header, unpacking it into `folder` if it is gzipped, or in any case copying it there with `copied`.

    `without` names canonical columns that are neither needed nor read. InputError for anything that is no review export.
    """
    plain = Path(path)
    if not plain.is_file():
        raise InputError(
            f"{path}: {'not a file' if plain.exists() else 'no such file'}; give the path of a review CSV"
        )
    with open(plain, "rb") as file:
        if file.read(2) == b"\x1f\x8b":
            plain = _unpack(path, folder)
    if copied and plain == Path(path):
        plain = Path(shutil.copyfile(path, Path(folder) / "copy.csv"))
    if not plain.stat().st_size:
        raise InputError(f"{path}: the file is empty; download or export it again")
    data = map_file(plain)
    if data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise InputError(f"{path}: this is an HTML or XML page, not CSV; download the data itself")
    header, start = [], 0
    while header == [] and start < len(data):
        header, start, _ = parse_record(data, start, min(len(data), start + (1 << 20)))
    try:
        header = [name.decode() for name in header or []]
    except UnicodeDecodeError:
        header = ["\0"]
    if any("\0" in name for name in header):
        raise InputError(
            f"{path}: this is no UTF-8 text (binary, or UTF-16); save it as CSV in UTF-8"
        )
    family, positions = _recognise(path, header, without)
    names = FAMILIES[family]
    layout = Layout(len(header), positions, partial(field_faults, names=names, positions=positions))
    return Source(str(path), str(plain.absolute()), family, layout, start)


def _unpack(path, folder):
    plain = Path(tempfile.mkstemp(suffix=".csv", dir=folder)[1])
    try:
        with gzip.open(path) as packed, open(plain, "wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: broken gzip file ({error}); download it again") from None
    return plain


def _recognise(path, header, without):
    """Header family and the position of each canonical column, or InputError saying what is wrong with the header."""
    known = {family: len(set(names.values()) & set(header)) for family, names in FAMILIES.items()}
    family = max(known, key=known.get)
    names = FAMILIES[family]
    if known[family] < 3:
        if (
            len(
                {"review_id", "reviewId", "content", "review_text"}
                & set(re.split("[;\t|]", ";".join(header)))
            )
            > 0
        ):
            raise InputError(
                f"{path}: columns must be separated by commas; export it again with commas"
            )
        wanted = " or ".join(
            ", ".join([n["review_id"], n["review_text"], "..."]) for n in FAMILIES.values()
        )
        raise InputError(
            f"{path}: the first line is no header of a review export; it should name the columns ({wanted})"
        )
    for canonical, name in names.items():
        if canonical in without:
            continue
        if header.count(name) > 1:
            raise InputError(
                f"{path}: column {name!r} occurs {header.count(name)} times; keep one of them"
            )
        if name not in header and canonical not in OPTIONAL:
            raise InputError(
                f"{path}: column {name!r} is missing; export it with all columns of the {family} form"
            )
    return family, {
        c: header.index(n) for c, n in names.items() if n in header and c not in without
    }
