"""The rules for the values of a review's columns:

- review_id is not empty; the first loadable record with an id is loaded, later ones are duplicates;
- review_rating is 1 to 5, review_likes a whole number that fits int64, never negative; both may end
  in ".0" (float exports);
- times read YYYY-MM-DD HH:MM:SS with optional microseconds, "T" instead of the space allowed; no
  time zone is guessed;
- an empty text stays an empty text, other empty strings become null; "NA" and "null" are strings
  like any other;
- exports of google-play-scraper hold names, not author ids: a keyed hash of the name stands in,
  null for "A Google user".

Each rule for numbers and times is there twice: exactly for one value, and as the pattern of the
usual form, which Arrow casts a column at a time, leaving all other values to the exact one.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.schema import OPTIONAL, SCHEMA

PSEUDONYM_KEY = b"smarter-netflix-predictions"


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
    return pa.scalar(time, pa.timestamp("us")).value


class Rule(NamedTuple):
    """How a column's values are read, as whole numbers.

    reason  the fault of a value for which `parse` is None
    parse   the exact way
    usual   pattern of the strings that Arrow casts to `type` as `parse` reads them
    """

    reason: str
    parse: Callable[[bytes], int | None]
    usual: str
    type: pa.DataType


# YYYY-MM-DD HH:MM:SS of the years 1000 to 9999, without 29 February, which is not in every year.
USUAL_TIME = (
    r"^[1-9]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    r"|(?:0[13578]|1[02])-31)[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$"
)
TIME_RULE = Rule("bad_timestamp", parse_time, USUAL_TIME, pa.timestamp("us"))
RULES = {
    "review_rating": Rule("bad_rating", parse_rating, "^[1-5]$", pa.int64()),
    "review_likes": Rule("bad_likes", parse_likes, r"^\d{1,18}$", pa.int64()),
    "review_timestamp": TIME_RULE,
    "reply_timestamp": TIME_RULE,
}
NULL = pa.scalar(None, pa.string())


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
            rule = RULES[name]
            if rule.parse(value) is None and rule.reason not in faults:
                faults.append(rule.reason)
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
            columns[name] = pc.if_else(is_empty[name], NULL, column)
    return columns, faults


def _parse_column(column: pa.Array, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """int64 values of an array of strings, and the mask of those without a fault (others: 0)."""
    usual = pc.match_substring_regex(column, rule.usual)
    numbers = pc.if_else(usual, column, NULL).cast(rule.type).cast(pa.int64()).fill_null(0)
    values, is_valid = np.array(numbers), np.array(usual)
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
