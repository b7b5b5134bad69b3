"""Releases against others on the same days: a planted bad one is found, and no other."""

import numpy as np
import pandas as pd
import pytest
from making import synthetic, tables_of, write
from scipy.stats import norm

from common.eda import releases
from common.eda.statistics import holm, same_day

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


def counts_of(shares, a_day=8, days=20, seed=0):
    """release, day, reviews and low, where a release's reviews are low with its share."""
    rng = np.random.default_rng(seed)
    keys = [(release, day) for release in shares for day in range(days)]
    counts = pd.DataFrame(keys, columns=["release", "day"])
    low = rng.binomial(a_day, counts["release"].map(shares))
    return counts.assign(reviews=a_day, low=low)


def test_the_clearest_release_is_taken_out_before_the_others_are_compared():
    counts = counts_of({"a": 0.3, "b": 0.9, "c": 0.3, "d": 0.65})
    table = releases.effects(counts, tests=3)
    assert table.index.tolist() == ["b", "d", "a", "c"]
    assert table["stands_out"].tolist() == [True, True, False, False]
    left = counts
    for release in ["b", "d", ""]:
        fresh = same_day(left)
        p = holm((3 * 2 * norm.sf(fresh["z"].abs())).clip(max=1))
        expected = pd.Series(p, fresh.index)
        for name in [release] if release else fresh.index:
            assert table.loc[name, "p_holm"] == pytest.approx(expected[name], rel=1e-6)
            assert table.loc[name, "effect"] == fresh.loc[name, "effect"]
            assert table.loc[name, "compared"] == fresh.loc[name, "compared"]
        assert not release or expected.idxmin() == release
        left = left[left["release"] != release]
    assert list(table)[:4] == ["compared", "effect", "effect_low", "effect_high"]
    pd.testing.assert_frame_equal(releases.effects(counts), releases.effects(counts, 1))


def test_a_release_with_few_expected_reviews_is_not_tested():
    """Of ten reviews a side half are low: five are enough, four are not."""
    days = pd.DataFrame({"release": ["a", "b"], "day": 0, "reviews": 10, "low": [9, 1]})
    assert releases.effects(days)["p_holm"].notna().all()
    days["low"] = [8, 0]
    assert releases.effects(days)["p_holm"].isna().all()
    assert not releases.effects(days)["stands_out"].any()


def test_before_and_after_are_28_days_of_one_period_each():
    rng = np.random.default_rng(1)
    index = pd.date_range("2024-01-01", periods=120).delete([10, 11, 60])
    days = pd.DataFrame({"reviews": rng.integers(1, 9, 117)}, index)
    days["low"] = rng.binomial(days["reviews"], 0.4)
    every = pd.date_range("2024-01-01", periods=120)
    periods = pd.Series(np.where(every < index[50], "early", "late"), every)
    first = pd.Series(index[[0, 1, 8, 27, 40, 49, 50, 51, 77, 100, 116]])
    found = releases.before_after(days, first, periods)
    for day, difference in zip(first, found):
        since = (index - day).days
        here = (periods[index] == periods[day]).to_numpy()
        sides = days[here & (since >= 0) & (since < 28)], days[here & (since < 0) & (since >= -28)]
        if not len(sides[1]):
            assert np.isnan(difference)
            continue
        after, before = (side["low"].sum() / side["reviews"].sum() for side in sides)
        assert difference == pytest.approx(after - before)
    assert np.isfinite(found).sum() == 9


def test_releases_are_described_from_their_days():
    counts = counts_of({"b": 0.4, "a": 0.4}).assign(day=lambda t: pd.Timestamp("2024-01-01"))
    counts["day"] += pd.to_timedelta(np.tile(np.arange(20), 2), "D")
    alone = counts[:5].assign(release="z", day=lambda t: t["day"] - pd.Timedelta("30D"))
    counts = pd.concat([counts, alone], ignore_index=True)
    periods = pd.Series("all", pd.date_range("2023-12-01", "2024-02-01"))
    table = releases.releases(counts, periods)
    assert table["release"].tolist() == ["z", "a", "b"]
    for row in table.itertuples():
        group = counts[counts["release"] == row.release]
        assert (row.first_day, row.last_day) == (group["day"].min(), group["day"].max())
        assert row.reviews == group["reviews"].sum()
        assert row.low_share == pytest.approx(group["low"].sum() / row.reviews)
    assert table["compared"].tolist() == [0, 160, 160]
    assert table["compared"].dtype.kind == "i"
    assert table["stands_out"].tolist() == [False] * 3
    assert table["effect"].isna().tolist() == [True, False, False]
    bad = counts.assign(low=counts["low"].where(counts["release"] != "a", 8))
    assert releases.releases(bad, periods)["stands_out"].tolist() == [False, True, False]
    before, after = alone, counts[(counts["release"] != "z")]
    expected = after["low"].sum() / after["reviews"].sum()
    expected -= before["low"].iloc[2:].sum() / before["reviews"].iloc[2:].sum()
    assert table["before_after"][1] == pytest.approx(expected)
