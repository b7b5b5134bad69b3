"""Groups of complaints, step by step: what is listed, counted and compared, by plain loops."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from common.eda import complaints
from common.eda.releases import effects
from common.eda.words import split_words, terms_of

SEEDS = {"Start": ["crash*", "does not"], "Price": ["expensive"]}
RELEASES = ["1.0", "1.1", "1.2"]
DAY = pd.Timestamp("2024-01-03")  # a Wednesday


def sample_of(texts):
    return pa.table(
        {
            "review_text": texts,
            "review_rating": pa.array(np.arange(len(texts)) % 2 + 1, pa.int8()),
            "review_timestamp": pa.array([DAY] * len(texts), pa.timestamp("us")),
            "hash": np.arange(len(texts), dtype=np.uint64),
        }
    )


def words_of(texts, short=()):
    words = pd.Series([set(text.split()) for text in texts]).explode().value_counts()
    table = pd.DataFrame({"word": words.index.astype(str), "reviews": words.to_numpy()})
    return table.assign(short=np.where(table["word"].isin(short), table["reviews"], 0))


@pytest.fixture(autouse=True)
def seeds(monkeypatch):
    monkeypatch.setattr(complaints, "SEEDS", SEEDS)


def test_seeds_are_the_words_that_begin_so():
    words = pd.Series(["crash", "crashes", "recrash", "expensive", "start"])
    table = complaints.seed_terms(words)
    assert list(table.itertuples(index=False, name=None)) == [
        ("Start", "crash"),
        ("Start", "crashes"),
        ("Start", "does not"),
        ("Price", "expensive"),
    ]


def test_frequent_terms_are_those_with_most_uses(monkeypatch):
    texts = ["a b"] * 12 + ["b c"] * 10 + ["d"] * 9 + ["b b"] * 3
    split = split_words(pa.table({"review_text": texts}))
    names, uses = complaints.frequent_terms(split, terms_of(split), len(texts))
    assert names[0] == "b"
    assert set(names) == {"b", "a", "a b", "c", "b c"}
    reviews = dict(zip(names, uses.sum(axis=0)))
    assert reviews == {"b": 25, "a": 12, "a b": 12, "c": 10, "b c": 10}
    assert uses.shape == (len(texts), 5)
    monkeypatch.setattr(complaints, "MAX_TERMS", 2)
    names, _ = complaints.frequent_terms(split, terms_of(split), len(texts))
    assert len(names) == 2


def test_members_are_counted_by_group():
    texts = ["crash and crashes, expensive", "does not", "does it not", "expensive expensive"]
    terms = terms_of(split_words(pa.table({"review_text": texts})))
    listed = pd.DataFrame(
        {
            "group": ["Start", "Start", "Start", "Price", "Other"],
            "term": ["crash", "crashes", "does not", "expensive", "crash"],
        }
    )
    table = complaints.members(terms, listed, len(texts))
    assert list(table) == ["Start", "Price", "Other"]
    assert table.to_numpy().tolist() == [[2, 1, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_a_term_goes_with_the_group_whose_seeds_stand_beside_it():
    """Enough of its reviews have a seed by the lower end of the interval, and more than usual."""

    def some(number, text):
        return [f"{text} {k} filler{k % 7}" for k in range(number)]

    texts = [
        *some(30, "crash freezes"), *some(10, "freezes"),  # 30 of 40: from 60% on
        *some(12, "crash loads"), *some(10, "loads"),  # 12 of 22: from 35% on
        *some(11, "expensive costly"), *some(2, "crash costly"),  # rather of Price
        *some(20, "does not"), *some(900, "else"),
    ]  # fmt: skip
    listed = complaints.listed_terms(sample_of(texts), words_of(texts)).set_index("term")
    wider = listed[listed["source"] == "goes with"]
    assert "loads" not in wider.index
    assert wider.loc["freezes", "group"] == "Start"
    assert wider.loc["costly", "group"] == "Price"
    assert not {"does", "not", "crash"} & set(wider.index)  # parts of seeds
    assert (wider["needs"] == 1).all()
    interval = binomtest(12, 22).proportion_ci(method="wilson")
    assert interval.low < 0.5 < binomtest(30, 40).proportion_ci(method="wilson").low
    assert list(listed.reset_index()) == ["term", "group", "source", "needs"]


def test_what_goes_with_a_group_is_what_a_loop_finds():
    """Also where a group's seeds are in half of the reviews, so that odds are no shares."""
    rng = np.random.default_rng(1)
    texts = []
    for _ in range(900):
        start, price = rng.random(2) < (0.45, 0.08)
        chances = {"freezes": (0.005, 0.3), "hangs": (0.03, 0.3), "costly": (0.01, 0.5)}
        chances |= {"loads": (0.06, 0.3), "dear": (0.04, 0.5), "often": (0.3, 0.3)}
        seeded = {"freezes": start, "hangs": start, "loads": start, "costly": price, "dear": price}
        words = [w for w, p in chances.items() if rng.random() < p[int(seeded.get(w, False))]]
        words += ["crash"] * int(start) + ["expensive"] * int(price)
        texts.append(" ".join([*rng.permutation(words), f"filler{rng.integers(40)}"]))
    listed = complaints.listed_terms(sample_of(texts), words_of(texts))
    found = listed[listed["source"] == "goes with"].set_index("term")["group"].to_dict()
    has = [{*t.split(), *map(" ".join, pairwise(t.split()))} for t in texts]
    expected = {}
    for term in set().union(*has):
        own = [words for words in has if term in words]
        if len(own) < 10 or {"crash", "expensive"} & set(term.split()):
            continue
        odds = {}
        for group, seed in (("Start", "crash"), ("Price", "expensive")):
            both = sum(seed in words for words in own)
            low = binomtest(both, len(own)).proportion_ci(method="wilson").low
            usual = sum(seed in words for words in has) / len(has)
            ratio = low / (1 - low) / (usual / (1 - usual))
            if low >= 0.5 and ratio >= 10:
                odds[ratio] = group
        if odds:
            expected[term] = odds[max(odds)]
    assert found == expected
    assert 0 < len(expected) < 10


