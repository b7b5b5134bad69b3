"""Search and the index: found, chosen and counted as plain Python and pandas do it."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from common.charts.time import by_time
from common.eda.complaints import members
from common.eda.words import PUNCTUATION, split_words, terms_of
from common.explorer.filters import Choice
from common.explorer.review_index import ReviewIndex
from common.explorer.reviews import count
from common.explorer.search import search
from common.explorer.timeline import means

TEXTS = pa.chunked_array(
    [
        ["I pay more now", "won\u2019t load", "Pay, more!", "log - in please"],
        ["it CRASHES a lot", "\u4e0d\u597d\u7528\u7684\u5e94\u7528", "update: crash", "", "paying"],
    ]
)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("pay", [0, 2]),
        ("pay*", [0, 2, 8]),
        ('"pay more"', [0, 2]),
        ('"more pay"', []),
        ("more pay", [0, 2]),
        ("pay AND now", [0]),
        ("won't", [1]),
        ('"log in"', [3]),
        ("crash*", [4, 6]),
        ("crash* -update", [4]),
        ("crash* NOT update", [4]),
        ("now OR please OR -a", [0, 1, 2, 3, 5, 6, 7, 8]),
        ("\u597d\u7528", [5]),
        ("OR", list(range(9))),
        ('"', list(range(9))),
        ("a]b (c", []),
        ('"pay', [0, 2]),
    ],
)
def test_a_query_finds(query, rows):
    assert np.flatnonzero(search(TEXTS, query)).tolist() == rows


@pytest.fixture(scope="module")
def index(pipeline):
    return ReviewIndex(pipeline)


@pytest.fixture(scope="module")
def reviews(pipeline):
    table = pd.read_parquet(pipeline / "reviews")
    return table.assign(day=table["review_timestamp"].dt.normalize())


def test_a_word_is_found_as_often_as_its_words_are_counted(index, reviews):
    for word in ("good", "app", "netflix"):
        expected = [
            word in {part.strip(PUNCTUATION) for part in text.lower().split()}
            for text in reviews["review_text"]
        ]
        assert index.where(words=word).tolist() == expected


def test_reviews_about_a_group_are_those_that_02_counts(index, pipeline):
    counts = members(
        terms_of(split_words(pa.table({"review_text": index.text}))), index.groups, len(index)
    )
    published = pd.read_parquet(pipeline / "eda/complaints.parquet").set_index("group")
    for group, listed in index.groups.groupby("group"):
        found = index.where(about=[group])
        assert found.tolist() == (counts[group] >= listed["needs"].iloc[0]).tolist()
        assert found.sum() == published["reviews"][group]


def test_counts_of_a_choice_are_those_of_pandas(index, reviews):
    chosen = index.where(stars=[1, 5], first=date(2019, 1, 1), last=date(2021, 12, 31))
    expected = reviews[
        reviews["review_rating"].isin([1, 5]) & reviews["day"].between("2019-01-01", "2021-12-31")
    ]
    assert chosen.sum() == len(expected) > 100
    days = index.sums(chosen, "day")
    by_day = expected.groupby("day")["review_rating"]
    assert days["reviews"].to_dict() == by_day.size().to_dict()
    assert days["stars"].to_dict() == by_day.sum().to_dict()
    assert days["mean_rating"].to_dict() == pytest.approx(by_day.mean().to_dict())
    ratings = index.sums(chosen, "review_rating")
    by_rating = expected.groupby("review_rating")["review_text"]
    assert ratings["reviews"].to_dict() == by_rating.size().to_dict()
    lengths = by_rating.apply(lambda texts: texts.str.len().mean())
    assert ratings["mean_characters"].to_dict() == pytest.approx(lengths.to_dict())
    versions = index.sums(chosen, "author_app_version")
    by_version = expected.groupby("author_app_version")["review_rating"]
    assert versions["reviews"].to_dict() == by_version.size().to_dict()
    low = by_version.apply(lambda rating: (rating <= 2).mean())
    assert versions["low_share"].to_dict() == pytest.approx(low.to_dict())
    liked = index.most_liked(chosen, 50)
    by_likes = expected.sort_values("review_likes", ascending=False, kind="stable").head(50)
    for column in ("review_likes", "review_text", "day"):
        assert liked[column].tolist() == by_likes[column].tolist()
    rows = np.flatnonzero(chosen)
    assert index.read(rows)["review_id"].to_pylist() == expected["review_id"].tolist()


def test_words_of_a_choice_are_counted_in_that_choice(index, reviews):
    chosen = index.where(first=date(2016, 1, 1))
    words = index.words(chosen)
    row = words[words["word"] == "good"].iloc[0]
    texts = reviews.query("review_timestamp >= '2016'")["review_text"]
    assert row["reviews"] == sum(
        "good" in {word.strip(PUNCTUATION) for word in text.lower().split()} for text in texts
    )


def test_trend_of_a_word_is_its_share_of_what_else_is_chosen(index, reviews):
    filters = {"words": "netflix", "stars": [1, 2]}
    rows = index.where(**filters)
    found = count(("test",), Choice(index, rows, (), "", filters))
    table = means(by_time(found["days"]))
    low = reviews[reviews["review_rating"] <= 2]
    with_it = low[low["review_text"].str.contains(r"\bnetflix\b", case=False)]
    assert table["reviews"].sum() == rows.sum()
    assert abs(len(with_it) - rows.sum()) <= 0.02 * len(with_it)
    month = table.iloc[table["among"].argmax()]
    among = low["review_timestamp"].dt.strftime("%Y-%m").eq(f"{month['start']:%Y-%m}")
    assert month["among"] == among.sum()
    here = rows[low.index[among]].sum()
    assert month["share"] == pytest.approx(here / among.sum())
    stars = low.loc[rows[low.index], "review_rating"].mean()
    assert table["stars"].sum() / table["reviews"].sum() == pytest.approx(stars)


def test_bars_over_time_are_as_wide_as_the_span_is_long():
    for days, width, bars in ((50, 1, 50), (400, 7, 58), (3_000, 31, 99)):
        index = pd.date_range("2020-01-06", periods=days, name="day")
        table = by_time(pd.DataFrame({"reviews": 1}, index=index))
        assert len(table) == bars
        assert (table["end"] - table["start"]).dt.days.max() == width
        assert table["reviews"].sum() == days
        assert (table["start"][1:].to_numpy() == table["end"][:-1].to_numpy()).all()
        assert table["from_day"][0] <= "2020-01-06" <= table["to_day"][0]
