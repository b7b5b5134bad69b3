"""Review exports to one canonical set of Parquet files: each input record is loaded exactly or quarantined with its reasons.

Rules for the fields, beside those of `csv_records` for bytes and records:
- review_id is not empty; the first loadable record with an id is loaded, later ones are duplicates;
- review_rating is 1 to 5, review_likes a whole number that fits int64, never negative; both may end in ".0" (float exports);
- times read YYYY-MM-DD HH:MM:SS with optional microseconds, "T" instead of the space allowed; no time zone is guessed;
- an empty text stays an empty text, other empty strings become null; "NA" and "null" are strings like any other;
- exports of google-play-scraper hold names, not author ids: a keyed hash of the name stands in, null for "A Google user".
"""
import gzip
import hashlib
import json
import platform
import re
import shutil
import tempfile
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq

from common.artifacts import InputError, publishing
from common.csv_records import Layout, map_file, parse_record, read_columns, stretches

SCHEMA = pa.schema(
    [
        ("review_id", pa.string()),
        ("pseudo_author_id", pa.string()),
        ("author_name", pa.string()),
        ("review_text", pa.string()),
        ("review_rating", pa.int8()),
        ("review_likes", pa.int64()),
        ("author_app_version", pa.string()),
        ("review_timestamp", pa.timestamp("us")),
        ("reply_text", pa.string()),
        ("reply_timestamp", pa.timestamp("us")),
    ]
)
OPTIONAL = {"author_name", "reply_text", "reply_timestamp"}
QUARANTINE_SCHEMA = pa.schema(
    [("source", pa.string()), ("byte_offset", pa.int64()), ("raw", pa.binary()), ("reasons", pa.list_(pa.string()))]
)
FAMILIES = {
    "kaggle": {name: name for name in SCHEMA.names},
    "google_play_scraper": {
        "review_id": "reviewId",
        "pseudo_author_id": "userName",
        "author_name": "userName",
        "review_text": "content",
        "review_rating": "score",
        "review_likes": "thumbsUpCount",
        "author_app_version": "reviewCreatedVersion",
        "review_timestamp": "at",
        "reply_text": "replyContent",
        "reply_timestamp": "repliedAt",
    },
}
PSEUDONYM_KEY = b"smarter-netflix-predictions"
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Source:
    """A file to read: `name` as the user gave it, `path` of the plain CSV, its header family and the first record's offset."""

    name: str
    path: str
    family: str
    layout: Layout
    start: int

    def pieces(self, block_bytes):
        """Yield byte ranges of whole records that cover the file, each the last record of a block longer at most."""
        position, size = self.start, Path(self.path).stat().st_size
        while position < size:
            start = position
            for stretch in stretches(map_file(self.path), start, min(start + block_bytes, size), self.layout):
                position = stretch.end
            yield start, position


class Quarantined(NamedTuple):
    start: int
    review_id: str | None
    raw: bytes
    reasons: list[str]


class Loaded(NamedTuple):
    """What a worker reports of a piece: ids are known by their hashes; `loaded` tells which of them are in reviews/."""

    hashes: np.ndarray
    loaded: np.ndarray
    reasons: Counter
    quarantined: int


def id_hash(ids):
    """uint64 hashes of review ids (Arrow array or sequence of str): the same in every process, run and file."""
    return pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False)


# Fields: the exact rule for one value, and a vectorised reading of the usual form that leaves all others to it


def parse_rating(value):
    return int(value[:1]) if re.fullmatch(rb"[1-5](\.0+)?", value) else None


def parse_likes(value):
    match = re.fullmatch(rb"0*(\d{1,19})(\.0+)?", value)
    return int(match[1]) if match and int(match[1]) < 1 << 63 else None


def parse_time(value):
    """Microseconds since 1970, or None."""
    match = re.fullmatch(rb"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", value)
    try:
        whole = datetime(*map(int, match.groups()[:6])) if match else None
    except ValueError:
        return None
    return whole and (whole - EPOCH) // timedelta(microseconds=1) + int((match[7] or b"").ljust(6, b"0"))


def quick_ratings(column):
    index = pc.index_in(column, value_set=pa.array(list("12345"))).fill_null(-1).to_numpy().astype(np.int64)
    return index + 1, index >= 0


def quick_likes(column):
    usual = pc.and_(pc.ascii_is_decimal(column), pc.less_equal(pc.binary_length(column), 18))
    return pc.if_else(usual, column, "0").cast(pa.int64()).to_numpy().copy(), usual.to_numpy(zero_copy_only=False)