@pytest.mark.parametrize(("times", "kept"), [(1.5, True), (1.9, True), (2.1, False)])
def test_a_topic_of_words_twice_as_often_short_as_others_is_mood(times, kept):
    rng = np.random.default_rng(0)
    texts = []
    for k in range(400):
        chosen = rng.choice(["dubbing", "voices", "language"], 2, replace=False) if k < 60 else []
        usual = [f"word{w}" for w in rng.integers(0, 30, 2)] if k < 200 else []
        texts.append(" ".join([*chosen, *usual] or ["crash", f"thing{k % 40}"]))
    words = words_of(texts).assign(short=0.0).set_index("word")
    topic = ["dubbing", "voices", "language"]
    # These are short in `times` the usual share of cases, which they themselves are a part of.
    own, rest = words.loc[topic, "reviews"].sum(), words["reviews"].drop(topic).sum()
    share = 0.2
    words["short"] = share * words["reviews"]
    words.loc[topic, "short"] = words.loc[topic, "reviews"] * (
        times * share * rest / (own + rest - times * own)
    )
    usual = words["short"].sum() / words["reviews"].sum()
    ratio = words.loc[topic, "short"] / words.loc[topic, "reviews"] / usual
    np.testing.assert_allclose(ratio, times)
    listed = complaints.listed_terms(sample_of(texts), words.reset_index())
    assert (set(topic) <= set(listed.loc[listed["source"] == "topic", "term"])) == kept


def test_topics_have_words_of_their_own():
    rng = np.random.default_rng(0)
    subjects = [["dubbing", "voices", "language"], ["billing", "card", "refund"]]
    usual = [f"word{k}" for k in range(14)]
    texts = []
    for k in range(160):
        chosen = rng.choice(subjects[k % 2], 2, replace=False) if k < 80 else []
        texts.append(" ".join([*chosen, *rng.choice(usual, 2)]))
    split = split_words(pa.table({"review_text": texts}))
    names, uses = complaints.frequent_terms(split, terms_of(split), len(texts))
    mood = pd.Series(False, names)
    table = complaints.topics_of(uses, names, mood)
    assert list(table) == ["group", "term", "source", "needs"]
    groups = table.groupby("group")["term"].apply(set)
    for subject in subjects:
        (group,) = (name for name, terms in groups.items() if set(subject) <= terms)
        assert group.startswith("Other: ")
        assert set(group.removeprefix("Other: ").split(", ")) <= groups[group]
        assert len(group.split(", ")) == 3
    assert set(table["source"]) == {"topic"}
    assert set(table["needs"]) == {2}
    assert not table["term"].str.contains(" ").any()
    assert (table.groupby("group").size() <= 6).all()
    sad = complaints.topics_of(uses, names, mood | mood.index.isin(subjects[0]))
    assert not set(subjects[0]) <= set(sad["term"])
    assert set(subjects[1]) <= set(sad["term"])
    pd.testing.assert_frame_equal(complaints.topics_of(uses, names, mood[:0]), table)
    assert complaints.topics_of(uses[:, :5], names[:5], mood).empty  # too few words


