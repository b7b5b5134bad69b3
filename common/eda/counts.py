"""What one Parquet file of reviews adds to the exploration: small tables of counts that can be summed, and their sum.

Arrow kernels count within a file; sums of partial tables do not depend on how the reviews are cut into files.
"""

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common.schema import string_hash

os.environ.setdefault(
    "ACERO_ALIGNMENT_HANDLING", "reallocate"
)  # tables come unaligned from other processes; else a warning each

COLUMNS = ["review_text", "review_rating", "review_likes", "author_app_version", "review_timestamp"]
KEYS = {
    "by_day": ["day", "review_rating"],
    "by_version": ["author_app_version", "review_rating"],
    "lengths": ["at_least", "review_rating"],
    "likes": ["at_least", "review_rating"],
    "missing": ["column"],
    "words": ["word", "year"],
    "texts": ["hash"],
    "frequent": ["review_text", "hash"],
}
COMBINED = {
    "first_day": "min",
    "last_day": "max",
}  # how a column's values combine; all others are sums
BINS = np.array([0, *(step * 10**power for power in range(7) for step in (1, 2, 5))])
PUNCTUATION = (
    "".join(map(chr, range(33, 48)))
    + ":;<=>?@[\\]^_`{|}~\u2026\u2018\u2019\u201c\u201d\u2013\u2014\u0964\u3002\uff0c\uff01"
)
MAX_WORD_CHARACTERS = 30
TOP, FREQUENT = 10, 100


def aggregate(path, everything=True):
    """Partial tables of one file, {name: pa.Table}: those of the original study's seven questions, or all in KEYS.

    `day` is a date, `at_least` the lower edge of a bin in BINS, `characters` and `likes` are sums, `hash` is of the text. Each
    table but most_liked has one row for each value of its KEYS; `frequent` knows the FREQUENT commonest texts of a file.
    """
    table = with_counts(pq.read_table(path, columns=COLUMNS, use_threads=False))
    found = counts(table, everything) | {"most_liked": most_liked(table)}
    if not everything:
        return found
    text, rating, time = (
        table[name] for name in ("review_text", "review_rating", "review_timestamp")
    )
    ones, five_star = table["reviews"], pc.equal(rating, 5).cast(pa.int64())
    found["missing"] = missing(path)
    found["words"] = words(text, pc.year(time).to_numpy(), five_star.to_numpy())
    texts = pa.table({"review_text": text, "reviews": ones, "five_star": five_star}).group_by(
        "review_text", use_threads=False
    )
    texts = texts.aggregate([("reviews", "sum"), ("five_star", "sum")]).rename_columns(
        ["review_text", "reviews", "five_star"]
    )
    texts = texts.append_column("hash", pa.array(string_hash(texts["review_text"])))
    found["texts"] = texts.select(["hash", "reviews", "five_star"])
    found["frequent"] = texts.take(
        pc.select_k_unstable(texts, FREQUENT, [("reviews", "descending")])
    ).select(["review_text", "hash"])
    return found


def with_counts(table):
    """The reviews with what `counts` needs beside their own columns: characters, day, and reviews, which is 1."""
    day = pc.floor_temporal(table["review_timestamp"], unit="day").cast(pa.date32())
    return (
        table.append_column("characters", pc.utf8_length(table["review_text"]).cast(pa.int64()))
        .append_column("day", day)
        .append_column("reviews", pa.array(np.ones(len(table), np.int64)))
    )


def counts(table, everything=True):
    """The partial tables that need no text, of a table with the columns of `with_counts`; without `everything`, the study's."""
    day, rating, version, likes, characters, ones = (
        table[name]
        for name in (
            "day",
            "review_rating",
            "author_app_version",
            "review_likes",
            "characters",
            "reviews",
        )
    )
    found = {
        "by_day": total(
            "by_day",
            day=day,
            review_rating=rating,
            reviews=ones,
            characters=characters,
            likes=likes,
        ),
        "by_version": total(
            "by_version",
            author_app_version=version,
            review_rating=rating,
            reviews=ones,
            first_day=day,
            last_day=day,
        ),
    }
    for name, values in (("lengths", characters), ("likes", likes)) if everything else ():
        at_least = BINS[np.searchsorted(BINS, values.to_numpy(), side="right") - 1]
        found[name] = total(name, at_least=at_least, review_rating=rating, reviews=ones)
    return found


def total(name, **columns):
    """One row for each value of the table's KEYS, other columns summed or as COMBINED says."""
    table, keys = pa.table(columns), KEYS[name]
    summed = table.group_by(keys, use_threads=False).aggregate(
        [(c, COMBINED.get(c, "sum")) for c in columns if c not in keys]
    )
    summed = summed.rename_columns(
        [column if column in keys else column.rsplit("_", 1)[0] for column in summed.column_names]
    )
    return (
        summed.combine_chunks()
    )  # else Dask counts a buffer once for each chunk that is a slice of it


def most_liked(table):
    order = [
        ("review_likes", "descending"),
        ("review_timestamp", "ascending"),
        ("review_text", "ascending"),
    ]
    return table.select(COLUMNS).take(pc.select_k_unstable(table, TOP, order))


def missing(path):
    """Nulls by column, from the file's own statistics: no column is read."""
    file = pq.ParquetFile(path).metadata
    nulls = dict.fromkeys(file.schema.names, 0)
    for group in map(
        file.row_group, range(file.num_row_groups if file.num_rows else 0)
    ):  # no rows, no statistics
        for column in map(group.column, range(group.num_columns)):
            nulls[column.path_in_schema] += column.statistics.null_count
    return pa.table(
        {
            "column": list(nulls),
            "missing": list(nulls.values()),
            "reviews": [file.num_rows] * len(nulls),
        }
    )


def words(text, year, five_star):
    """In how many reviews, and five-star reviews, of a year each word occurs. Words are lower case, without punctuation around."""
    split = pc.utf8_split_whitespace(pc.utf8_lower(text)).combine_chunks()
    row = pc.list_parent_indices(split)
    coded = pc.utf8_trim(pc.list_flatten(split), characters=PUNCTUATION).dictionary_encode()
    once = (
        pa.table({"row": row, "code": coded.indices})
        .group_by(["row", "code"], use_threads=False)
        .aggregate([])
    )
    row = once["row"].to_numpy()
    counted = pa.table(
        {
            "code": once["code"],
            "year": year[row],
            "reviews": np.ones(len(row), np.int64),
            "five_star": five_star[row],
        }
    )
    counted = counted.group_by(["code", "year"], use_threads=False).aggregate(
        [("reviews", "sum"), ("five_star", "sum")]
    )
    word = pc.take(coded.dictionary, counted["code"])
    found = pa.table(
        {"word": word, **dict(zip(["year", "reviews", "five_star"], counted.columns[1:]))}
    )
    return found.filter(
        pc.and_(
            pc.greater(pc.utf8_length(word), 0),
            pc.less_equal(pc.utf8_length(word), MAX_WORD_CHARACTERS),
        )
    )


def aggregate_all(paths, everything=True):
    """`aggregate` for some files, summed."""
    return merge([aggregate(path, everything) for path in paths])


def merge(parts):
    """One set of partial tables from several."""
    both = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    return {
        name: total(name, **dict(zip(table.column_names, table.columns)))
        if name in KEYS
        else most_liked(table)
        for name, table in both.items()
    }
