"""Tables of counts of the reviews in one Parquet file, which can be summed over files.

Arrow kernels count within a file; sums do not depend on how the reviews are cut into files. Another
table is one more entry in COUNTS.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from common.eda.words import FIRST_OF_PAIR, Words, split_words, terms_of, texts_of
from common.schema import string_hash, with_title

# Tables come unaligned from other processes: without this, each is a warning.
os.environ.setdefault("ACERO_ALIGNMENT_HANDLING", "reallocate")

REVIEW_COLUMNS = [
    "review_text",
    "review_rating",
    "review_likes",
    "author_app_version",
    "review_timestamp",
]
COUNTED = [*REVIEW_COLUMNS, "review_title", "reply_text"]
# What tells samples of reviews apart, beside their number and length: 0 or 1 of each review.
SHARES = ["without_version", "with_reply", "other_script"]
NOT_LATIN = r"[^\P{L}\p{Latin}]"  # a letter of another script
RELEASE = r"(?P<release>\d+(?:\.\d+)?)"  # major.minor
# How the values of a measure combine. A table's other columns are its keys.
COMBINE = {
    **dict.fromkeys(("reviews", "five_star", "low", "characters", "review_likes"), "sum"),
    **dict.fromkeys(("missing", "log_length", "short", "stars", "words", *SHARES), "sum"),
    **dict.fromkeys(("frequent_text", "uses"), "max"),
}
BIN_EDGES = np.array([0, *(step * 10**power for power in range(7) for step in (1, 2, 5))])
MOST_LIKED, FREQUENT_TEXTS = 10, 100
SHORT_CHARACTERS, SAMPLED = 20, 10_000
LEAST_USES, MAX_CANDIDATES = 5, 20_000  # in a week, of a file
CANDIDATES_ORDER = [("place_count_max", "descending"), ("hash", "ascending")]

Tables = dict[str, pa.Table]


def with_counts(reviews: pa.Table) -> pa.Table:
    """Reviews (REVIEW_COLUMNS) with what is counted of each: characters, day, five_star and low (at
    most 2 stars), each 0 or 1, and reviews, which is 1.
    """
    columns = {
        "characters": pc.utf8_length(reviews["review_text"]).cast(pa.int64()),
        "day": pc.floor_temporal(reviews["review_timestamp"], unit="day").cast(pa.timestamp("s")),
        "five_star": pc.equal(reviews["review_rating"], 5).cast(pa.int8()),
        "low": pc.less_equal(reviews["review_rating"], 2).cast(pa.int8()),
        "reviews": pa.array(np.ones(len(reviews), np.int8)),
    }
    for name, column in columns.items():
        reviews = reviews.append_column(name, column)
    return reviews


def with_release(reviews: pa.Table) -> pa.Table:
    """With major.minor of the version: null where there is none, or it names no number."""
    version = reviews["author_app_version"].cast(pa.string()).combine_chunks().dictionary_encode()
    release = pc.struct_field(pc.extract_regex(version.dictionary, RELEASE), "release")
    return reviews.append_column("release", release.take(version.indices))


def by_release(reviews: pa.Table) -> pa.Table:
    table = with_release(reviews).select(["release", "day", "reviews", "low"])
    return table.filter(pc.is_valid(table["release"]))


def signals(reviews: pa.Table) -> pa.Table:
    """By day and rating: log_length (hundred times the binary logarithm), and SHARES."""
    length = np.log2(1 + reviews["characters"].to_numpy()) * 100
    has_reply = pa.nulls(len(length))  # not known
    if "reply_text" in reviews.column_names:
        has_reply = pc.is_valid(reviews["reply_text"])
    columns = {
        "log_length": pa.array(np.rint(length).astype(int)),  # whole: sums in any order are equal
        "without_version": pc.is_null(reviews["author_app_version"]),
        "with_reply": has_reply,
        "other_script": pc.match_substring_regex(reviews["review_text"], NOT_LATIN),
    }
    table = reviews.select(["day", "review_rating", "reviews"])
    for name, column in columns.items():
        table = table.append_column(name, column.cast(pa.int64()))
    return table


def day_lengths(reviews: pa.Table) -> pa.Table:
    columns = ["day", "characters", "reviews"]
    return reviews.select(columns).rename_columns(["day", "length", "reviews"])


def in_bins(reviews: pa.Table, column: str) -> pa.Table:
    """`at_least` is the lower edge of the bin of BIN_EDGES in which the column's value lies."""
    values = reviews[column].to_numpy()
    at_least = BIN_EDGES[np.searchsorted(BIN_EDGES, values, side="right") - 1]
    return reviews.select(["review_rating", "reviews"]).add_column(0, "at_least", [at_least])


def words(reviews: pa.Table, split: Words) -> pa.Table:
    """In how many reviews each word occurs, and in how many short ones."""
    short = pc.less(reviews["characters"], SHORT_CHARACTERS).cast(pa.int8())
    measured = reviews.select(["reviews", "five_star"]).append_column("short", short)
    shape = len(reviews), len(split.vocabulary)
    uses = csr_array((np.ones(len(split.row), int), (split.row, split.code)), shape).sign()
    counts = (uses.T @ measured.to_pandas().to_numpy(int)).T
    table = pa.table([split.vocabulary, *counts], ["word", *measured.column_names])
    return table.filter(pc.greater(table["reviews"], 0))


