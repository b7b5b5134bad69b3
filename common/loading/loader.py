"""Review exports to one canonical set of Parquet files, in steps that Dask runs on all blocks.

Each input record is loaded exactly or quarantined with its reasons. The way of a record: `sources`
opens its file, whose header `headers` recognises, and cuts it into blocks; `csv_blocks` reads the
records of a block (`csv_records` those that are damaged); `fields` checks their values; `records`
puts these together; here duplicates are found across blocks, and all is written.
"""

import hashlib
import json
import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq

from common.compute import compute
from common.loading.ids import numbered
from common.loading.losses import REASONS, Load, check_losses
from common.loading.records import read_block, with_columns
from common.loading.sources import (
    AS_WRITTEN,
    Block,
    Hints,
    Source,
    open_source,
    unchanged,
    without_ids,
)
from common.schema import OPTIONAL, SCHEMA, string_hash
from common.store import publishing

QUARANTINE_SCHEMA = pa.schema(
    {
        "source": pa.string(),
        "byte_offset": pa.int64(),
        "raw": pa.binary(),
        "reasons": pa.list_(pa.string()),
    }
)
DICTIONARY_COLUMNS = ["author_app_version", "review_rating", "review_likes", "source"]
PART = "part-{:05d}.parquet"
IDS_AT_ONCE = 500_000  # compared by one task


def stage_block(number: int, block: Block, schema: pa.Schema, folder: Path) -> Counter[str]:
    """Read a block and leave it under `folder` as <number>.reviews, .quarantine and .ids.

    The reviews have the columns of `schema`; likes that an export does not have are 0. Counts the
    records with an id, those at fault for lack of one, and reviews with letters beyond ASCII.
    """
    reviews, quarantined = read_block(block)
    columns = with_columns(reviews, schema).select([*schema.names, "byte_offset", "end"])
    _stage(columns, folder / f"{number}.reviews")
    rows = [{"source": block.source.name, **record._asdict()} for record in quarantined]
    _stage(pa.Table.from_pylist(rows, QUARANTINE_SCHEMA), folder / f"{number}.quarantine")
    ids = reviews.select(["review_id", "byte_offset", "review_timestamp"])
    named = [row for row in rows if row["review_id"]]
    ids = pa.concat_tables([ids, pa.Table.from_pylist(named, ids.schema)])
    ids = ids.append_column("hash", [string_hash(ids["review_id"])])
    ids = ids.append_column("is_loaded", [np.arange(len(ids)) < len(reviews)])
    _stage(ids.sort_by("byte_offset") if named else ids, folder / f"{number}.ids")
    is_beyond = pc.invert(pc.string_is_ascii(reviews["review_text"]))
    without_id = sum("missing_id" in record.reasons for record in quarantined)
    beyond_ascii = pc.sum(is_beyond).as_py() or 0
    return Counter({"ids": len(ids), "without_id": without_id, "beyond_ascii": beyond_ascii})


def _stage(table: pa.Table, path: Path) -> None:
    feather.write_feather(table, path, compression="uncompressed")


# By number of a block and offset of a record: the id that it gets where several are alike and had
# none of their own, or "" for a duplicate.
Changes = dict[int, dict[int, str]]


