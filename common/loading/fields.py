"""The columns of a review and the rules for their values, beside those of `csv_records` for bytes and records:

- review_id is not empty; the first loadable record with an id is loaded, later ones are duplicates;
- review_rating is 1 to 5, review_likes a whole number that fits int64, never negative; both may end in ".0" (float exports);
- times read YYYY-MM-DD HH:MM:SS with optional microseconds, "T" instead of the space allowed; no time zone is guessed;
- an empty text stays an empty text, other empty strings become null; "NA" and "null" are strings like any other;
- exports of google-play-scraper hold names, not author ids: a keyed hash of the name stands in, null for "A Google user".

Each rule is there twice: exactly for one value, and vectorised for the usual form, leaving all other values to the exact one.
"""

import hashlib
import re
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.schema import OPTIONAL, SCHEMA

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
    return whole and (whole - EPOCH) // timedelta(microseconds=1) + int(
        (match[7] or b"").ljust(6, b"0")
    )


def quick_ratings(column):
    index = (
        pc.index_in(column, value_set=pa.array(list("12345")))
        .fill_null(-1)
        .to_numpy()
        .astype(np.int64)
    )
    return index + 1, index >= 0


def quick_likes(column):
    usual = pc.and_(pc.ascii_is_decimal(column), pc.less_equal(pc.binary_length(column), 18))
    return pc.if_else(usual, column, "0").cast(pa.int64()).to_numpy().copy(), usual.to_numpy(
        zero_copy_only=False
    )


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
    century, year, month, day, hour, minute, second = (
        digits[:, ::2].astype(np.int64) * 10 + digits[:, 1::2]
    ).T
    year += century * 100
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    month_start, next_month = (m.astype("M8[D]").astype(np.int64) for m in (months, months + 1))
    days = month_start + day - 1
    in_calendar = (year > 0) & (month > 0) & (month < 13) & (day > 0) & (days < next_month)
    known[rows] = (
        signs_fit
        & (digits < 10).all(axis=1)
        & in_calendar
        & (hour < 24)
        & (minute < 60)
        & (second < 60)
    )
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
        if (
            name in values
            and not may_be_empty
            and parse(values[name]) is None
            and reason not in faults
        ):
            faults.append(reason)
    return faults


def check_fields(table, names):
    """`field_faults` for a whole table of strings -> (canonical columns, reason -> mask of the rows for which it holds)."""
    text = {name: table[name].combine_chunks() for name in names if name in table.column_names}
    header = np.logical_and.reduce(
        [_mask(pc.equal(column, names[name])) for name, column in text.items()]
    )
    columns, faults = (
        {},
        {"repeated_header": header, "missing_id": _mask(pc.equal(text["review_id"], "")) & ~header},
    )
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
        None
        if name in ("", "A Google user")
        else hashlib.blake2b(name.encode(), digest_size=10, key=PSEUDONYM_KEY).hexdigest()
        for name in coded.dictionary.to_pylist()
    ]
    return pa.array(hashed, pa.string()).take(coded.indices)
