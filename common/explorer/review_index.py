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
from numpy import ndarray

from common.eda.answers import Frames, choice_answers, study_answers, word_scores
from common.eda.counts import NUMBER_COUNTS, REVIEW_COLUMNS, total, with_counts, words
from common.eda.words import split_words
from common.schema import SCHEMA, read_reviews
from common.store import published, require

SAMPLED_TEXTS = 20_000  # reviews whose words are counted for a choice of reviews


class ReviewIndex:
    """The reviews in input order, as features/rows.parquet has them.

    table: (n) pa.Table of review_rating int8, review_likes int64, author_app_version (dictionary),
    day timestamp[s], characters int64, five_star and low int8, and reviews int8, which is 1: some
    30 bytes a review.
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
        self.day = self.table["day"].to_numpy()
        self.version = self.table["author_app_version"].to_pandas().array
        days = [pd.read_parquet(path) for path in published(data_dir, "eda/health.parquet")]
        days.append(pd.DataFrame(columns=["day", "period"]))  # before 02 there are no periods
        self.periods = days[0].set_index("day")["period"]

    def __len__(self) -> int:
        return len(self.table)

    def versions(self) -> list[str]:
        """App versions, the most reviewed first."""
        reviews = self.version.value_counts(dropna=True)
        return reviews.sort_values(ascending=False, kind="stable").index.tolist()

    def where(
        self,
        first: date | None = None,
        last: date | None = None,
        versions: Sequence[str] = (),
        ratings: Sequence[int] = (),
    ) -> ndarray:
        """(n,) bool: reviews from day `first` to day `last` of these versions and ratings; what is
        empty or None allows all.
        """
        chosen = np.ones(len(self), bool)
        if first:
            chosen &= self.day >= np.datetime64(first)
        if last:
            chosen &= self.day <= np.datetime64(last)
        if versions:
            chosen &= self.version.isin(versions)
        if ratings:
            chosen &= np.isin(self.table["review_rating"], ratings)
        return chosen

    def answers(self, chosen: ndarray) -> Frames:
        """The answers of 02_eda.py about the chosen reviews (at least one): those that need no
        text, and words, counted in a sample of at most SAMPLED_TEXTS.
        """
        table = self.table.filter(pa.array(chosen))
        frames = {name: total(rows(table)).to_pandas() for name, rows in NUMBER_COUNTS.items()}
        frames["by_version"] = frames["by_version"].astype({"author_app_version": "str"})
        rows = np.flatnonzero(chosen)
        if len(rows) > SAMPLED_TEXTS:
            rows = np.sort(np.random.default_rng(0).choice(rows, SAMPLED_TEXTS, replace=False))
        sample = with_counts(self.read(rows, REVIEW_COLUMNS))
        counts = words(sample, split_words(sample))
        scores = word_scores(counts.to_pandas())
        return study_answers(frames) | choice_answers(frames, scores, self.periods)

    def read(self, rows: ndarray, columns: Sequence[str]) -> pa.Table:
        """Some columns of the reviews at `rows` (sorted positions); only files that hold any of
        them are opened.
        """
        parts = [SCHEMA.empty_table().select(columns)]
        for path, start, end in zip(self.paths, self.first, self.first[1:]):
            in_file = rows[(rows >= start) & (rows < end)] - start
            if len(in_file):
                parts.append(read_reviews(path, columns).take(in_file))
        return pa.concat_tables(parts)

    def most_liked(self, chosen: ndarray, most: int) -> pd.DataFrame:
        """REVIEW_COLUMNS of the chosen reviews with the most likes, at most so many."""
        rows = np.flatnonzero(chosen)
        likes = self.table["review_likes"].to_numpy()[rows]
        rows = np.sort(rows[np.argsort(-likes, kind="stable")[:most]])
        table = self.read(rows, REVIEW_COLUMNS).to_pandas()
        return table.sort_values("review_likes", ascending=False, kind="stable", ignore_index=True)