def find_repeats(folder: Path, files: list[int], buckets: int, bucket: int) -> Changes:
    """The records of all blocks whose id another one has; `files` tells each block's file.

    Of the loadable records with an id the newest is no duplicate, of equally new ones the first;
    records that cannot be loaded are duplicates of any. Looks at the ids whose hash is `bucket`
    modulo `buckets`, so that memory stays bounded and buckets can be searched side by side. Equal
    hashes only raise the suspicion; the ids themselves decide.
    """
    rows, hashes = [], []
    for number in range(len(files)):
        table = feather.read_table(folder / f"{number}.ids", columns=["hash"])
        block_hashes = table["hash"].to_numpy()
        rows.append(np.flatnonzero(block_hashes % buckets == bucket))
        hashes.append(block_hashes[rows[-1]])
    ordered = np.sort(np.concatenate([np.empty(0, np.uint64), *hashes]))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    newest: dict[str, tuple[datetime, int, int]] = {}
    occurrences: dict[int, Counter[str]] = defaultdict(Counter)
    changes: Changes = defaultdict(dict)
    unloadable = []
    for number, file in enumerate(files):
        suspects = rows[number][np.isin(hashes[number], repeated)]
        if not len(suspects):
            continue
        table = feather.read_table(folder / f"{number}.ids", memory_map=True).take(suspects)
        for record in table.to_pylist():
            offset = record["byte_offset"]
            if not record["is_loaded"]:
                unloadable.append((record["review_id"], number, offset))
                continue
            review_id = numbered(record["review_id"], occurrences[file])
            if review_id != record["review_id"]:
                changes[number][offset] = review_id
            challenger = (record["review_timestamp"], number, offset)
            champion = newest.setdefault(review_id, challenger)
            if challenger[0] > champion[0]:
                newest[review_id], challenger = challenger, champion
            if challenger is not newest[review_id]:
                changes[challenger[1]][challenger[2]] = ""
    for review_id, number, offset in unloadable:
        if review_id in newest:
            changes[number][offset] = ""
    return changes


