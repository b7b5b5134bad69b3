"""Review exports to one canonical set of Parquet files: each input record is loaded exactly or quarantined with its reasons.

The way of a record: `review_files` finds the file's header family and cuts it into pieces, `csv_blocks` reads the records of a
piece (`csv_records` those that are damaged), `review_fields` checks their values, and here Dask does so for all pieces.
"""
import hashlib
import json
import platform
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import dask
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from common.artifacts import InputError, publishing
from common.csv_blocks import map_file, read_columns
from common.distributed import compute
from common.review_fields import FAMILIES, SCHEMA, check_fields, id_hash
from common.review_files import open_source

QUARANTINE_SCHEMA = pa.schema(
    [("source", pa.string()), ("byte_offset", pa.int64()), ("raw", pa.binary()), ("reasons", pa.list_(pa.string()))]
)


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
    with TemporaryDirectory() as folder:
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
    hashes = np.concatenate([np.empty(0, np.uint64), *(piece.hashes for piece in pieces)])
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
            return dict(zip(repeats, compute([dask.delayed(piece, traverse=False)() for piece in work], "loading")))

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
