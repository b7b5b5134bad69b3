"""The rules for the values of a review's columns:

- review_rating is 1 to 5, review_likes a whole number that fits int64, never negative; both may end
  in ".0" (float exports);
- times have the forms of `times`; where a zone is given they are brought to UTC;
- the usual words for a missing value are one everywhere but in texts and names, where they are
  words: a fault in an id, a rating or the review's time, 0 in likes, null elsewhere;
- a developer's reply that was written as a Python dict gives its body, and its time;
- where an export has names, not author ids, a keyed hash of the name stands in, null for "A Google
  user".

Each rule for numbers and times is there twice: exactly for one value, and as the pattern of the
usual form, which Arrow casts a column at a time, leaving all other values to the exact one.
"""

import ast
import hashlib
import re
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.loading.times import parse_time
from common.schema import SCHEMA

PSEUDONYM_KEY = b"smarter-netflix-predictions"
MISSING_WORDS = ["", "NA", "N/A", "NaN", "nan", "None", "null", "NULL", "NaT", "<NA>"]
_MISSING = pa.array(MISSING_WORDS)
_LONGEST_MISSING = max(map(len, MISSING_WORDS))
NULL = pa.scalar(None, pa.string())


def parse_rating(value: str) -> int | None:
    return int(value[:1]) if re.fullmatch(r"[1-5](\.0+)?", value) else None


def parse_likes(value: str) -> int | None:
    match = re.fullmatch(r"0*(\d{1,19})(\.0+)?", value, re.ASCII)
    return int(match[1]) if match and int(match[1]) < 1 << 63 else None


class Rule(NamedTuple):
    """How a column's values are read, as whole numbers.

    reason       the fault of a value for which `parse` is None
    parse        the exact way
    usual        pattern of the strings that Arrow casts to `type` as `parse` reads them
    is_optional  a missing value is no fault
    """

    reason: str
    parse: Callable[[str], int | None]
    usual: str
    type: pa.DataType
    is_optional: bool = False


# YYYY-MM-DD HH:MM:SS of the years 1000 to 9999, without 29 February, which is not in every year.
USUAL_TIME = (
    r"^[1-9]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    r"|(?:0[13578]|1[02])-31)[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$"
)


@cache
def rules(order: str | None) -> dict[str, Rule]:
    """The rules by column. order: of day and month, as for `parse_time`."""
    time = Rule("bad_timestamp", partial(parse_time, order=order), USUAL_TIME, pa.timestamp("us"))
    return {
        "review_rating": Rule("bad_rating", parse_rating, "^[1-5]$", pa.int64()),
        "review_likes": Rule("bad_likes", parse_likes, r"^\d{1,18}$", pa.int64(), True),
        "review_timestamp": time,
        "reply_timestamp": time._replace(is_optional=True),
    }


