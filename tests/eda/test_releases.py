"""Releases against others on the same days: a planted bad one is found, and no other."""

import numpy as np
import pandas as pd
import pytest
from making import synthetic, tables_of, write

BAD = "8.80"  # planted, in common/synthetic/history.toml


def test_the_planted_release_stands_out_alone(tmp_path):
    table = synthetic(tmp_path, seed=1, planted=["release"])["releases"].set_index("release")
    assert table.index[table["stands_out"]].tolist() == [BAD]
    assert table.loc[BAD, "effect_low"] > 0


def test_releases_beside_a_bad_one_are_not_called_better(tmp_path):
    """The bad release of the history: compared with it, 6.18 to 6.26 would all stand out."""
    reviews = synthetic(tmp_path, rows=300_000, since="")["releases"].set_index("release")
    assert reviews.index[reviews["stands_out"]].tolist() == ["6.19"]
    assert reviews["p_holm"].notna().mean() > 0.9


def test_builds_are_grouped_and_versions_without_number_left_out(tmp_path):
    versions = ["8.112.0 build 4 50787", "8.112.1", "v8.1", "9", "Varies with device", None, ""]
    n = len(versions) * 40
    reviews = pd.DataFrame(
        {
            "review_text": "text",
            "review_rating": np.tile([1, 5], n // 2).astype("int8"),
            "review_likes": 0,
            "author_app_version": versions * 40,
            "review_timestamp": pd.Timestamp("2024-01-01").as_unit("us")
            + pd.to_timedelta(np.arange(n) % 5, "D"),
        }
    )
    table = tables_of(write(reviews, tmp_path))["releases"].set_index("release")
    assert table["reviews"].to_dict() == {"8.112": 80, "8.1": 40, "9": 40}
    assert table["low_share"].tolist() == [0.5, 0.5, 0.5]


def test_before_and_after_stays_within_a_period(tmp_path):
    tables = synthetic(tmp_path, planted=["break"])
    table, days = tables["releases"], tables["health"].set_index("day")["period"]
    files = [pd.read_parquet(path) for path in sorted((tmp_path / "reviews").glob("*.parquet"))]
    reviews = pd.concat(files).dropna(subset="author_app_version")
    day = reviews["review_timestamp"].dt.floor("D")
    period, low = day.map(days), reviews["review_rating"] <= 2
    for row in table.sample(30, random_state=0).itertuples():
        since = (day - row.first_day).dt.days
        here = period == days[row.first_day]
        after = low[here & (since >= 0) & (since < 28)].mean()
        before = low[here & (since < 0) & (since >= -28)].mean()
        assert row.before_after == pytest.approx(after - before, nan_ok=True)
    assert table["before_after"].isna().any()