def quick_times(column):
    """Reads the 19 characters of YYYY-MM-DD HH:MM:SS as a (rows, 19) array of bytes."""
    values, known = np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    rows = np.flatnonzero(pc.binary_length(column).to_numpy() == 19)
    if not len(rows):
        return values, known
    chars = np.frombuffer(column.take(rows).buffers()[2], np.uint8, 19 * len(rows)).reshape(-1, 19)
    digits = chars[:, [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]] - np.uint8(ord("0"))
    signs_fit = (chars[:, [4, 7, 13, 16]] == np.frombuffer(b"--::", np.uint8)).all(axis=1)
    signs_fit &= (chars[:, 10] == ord(" ")) | (chars[:, 10] == ord("T"))
    century, year, month, day, hour, minute, second = (digits[:, ::2].astype(np.int64) * 10 + digits[:, 1::2]).T
    year += century * 100
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    month_start, next_month = (m.astype("M8[D]").astype(np.int64) for m in (months, months + 1))
    days = month_start + day - 1
    in_calendar = (year > 0) & (month > 0) & (month < 13) & (day > 0) & (days < next_month)
    known[rows] = signs_fit & (digits < 10).all(axis=1) & in_calendar & (hour < 24) & (minute < 60) & (second < 60)
    values[rows] = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000
    return values, known


RULES = {
    "review_rating": ("bad_rating", parse_rating, quick_ratings),
    "review_likes": ("bad_likes", parse_likes, quick_likes),
    "review_timestamp": ("bad_timestamp", parse_time, quick_times),
    "reply_timestamp": ("bad_timestamp", parse_time, quick_times),
}


def field_faults(fields, names, positions):
    """Names of all faults of one record's fields (bytes); `names` and `positions` are the header's, by canonical name."""
    values = {name: fields[position] for name, position in positions.items()}
    if all(values[name] == names[name].encode() for name in values):
        return ["repeated_header"]
    faults = [] if values["review_id"] else ["missing_id"]
    for name, (reason, parse, _) in RULES.items():
        may_be_empty = name in OPTIONAL and not values.get(name)
        if name in values and not may_be_empty and parse(values[name]) is None and reason not in faults:
            faults.append(reason)
    return faults


def check_fields(table, names):
    """`field_faults` for a whole table of strings -> (canonical columns, reason -> mask of the rows for which it holds)."""
    text = {name: table[name].combine_chunks() for name in names if name in table.column_names}
    header = np.logical_and.reduce([_mask(pc.equal(column, names[name])) for name, column in text.items()])
    columns, faults = {}, {"repeated_header": header, "missing_id": _mask(pc.equal(text["review_id"], "")) & ~header}
    for name, column in text.items():
        empty = pc.equal(column, "")
        if name in RULES:
            reason, parse, quick = RULES[name]
            values, known = quick(column)
            rest = np.flatnonzero(~known)
            for row, value in zip(rest, column.take(rest).cast(pa.binary()).to_pylist()):
                exact = parse(value)
                if exact is not None:
                    values[row], known[row] = exact, True
            missing = _mask(empty) if name in OPTIONAL else np.zeros(len(column), bool)
            faults[reason] = faults.get(reason, False) | ~(known | missing | header)
            values[~known] = 0
            columns[name] = pa.array(values, mask=missing).cast(SCHEMA.field(name).type)
        elif name == "pseudo_author_id" and names[name] != name:
            columns[name] = _pseudonyms(column)
        elif name in ("review_id", "review_text"):
            columns[name] = column
        else:
            columns[name] = pc.if_else(empty, pa.scalar(None, pa.string()), column)
    return columns, faults


def _mask(booleans):
    return booleans.to_numpy(zero_copy_only=False)


def _pseudonyms(names):
    coded = names.dictionary_encode()
    hashed = [
        None if name in ("", "A Google user") else hashlib.blake2b(name.encode(), digest_size=10, key=PSEUDONYM_KEY).hexdigest()
        for name in coded.dictionary.to_pylist()
    ]
    return pa.array(hashed, pa.string()).take(coded.indices)


# Files


