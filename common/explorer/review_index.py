"""All published reviews as columns in memory, for the explorer: searched, chosen and counted in
fractions of a second.
"""

from collections.abc import Collection, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy import ndarray
from pandas import Categorical, DataFrame

from common.eda.answers import separating, word_scores
from common.eda.counts import with_release, words
from common.eda.words import split_words
from common.explorer.search import search, speaks_of
from common.schema import read_reviews
from common.store import published, require

SAMPLED_TEXTS = 20_000  # reviews whose words are counted for a choice of reviews
NAMED = ["author_app_version", "app", "store", "language"]
READ = ["review_text", "review_rating", "review_likes", "review_timestamp", "reply_text", *NAMED]
KINDS = ["release", *NAMED, "script"]  # columns of names by which reviews are chosen
STARS = np.arange(1, 6)


class ReviewIndex:
    """The reviews in input order, as features/rows.parquet has them.

    text: (n,) with titles; rating int8; likes int64; characters int32; day datetime64[D]; replied:
    bool, or None where no export knows; kinds: those of KINDS that some review has, as Categorical.
    """

    def __init__(self, data_dir: Path) -> None:
        self.paths = sorted(require(data_dir, "reviews").glob("*.parquet"))
        parts = [in_memory(path) for path in self.paths]
        self.first = np.cumsum([0] + [len(part) for part in parts])
        # One file can lack what another has.
        table = pa.concat_tables(parts, promote_options="default").unify_dictionaries()
        self.text = table["review_text"]
        self.rating, self.likes, self.characters, self.day = (
            table[name].to_numpy()
            for name in ("review_rating", "review_likes", "characters", "day")
        )
        self.replied = table["replied"].to_numpy() if "replied" in table.column_names else None
        self.kinds = {n: table[n].to_pandas().array for n in KINDS if n in table.column_names}
        for path in published(data_dir, "features/rows.parquet"):
            scripts = pd.read_parquet(path, columns=["script"])["script"]
            if len(scripts) == len(self):  # else they are of other reviews
                self.kinds["script"] = Categorical(scripts)
        self.kinds = {n: kind for n, kind in self.kinds.items() if len(kind.categories)}
        self.groups = DataFrame({"group": [], "term": [], "needs": []})
        for path in published(data_dir, "eda/complaint_words.parquet"):
            self.groups = pd.read_parquet(path)
        self.found = lru_cache(24)(lambda query: search(self.text, query))
        self.about = lru_cache(24)(self._about)

    def __len__(self) -> int:
        return len(self.rating)

    def _about(self, group: str) -> ndarray:
        listed = self.groups[self.groups["group"] == group]
        return speaks_of(self.text, listed["term"], listed["needs"].iloc[0])

    def names(self, kind: str) -> list[str]:
        """The names of a kind, the most reviewed first."""
        reviews = self.kinds[kind].value_counts(dropna=True)
        return reviews.sort_values(ascending=False, kind="stable").index.tolist()

    def where(
        self,
        first: date | None = None,
        last: date | None = None,
        stars: Collection[int] = (),
        replied: bool | None = None,
        about: str | None = None,
        words: str = "",
        **kinds: Sequence[str],
    ) -> ndarray:
        """(n,) bool: reviews from day `first` to `last` with these stars, answered or not, of a
        group of complaints, that a query finds, of these names of KINDS; what is empty or None
        allows all.
        """
        chosen = np.ones(len(self), bool)
        if first:
            chosen &= self.day >= np.datetime64(first)
        if last:
            chosen &= self.day <= np.datetime64(last)
        if stars:
            chosen &= np.isin(np.arange(6), list(stars))[self.rating]
        if replied is not None and self.replied is not None:
            chosen &= self.replied == replied
        if about:
            chosen &= self.about(about)
        if words:
            chosen &= self.found(words)
        for kind, names in kinds.items():
            if names:
                chosen &= self.kinds[kind].isin(names)
        return chosen

    def by_day(self, chosen: ndarray) -> DataFrame:
        """reviews, stars (their sum), five_star and low of the chosen ones, for each day (index)
        from the first to the last."""
        days = self.day[chosen]
        first = days.min()
        number = (days - first).astype(int)
        counts = np.bincount(6 * number + self.rating[chosen], minlength=6 * number.max() + 6)
        counts = counts.reshape(-1, 6)
        return DataFrame(
            {
                "reviews": counts.sum(axis=1),
                "stars": counts @ np.arange(6),
                "five_star": counts[:, 5],
                "low": counts[:, 1:3].sum(axis=1),
            },
            index=pd.date_range(first, periods=len(counts), name="day"),
        )

    def ratings(self, chosen: ndarray) -> DataFrame:
        """By review_rating: reviews, their share, and mean_characters."""
        rating = self.rating[chosen]
        reviews = np.bincount(rating, minlength=6)[1:]
        characters = np.bincount(rating, self.characters[chosen], minlength=6)[1:]
        table = {"review_rating": STARS, "reviews": reviews, "share": reviews / max(len(rating), 1)}
        with np.errstate(invalid="ignore"):  # no review with so many stars
            return DataFrame(table | {"mean_characters": characters / reviews})

    def most_reviewed(self, chosen: ndarray, kind: str, most: int) -> DataFrame:
        """name, reviews and low_share of the names of a kind with the most chosen reviews."""
        if kind not in self.kinds:
            return DataFrame()
        codes, names = self.kinds[kind].codes[chosen] + 1, self.kinds[kind].categories
        reviews = np.bincount(codes, minlength=len(names) + 1)[1:]
        low = np.bincount(codes, self.rating[chosen] <= 2, minlength=len(names) + 1)[1:]
        order = np.argsort(-reviews, kind="stable")[:most]
        order = order[reviews[order] > 0]
        shares = low[order] / reviews[order]
        return DataFrame({"name": names[order], "reviews": reviews[order], "low_share": shares})

    def words(self, chosen: ndarray) -> DataFrame:
        """02's words that separate five stars from fewer, counted in at most SAMPLED_TEXTS."""
        rows = np.flatnonzero(chosen)
        if len(rows) > SAMPLED_TEXTS:
            rows = np.sort(np.random.default_rng(0).choice(rows, SAMPLED_TEXTS, replace=False))
        columns = {
            "review_text": self.text.take(pa.array(rows)),
            "characters": self.characters[rows],
            "reviews": np.ones(len(rows), np.int8),
            "five_star": (self.rating[rows] == 5).astype(np.int8),
        }
        sample = pa.table(columns)
        return separating(word_scores(words(sample, split_words(sample)).to_pandas()))

    def most_liked(self, chosen: ndarray, most: int) -> ndarray:
        """Positions of the chosen reviews with the most likes, at most so many, in that order."""
        rows = np.flatnonzero(chosen)
        return rows[np.argsort(-self.likes[rows], kind="stable")[:most]]

    def shown(self, rows: ndarray) -> DataFrame:
        """The reviews at some positions, in that order, as pages show them."""
        table = {
            "review_likes": self.likes[rows],
            "review_rating": self.rating[rows],
            "review_text": self.text.take(pa.array(rows)).to_pandas(),
            "day": self.day[rows],
        }
        return DataFrame(table | {n: kind[rows].astype(object) for n, kind in self.kinds.items()})

    def read(self, rows: ndarray) -> pa.Table:
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
    reviews = read_reviews(path, columns)
    for name in NAMED:
        if name in columns:
            position = reviews.column_names.index(name)
            reviews = reviews.set_column(position, name, reviews[name].dictionary_encode())
    table = with_release(reviews)
    position = table.column_names.index("release")
    table = table.set_column(position, "release", table["release"].dictionary_encode())
    days = table["review_timestamp"].cast(pa.date32())
    characters = pc.utf8_length(table["review_text"]).cast(pa.int32())
    if "reply_text" in columns:
        table = table.append_column("replied", pc.is_valid(table["reply_text"]))
        table = table.drop_columns("reply_text")
    table = table.drop_columns("review_timestamp")
    return table.append_column("characters", characters).append_column("day", days)
