"""Review exports to one canonical set of Parquet files, in steps that Dask runs on all blocks.

Each input record is loaded exactly or quarantined with its reasons. The way of a record: `sources`
opens its file, whose header `headers` recognises, and cuts it into blocks; `csv_blocks` reads the
records of a block (`csv_records` those that are damaged); `fields` checks their values; `records`
puts these together; here duplicates are found across blocks, and all is written.
"""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import dask
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq

from common.compute import compute
from common.loading.records import read_block
from common.loading.sources import Block, Source, open_source, unchanged
from common.schema import SCHEMA, string_hash
from common.store import InputError, publishing

QUARANTINE_SCHEMA = pa.schema(
    {
        "source": pa.string(),
        "byte_offset": pa.int64(),
        "raw": pa.binary(),
        "reasons": pa.list_(pa.string()),
    }
)
DICTIONARY_COLUMNS = ["author_app_version", "review_rating", "review_likes", "source"]
IDS_AT_ONCE = 500_000  # compared by one task


class Counts(NamedTuple):
    """How many records of a block were loaded, how many quarantined, how many for each reason."""

    loaded: int
    quarantined: int
    reasons: dict[str, int]


def stage_block(number: int, block: Block, schema: pa.Schema, folder: Path) -> int:
    """Read a block and leave it under `folder` as <number>.reviews, .quarantine and .ids.

    The reviews have the columns of `schema`. Returns how many records have an id.
    """
    reviews, quarantined = read_block(block)
    columns = {
        field.name: reviews[field.name]
        if field.name in reviews.column_names
        else pa.nulls(len(reviews), field.type)
        for field in schema
    }
    columns |= {name: reviews[name] for name in ("byte_offset", "end")}
    _stage(pa.table(columns), folder / f"{number}.reviews")
    rows = [{"source": block.source.name, **record._asdict()} for record in quarantined]
    _stage(pa.Table.from_pylist(rows, QUARANTINE_SCHEMA), folder / f"{number}.quarantine")
    ids = reviews.select(["review_id", "byte_offset"])
    named = [row for row in rows if row["review_id"]]
    ids = pa.concat_tables([ids, pa.Table.from_pylist(named, ids.schema)])
    ids = ids.append_column("hash", [string_hash(ids["review_id"])])
    ids = ids.append_column("is_loaded", [np.arange(len(ids)) < len(reviews)])
    _stage(ids.sort_by("byte_offset") if named else ids, folder / f"{number}.ids")
    return len(ids)


def _stage(table: pa.Table, path: Path) -> None:
    feather.write_feather(table, path, compression="uncompressed")


def find_duplicates(folder: Path, blocks: int, buckets: int, bucket: int) -> dict[int, list[int]]:
    """Offsets, by number of block, of the records whose id an earlier loadable record has.

    Looks at the ids whose hash is `bucket` modulo `buckets`, so that memory stays bounded and
    buckets can be searched side by side. Equal hashes only raise the suspicion; the ids themselves
    decide.
    """
    rows, hashes = [], []
    for number in range(blocks):
        table = feather.read_table(folder / f"{number}.ids", columns=["hash"])
        block_hashes = table["hash"].to_numpy()
        rows.append(np.flatnonzero(block_hashes % buckets == bucket))
        hashes.append(block_hashes[rows[-1]])
    ordered = np.sort(np.concatenate([np.empty(0, np.uint64), *hashes]))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    seen: set[str] = set()
    duplicates: dict[int, list[int]] = {}
    for number in range(blocks):
        suspects = rows[number][np.isin(hashes[number], repeated)]
        if not len(suspects):
            continue
        table = feather.read_table(folder / f"{number}.ids", memory_map=True).take(suspects)
        for record in table.to_pylist():
            if record["review_id"] in seen:
                duplicates.setdefault(number, []).append(record["byte_offset"])
            elif record["is_loaded"]:
                seen.add(record["review_id"])
    return duplicates