def open_source(path, folder, without=()):
    """Recognise a review export by its header, unpacking it into `folder` if it is gzipped.

    `without` names canonical columns that are neither needed nor read. InputError for anything that is no review export.
    """
    plain = Path(path)
    if not plain.is_file():
        raise InputError(f"{path}: {'not a file' if plain.exists() else 'no such file'}; give the path of a review CSV")
    with open(plain, "rb") as file:
        if file.read(2) == b"\x1f\x8b":
            plain = _unpack(path, folder)
    if not plain.stat().st_size:
        raise InputError(f"{path}: the file is empty; download or export it again")
    data = map_file(plain)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{path}: the text is UTF-16; save it as UTF-8")
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
        raise InputError(f"{path}: this is no UTF-8 text (binary, or UTF-16); save it as CSV in UTF-8")
    family, positions = _recognise(path, header, without)
    names = FAMILIES[family]
    layout = Layout(len(header), positions, partial(field_faults, names=names, positions=positions))
    return Source(str(path), str(plain), family, layout, start)


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
        if len({"review_id", "reviewId", "content", "review_text"} & set(re.split("[;\t|]", ";".join(header)))) > 0:
            raise InputError(f"{path}: columns must be separated by commas; export it again with commas")
        wanted = " or ".join(", ".join([n["review_id"], n["review_text"], "..."]) for n in FAMILIES.values())
        raise InputError(f"{path}: the first line is no header of a review export; it should name the columns ({wanted})")
    for canonical, name in names.items():
        if canonical in without:
            continue
        if header.count(name) > 1:
            raise InputError(f"{path}: column {name!r} occurs {header.count(name)} times; keep one of them")
        if name not in header and canonical not in OPTIONAL:
            raise InputError(f"{path}: column {name!r} is missing; export it with all columns of the {family} form")
    return family, {c: header.index(n) for c, n in names.items() if n in header and c not in without}


# Pieces


def read_piece(source, start, stop, repeats=()):
    """Read whole records in [start, stop) -> (table of loadable reviews, list of Quarantined), both in file order.

    The table holds the source's canonical columns and int64 `byte_offset`. Records that start at `repeats` are duplicates.
    """
    data = map_file(source.path)
    table, bad = read_columns(data, start, stop, source.layout)
    columns, faults = check_fields(table, FAMILIES[source.family])
    starts = table["start"].to_numpy()
    faults["duplicate_id"] = np.isin(starts, list(repeats))
    is_bad = np.logical_or.reduce(list(faults.values()))
    reviews = pa.table({**columns, "byte_offset": table["start"]})
    if not is_bad.any() and not bad:
        return reviews, []
    quarantined = []
    ids, ends = table["review_id"], table["end"]
    for row in np.flatnonzero(is_bad).tolist():
        reasons = [reason for reason, mask in faults.items() if mask[row]]
        first, end = int(starts[row]), ends[row].as_py()
        quarantined.append(Quarantined(first, ids[row].as_py() or None, data[first:end], reasons))
    for first, end, fields, reasons in bad:
        repeated = ["duplicate_id"] if first in repeats else []
        quarantined.append(Quarantined(first, _known_id(fields, source.layout), data[first:end], reasons + repeated))
    return reviews.filter(pa.array(~is_bad)), sorted(quarantined)


def _known_id(fields, layout):
    try:
        return fields and fields[layout.columns["review_id"]].decode() or None
    except UnicodeDecodeError:
        return None


