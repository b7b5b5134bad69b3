"""All published reviews as columns of numbers in memory, for the explorer: chosen and counted in milliseconds, texts fetched when asked for."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from common.eda.answers import distribution, five_star_share, separating, study_counts, versions
from common.eda.counts import COLUMNS, counts, with_counts, words
from common.store import require

SAMPLED_TEXTS = 20_000  # reviews whose words are counted for a choice of reviews


class ReviewIndex:
    """The reviews in input order, as features/rows.parquet has them.

    table: (n) pa.Table of review_rating int8, review_likes int64, author_app_version (dictionary), day date32, characters int64 and
    reviews int64, which is 1: some 40 bytes a review.
    """

    def __init__(self, data_dir):
        self.paths = sorted(require(data_dir, "reviews").glob("*.parquet"))
        parts = []
        for path in self.paths:
            read = with_counts(
                pq.read_table(path, columns=COLUMNS, read_dictionary=["author_app_version"])
            )
            parts.append(read.drop_columns(["review_text", "review_timestamp"]))
        self.first = np.cumsum([0] + [len(part) for part in parts])
        self.table = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
        self.day = self.table["day"].cast(pa.int32()).to_numpy()
        self.rating = self.table["review_rating"].to_numpy()
        coded = (
            self.table["author_app_version"].chunk(0)
            if len(self.table)
            else pa.array([], pa.dictionary(pa.int32(), pa.string()))
        )
        self.version = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        self.codes = {name: code for code, name in enumerate(coded.dictionary.to_pylist())}

    def __len__(self):
        return len(self.table)

    def period(self):
        """(first, last) day, as dates."""
        return tuple(
            date.fromordinal(int(day) + date(1970, 1, 1).toordinal())
            for day in (self.day.min(), self.day.max())
        )

    def versions(self):
        """App versions, the most reviewed first."""
        number = np.bincount(self.version[self.version >= 0], minlength=len(self.codes))
        return [list(self.codes)[code] for code in np.argsort(-number, kind="stable")]

    def where(self, first=None, last=None, versions=(), ratings=()):
        """(n,) bool: reviews from day `first` to day `last` (dates) of these versions and ratings; what is empty or None allows all."""
        epoch, chosen = date(1970, 1, 1).toordinal(), np.ones(len(self), bool)
        if first:
            chosen &= self.day >= first.toordinal() - epoch
        if last:
            chosen &= self.day <= last.toordinal() - epoch
        if versions:
            chosen &= np.isin(self.version, [self.codes.get(name, -2) for name in versions])
        if ratings:
            chosen &= np.isin(self.rating, ratings)
        return chosen

    def answers(self, chosen):
        """{name: DataFrame} of the answers of 02_eda.py that need no text, about the chosen reviews (at least one)."""
        table = self.table.filter(pa.array(chosen))
        table = table.set_column(
            table.column_names.index("author_app_version"),
            "author_app_version",
            table["author_app_version"].cast(pa.string()),
        )
        frames = {name: found.to_pandas() for name, found in counts(table).items()}
        return study_counts(frames) | {
            "five_star_share": five_star_share(frames["by_day"]),
            "versions": versions(frames["by_version"]),
            "lengths": distribution(frames["lengths"]),
            "likes": distribution(frames["likes"]),
        }

    def texts(self, rows, columns=("review_text",)):
        """DataFrame of some columns of the reviews at `rows` (sorted positions); only files that hold any of them are opened."""
        found = []
        for path, start, end in zip(self.paths, self.first, self.first[1:]):
            own = rows[(rows >= start) & (rows < end)] - start
            if len(own):
                found.append(pq.read_table(path, columns=list(columns)).take(own))
        return pa.concat_tables(found).to_pandas() if found else pd.DataFrame(columns=list(columns))

    def separating_words(self, chosen, seed=0):
        """(words that separate five stars from fewer in the chosen reviews, reviews counted): of a sample of at most SAMPLED_TEXTS."""
        rows = np.flatnonzero(chosen)
        if len(rows) > SAMPLED_TEXTS:
            rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLED_TEXTS, replace=False))
        text = pa.chunked_array([pa.array(self.texts(rows)["review_text"], pa.string())])
        found = words(
            text, np.zeros(len(rows), np.int64), (self.rating[rows] == 5).astype(np.int64)
        ).to_pandas()
        return separating(found)[0], len(rows)

    def behind(self, chosen, most):
        """The chosen reviews with the most likes, at most so many: DataFrame of COLUMNS and row, the position of each."""
        rows = np.flatnonzero(chosen)
        likes = self.table["review_likes"].to_numpy()[rows]
        rows = np.sort(rows[np.argsort(-likes, kind="stable")[:most]])
        return (
            self.texts(rows, COLUMNS)
            .assign(row=rows)
            .sort_values("review_likes", ascending=False, kind="stable", ignore_index=True)
        )
