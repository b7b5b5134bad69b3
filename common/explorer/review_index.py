"""All published reviews as columns in memory, for the explorer: searched, chosen and counted in
fractions of a second.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy import ndarray
from pandas import DataFrame

from common.eda.answers import separating, word_scores
from common.eda.counts import with_counts, with_release, words
from common.eda.words import split_words
from common.explorer.search import search, speaks_of
from common.schema import read_reviews
from common.store import published, require

SAMPLED_TEXTS = 20_000  # reviews whose words are counted for a choice of reviews
KINDS = ["release", "author_app_version", "app", "store", "language", "script", "reply"]
READ = ["review_text", "review_rating", "review_likes", "review_timestamp", "reply_text"] + KINDS
SUMS = ["reviews", "stars", "five_star", "low", "characters"]
NOT_SHOWN = ["reviews", "stars", "five_star", "low", "characters", "reply"]
CONDITIONS = {
    "stars": "review_rating in @value",
    "first": "day >= '{}'",
    "last": "day <= '{}'",
}


class ReviewIndex:
    """The reviews in input order, as features/rows.parquet has them.

    text: (n,) with titles; table: review_likes, review_rating, day, SUMS of one review, and those
    of KINDS that some review has; names: of each kind, the most reviewed first; groups: 02's terms
    of complaints, where it has run.
    """

    def __init__(self, data_dir: Path) -> None:
        self.paths = sorted(require(data_dir, "reviews").glob("*.parquet"))
        parts = [in_memory(path) for path in self.paths]
        self.first = np.cumsum([0, *map(len, parts)])
        # One file can lack what another has.
        table = pa.concat_tables(parts, promote_options="default")
        self.text = table["review_text"]
        kinds = [kind for kind in KINDS if kind in table.column_names]
        self.table = table.drop_columns("review_text").to_pandas(categories=kinds)
        for path in published(data_dir, "features/rows.parquet"):
            scripts = pd.read_parquet(path, columns=["script"])["script"]
            if len(scripts) == len(self):  # else they are of other reviews
                self.table["script"] = scripts.astype("category")
        self.table = self.table.dropna(axis=1, how="all")
        kinds = [kind for kind in KINDS if kind in self.table]
        self.names = {kind: self.table[kind].value_counts().index.tolist() for kind in kinds}
        self.groups = DataFrame(columns=["group", "term", "needs"])
        for path in published(data_dir, "eda/complaint_words.parquet"):
            self.groups = pd.read_parquet(path)
        self.found = lru_cache(24)(lambda query: search(self.text, query))
        self.about = lru_cache(24)(lambda group: speaks_of(self.text, self.terms(group)))

    def __len__(self) -> int:
        return len(self.text)

    def terms(self, group: str) -> DataFrame:
        return self.groups[self.groups["group"] == group]

    def where(self, words: str = "", about: Sequence[str] = (), **filters: Any) -> ndarray:
        """(n,) bool: reviews that a query finds, of some groups of complaints, with these stars,
        from day `first` to `last`, of these names of KINDS; what is empty or None allows all.
        """
        chosen = self.found(words)
        if about:
            chosen = chosen & np.any([self.about(group) for group in about], axis=0)
        for name, value in filters.items():
            if value:
                condition = CONDITIONS.get(name, f"{name} in @value").format(value)
                chosen = chosen & self.table.eval(condition).to_numpy()
        return chosen

    def sums(self, chosen: ndarray, key: str) -> DataFrame:
        """SUMS, mean_rating, low_share and mean_characters of the chosen reviews by a column."""
        sums = self.table.loc[chosen, [*SUMS, key]].groupby(key, observed=True).sum()
        return sums.eval(
            "mean_rating = stars / reviews\nlow_share = low / reviews\n"
            "mean_characters = characters / reviews"
        )

    def words(self, chosen: ndarray) -> DataFrame:
        """02's words that separate five stars from fewer beyond chance (z over 2), counted in
        at most SAMPLED_TEXTS."""
        table = self.table.loc[chosen, SUMS]
        table = table.sample(min(len(table), SAMPLED_TEXTS), random_state=0).sort_index()
        sample = pa.Table.from_pandas(table, preserve_index=False)
        sample = sample.append_column("review_text", self.text.take(pa.array(table.index)))
        scores = word_scores(words(sample, split_words(sample)).to_pandas())
        return separating(scores).query("z * z > 4")

    def most_liked(self, chosen: ndarray, most: int) -> DataFrame:
        """The chosen reviews with the most likes, at most so many, as `shown`."""
        return self.shown(self.table["review_likes"][chosen].nlargest(most).index)

    def shown(self, rows: ndarray | pd.Index) -> DataFrame:
        """The reviews at some positions (index), in that order, as pages show them."""
        table = self.table.drop(columns=NOT_SHOWN, errors="ignore").loc[rows]
        table.insert(2, "review_text", self.text.take(pa.array(rows)).to_pandas().to_numpy())
        return table

    def read(self, rows: ndarray | pd.Index) -> pa.Table:
        """All columns of the reviews at sorted positions; only files that hold some are opened."""
        parts = []
        for path, start, end in zip(self.paths, self.first, self.first[1:]):
            in_file = rows[(rows >= start) & (rows < end)] - start
            if len(in_file):
                parts.append(pq.read_table(path).take(pa.array(in_file)))
        return pa.concat_tables(parts, promote_options="default")


def in_memory(path: Path) -> pa.Table:
    """What is kept of one Parquet file's reviews."""
    columns = [name for name in READ if name in pq.read_schema(path).names]
    table = with_counts(with_release(read_reviews(path, columns)))
    if "reply_text" in columns:
        reply = pc.if_else(pc.is_valid(table["reply_text"]), "answered", "not answered")
        table = table.append_column("reply", reply).drop_columns("reply_text")
    table = table.append_column("stars", table["review_rating"])
    order = ["review_likes", "review_rating", "review_text", "day"]
    return table.select([*order, *(name for name in [*SUMS, *KINDS] if name in table.column_names)])