def write_block(number: int, block: Block, folder: Path, duplicates: list[int]) -> Counts:
    """Write a staged block's Parquet files, the records at the offsets `duplicates` in quarantine.

    A block whose worker died after it had written it, so that the answer was lost, is not written
    again.
    """
    done = folder / f"{number}.done"
    if done.exists():
        return Counts(*json.loads(done.read_text()))
    reviews = feather.read_table(folder / f"{number}.reviews")
    quarantine = feather.read_table(folder / f"{number}.quarantine").to_pylist()
    offsets = set(duplicates)
    for row in quarantine:
        if row["byte_offset"] in offsets:
            row["reasons"].append("duplicate_id")
    is_duplicate = pc.is_in(reviews["byte_offset"], pa.array(duplicates, pa.int64()))
    repeated = reviews.select(["byte_offset", "end"]).filter(is_duplicate).to_pylist()
    if repeated:
        data = block.source.map(block.stop)
        quarantine += [
            {
                **record,
                "source": block.source.name,
                "raw": data[record["byte_offset"] : record["end"]],
                "reasons": ["duplicate_id"],
            }
            for record in repeated
        ]
        quarantine.sort(key=lambda row: row["byte_offset"])
        reviews = reviews.filter(pc.invert(is_duplicate))
    name = f"part-{number:05d}.parquet"
    _write(reviews.drop_columns(["byte_offset", "end"]), folder / "reviews" / name)
    if quarantine or number == 0:
        _write(pa.Table.from_pylist(quarantine, QUARANTINE_SCHEMA), folder / "quarantine" / name)
    reasons = Counter(reason for row in quarantine for reason in row["reasons"])
    counts = Counts(len(reviews), len(quarantine), reasons)
    done.with_suffix(".part").write_text(json.dumps(counts))
    done.with_suffix(".part").rename(done)
    for suffix in (".reviews", ".quarantine", ".ids"):
        done.with_suffix(suffix).unlink()
    return counts


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(
        table, path, compression="zstd", compression_level=1, use_dictionary=DICTIONARY_COLUMNS
    )


def ingest(
    paths: Sequence[str | Path],
    out_dir: Path,
    block_bytes: int = 16 << 20,
    keep_names: bool = False,
    data: str = "csv",
) -> dict[str, Any]:
    """Load review exports (CSV, CSV.gz) on the active Dask scheduler.

    Publishes reviews/, quarantine/ and manifest.json under `out_dir`, all or nothing: on any
    exception it stays as it was. Same reviews and quarantine for every `block_bytes` (below 2
    GiB), scheduler and number of workers. `data` ("csv" or "synthetic") goes to the manifest.
    Returns the manifest. Raises InputError, with nothing published, for a file that is no review
    export.
    """
    with (
        publishing(out_dir, "reviews", "quarantine", "manifest.json") as folder,
        unchanged(paths),
        ThreadPoolExecutor(1) as background,
    ):
        without = () if keep_names else ("author_name",)
        sources = [open_source(path, folder, without) for path in paths]
        digests = background.map(_sha256, paths)
        columns = {"author_name"} if keep_names else set()
        columns = columns.union(*(source.layout.columns for source in sources))
        schema = pa.schema([field for field in SCHEMA if field.name in columns])
        counts = _load(sources, schema, folder, block_bytes)
        loaded = sum(block.loaded for block in chain(*counts))
        quarantined = sum(block.quarantined for block in chain(*counts))
        if not loaded + quarantined:
            files = ", ".join(map(str, paths))
            raise InputError(f"{files}: a header but no reviews; download or export it again")
        reasons = sum((Counter(block.reasons) for block in chain(*counts)), Counter())
        manifest = {
            "sources": [
                {
                    "name": source.name,
                    "bytes": Path(source.name).stat().st_size,
                    "sha256": digest,
                    "records": sum(block.loaded + block.quarantined for block in blocks),
                    "header_family": source.family,
                }
                for source, blocks, digest in zip(sources, counts, digests)
            ],
            "records": loaded + quarantined,
            "loaded": loaded,
            "quarantined": quarantined,
            "reasons": dict(sorted(reasons.items())),
            "schema": {field.name: str(field.type) for field in schema},
            "versions": {"python": platform.python_version()}
            | {package: version(package) for package in ("dask", "numpy", "pandas", "pyarrow")},
            "block_bytes": block_bytes,
            "keep_names": keep_names,
            "data": data,
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False)
        (folder / "manifest.json").write_text(text, encoding="utf-8")
    return manifest


def _load(
    sources: list[Source], schema: pa.Schema, folder: Path, block_bytes: int
) -> list[list[Counts]]:
    """Write reviews/ and quarantine/ under `folder`; returns the counts of each source's blocks."""
    (folder / "reviews").mkdir()
    (folder / "quarantine").mkdir()
    # Cut by workers: reading a map of a file that is cut short meanwhile ends a process, and a
    # worker is started again.
    cuts = _run("cutting", (partial(source.blocks, block_bytes) for source in sources))
    blocks = list(enumerate(chain(*cuts)))
    ids = _run("reading", (partial(stage_block, *block, schema, folder) for block in blocks))
    buckets = 1 + sum(ids) // IDS_AT_ONCE
    search = partial(find_duplicates, folder, len(blocks), buckets)
    duplicates = _run("comparing ids", (partial(search, bucket) for bucket in range(buckets)))
    writing = []
    for number, block in blocks:
        offsets = [offset for found in duplicates for offset in found.get(number, [])]
        writing.append(partial(write_block, number, block, folder, offsets))
    counts = iter(_run("writing", writing))
    return [list(islice(counts, len(cut))) for cut in cuts]


def _run(title: str, calls: Iterable[Callable[[], Any]]) -> list[Any]:
    return compute([dask.delayed(call, traverse=False)() for call in calls], title)


def _sha256(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
