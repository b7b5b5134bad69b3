"""Breaks in the data: planted ones are found and named, waves of ratings are none."""

import numpy as np
import pandas as pd
import pytest
from making import synthetic, tables_of, write
from scipy.stats import ttest_ind

from common.eda.health import NAMES, breaks, describe, in_gap, runs

BREAK = "2023-06-20"  # planted, in common/synthetic/history.toml


def make(rng, days=60, a_day=30, start="2024-01-01"):
    n = days * a_day
    day = np.repeat(np.arange(days), a_day)
    rating = rng.integers(1, 6, n).astype("int8")
    return pd.DataFrame(
        {
            # worse ratings have longer texts
            "review_text": ["x" * k for k in rng.poisson(60 - 10 * rating)],
            "review_rating": rating,
            "review_likes": 0,
            "author_app_version": np.where(rng.random(n) < 0.2, None, "1.0.0"),
            "review_timestamp": pd.Timestamp(start).as_unit("us") + pd.to_timedelta(day, "D"),
        }
    )


@pytest.fixture
def reviews():
    return make(np.random.default_rng(0))


def test_days_and_periods_are_those_of_pandas(reviews, tmp_path):
    reviews = reviews[reviews["review_timestamp"] != "2024-01-20"]
    reviews.loc[reviews.index % 50 == 0, "review_text"] = "नमस्ते 👍"
    reviews["reply_text"] = pd.Series("Thanks", reviews.index).where(reviews.index % 10 == 0)
    tables = tables_of(write(reviews, tmp_path, 3))
    table = tables["health"].set_index("day")
    assert len(table) == 60
    for day, group in reviews.groupby("review_timestamp"):
        row = table.loc[day]
        assert row["reviews"] == len(group)
        assert row["mean_rating"] == pytest.approx(group["review_rating"].mean())
        median = group["review_text"].str.len().quantile(interpolation="lower")
        assert row["median_characters"] == median
        assert row["without_version"] == pytest.approx(group["author_app_version"].isna().mean())
        assert row["with_reply"] == pytest.approx(group["reply_text"].notna().mean())
        assert row["other_script"] == pytest.approx((group.index % 50 == 0).mean())
    assert table.loc["2024-01-20", ["reviews", "gap"]].tolist() == [0, True]
    (gap,) = tables["gaps"].itertuples(index=False)
    assert (gap.first_day, gap.last_day, gap.reviews) == (*[pd.Timestamp("2024-01-20")] * 2, 0)
    (period,) = tables["periods"].itertuples()
    assert (period.period, period.reviews) == ("2024-01-01 to 2024-02-29", len(reviews))
    assert period.median_characters == reviews["review_text"].str.len().quantile(
        interpolation="lower"
    )


def test_a_share_that_no_export_tells_is_missing(reviews, tmp_path):
    tables = tables_of(write(reviews, tmp_path))
    assert tables["health"]["with_reply"].isna().all()
    assert tables["periods"]["with_reply"].isna().all()


def changed(reviews, *signals):
    """The reviews, of which those from the 31st day on differ in some way."""
    late = reviews["review_timestamp"] >= "2024-01-31"
    if "length" in signals:
        reviews.loc[late, "review_text"] = reviews.loc[late, "review_text"] + "y" * 20
    if "version" in signals:
        reviews.loc[late, "author_app_version"] = "1.1.0"
    if "number" in signals:
        reviews = reviews[~late | (reviews.index % 2 == 0)]
    if "ratings" in signals:  # with the length that such ratings have, and more reviews
        bad = make(np.random.default_rng(1), 30, 60, "2024-01-31").query("review_rating < 3")
        reviews = pd.concat([reviews[~late], bad])
    return reviews


@pytest.mark.parametrize(
    ("signals", "names"),
    [
        (["length", "version"], "length and share without version"),
        (["number", "version"], "number of reviews and share without version"),
        (["version"], None),
        (["ratings"], None),
        ([], None),
    ],
)
def test_a_break_is_a_change_of_two_signals_other_than_the_rating(
    signals, names, reviews, tmp_path
):
    periods = tables_of(write(changed(reviews, *signals), tmp_path))["periods"]
    if names:
        assert periods["period"].tolist() == [
            "2024-01-01 to 2024-01-30",
            "2024-01-31 to 2024-02-29",
        ]
        assert periods["begins"].tolist() == ["first review", f"change of {names}"]
    else:
        assert len(periods) == 1


