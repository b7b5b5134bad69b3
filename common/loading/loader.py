"""Review exports to one canonical set of Parquet files: each input record is loaded exactly or quarantined with its reasons.

The way of a record: `sources` finds the file's header family and cuts it into pieces, `csv_blocks` reads the records of a
piece (`csv_records` those that are damaged), `fields` checks their values, and here Dask does so for all pieces.
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

from common.compute import compute
from common.loading.csv_blocks import read_columns
from common.loading.fields import FAMILIES, check_fields
from common.loading.sources import open_source, unchanged
from common.schema import SCHEMA, string_hash
from common.store import InputError, publishing

QUARANTINE_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("byte_offset", pa.int64()),
        ("raw", pa.binary()),
        ("reasons", pa.list_(pa.string())),
    ]
)
IDS_AT_ONCE = 500_000  # compared by one task


class Quarantined(NamedTuple):
    start: int
    review_id: str | None
    raw: bytes
    reasons: list[str]


def read_piece(source, start, stop):
    """Read whole records in [start, stop) -> (table of loadable reviews, list of Quarantined), both in file order.

    The table holds the source's canonical columns and int64 `byte_offset` and `end`, where the record's bytes are.
    """
    data = source.map(stop)
    table, bad = read_columns(data, start, stop, source.layout)
    columns, faults = check_fields(table, FAMILIES[source.family])
    is_bad = np.logical_or.reduce(list(faults.values()))
    reviews = pa.table({**columns, "byte_offset": table["start"], "end": table["end"]})
    if not is_bad.any() and not bad:
        return reviews, []
    quarantined = []
    for row in np.flatnonzero(is_bad).tolist():
        first, end, review_id = (table[name][row].as_py() for name in ("start", "end", "review_id"))
        reasons = [reason for reason, mask in faults.items() if mask[row]]
        quarantined.append(Quarantined(first, review_id or None, data[first:end], reasons))
    for first, end, fields, reasons in bad:
        quarantined.append(
            Quarantined(first, _known_id(fields, source.layout), data[first:end], reasons)
        )
    return reviews.filter(pa.array(~is_bad)), sorted(quarantined)


def _known_id(fields, layout):
    try:
        return (fields and fields[layout.columns["review_id"]].decode()) or None
    except UnicodeDecodeError:
        return None


def read_records(path, block_bytes=16 << 20):
    """Read one export block by block, in input order and bounded memory, for prediction: ratings are neither needed nor read.

    Yields (reviews, quarantined, done): a table of canonical columns (without review_rating and author_name) and int64
    `byte_offset`, a list of Quarantined, and which share of the file is read by then. Repeated ids are kept. InputError as for
    `ingest`.
    """
    with TemporaryDirectory() as folder:
        with unchanged(
            [path]
        ):  # a copy: a map of a file that is cut short meanwhile would end this process
            source = open_source(
                path, folder, without=("review_rating", "author_name"), copied=True
            )
        size = Path(source.path).stat().st_size
        for start, stop in source.pieces(block_bytes):
            yield (*read_piece(source, start, stop), stop / size)


def stage_piece(number, source, start, stop, schema, folder):
    """Read a piece and leave it under `folder` as <number>.reviews, .quarantine and .ids -> number of records with an id."""
    reviews, quarantined = read_piece(source, start, stop)
    columns = {
        f.name: reviews[f.name]
        if f.name in reviews.column_names
        else pa.nulls(len(reviews), f.type)
        for f in schema
    }
    _stage(
        pa.table({**columns, "byte_offset": reviews["byte_offset"], "end": reviews["end"]}),
        folder / f"{number}.reviews",
    )
    rows = [(source.name, q.start, q.raw, q.reasons) for q in quarantined]
    columns = [
        pa.array(values, field.type)
        for values, field in zip(list(zip(*rows)) or [[]] * 4, QUARANTINE_SCHEMA)
    ]
    _stage(pa.table(columns, schema=QUARANTINE_SCHEMA), folder / f"{number}.quarantine")
    known = [q for q in quarantined if q.review_id]
    starts = np.concatenate(
        [reviews["byte_offset"].to_numpy(), np.array([q.start for q in known], np.int64)]
    )
    ids = pa.concat_arrays(
        [*reviews["review_id"].chunks, pa.array([q.review_id for q in known], pa.string())]
    )
    ids = pa.table(
        {
            "start": starts,
            "id": ids,
            "hash": string_hash(ids),
            "loaded": np.arange(len(starts)) < len(reviews),
        }
    )
    _stage(ids.take(np.argsort(starts)) if known else ids, folder / f"{number}.ids")
    return len(ids)


def _stage(table, path):
    feather.write_feather(table, path, compression="uncompressed")


def find_repeats(folder, pieces, part, parts):
    """Records whose id an earlier loadable record has, in files of `stage_piece`: {piece: start offsets}.

    Looks at the ids whose hash is `part` modulo `parts`, so that memory stays bounded and parts can be searched side by side.
    Equal hashes only raise the suspicion; the ids themselves decide.
    """
    paths, rows, hashes = [folder / f"{number}.ids" for number in range(pieces)], [], []
    for path in paths:
        hashed = feather.read_table(path, columns=["hash"])["hash"].to_numpy()
        rows.append(np.flatnonzero(hashed % parts == part))
        hashes.append(hashed[rows[-1]])
    ordered = np.sort(np.concatenate([np.empty(0, np.uint64), *hashes]))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    seen, repeats = set(), {}
    for number, (path, own, hashed) in enumerate(zip(paths, rows, hashes) if len(repeated) else []):
        own = own[
            repeated[np.minimum(np.searchsorted(repeated, hashed), len(repeated) - 1)] == hashed
        ]
        if not len(own):
            continue
        known = feather.read_table(path, memory_map=True).take(own).to_pydict()
        for start, review_id, loaded in zip(known["start"], known["id"], known["loaded"]):
            if review_id in seen:
                repeats.setdefault(number, []).append(start)
            elif loaded:
                seen.add(review_id)
    return repeats


def write_piece(number, source, folder, repeats):
    """Write a staged piece's Parquet files, repeated records in quarantine -> [loaded, quarantined, {reason: records}].

    A piece whose worker died after it had written it, so that the answer was lost, is not written again.
    """
    done = folder / f"{number}.done"
    if done.exists():
        return json.loads(done.read_text())
    reviews = feather.read_table(folder / f"{number}.reviews")
    quarantine = feather.read_table(folder / f"{number}.quarantine").to_pylist()
    repeats = set(repeats)
    for row in quarantine:
        if row["byte_offset"] in repeats:
            row["reasons"].append("duplicate_id")
    is_repeated = np.isin(reviews["byte_offset"].to_numpy(), list(repeats))
    if is_repeated.any():
        again = reviews.filter(is_repeated)
        data = source.map(again["end"][-1].as_py())
        for start, end in zip(again["byte_offset"].to_pylist(), again["end"].to_pylist()):
            raw = data[start:end]
            quarantine.append(
                {
                    "source": source.name,
                    "byte_offset": start,
                    "raw": raw,
                    "reasons": ["duplicate_id"],
                }
            )
        quarantine.sort(key=lambda row: row["byte_offset"])
        reviews = reviews.filter(~is_repeated)
    name = f"part-{number:05d}.parquet"
    _write(reviews.drop_columns(["byte_offset", "end"]), folder / "reviews" / name)
    if quarantine or number == 0:
        _write(pa.Table.from_pylist(quarantine, QUARANTINE_SCHEMA), folder / "quarantine" / name)
    found = [
        len(reviews),
        len(quarantine),
        Counter(reason for row in quarantine for reason in row["reasons"]),
    ]
    done.with_suffix(".part").write_text(json.dumps(found))
    done.with_suffix(".part").rename(done)
    for suffix in (".reviews", ".quarantine", ".ids"):
        done.with_suffix(suffix).unlink()
    return found


def _write(table, path):
    columns = [
        c
        for c in ("author_app_version", "review_rating", "review_likes", "source")
        if c in table.column_names
    ]
    pq.write_table(table, path, compression="zstd", compression_level=1, use_dictionary=columns)


def ingest(paths, out_dir, block_bytes=16 << 20, keep_names=False, data="csv"):
    """Load review exports (CSV, CSV.gz) on the active Dask scheduler; publish reviews/, quarantine/ and manifest.json.

    All or nothing: on any exception `out_dir` stays as it was. Same reviews and quarantine for every `block_bytes` (size of
    a piece of work; below 2 GiB), scheduler and number of workers. `data` ("csv" or "synthetic") goes to the manifest.
    Returns the manifest. Raises InputError, with nothing published, for a file that is no review export.
    """
    with (
        publishing(out_dir, "reviews", "quarantine", "manifest.json") as folder,
        unchanged(paths),
        ThreadPoolExecutor(1) as background,
    ):
        for name in ("reviews", "quarantine"):
            (folder / name).mkdir()
        sources = [
            open_source(path, folder, without=() if keep_names else ("author_name",))
            for path in paths
        ]
        digests = background.map(_sha256, paths)
        columns = {"author_name"} if keep_names else set()
        columns = columns.union(*(source.layout.columns for source in sources))
        schema = pa.schema([field for field in SCHEMA if field.name in columns])
        # Cut by workers: whoever reads a map of a file that is cut short meanwhile is ended by the system, and a worker is started again.
        cuts = _run("cutting", [partial(_cut, source, block_bytes) for source in sources])
        spans = [(source, *span) for source, cut in zip(sources, cuts) for span in cut]
        ids = _run(
            "reading",
            [partial(stage_piece, n, *span, schema, folder) for n, span in enumerate(spans)],
        )
        parts = 1 + sum(ids) // IDS_AT_ONCE
        found = _run(
            "comparing ids",
            [partial(find_repeats, folder, len(spans), part, parts) for part in range(parts)],
        )
        repeats = [sum((repeats.get(n, []) for repeats in found), []) for n in range(len(spans))]
        pieces = _run(
            "writing",
            [partial(write_piece, n, span[0], folder, repeats[n]) for n, span in enumerate(spans)],
        )
        entries = []
        for source, path, sha256 in zip(sources, paths, digests):
            records = sum(
                loaded + bad for (loaded, bad, _), span in zip(pieces, spans) if span[0] is source
            )
            entries.append(
                {
                    "name": source.name,
                    "bytes": Path(path).stat().st_size,
                    "sha256": sha256,
                    "records": records,
                    "header_family": source.family,
                }
            )
        if not sum(entry["records"] for entry in entries):
            raise InputError(
                f"{', '.join(map(str, paths))}: a header but no reviews; download or export it again"
            )
        manifest = {
            "sources": entries,
            "records": sum(entry["records"] for entry in entries),
            "loaded": sum(loaded for loaded, _, _ in pieces),
            "quarantined": sum(bad for _, bad, _ in pieces),
            "reasons": dict(
                sorted(sum((Counter(reasons) for _, _, reasons in pieces), Counter()).items())
            ),
            "schema": {field.name: str(field.type) for field in schema},
            "versions": {"python": platform.python_version()}
            | {m: version(m) for m in ("dask", "numpy", "pandas", "pyarrow")},
            "block_bytes": block_bytes,
            "keep_names": keep_names,
            "data": data,
        }
        (folder / "manifest.json").write_text(
            json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8"
        )
    return manifest


def _run(title, work):
    return compute([dask.delayed(piece, traverse=False)() for piece in work], title)


def _cut(source, block_bytes):
    return list(source.pieces(block_bytes))


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
