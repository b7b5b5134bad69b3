"""All published reviews as columns of numbers in memory, for the explorer: chosen and counted in
milliseconds, texts fetched when asked for.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from common.eda.answers import (
    distribution,
    five_star_share,
    separating,
    study_answers,
    versions,
    word_scores,
)
from common.eda.counts import NUMBER_COUNTS, REVIEW_COLUMNS, total, with_counts, words
from common.store import require

SAMPLED_TEXTS = 20_000  # reviews whose words are counted for a choice of reviews


class ReviewIndex:
    """The reviews in input order, as features/rows.parquet has them.

    table: (n) pa.Table of review_rating int8, review_likes int64, author_app_version (dictionary),
    day date32, characters int64, five_star int8 and reviews int8, which is 1: some 30 bytes a
    review.
    """

    def __init__(self, data_dir: Path) -> None:
        self.paths = sorted(require(data_dir, "reviews").glob("*.parquet"))
        parts = []
        for path in self.paths:
            reviews = pq.read_table(
                path, columns=REVIEW_COLUMNS, read_dictionary=["author_app_version"]
            )
            parts.append(with_counts(reviews).drop_columns(["review_text", "review_timestamp"]))
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

    def __len__(self) -> int:
        return len(self.table)

    def period(self) -> tuple[date, date]:
        """First and last day."""
        first, last = (
            date.fromordinal(int(day) + date(1970, 1, 1).toordinal())
            for day in (self.day.min(), self.day.max())
        )
        return first, last

    def versions(self) -> list[str]:
        """App versions, the most reviewed first."""
        number = np.bincount(self.version[self.version >= 0], minlength=len(self.codes))
        return [list(self.codes)[code] for code in np.argsort(-number, kind="stable")]

    def where(
        self,
        first: date | None = None,
        last: date | None = None,
        versions: Sequence[str] = (),
        ratings: Sequence[int] = (),
    ) -> np.ndarray:
        """(n,) bool: reviews from day `first` to day `last` of these versions and ratings; what is
        empty or None allows all.
        """
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

    def answers(self, chosen: np.ndarray) -> dict[str, pd.DataFrame]:
        """The answers of 02_eda.py that need no text, about the chosen reviews (at least one)."""
        table = self.table.filter(pa.array(chosen))
        table = table.set_column(
            table.column_names.index("author_app_version"),
            "author_app_version",
            table["author_app_version"].cast(pa.string()),
        )
        frames = {name: total(rows(table)).to_pandas() for name, rows in NUMBER_COUNTS.items()}
        return study_answers(frames) | {
            "five_star_share": five_star_share(frames["by_day"]),
            "versions": versions(frames["by_version"]),
            "lengths": distribution(frames["lengths"]),
            "likes": distribution(frames["likes"]),
        }

    def texts(self, rows: np.ndarray, columns: Sequence[str] = ("review_text",)) -> pd.DataFrame:
        """Some columns of the reviews at `rows` (sorted positions); only files that hold any of
        them are opened.
        """
        return self._read(rows, columns).to_pandas()

    def _read(self, rows: np.ndarray, columns: Sequence[str]) -> pa.Table:
        parts = [pa.table({name: pa.array([], pa.null()) for name in columns})]
        for path, start, end in zip(self.paths, self.first, self.first[1:]):
            in_file = rows[(rows >= start) & (rows < end)] - start
            if len(in_file):
                parts.append(pq.read_table(path, columns=list(columns)).take(in_file))
        return pa.concat_tables(parts, promote_options="default")

    def separating_words(self, chosen: np.ndarray, seed: int = 0) -> tuple[pd.DataFrame, int]:
        """The words that separate five stars from fewer in the chosen reviews, and the number of
        reviews counted: a sample of at most SAMPLED_TEXTS.
        """
        rows = np.flatnonzero(chosen)
        if len(rows) > SAMPLED_TEXTS:
            rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLED_TEXTS, replace=False))
        counts = words(with_counts(self._read(rows, REVIEW_COLUMNS)))
        return separating(word_scores(counts.to_pandas())), len(rows)

    def behind(self, chosen: np.ndarray, most: int) -> pd.DataFrame:
        """The chosen reviews with the most likes, at most so many: REVIEW_COLUMNS and row, the
        position of each.
        """
        rows = np.flatnonzero(chosen)
        likes = self.table["review_likes"].to_numpy()[rows]
        rows = np.sort(rows[np.argsort(-likes, kind="stable")[:most]])
        return (
            self.texts(rows, REVIEW_COLUMNS)
            .assign(row=rows)
            .sort_values("review_likes", ascending=False, kind="stable", ignore_index=True)
        )
