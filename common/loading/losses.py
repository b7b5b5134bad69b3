"""What loading lost, and when that is too much: no part of a file may vanish without a word."""

import math
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from common.loading.csv_records import parse_record
from common.loading.sources import Source, wrong_encoding
from common.store import InputError
from common.toml import toml_beside

REASONS = toml_beside(__file__, "reasons.toml")
NO_LOSS = ("duplicate_id", "repeated_header")
FEW = 3  # records that may always be lost


class Load(NamedTuple):
    """What became of a source's records.

    parts   names of the files under reviews/ and quarantine/ that hold them
    counts  of loaded and quarantined records, of each reason, and of reviews beyond_ascii
    """

    source: Source
    parts: list[str]
    counts: Counter[str]


def check_losses(load: Load, quarantine: Path, max_loss: float) -> None:
    """Raise InputError where a file's losses are too many.

    That is: nothing could be loaded but what is loaded already; or with `max_loss` below 1, two
    records and more, and most of those beyond ASCII, are not UTF-8, or another reason than a
    repetition took more than that share of the records, and more than three.
    """
    name, counts = load.source.name, load.counts
    records = counts["loaded"] + counts["quarantined"]
    losses = Counter({reason: counts[reason] for reason in REASONS if reason not in NO_LOSS})
    is_empty = counts["loaded"] == counts["duplicate_id"] == 0
    if is_empty and not losses.total():
        raise InputError(f"{name}: a header but no reviews; download or export it again")
    if max_loss < 1 and losses["invalid_utf8"] > max(1, counts["beyond_ascii"]):
        raise wrong_encoding(name, b"".join(_raw(load, quarantine, "invalid_utf8")))
    for reason, count in losses.most_common(1):
        if is_empty or (count > FEW and count / records > max_loss):
            advice = "mend the file, or export it again"
            if not is_empty:
                share = math.ceil(100 * count / records) / 100
                advice += f"; --max-loss {share:g} loads the others"
            example = _example(load, quarantine, reason)
            raise InputError(
                f"{name}: {count:,} of {records:,} records have {REASONS[reason]['words']}, "
                f"{example}: {advice}"
            )


def _example(load: Load, quarantine: Path, reason: str) -> str:
    """What is at fault in the first record with a reason: the value and its column, or its text."""
    source, raw = load.source, _raw(load, quarantine, reason)[0]
    canonical = REASONS[reason].get("column")
    if canonical:
        fields = parse_record(raw, 0, len(raw), source.head.delimiter).fields or []
        raw = fields[source.fields.positions[canonical]]
    text = " ".join(raw.decode("utf-8", "replace").split())[:60]
    column = f" in the column {source.fields.names[canonical]!r}" if canonical else ""
    return f"such as {text!r}{column}" if text else f"such as nothing{column}"


def _raw(load: Load, quarantine: Path, reason: str) -> list[bytes]:
    """The bytes of records with a reason, of one part of the quarantine."""
    paths = (quarantine / part for part in load.parts if (quarantine / part).exists())
    rows = (pq.read_table(path).to_pylist() for path in paths)
    of_reason = ([row["raw"] for row in part if reason in row["reasons"]] for part in rows)
    return next(filter(None, of_reason))


def quarantine_sentence(manifest: dict[str, Any]) -> str:
    """What a manifest says of the records that were read, and why some were not loaded."""
    counts = Counter(manifest["reasons"]).most_common()
    reasons = "; ".join(f"{count:,} {REASONS[reason]['words']}" for reason, count in counts)
    return (
        f"{manifest['records']:,} records were read: {manifest['loaded']:,} loaded, "
        f"{manifest['quarantined']:,} quarantined{f' ({reasons})' if reasons else ''}."
    )