def counted(rng, changes=(), days=70, change=1.0):
    """Signals by day and rating, where some of them change on a day: {signal: day}."""
    keys = [(day, rating) for day in range(days) for rating in range(1, 6)]
    table = pd.DataFrame(keys, columns=["day", "review_rating"])
    day, rating = table["day"].to_numpy(), table["review_rating"].to_numpy()

    def level(name, usual, after):
        return np.where(
            day < dict(changes).get(name, days), usual, usual + change * (after - usual)
        )

    table["reviews"] = rng.poisson(level("reviews", 12, 30)) + 1
    table["log_length"] = table["reviews"] * level("log_length", 500, 560) - 40 * rating
    table["log_length"] += (60 * rng.standard_normal(len(table))).astype(int)
    for name in ("without_version", "with_reply", "other_script"):
        share = level(name, 0.2, 0.5) + 0.05 * (rating == 1)
        table[name] = rng.binomial(table["reviews"], share)
    return table.assign(day=pd.Timestamp("2024-01-01") + pd.to_timedelta(table["day"], "D"))


def breaks_by_hand(signals, kept):
    """{day: text}: Welch's tests by scipy of each day's two weeks, and Benjamini and Heller's."""
    table = signals[list(NAMES)].to_numpy(float)
    rating, number = signals["review_rating"].to_numpy(), signals["reviews"].to_numpy()
    for one in range(1, 6):
        of = rating == one
        table[of] -= table[of].sum(axis=0) / number[of].sum() * number[of, None]
    rows = {day: (signals["day"] == day).to_numpy() for day in sorted(kept)}
    values = pd.DataFrame(
        {day: table[of].sum(axis=0) / number[of].sum() for day, of in rows.items()}
    )
    values = values.T.set_axis(list(NAMES), axis=1)
    values["reviews"] = [np.log1p(number[of].sum()) for of in rows.values()]
    t, p = (np.full(values.shape, np.nan) for _ in range(2))
    for place in range(len(values)):
        before, after = values[max(place - 14, 0) : place], values[place : place + 14]
        if min(len(before), len(after)) >= 7:
            t[place], p[place] = ttest_ind(after, before, equal_var=False)
    looked_at = np.isfinite(p).any(axis=1).sum()
    second = np.sort(np.where(np.isnan(t), 0, np.abs(t)), axis=1)[:, -2]
    found = {}
    for place in range(len(values)):
        window = second[max(place - 14, 0) : place + 15]
        clearest = second[place] == window.max()
        if np.sort(p[place])[1] * 4 * looked_at <= 0.05 and clearest:
            names = [NAMES[n] for n, one in zip(values, p[place]) if one * looked_at <= 0.05]
            found[values.index[place]] = "change of " + " and ".join(names)
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"reviews": 30, "log_length": 30},
        {"without_version": 20, "with_reply": 20, "other_script": 48, "reviews": 48},
        {"other_script": 35},
        {"log_length": 25, "with_reply": 27},
        {"log_length": 7, "with_reply": 7},
        {"log_length": 63, "with_reply": 63},
    ],
)
def test_breaks_are_those_of_their_tests(changes):
    for seed in range(2):
        signals = counted(np.random.default_rng(seed), changes)
        reviews = signals.groupby("day")["reviews"].sum().drop("2024-02-01")  # as of a gap
        found = breaks(signals, reviews)
        assert found.to_dict() == breaks_by_hand(signals, set(reviews.index))
        assert bool(len(found)) == (len(changes) > 1)


def test_breaks_at_the_edge_of_chance_and_near_each_other():
    """Changes that are hardly seen; two breaks 14 or 15 days apart; a signal that is not known."""
    found = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        apart = {"reviews": 25, "log_length": 25, "with_reply": 39 + seed % 2}
        apart["other_script"] = apart["with_reply"]
        signals = counted(rng, apart, change=[0.12, 0.16, 0.2, 0.25, 0.3, 1][seed % 6])
        if seed % 4 == 3:
            signals["without_version"] = np.nan
        reviews = signals.groupby("day")["reviews"].sum()
        expected = breaks_by_hand(signals, set(reviews.index))
        assert breaks(signals, reviews).to_dict() == expected
        found += len(expected)
    assert 12 < found < 40


def test_gaps_are_days_with_hardly_any_reviews():
    numbers = pd.Series([100] * 10 + [0, 3] + [100] * 3 + [0] * 30 + [1, 2])
    assert in_gap(numbers).tolist() == [n < 5 for n in numbers]
    assert not in_gap(pd.Series([10, 0, 12, 9] * 10)).any()  # few reviews: chance
    assert not in_gap(pd.Series(2.0 ** -np.arange(20) * 1e6)).any()  # fading away


