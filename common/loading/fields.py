"""The rules for the values of a review's columns, beside those of `csv_records` for bytes and records:

- review_id is not empty; the first loadable record with an id is loaded, later ones are duplicates;
- review_rating is 1 to 5, review_likes a whole number that fits int64, never negative; both may end
  in ".0" (float exports);
- times read YYYY-MM-DD HH:MM:SS with optional microseconds, "T" instead of the space allowed; no time
  zone is guessed;
- an empty text stays an empty text, other empty strings become null; "NA" and "null" are strings like
  any other;
- exports of google-play-scraper hold names, not author ids: a keyed hash of the name stands in, null
  for "A Google user".

Each rule is there twice: exactly for one value, and vectorised for the usual form, leaving all other
values to the exact one.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.schema import OPTIONAL, SCHEMA

PSEUDONYM_KEY = b"smarter-netflix-predictions"
EPOCH = datetime(1970, 1, 1)
# YYYY-MM-DD HH:MM:SS of the years 1000 to 9999, without 29 February, which is not in every year.
USUAL_TIME = (
    r"^[1-9]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    r"|(?:0[13578]|1[02])-31)[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$"
)


def parse_rating(value: bytes) -> int | None:
    return int(value[:1]) if re.fullmatch(rb"[1-5](\.0+)?", value) else None


def parse_likes(value: bytes) -> int | None:
    match = re.fullmatch(rb"0*(\d{1,19})(\.0+)?", value)
    return int(match[1]) if match and int(match[1]) < 1 << 63 else None


def parse_time(value: bytes) -> int | None:
    """Microseconds since 1970, or None."""
    if not re.fullmatch(rb"\d{4}(-\d\d){2}[ T]\d\d(:\d\d){2}(\.\d{1,6})?", value):
        return None
    try:
        time = datetime.fromisoformat(value.decode())
    except ValueError:  # not in the calendar
        return None
    return (time - EPOCH) // timedelta(microseconds=1)


def usual_ratings(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """int64 values of an array of strings, and the mask of those that have the usual form; so do
    `usual_likes` and `usual_times`."""
    index = pc.index_in(column, value_set=pa.array(list("12345"))).fill_null(-1).to_numpy()
    return index.astype(np.int64) + 1, index >= 0


def usual_likes(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    usual = pc.and_(pc.ascii_is_decimal(column), pc.less_equal(pc.binary_length(column), 18))
    values = pc.if_else(usual, column, "0").cast(pa.int64())
    return values.to_numpy().copy(), np.array(usual)


def usual_times(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    usual = pc.match_substring_regex(column, USUAL_TIME)
    values = pc.if_else(usual, column, "1970-01-01").cast(pa.timestamp("us")).cast(pa.int64())
    return values.to_numpy().copy(), np.array(usual)


class Rule(NamedTuple):
    """`reason` is the fault of a value for which `parse` is None; `parse_usual` is the fast way."""

    reason: str
    parse: Callable[[bytes], int | None]
    parse_usual: Callable[[pa.Array], tuple[np.ndarray, np.ndarray]]


RULES = {
    "review_rating": Rule("bad_rating", parse_rating, usual_ratings),
    "review_likes": Rule("bad_likes", parse_likes, usual_likes),
    "review_timestamp": Rule("bad_timestamp", parse_time, usual_times),
    "reply_timestamp": Rule("bad_timestamp", parse_time, usual_times),
}


def field_faults(
    fields: list[bytes], names: dict[str, str], positions: dict[str, int]
) -> list[str]:
    """Names of all faults of one record's fields.

    `names` and `positions` are the header's, by canonical name.
    """
    values = {name: fields[position] for name, position in positions.items()}
    if all(value == names[name].encode() for name, value in values.items()):
        return ["repeated_header"]
    faults = [] if values["review_id"] else ["missing_id"]
    for name, value in values.items():
        if name in RULES and (value or name not in OPTIONAL):
            reason, parse, _ = RULES[name]
            if parse(value) is None and reason not in faults:
                faults.append(reason)
    return faults


def check_fields(
    table: pa.Table, names: dict[str, str]
) -> tuple[dict[str, pa.Array], dict[str, np.ndarray]]:
    """`field_faults` for a whole table of strings, whose columns have canonical names.

    Returns the columns with the types of SCHEMA, and by reason the mask of the rows it holds for.
    """
    text = {name: table[name].combine_chunks() for name in names if name in table.column_names}
    is_header = np.logical_and.reduce(
        [pc.equal(column, names[name]) for name, column in text.items()]
    )
    is_empty = {name: np.array(pc.equal(column, "")) for name, column in text.items()}
    faults = {"repeated_header": is_header, "missing_id": is_empty["review_id"] & ~is_header}
    columns = {}
    for name, column in text.items():
        if rule := RULES.get(name):
            values, is_valid = _parse_column(column, rule)
            is_missing = is_empty[name] & (name in OPTIONAL)
            is_bad = ~(is_valid | is_missing | is_header)
            faults[rule.reason] = faults.get(rule.reason, False) | is_bad
            columns[name] = pa.array(values, mask=is_missing).cast(SCHEMA.field(name).type)
        elif name == "pseudo_author_id" and names[name] != name:
            columns[name] = _pseudonyms(column)
        elif name in ("review_id", "review_text"):
            columns[name] = column
        else:
            columns[name] = pc.if_else(is_empty[name], pa.scalar(None, pa.string()), column)
    return columns, faults


def _parse_column(column: pa.Array, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """int64 values of an array of strings, 0 for those that are faulty, and the mask of the others."""
    values, is_valid = rule.parse_usual(column)
    rows = np.flatnonzero(~is_valid)
    for row, text in zip(rows, column.take(rows).cast(pa.binary()).to_pylist()):
        value = rule.parse(text)
        if value is not None:
            values[row], is_valid[row] = value, True
    return values, is_valid


def _pseudonyms(names: pa.Array) -> pa.Array:
    coded = names.dictionary_encode()
    hashes = [
        hashlib.blake2b(name.encode(), digest_size=10, key=PSEUDONYM_KEY).hexdigest()
        if name not in ("", "A Google user")
        else None
        for name in coded.dictionary.to_pylist()
    ]
    return pa.array(hashes, pa.string()).take(coded.indices)
