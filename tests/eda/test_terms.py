"""New terms, against their formulas for each term and week by loops; planted ones are found."""

from itertools import pairwise

import numpy as np
import pandas as pd
from making import synthetic, tables_of, write
from scipy.stats import false_discovery_control, norm

from common.eda.terms import weeks_of


def reviews_of(rng, weeks=14, a_week=300):
    n = weeks * a_week
    words = rng.choice([f"word{k}" for k in range(60)], (n, 5), p=np.arange(60, 0, -1) / 1830)
    day = np.sort(rng.integers(0, weeks * 7, n))
    return pd.DataFrame(
        {
            "review_text": [" ".join(row) for row in words],
            "review_rating": rng.integers(1, 6, n).astype("int8"),
            "review_likes": 0,
            "author_app_version": "1.0",
            "review_timestamp": pd.Timestamp("2024-01-01").as_unit("us")  # a Monday
            + pd.to_timedelta(day, "D"),
        }
    )


def test_new_terms_are_those_of_the_formula(tmp_path):
    reviews = reviews_of(np.random.default_rng(0))
    week = (reviews["review_timestamp"] - pd.Timestamp("2024-01-01")).dt.days // 7
    some = (week == 9) & (reviews.index % 8 == 0)
    reviews.loc[some, "review_text"] += " brand new new"
    table = tables_of(write(reviews, tmp_path, 3))["new_terms"]
    words = reviews["review_text"].str.split()
    pairs = [list(map(" ".join, pairwise(row))) for row in words]
    has = pd.DataFrame({"week": week, "term": [set(a) | set(b) for a, b in zip(words, pairs)]})
    mentions = has.explode("term").groupby(["term", "week"]).size().unstack(fill_value=0)
    number = words.str.len().groupby(week).sum()
    rows = []
    number = number.to_numpy()
    for term, counts in zip(mentions.index, mentions.to_numpy()):
        for w in range(1, 14):
            before = slice(max(w - 8, 0), w)
            x, y, n, m = counts[w], counts[before].sum(), number[w], number[before].sum()
            if x >= 10:
                a, b = x + n * (x + y) / (n + m), y + n * (x + y) / (n + m)
                odds = np.log(a / (2 * n - a)) - np.log(b / (m + n - b))
                rows.append((term, w, x, y, y * n / m, odds / np.sqrt(1 / a + 1 / b)))
    expected = pd.DataFrame(rows, columns=["term", "week", "mentions", "before", "expected", "z"])
    expected["q"] = false_discovery_control(norm.sf(expected["z"]))
    expected = expected[expected["q"] <= 0.1].set_index(["week", "term"]).sort_index()
    assert {"brand", "brand new", "new new"} <= set(expected.loc[9].index)
    table["week"] = (table["week"] - pd.Timestamp("2024-01-01")).dt.days // 7
    table = table.set_index(["week", "term"]).sort_index()
    columns = ["mentions", "before", "expected", "z", "q"]
    pd.testing.assert_frame_equal(
        table[columns], expected[columns], check_dtype=False, check_index_type=False
    )


def test_weeks_are_cut_where_a_period_begins():
    day = pd.date_range("2024-01-03", periods=20)  # from a Wednesday on
    period = np.where(day < "2024-01-11", "a", "b")
    reviews = np.where((day >= "2024-01-15") & (day < "2024-01-22"), 0, 3)
    reviews[-1] = 0
    reviews[day == "2024-01-22"] = 1
    weeks = weeks_of(pd.DataFrame({"day": day, "period": period, "reviews": reviews}))
    assert weeks["week"].dt.strftime("%m-%d").tolist() == ["01-03", "01-08", "01-11", "01-22"]
    assert weeks["period"].tolist() == ["a", "a", "b", "b"]


def test_the_planted_complaint_is_new_in_its_week(tmp_path):
    table = synthetic(tmp_path, planted=["complaint"])["new_terms"]
    first = table[table["term"] == "captcha"]["week"].min()
    assert pd.Timestamp("2023-10-02") <= first <= pd.Timestamp("2023-10-09")


def test_nothing_is_new_across_a_break(tmp_path):
    """The break brings other words: those are no news."""
    reviews = reviews_of(np.random.default_rng(1))
    late = reviews["review_timestamp"] >= "2024-02-20"
    reviews.loc[late, "review_text"] += " othersample with many more words that make it longer"
    reviews.loc[late, "author_app_version"] = None
    tables = tables_of(write(reviews, tmp_path))
    assert tables["periods"]["first_day"].astype(str).tolist() == ["2024-01-01", "2024-02-20"]
    assert not {"with many", "many more"} & set(tables["new_terms"]["term"])


def test_quiet_sets_call_little(tmp_path):
    called = {"break": 0, "release": 0, "term": 0}
    for seed in range(12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        tables = synthetic(folder, 1_000 + seed)
        called["break"] += len(tables["periods"]) > 1
        called["release"] += tables["releases"]["stands_out"].any()
        called["term"] += len(tables["new_terms"]) > 0
    # of 100 at most 10, 10 and 17: more than this of 12 would happen in one of 100 suites
    assert called["break"] <= 4
    assert called["release"] <= 4
    assert called["term"] <= 5