def candidates(reviews: pa.Table, split: Words) -> pa.Table:
    """The terms used most often in one week, with how often: what could be new in it."""
    terms = terms_of(split)
    week = reviews["day"].to_numpy().astype("datetime64[W]").astype(np.uint64)
    week = (week * FIRST_OF_PAIR)[terms.row]
    uses = pa.table({"use": terms.hash ^ week, "place": np.arange(len(week))})
    groups = uses.group_by("use", use_threads=False)
    table = groups.aggregate([("place", "min"), ("place", "count")])
    table = table.filter(pc.greater_equal(table["place_count"], LEAST_USES))
    table = table.append_column("hash", [terms.hash[table["place_min"]]]).group_by("hash")
    table = table.aggregate([("place_min", "min"), ("place_count", "max")])
    table = table.take(pc.select_k_unstable(table, MAX_CANDIDATES, CANDIDATES_ORDER))
    place = table["place_min_min"].to_numpy()
    term = texts_of(split, terms.word[place], place >= len(split.row))
    return pa.table({"term": pa.array(term, pa.string()), "uses": table["place_count_max"]})


def sample(reviews: pa.Table) -> pa.Table:
    """Distinct texts of SHORT_CHARACTERS and more with 1 or 2 stars: those of the lowest hashes."""
    kept = pc.and_(
        pc.equal(reviews["low"], 1), pc.greater_equal(reviews["characters"], SHORT_CHARACTERS)
    )
    columns = ["review_text", "review_rating", "review_timestamp"]
    table = with_title(reviews.filter(kept)).select(columns)
    return lowest(table.append_column("hash", pa.array(string_hash(table["review_text"]))))


def lowest(table: pa.Table) -> pa.Table:
    order = [(name, "ascending") for name in ("hash", "review_timestamp", "review_rating")]
    table = table.sort_by(order)
    hashes = table["hash"].to_numpy()
    first = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
    return table.filter(pa.array(first))[:SAMPLED].combine_chunks()


def texts(reviews: pa.Table) -> pa.Table:
    """Reviews by the `hash` of their text; `frequent_text` is the text of the file's commonest."""
    groups = reviews.group_by("review_text", use_threads=False)
    counted = groups.aggregate([("reviews", "sum"), ("five_star", "sum")])
    text, reviews, five_star = counted.columns
    commonest = pc.select_k_unstable(counted, FREQUENT_TEXTS, [("reviews_sum", "descending")])
    frequent = pc.is_in(pa.array(np.arange(len(counted), dtype=np.uint64)), commonest)
    columns = [pa.array(string_hash(text)), reviews, five_star, pc.if_else(frequent, text, None)]
    return pa.table(columns, ["hash", "reviews", "five_star", "frequent_text"])


# {name: rows whose sum, by `total`, is the table}; those of the original study, and all.
STUDY_COUNTS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "by_day": partial(
        pa.Table.select,
        columns=["day", "review_rating", "reviews", "five_star", "characters", "review_likes"],
    ),
    "by_version": partial(pa.Table.select, columns=["author_app_version", "reviews", "five_star"]),
}
COUNTS = STUDY_COUNTS | {
    "lengths": partial(in_bins, column="characters"),
    "likes": partial(in_bins, column="review_likes"),
    "by_release": by_release,
    "signals": signals,
    "day_lengths": day_lengths,
    "texts": texts,
}
WORD_COUNTS = {"words": words, "candidates": candidates}


def read_counted(path: Path) -> pa.Table:
    columns = [name for name in pq.read_schema(path).names if name in COUNTED]
    return with_counts(pq.read_table(path, columns=columns, use_threads=False))


def count(path: Path, everything: bool = True) -> Tables:
    """Tables of one file, by name: those of the original study's seven questions, or all."""
    reviews = read_counted(path)
    counts = COUNTS if everything else STUDY_COUNTS
    tables = {name: total(rows(reviews)) for name, rows in counts.items()}
    tables["most_liked"] = most_liked(reviews)
    if everything:
        split = split_words(reviews)
        tables |= {name: total(rows(reviews, split)) for name, rows in WORD_COUNTS.items()}
        tables |= {"missing": missing(path), "sample": sample(reviews)}
    return tables


def merge(parts: Sequence[Tables]) -> Tables:
    """The sum of the tables of several files, by name."""
    tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    return {name: FEW.get(name, total)(table) for name, table in tables.items()}


def total(table: pa.Table) -> pa.Table:
    """One row for each value of the keys, other columns combined as COMBINE says."""
    measures = [name for name in table.column_names if name in COMBINE]
    keys = [name for name in table.column_names if name not in COMBINE]
    groups = table.group_by(keys, use_threads=False)
    summed = groups.aggregate([(name, COMBINE[name]) for name in measures])
    # Of a chunk that is a slice of a buffer, Dask would count the whole buffer.
    return summed.rename_columns(keys + measures).combine_chunks()


def most_liked(reviews: pa.Table) -> pa.Table:
    order = [("review_likes", "descending")]
    order += [(name, "ascending") for name in ("review_timestamp", "review_text")]
    return reviews.select(REVIEW_COLUMNS).take(pc.select_k_unstable(reviews, MOST_LIKED, order))


# Tables of a few reviews of all.
FEW: dict[str, Callable[[pa.Table], pa.Table]] = {"most_liked": most_liked, "sample": lowest}


def missing(path: Path) -> pa.Table:
    """Nulls by column, from the file's own statistics: no column is read."""
    rows = [
        {
            "column": chunk["path_in_schema"],
            # Without rows there are no statistics.
            "missing": chunk["statistics"]["null_count"] if chunk["num_values"] else 0,
            "reviews": chunk["num_values"],
        }
        for group in pq.read_metadata(path).to_dict()["row_groups"]
        for chunk in group["columns"]
    ]
    return pa.Table.from_pylist(rows)