def read_records(path, block_bytes=16 << 20):
    """Read one export block by block, in input order and bounded memory, for prediction: ratings are neither needed nor read.

    Yields (reviews, quarantined): a table of canonical columns (without review_rating and author_name) and int64
    `byte_offset`, and a list of Quarantined. Repeated ids are kept. InputError as for `ingest`.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = open_source(path, folder, without=("review_rating", "author_name"))
        for start, stop in source.pieces(block_bytes):
            yield read_piece(source, start, stop)


def load_piece(number, source, start, stop, schema, folder, repeats=()):
    """Read a piece and write its Parquet files, and its ids for `find_repeats`, under `folder` -> Loaded."""
    reviews, quarantined = read_piece(source, start, stop, frozenset(repeats))
    name = f"part-{number:05d}.parquet"
    table = pa.table({f.name: reviews[f.name] if f.name in reviews.column_names else pa.nulls(len(reviews), f.type) for f in schema})
    _write(table, folder / "reviews" / name)
    if quarantined or number == 0:
        rows = [(source.name, q.start, q.raw, q.reasons) for q in quarantined]
        columns = [pa.array(values, field.type) for values, field in zip(list(zip(*rows)) or [[]] * 4, QUARANTINE_SCHEMA)]
        _write(pa.table(columns, schema=QUARANTINE_SCHEMA), folder / "quarantine" / name)
    known = [q for q in quarantined if q.review_id]
    starts = np.concatenate([reviews["byte_offset"].to_numpy(), np.array([q.start for q in known], np.int64)])
    ids = pa.concat_arrays([*reviews["review_id"].chunks, pa.array([q.review_id for q in known], pa.string())])
    order = np.argsort(starts)
    ids = ids.take(order)
    feather.write_feather(pa.table({"start": starts[order], "id": ids}), folder / f"{number}.ids", compression="uncompressed")
    return Loaded(id_hash(ids), order < len(reviews), Counter(r for q in quarantined for r in q.reasons), len(quarantined))


def _write(table, path):
    columns = [c for c in ("author_app_version", "review_rating", "review_likes", "source") if c in table.column_names]
    pq.write_table(table, path, compression="zstd", compression_level=1, use_dictionary=columns)


def find_repeats(pieces, folder):
    """Records whose id an earlier loadable record has: piece number -> start offsets.

    Equal hashes only raise the suspicion (they fit in memory for any file); the ids themselves decide.
    """
    hashes = np.concatenate([piece.hashes for piece in pieces])
    hashes.sort()
    repeated = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    seen, repeats = set(), {}
    for number, piece in enumerate(pieces if len(repeated) else []):
        nearest = repeated[np.minimum(np.searchsorted(repeated, piece.hashes), len(repeated) - 1)]
        rows = np.flatnonzero(nearest == piece.hashes)
        if len(rows):
            known = feather.read_table(folder / f"{number}.ids").take(rows).to_pydict()
            for start, review_id, loaded in zip(known["start"], known["id"], piece.loaded[rows]):
                if review_id in seen:
                    repeats.setdefault(number, []).append(start)
                elif loaded:
                    seen.add(review_id)
    return repeats


def ingest(paths, out_dir, block_bytes=16 << 20, keep_names=False, data="csv"):
    """Load review exports (CSV, CSV.gz) on the active Dask scheduler; publish reviews/, quarantine/ and manifest.json.

    All or nothing: on any exception `out_dir` stays as it was. Same reviews and quarantine for every `block_bytes` (size of
    a piece of work; below 2 GiB), scheduler and number of workers. `data` ("csv" or "synthetic") goes to the manifest.
    Returns the manifest. Raises InputError, with nothing published, for a file that is no review export.
    """
    with publishing(out_dir, "reviews", "quarantine", "manifest.json") as folder, ThreadPoolExecutor(1) as background:
        for name in ("reviews", "quarantine"):
            (folder / name).mkdir()
        before = [_size_and_time(path) for path in paths if Path(path).is_file()]
        sources = [open_source(path, folder, without=() if keep_names else ("author_name",)) for path in paths]
        digests = background.map(_sha256, paths)
        columns = {"author_name"} if keep_names else set()
        columns = columns.union(*(source.layout.columns for source in sources))
        schema = pa.schema([field for field in SCHEMA if field.name in columns])
        spans = [(source, *span) for source in sources for span in source.pieces(block_bytes)]

        def load(repeats):
            """Load the pieces whose numbers `repeats` has."""
            work = [partial(load_piece, n, *spans[n], schema, folder, starts) for n, starts in repeats.items()]
            return dict(zip(repeats, dask.compute(*(dask.delayed(piece, traverse=False)() for piece in work))))

        pieces = load(dict.fromkeys(range(len(spans)), ()))
        pieces |= load(find_repeats(list(pieces.values()), folder))
        entries = []
        for source, path, sha256 in zip(sources, paths, digests):
            own = [piece for n, piece in pieces.items() if spans[n][0] is source]
            records = sum(int(piece.loaded.sum()) + piece.quarantined for piece in own)
            size = Path(path).stat().st_size
            entry = {"name": source.name, "bytes": size, "sha256": sha256, "records": records, "header_family": source.family}
            entries.append(entry)
        if not sum(entry["records"] for entry in entries):
            raise InputError(f"{', '.join(map(str, paths))}: a header but no reviews; download or export it again")
        for path, earlier in zip(paths, before):
            if _size_and_time(path) != earlier:
                raise InputError(f"{path}: the file changed while it was read; run again when it is complete")
        manifest = {
            "sources": entries,
            "records": sum(entry["records"] for entry in entries),
            "loaded": sum(int(piece.loaded.sum()) for piece in pieces.values()),
            "quarantined": sum(piece.quarantined for piece in pieces.values()),
            "reasons": dict(sorted(sum((piece.reasons for piece in pieces.values()), Counter()).items())),
            "schema": {field.name: str(field.type) for field in schema},
            "versions": {"python": platform.python_version()} | {m: version(m) for m in ("dask", "numpy", "pandas", "pyarrow")},
            "block_bytes": block_bytes,
            "keep_names": keep_names,
            "data": data,
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    return manifest


def _size_and_time(path):
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
