"""Review exports as files: unpacked where gzipped, recognised by their header, cut into blocks."""

import gzip
import os
import shutil
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from mmap import mmap
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from common.loading.csv_blocks import byte_ranges, map_file
from common.loading.csv_records import BOM, Layout, Parsed, is_utf8, parse_record
from common.loading.fields import field_faults
from common.loading.headers import FAMILIES, recognise
from common.store import InputError

FilePath = str | Path


@dataclass(frozen=True)
class Source:
    """A file to read.

    name    as the user gave it
    path    of the plain CSV
    family  of its header
    start   offset of its first record
    """

    name: str
    path: str
    family: str
    layout: Layout
    start: int

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
        blocks, position, size = [], self.start, Path(self.path).stat().st_size
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


def open_source(
    path: FilePath, folder: FilePath, without: Collection[str] = (), copied: bool = False
) -> Source:
    """Recognise a review export by its header.

    A gzipped file is unpacked into `folder`, any file is copied there with `copied`. `without`
    names canonical columns that are neither needed nor read. InputError for what is no review
    export.
    """
    if not Path(path).is_file():
        what = "not a file" if Path(path).exists() else "no such file"
        raise InputError(f"{path}: {what}; give the path of a review CSV")
    plain = _plain_csv(path, folder, copied)
    if not plain.stat().st_size:
        raise InputError(f"{path}: the file is empty; download or export it again")
    data = map_file(plain)
    if data[:256].lstrip(BOM + b" \t\r\n").startswith(b"<"):
        raise InputError(f"{path}: this is an HTML or XML page, not CSV; download the data itself")
    header = Parsed(fields=[])
    while header.fields == [] and header.stop < len(data):
        header = parse_record(data, header.stop, min(len(data), header.stop + (1 << 20)))
    text = data[: header.stop]
    if b"\0" in text or not is_utf8(text):
        raise InputError(
            f"{path}: this is no UTF-8 text (binary, or UTF-16); save it as CSV in UTF-8"
        )
    names = [name.decode() for name in header.fields or []]
    family, positions = recognise(path, names, without)
    faults = partial(field_faults, names=FAMILIES[family], positions=positions)
    layout = Layout(len(names), positions, faults)
    return Source(str(path), str(plain.absolute()), family, layout, header.stop)


def _plain_csv(path: FilePath, folder: FilePath, copied: bool) -> Path:
    """The file itself, or what was unpacked or copied from it into `folder`."""
    with open(path, "rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    if not (is_gzip or copied):
        return Path(path)
    with (
        gzip.open(path) if is_gzip else open(path, "rb") as original,
        NamedTemporaryFile(suffix=".csv", dir=folder, delete=False) as plain,
    ):
        try:
            shutil.copyfileobj(original, plain, 1 << 20)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{path}: broken gzip file ({error}); download it again") from None
    return Path(plain.name)