def test_typical_reviews_have_most_terms_for_their_length():
    texts = [
        "crash",
        "crash " * 9,
        "crash crashes and also does not do a thing",
        "crash crashes",
        "crash and so much more that is about nothing of this",
        "crash or so",
        "crash, that it does",
        "expensive",
        "fine",
    ]
    listed = pd.DataFrame(
        {"group": ["Start"] * 3 + ["Price"], "term": ["crash", "crashes", "does not", "expensive"]}
    )
    table = complaints.typical_reviews(sample_of(texts), listed)
    number = {
        text: sum(t in f" {text} ".replace(",", "") for t in (" crash ", " crashes ", "does not"))
        for text in texts[:7]
    }
    score = {text: number[text] / np.sqrt(len(text)) for text in texts[:7]}
    best = sorted(score, key=score.get, reverse=True)[:5]
    assert table.loc[table["group"] == "Start", "review_text"].tolist() == best
    assert table.loc[table["group"] == "Price", "review_text"].tolist() == ["expensive"]
    assert list(table) == ["group", "review_text", "review_rating", "review_timestamp"]


def counted(rng):
    """The frames of `complaints`: 40 days, three releases, a group without reviews."""
    days = pd.date_range(DAY, periods=40)
    total = rng.integers(20, 40, (40, 3))
    rows = []
    for d, day in enumerate(days):
        for release in range(3):
            for group, often in (("Start", 0.3), ("Price", 0.1)):
                about = rng.binomial(total[d, release], often)
                low = rng.binomial(about, 0.8 if release == 1 and group == "Start" else 0.3)
                rows.append((group, RELEASES[release], day, about, low, 2 * about + low))
        rows.append(("Price", None, day, 1, 1, 1))
    columns = ["group", "release", "day", "reviews", "low", "stars"]
    reviews = total.sum(axis=1) + 1
    reviews[7:14] = 0
    counts = pd.DataFrame(rows, columns=columns)
    counts = counts[~counts["day"].isin(days[7:14])]
    mean = rng.uniform(2, 4, 40)
    mean[7:14] = np.nan
    by_release = [
        (release, day, total[d, k])
        for d, day in enumerate(days)
        for k, release in enumerate(RELEASES)
    ]
    starts = days[[0, *range(5, 40, 7)]]
    return {
        "complaints": counts,
        "health": pd.DataFrame({"day": days, "reviews": reviews, "mean_rating": mean}),
        "weeks": pd.DataFrame({"week": starts[[0, 1, *range(3, len(starts))]]}),
        "complaint_words": pd.DataFrame({"group": ["Start", "Start", "Price", "Empty"]}),
        "by_release": pd.DataFrame(by_release, columns=["release", "day", "reviews"]),
    }


def test_complaints_are_counted_by_group_week_and_release():
    frames = counted(np.random.default_rng(3))
    counts, days = frames["complaints"], frames["health"]
    found = complaints.complaints(frames)
    number = days["reviews"].sum()
    stars = (days["mean_rating"] * days["reviews"]).sum() / number
    table = found["complaints"].set_index("group")
    for group in ("Start", "Price"):
        own, row = counts[counts["group"] == group], table.loc[group]
        reviews = own["reviews"].sum()
        assert (row["reviews"], row["low"]) == (reviews, own["low"].sum())
        assert row["share"] == pytest.approx(reviews / number)
        interval = binomtest(int(reviews), int(number)).proportion_ci(method="wilson")
        assert (row["share_low"], row["share_high"]) == pytest.approx(tuple(interval), rel=1e-3)
        assert row["mean_rating"] == pytest.approx(own["stars"].sum() / reviews)
        lost = reviews / number * (stars - own["stars"].sum() / reviews)
        assert row["stars_lost"] == pytest.approx(lost)
    assert table.loc["Empty", ["reviews", "low", "share"]].tolist() == [0, 0, 0]
    lost = table["stars_lost"].dropna().tolist()
    assert lost == sorted(lost, reverse=True)
    weeks = frames["weeks"]["week"]
    by_week = found["complaint_weeks"]
    assert len(by_week) == 3 * len(weeks)
    for row in by_week.itertuples():
        later = weeks[weeks > row.week]
        end = later.min() if len(later) else pd.Timestamp.max
        within = (counts["day"] >= row.week) & (counts["day"] < end)
        own = counts[(counts["group"] == row.group) & within]
        assert (row.reviews, row.low) == (own["reviews"].sum(), own["low"].sum())
        of_all = days["reviews"][(days["day"] >= row.week) & (days["day"] < end)].sum()
        assert row.low_share == pytest.approx(own["low"].sum() / of_all)
    compared = found["complaint_releases"].set_index(["group", "release"])
    for group in ("Start", "Price"):
        low = counts[counts["group"] == group].set_index(["release", "day"])["low"]
        table = frames["by_release"].copy()
        table["low"] = [low.get((r, d), 0) for r, d in zip(table["release"], table["day"])]
        expected = effects(table, 3)
        for release, row in expected.iterrows():
            assert compared.loc[(group, release)].tolist() == pytest.approx(row.tolist())
    assert compared.loc[("Start", "1.1"), "stands_out"]