class Fields(NamedTuple):
    """What a file's header and values say of its fields.

    names      the header's name of each canonical column
    positions  the field of each canonical column
    order      of day and month, as for `parse_time`
    has_ids    whether a record without an id is at fault
    """

    names: dict[str, str]
    positions: dict[str, int]
    order: str | None
    has_ids: bool

    def faults(self, fields: list[bytes]) -> list[str]:
        """Names of all faults of one record's fields."""
        values = {
            name: fields[position].decode("utf-8", "replace")
            for name, position in self.positions.items()
        }
        if all(value == self.names[name] for name, value in values.items()):
            return ["repeated_header"]
        is_without_id = self.has_ids and values["review_id"] in MISSING_WORDS
        faults = ["missing_id"] if is_without_id else []
        for name, rule in rules(self.order).items():
            value = values.get(name)
            if value is None or (rule.is_optional and value in MISSING_WORDS):
                continue
            if self._is_in_reply(name):
                continue
            if rule.parse(value) is None and rule.reason not in faults:
                faults.append(rule.reason)
        return faults

    def _is_in_reply(self, name: str) -> bool:
        """Whether a column is the time of a reply, where that is part of the reply if anything."""
        return name == "reply_timestamp" and self.names[name] == self.names.get("reply_text")

    def check(self, table: pa.Table) -> tuple[dict[str, pa.Array], dict[str, ndarray]]:
        """`faults` for a whole table of strings, whose columns have canonical names.

        Returns the columns with the types of SCHEMA, and by reason the mask of the rows it holds
        for. A value that is at fault is null.
        """
        text = {name: table[name].combine_chunks() for name in self.positions}
        is_header = np.logical_and.reduce(
            [pc.equal(column, self.names[name]) for name, column in text.items()]
        )
        faults = {"repeated_header": is_header}
        if self.has_ids:
            faults["missing_id"] = np.array(_is_missing(text["review_id"])) & ~is_header
        by_name = rules(self.order)
        # In the order of `faults`, whatever the columns' order is.
        faults |= {rule.reason: np.zeros(len(table), bool) for rule in by_name.values()}
        columns = {}
        for name, column in text.items():
            if rule := by_name.get(name):
                if is_in_reply := self._is_in_reply(name):
                    column = _of_dicts(column, "modified")
                values, is_valid, is_missing = _parse_column(column, rule)
                is_bad = ~(is_valid | (is_missing & rule.is_optional) | is_header | is_in_reply)
                faults[rule.reason] |= is_bad
                is_zero = is_missing & (name == "review_likes")
                array = pa.array(values, mask=~(is_valid | is_zero))
                columns[name] = array.cast(SCHEMA.field(name).type)
            elif name == "pseudo_author_id" and self.names[name] == self.names.get("author_name"):
                columns[name] = _pseudonyms(column)
            elif name == "review_text":
                columns[name] = column
            elif name == "author_name":
                columns[name] = pc.if_else(pc.equal(column, ""), NULL, column)
            else:
                column = _of_dicts(column, "body") if name == "reply_text" else column
                columns[name] = pc.if_else(_is_missing(column), NULL, column)
        return columns, faults


def _is_missing(column: pa.Array) -> pa.Array:
    """Mask of the strings that are a word for a missing value."""
    lengths = pc.min_max(pc.binary_length(column))["min"].as_py()
    if lengths is None or lengths > _LONGEST_MISSING:
        return pa.array(np.zeros(len(column), bool))
    return pc.is_in(column, _MISSING)


def _parse_column(column: pa.Array, rule: Rule) -> tuple[ndarray, ndarray, ndarray]:
    """int64 values of strings (others 0), the masks of those that are valid and those missing."""
    usual = pc.match_substring_regex(column, rule.usual)
    numbers = pc.if_else(usual, column, NULL).cast(rule.type).cast(pa.int64()).fill_null(0)
    values, is_valid = np.array(numbers), np.array(usual)
    is_missing = np.zeros(len(values), bool)
    rows = np.flatnonzero(~is_valid)
    if len(rows):
        rest = column.take(rows)
        is_missing[rows] = _is_missing(rest)
        unusual = np.flatnonzero(~is_missing[rows])
        for row, text in zip(rows[unusual], rest.take(unusual).to_pylist()):
            value = rule.parse(text)
            if value is not None:
                values[row], is_valid[row] = value, True
    return values, is_valid, is_missing


def _of_dicts(column: pa.Array, key: str) -> pa.Array:
    """The strings, of those that are Python dicts their value of a key."""
    is_dict = np.array(pc.starts_with(column, "{"))
    if not is_dict.any():
        return column
    values = column.to_pylist()
    for row in np.flatnonzero(is_dict):
        try:
            value = ast.literal_eval(values[row])
            values[row] = str(value.get(key) or "")
        except (ValueError, SyntaxError, AttributeError, MemoryError, RecursionError):
            pass  # a text that begins with a brace
    return pa.array(values, pa.string())


def _pseudonyms(names: pa.Array) -> pa.Array:
    coded = names.dictionary_encode()
    hashes = [
        hashlib.blake2b(name.encode(), digest_size=10, key=PSEUDONYM_KEY).hexdigest()
        if name not in MISSING_WORDS and name != "A Google user"
        else None
        for name in coded.dictionary.to_pylist()
    ]
    return pa.array(hashes, pa.string()).take(coded.indices)
