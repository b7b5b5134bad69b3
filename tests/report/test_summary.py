"""Each sentence of the summary says what its arithmetic gives on planted data."""

import numpy as np
import pandas as pd
import pytest

from common.report import summary

DAY = pd.Timestamp("2024-01-01")


def health(stars, reviews, gaps=(), breaks=()):
    """Days with a mean rating and a number of reviews each."""
    days = pd.date_range(DAY, periods=len(stars))
    period = np.searchsorted(list(breaks), np.arange(len(stars)), "right").astype(str)
    gap = np.isin(np.arange(len(stars)), list(gaps))
    columns = {"day": days, "reviews": reviews, "mean_rating": stars, "gap": gap}
    return pd.DataFrame(columns | {"period": period})


def test_ratings_that_fell_are_said_with_their_interval():
    rng = np.random.default_rng(0)
    stars = np.r_[rng.normal(4.0, 0.1, 28), rng.normal(3.0, 0.1, 28)]
    reviews = rng.integers(20, 80, 56)
    text = summary.ratings(health(stars, reviews)).text
    mean = [np.average(stars[part], weights=reviews[part]) for part in (slice(28), slice(28, 56))]
    assert text.startswith("Ratings went down: ")
    assert f"the mean is {mean[1]:.2f} stars over 28 days" in text
    assert f"({reviews[28:].sum():,} reviews)" in text
    assert f"{mean[1] - mean[0]:+.2f} against the 28 days before" in text
    assert "up to 2024-02-25" in text


def test_interval_of_the_mean_is_that_of_days_drawn_again():
    rng = np.random.default_rng(1)
    days = health(rng.normal(3.5, 0.4, 28), rng.integers(10, 300, 28))
    mean, error = summary.mean_of(days)
    drawn = [summary.mean_of(days.sample(28, replace=True, random_state=n))[0] for n in range(3000)]
    assert mean == pytest.approx(np.average(days["mean_rating"], weights=days["reviews"]))
    assert error == pytest.approx(np.std(drawn), rel=0.08)


def test_ratings_without_a_change_are_called_so_about_19_times_in_20():
    rng = np.random.default_rng(2)
    said = [
        "more than chance" in summary.ratings(health(rng.normal(3, 0.3, 56), np.full(56, 40))).text
        for _ in range(300)
    ]
    assert 0.9 < np.mean(said) < 0.99


def test_days_beyond_a_break_and_in_gaps_are_not_compared():
    stars = np.r_[np.full(30, 5.0), np.full(20, 2.0), np.full(6, 1.0)]
    reviews = np.r_[np.full(50, 40), np.full(6, 1)]
    text = summary.ratings(health(stars, reviews, gaps=range(50, 56), breaks=[30])).text
    assert "the mean is 2.00 stars over 20 days" in text
    assert "too few days to compare" in text
    one_day = summary.ratings(health(np.array([3.2]), np.array([174]))).text
    assert (
        "the mean is 3.20 stars over 1 day with reviews up to 2024-01-01 (174 reviews)" in one_day
    )


def tables(stands_out):
    release = {"effect": 0.2, "effect_low": 0.1, "effect_high": 0.3, "reviews": 1_200}
    rows = [
        {"release": "8.1", "p_holm": 0.04, "stands_out": stands_out, **release},
        {"release": "8.2", "p_holm": 0.01, "stands_out": stands_out, **release},
    ]
    complaint = {"group": "Price", "share": 0.142, "mean_rating": 1.58, "stars_lost": 0.2}
    return {
        "releases": pd.DataFrame(rows),
        "complaints": pd.DataFrame([complaint]),
        "covered": pd.DataFrame({"covered": [False, True], "reviews": [30, 70]}),
    }


def test_the_clearest_release_stands_out_else_the_costliest_complaint():
    said = summary.stands_out(tables(True))
    assert said.page == "Releases"
    assert said.text.startswith("Release 8.2 stands out")
    assert said.text.endswith(" Others that stand out: 8.1.")
    said = summary.stands_out(tables(False))
    assert said.page == "Complaints"
    assert "No release stands out, of 2 that could be compared." in said.text
    assert "price: 14.2% of all reviews" in said.text


def test_the_best_model_is_the_one_that_predicts(tmp_path, monkeypatch):
    cards = {
        "xgboost-all": {"task": "five_star", "name": "xgboost-all", "test": {"accuracy": 0.861}},
        "rbf_svm-all": {"task": "five_star", "name": "rbf_svm-all", "test": {"accuracy": 0.87}},
    }
    cards["xgboost-all"]["intervals"] = {"test": {"accuracy": [0.85, 0.872]}}
    board = pd.DataFrame({"accuracy": [0.589, 0.87, 0.861]})
    monkeypatch.setattr(summary.model_tables, "leaderboard", lambda *words: board)
    monkeypatch.setattr(summary, "read_cards", lambda folder: cards)
    (said,) = summary.best_model(tmp_path, pd.DataFrame())
    assert "XGBoost on the text, the model with the best validation" in said.text
    assert "right on 86.1% of the test reviews (95% interval 85.0% to 87.2%)" in said.text
    assert "the majority class on 58.9%." in said.text
    board["accuracy"] = [0.9, 0.87, 0.861]
    assert "no model is better" in summary.best_model(tmp_path, pd.DataFrame())[0].text


def test_the_sentences_are_those_of_the_scripts_that_ran(tmp_path, monkeypatch):
    eda = tables(False) | {"health": health(np.full(60, 4.0), np.full(60, 9))}
    asked = []
    monkeypatch.setattr(summary, "best_model", lambda *words: asked.append(words) or ["a model"])
    metrics = pd.DataFrame({"name": ["a.metric"]})
    said = summary.sentences(tmp_path, metrics, eda)
    assert said == [summary.ratings(eda["health"]), summary.stands_out(eda), "a model"]
    assert summary.sentences(tmp_path, metrics, {}) == ["a model"]
    assert [len(words) for words in asked] == [2, 2]
    assert asked[0][0] == tmp_path
    assert asked[0][1] is metrics


def test_the_report_opens_with_the_same_sentences(pipeline):
    from common.metrics import read_metrics
    from common.report.tables import eda_tables

    said = summary.sentences(pipeline, read_metrics(pipeline), eda_tables(pipeline))
    assert [sentence.page for sentence in said][::2] == ["Reviews", "Models"]
    report = (pipeline / "report/report.md").read_text()
    for sentence in said:
        assert sentence.text in report