def test_a_gap_needs_many_reviews_before_it():
    usual = [20] * 7
    assert in_gap(pd.Series([*usual, 1])).tolist() == [False] * 7 + [True]  # a twentieth
    assert not in_gap(pd.Series([*usual, 2])).any()
    assert not in_gap(pd.Series([*[19] * 7, 0])).any()
    assert not in_gap(pd.Series([*[100] * 6, 0])).any()  # a week is not known
    assert in_gap(pd.Series([100] * 9 + [1000] * 3 + [50] * 4 + [2, 6])).tolist()[-2:] == [1, 0]
    days = pd.date_range("2024-01-01", periods=8)
    assert in_gap(pd.Series([*usual, 0], days)).index.equals(days)
    assert in_gap(pd.Series([], dtype=int)).dtype == bool


def test_each_gap_is_one(tmp_path):
    reviews = make(np.random.default_rng(2), a_day=25)
    day = (reviews["review_timestamp"] - pd.Timestamp("2024-01-01")).dt.days
    kept = ~day.isin([20, 21, 23]) | (reviews.index % 25 == 0)
    tables = tables_of(write(reviews[kept & (day != 41)], tmp_path))
    gaps = [(*row[:2], row[2]) for row in tables["gaps"].itertuples(index=False)]
    days = pd.date_range("2024-01-01", periods=60)
    assert gaps == [(days[20], days[21], 2), (days[23], days[23], 1), (days[41], days[41], 0)]
    table = tables["health"]
    assert list(table)[:3] == ["day", "period", "reviews"]
    assert table["day"].tolist() == list(days)
    assert table["reviews"].dtype.kind == "i"
    assert list(tables["periods"])[:4] == ["period", "first_day", "last_day", "reviews"]
    assert tables["periods"]["begins"].tolist() == ["first review"]


def test_runs_are_days_of_one_number():
    days = pd.date_range("2024-01-01", periods=5)
    reviews = pd.Series([3, 0, 4, 1, 2], days)
    table = runs(reviews, pd.Series([1, 1, 2, 2, 2], days))
    assert list(table.itertuples(index=False, name=None)) == [
        (days[0], days[1], 3),
        (days[2], days[4], 7),
    ]


def test_descriptions_weigh_days_by_their_reviews():
    day = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02"])
    signals = pd.DataFrame(
        {
            "day": day,
            "review_rating": [1, 5, 4],
            "reviews": [3, 1, 4],
            "log_length": 0,
            "without_version": [1, 1, 0],
            "with_reply": [np.nan, np.nan, np.nan],
            "other_script": [0, 1, 4],
        }
    )
    lengths = pd.DataFrame({"day": day, "length": [7, 90, 8], "reviews": [3, 1, 4]})
    names = pd.Series(["all", "all"], day[1:])
    (row,) = describe(signals, lengths, names).reset_index(names="name").to_dict("records")
    assert np.isnan(row.pop("with_reply"))
    assert row == {
        "name": "all",
        "reviews": 8,
        "mean_rating": 3.0,
        "without_version": 0.25,
        "other_script": 0.625,
        "median_characters": 8.0,  # of 7 7 7 8 8 8 8 90, the lower middle one
    }
    both = describe(signals, lengths, pd.Series(["a", "b"], day[1:]))
    assert both["median_characters"].tolist() == [7, 8]
    assert both["mean_rating"].tolist() == [2, 4]


def test_the_planted_break_is_found_and_named(tmp_path):
    periods = synthetic(tmp_path, planted=["break"])["periods"]
    assert periods["period"].tolist() == [
        "2023-03-15 to 2023-06-19",
        f"{BREAK} to 2023-11-30",
    ]


def test_the_real_reviews_break_in_may(real_csv, tmp_path):
    from common.loading.loader import ingest

    ingest([real_csv], tmp_path)
    tables = tables_of(sorted((tmp_path / "reviews").glob("*.parquet")))
    assert tables["periods"]["period"].tolist() == [
        "2024-02-10 to 2024-05-08",
        "2024-05-09 to 2024-09-15",
    ]
    gaps = tables["gaps"]["first_day"].astype(str) + " " + tables["gaps"]["last_day"].astype(str)
    assert gaps.tolist()[0] == "2024-05-15 2024-05-16"
    releases = tables["releases"].set_index("release")
    assert releases.index[releases["stands_out"]].tolist() == ["7.120"]
    # The release that seems to have mended the app, when its 28 days reach across the break:
    first = pd.Timestamp("2024-04-27")
    days = pd.read_parquet(tmp_path / "reviews").set_index("review_timestamp").sort_index()
    low = days["review_rating"] <= 2
    after, before = low[first : first + pd.Timedelta("28D")], low[:first]
    assert after.mean() - before.mean() < -0.2
    assert abs(releases.loc["8.113", "before_after"]) < 0.1