def write_block(number: int, block: Block, folder: Path, changes: dict[int, str]) -> Counter[str]:
    """Write a staged block's Parquet files, its duplicates in quarantine; counts what became of its
    records.
    """
    reviews = feather.read_table(folder / f"{number}.reviews")
    quarantine = feather.read_table(folder / f"{number}.quarantine").to_pylist()
    if any(changes.values()):
        rows = reviews.select(["byte_offset", "review_id"]).to_pydict()
        ids = map(changes.get, rows["byte_offset"], rows["review_id"])
        reviews = reviews.set_column(0, "review_id", pa.array(ids, pa.string()))
    for row in quarantine:
        if row["byte_offset"] in changes:
            row["reasons"].append("duplicate_id")
    duplicates = [offset for offset, review_id in changes.items() if not review_id]
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
    name = PART.format(number)
    _write(reviews.drop_columns(["byte_offset", "end"]), folder / "reviews" / name)
    if quarantine or number == 0:
        _write(pa.Table.from_pylist(quarantine, QUARANTINE_SCHEMA), folder / "quarantine" / name)
    counts = Counter(reason for row in quarantine for reason in row["reasons"])
    counts.update(loaded=len(reviews), quarantined=len(quarantine))
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
    max_loss: float = 1.0,
    data: str = "csv",
    hints: Hints = AS_WRITTEN,
) -> dict[str, Any]:
    """Load review exports, whatever form `open_source` recognises, on the active Dask scheduler.

    Publishes reviews/, quarantine/ and manifest.json under `out_dir`, all or nothing: on any
    exception it stays as it was. Same reviews and quarantine for every `block_bytes` (below 2
    GiB), scheduler and number of workers. `max_loss` is the largest share of a file's records that
    may be quarantined for one reason, as `check_losses` counts; `data` ("csv" or "synthetic") goes
    to the manifest. Returns the manifest. Raises InputError, with nothing published, for a file
    that is no review export or loses more.
    """
    with (
        publishing(Path(out_dir), "reviews", "quarantine", "manifest.json") as folder,
        unchanged(paths),
        ThreadPoolExecutor(1) as background,
    ):
        sources = [open_source(path, folder, hints, keep_names) for path in paths]
        digests = background.map(_sha256, paths)
        wanted = {field.name for field in SCHEMA}.difference(OPTIONAL)
        wanted = wanted.union(*(source.fields.positions for source in sources))
        schema = pa.schema([field for field in SCHEMA if field.name in wanted])
        loads = _load(sources, schema, folder, block_bytes)
        for load in loads:
            check_losses(load, folder / "quarantine", max_loss)
        manifest = {
            **_manifest(loads, digests),
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


def _manifest(loads: list[Load], digests: Iterable[str]) -> dict[str, Any]:
    """What was read, how it was recognised, and what became of it."""
    total = sum((load.counts for load in loads), Counter())
    return {
        "sources": [
            {
                "name": load.source.name,
                "bytes": Path(load.source.name).stat().st_size,
                "sha256": digest,
                "records": load.counts["loaded"] + load.counts["quarantined"],
                "delimiter": load.source.head.delimiter.decode(),
                "converted_from": load.source.converted.steps,
                "columns": load.source.fields.names,
                "ids": load.source.ids,
                "dates": load.source.fields.order,
            }
            for load, digest in zip(loads, digests)
        ],
        "records": total["loaded"] + total["quarantined"],
        "loaded": total["loaded"],
        "quarantined": total["quarantined"],
        "reasons": {reason: total[reason] for reason in sorted(REASONS) if total[reason]},
    }


def _load(sources: list[Source], schema: pa.Schema, folder: Path, block_bytes: int) -> list[Load]:
    """Write reviews/ and quarantine/ under `folder`."""
    (folder / "reviews").mkdir()
    (folder / "quarantine").mkdir()
    # Cut by workers: reading a map of a file that is cut short meanwhile ends a process, and a
    # worker is started again.
    cuts = _run("cutting", (partial(source.blocks, block_bytes) for source in sources))
    blocks = list(chain(*cuts))
    files = [file for file, cut in enumerate(cuts) for _ in cut]

    def stage(numbers: Sequence[int]) -> None:
        calls = (partial(stage_block, n, blocks[n], schema, folder) for n in numbers)
        staged.update(zip(numbers, _run("reading", calls)))
        buckets = 1 + sum(counts["ids"] for counts in staged.values()) // IDS_AT_ONCE
        search = partial(find_repeats, folder, files, buckets)
        changes.clear()
        for of_bucket in _run("comparing ids", (partial(search, n) for n in range(buckets))):
            for number, change in of_bucket.items():
                changes.setdefault(number, {}).update(change)

    staged: dict[int, Counter[str]] = {}
    changes: Changes = {}
    stage(range(len(blocks)))
    of_file = [[n for n, of in enumerate(files) if of == file] for file in range(len(sources))]
    for source, numbers in zip(sources, of_file):
        if source.ids == "column" and _is_no_id_column(folder, numbers, staged, changes):
            for number in numbers:
                blocks[number] = blocks[number]._replace(source=without_ids(source))
            stage(numbers)
    calls = (
        partial(write_block, n, block, folder, changes.get(n, {})) for n, block in enumerate(blocks)
    )
    written = _run("writing", calls)
    return [
        Load(
            blocks[numbers[0]].source if numbers else source,
            [PART.format(number) for number in numbers],
            sum((staged[number] + written[number] for number in numbers), Counter()),
        )
        for source, numbers in zip(sources, of_file)
    ]


def _is_no_id_column(
    folder: Path, numbers: list[int], staged: dict[int, Counter[str]], changes: Changes
) -> bool:
    """Whether a file's ids are all missing, or one of them stands in most records, or in 1% of
    them and a hundred."""
    counts = sum((staged[number] for number in numbers), Counter())
    records = counts["ids"]
    if not records:
        return counts["without_id"] > 0
    most = min(max(records // 2, 3), max(records // 100, 99))
    if sum(len(changes.get(number, ())) for number in numbers) < most:
        return False
    ids = [feather.read_table(folder / f"{number}.ids", columns=["hash"]) for number in numbers]
    return Counter(pa.concat_tables(ids)["hash"].to_pylist()).most_common(1)[0][1] > most


def _run(title: str, calls: Iterable[Callable[[], Any]]) -> list[Any]:
    return compute([dask.delayed(call, traverse=False)() for call in calls], title)


def _sha256(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
