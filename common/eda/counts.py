"""Tables of counts of the reviews in one Parquet file, which can be summed over files.

Arrow kernels count within a file; sums do not depend on how the reviews are cut into files. Another
table is one more entry in COUNTS.
"""

import os
import string
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common.schema import string_hash

# Tables come unaligned from other processes: without this, each is a warning.
os.environ.setdefault("ACERO_ALIGNMENT_HANDLING", "reallocate")

REVIEW_COLUMNS = [
    "review_text",
    "review_rating",
    "review_likes",
    "author_app_version",
    "review_timestamp",
]
COUNTED = [*REVIEW_COLUMNS, "reply_text"]
# What tells samples of reviews apart, beside their number and length: 0 or 1 of each review.
SHARES = ["without_version", "with_reply", "other_script"]
NOT_LATIN = r"[^\P{L}\p{Latin}]"  # a letter of another script
RELEASE = r"(?P<release>\d+(?:\.\d+)?)"  # major.minor
# How the values of a measure combine. A table's other columns are its keys.
COMBINE = {
    **dict.fromkeys(("reviews", "five_star", "low", "characters", "review_likes"), "sum"),
    **dict.fromkeys(("missing", "log_length", *SHARES), "sum"),
    "frequent_text": "max",
}
BIN_EDGES = np.array([0, *(step * 10**power for power in range(7) for step in (1, 2, 5))])
# With the ellipsis, quotes, dashes and full stops of other scripts.
PUNCTUATION = string.punctuation + (
    "\u2026\u2018\u2019\u201c\u201d\u2013\u2014\u0964\u3002\uff0c\uff01"
)
MAX_WORD_CHARACTERS = 30
MOST_LIKED, FREQUENT_TEXTS = 10, 100

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


def by_release(reviews: pa.Table) -> pa.Table:
    """Without reviews whose version is none, or names no number."""
    version = reviews["author_app_version"].cast(pa.string()).combine_chunks().dictionary_encode()
    release = pc.struct_field(pc.extract_regex(version.dictionary, RELEASE), "release")
    table = reviews.select(["day", "reviews", "low"])
    table = table.add_column(0, "release", release.take(version.indices))
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


def words(reviews: pa.Table) -> pa.Table:
    """In how many reviews of a year each word occurs: lower case, without punctuation around it."""
    split = pc.utf8_split_whitespace(pc.utf8_lower(reviews["review_text"])).combine_chunks()
    coded = pc.utf8_trim(pc.list_flatten(split), characters=PUNCTUATION).dictionary_encode()
    uses = pa.table({"row": pc.list_parent_indices(split), "code": coded.indices})
    uses = uses.group_by(["row", "code"], use_threads=False).aggregate([])  # once a review
    counted = reviews.select(["reviews", "five_star"])
    counted = counted.append_column("year", pc.year(reviews["review_timestamp"]))
    counted = counted.combine_chunks().take(uses["row"])
    table = total(counted.append_column("code", uses["code"]))
    word = coded.dictionary.take(table["code"])
    length = pc.utf8_length(word).to_numpy()
    table = table.drop_columns("code").append_column("word", word)
    return table.filter(pa.array((length > 0) & (length <= MAX_WORD_CHARACTERS)))


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
NUMBER_COUNTS = STUDY_COUNTS | {
    "lengths": partial(in_bins, column="characters"),
    "likes": partial(in_bins, column="review_likes"),
    "by_release": by_release,
}
COUNTS = NUMBER_COUNTS | {
    "signals": signals,
    "day_lengths": day_lengths,
    "words": words,
    "texts": texts,
}


def count(path: Path, everything: bool = True) -> Tables:
    """Tables of one file, by name: those of the original study's seven questions, or all."""
    columns = [name for name in pq.read_schema(path).names if name in COUNTED]
    reviews = with_counts(pq.read_table(path, columns=columns, use_threads=False))
    counts = COUNTS if everything else STUDY_COUNTS
    tables = {name: total(rows(reviews)) for name, rows in counts.items()}
    tables["most_liked"] = most_liked(reviews)
    return tables | {"missing": missing(path)} if everything else tables


def merge(parts: Sequence[Tables]) -> Tables:
    """The sum of the tables of several files, by name."""
    tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    return {
        name: most_liked(table) if name == "most_liked" else total(table)
        for name, table in tables.items()
    }


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
