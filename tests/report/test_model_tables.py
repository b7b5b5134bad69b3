"""Tables of models against the figures that they are made of."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from common.metrics import Metrics, read_metrics
from common.report import formats, model_tables

MANIFEST = {"data": "csv", "loaded": 900}
SCORES = {"accuracy": 0.6, "auc": 0.5, "f1_macro": 0.4, "log_loss": 0.7, "ece": 0.05}


@pytest.fixture
def metrics(tmp_path):
    """metrics(rows): read from figures, each (name, value, labels)."""

    def read(*rows):
        written = Metrics("04_cpu_models", MANIFEST, 42)
        for name, value, labels in rows:
            written.add(name, value, "1", **labels)
        written.publish(tmp_path)
        return read_metrics(tmp_path)

    return read


def baseline(name, task, first, figures, interval, behind=None):
    """The figures of a trivial or compared model on test and future."""
    labels = {"model": name, "features": "text" if behind else "none", "task": task}
    for split, less in (("test", 0), ("future", 0.1)):
        for score, value in figures.items():
            yield f"model.{score}", value - less, {**labels, "split": split}
    for side, end, gap in zip(("low", "high"), interval, behind or (np.nan, np.nan)):
        yield f"model.{first}_{side}", end, {**labels, "split": "test"}
        yield f"model.{first}_behind_best_{side}", gap, {**labels, "split": "test"}


def card(name, task, first, value, other, best=None):
    found = {
        "name": name,
        "features": name.rpartition("-")[2],
        "task": task,
        "test": {first: value, "auc" if task == "five_star" else "mae": other},
        "future": {first: value - 0.02},
        "unseen_text": {first: value - 0.03},
        "intervals": {"test": {first: [value - 0.02, value + 0.02]}},
    }
    if best:
        found["behind_best"] = {"model": best, "test": {first: [0.011, 0.034]}}
    return found


def test_the_leaderboard_of_five_stars(metrics, monkeypatch, tmp_path):
    cards = [
        card("forest-all", "five_star", "accuracy", 0.71, 0.77, "boosting-all"),
        card("boosting-all", "five_star", "accuracy", 0.75, 0.82),
        card("poor-metadata", "five_star", "accuracy", 0.55, 0.5, "boosting-all"),
        card("boosting_rating-all", "rating", "rmse", 1.1, 0.9),
    ]
    monkeypatch.setattr(model_tables, "read_cards", lambda _: {c["name"]: c for c in cards})
    naive = {**SCORES, "accuracy": 0.73, "auc": 0.79}
    found = metrics(  # naive Bayes was measured twice: its newest figures are told
        *baseline("naive_bayes", "five_star", "accuracy", SCORES, (0.5, 0.6), (-0.01, 0.05)),
        *baseline("naive_bayes", "five_star", "accuracy", naive, (0.72, 0.74), (-0.01, 0.05)),
        *baseline("majority", "five_star", "accuracy", SCORES, (0.55, 0.65)),
        ("model.fit_seconds", 3.0, {"model": "naive_bayes", "features": "text"}),
        ("model.rmse", 1.5, {"model": "mean", "features": "none", "task": "rating",
                             "split": "test"}),
    )  # fmt: skip
    table = model_tables.leaderboard(tmp_path, found, "five_star")
    assert table["model"].tolist() == [
        "Majority class",
        "boosting on the text",
        "naive bayes on the text",
        "forest on the text",
        "poor on metadata",
    ]
    assert table["accuracy"].tolist() == [0.6, 0.75, 0.73, 0.71, 0.55]
    assert table["learns"].tolist() == [False, True, True, True, False]
    assert table["auc"].tolist() == [0.5, 0.82, 0.79, 0.77, 0.5]
    assert table["accuracy (future)"].tolist() == pytest.approx([0.5, 0.73, 0.63, 0.69, 0.53])
    assert table["accuracy (unseen_text)"].tolist()[1] == pytest.approx(0.72)
    assert table["interval"].tolist()[:2] == ["0.550 to 0.650", "0.730 to 0.770"]
    assert table["behind_best"].tolist()[1:] == [
        "best in validation",
        "\N{MINUS SIGN}0.010 to 0.050",
        "0.011 to 0.034",
        "0.011 to 0.034",
    ]
    assert pd.isna(table["behind_best"][0])
    assert table.attrs["decimals"] == 3
    boards = model_tables.boards(tmp_path, found)
    assert set(boards) == {"five_star", "rating"}
    assert boards["five_star"].equals(table)


def test_the_leaderboard_of_ratings_has_the_smallest_error_first(metrics, monkeypatch, tmp_path):
    cards = [card(f"m{k}-all", "rating", "rmse", value, 0.9) for k, value in enumerate((1.3, 1.1))]
    monkeypatch.setattr(model_tables, "read_cards", lambda _: {c["name"]: c for c in cards})
    found = metrics(*baseline("mean", "rating", "rmse", {"rmse": 1.2}, (1.198, 1.203)))
    table = model_tables.leaderboard(tmp_path, found, "rating")
    assert table["model"].tolist() == ["Mean rating", "m1 on the text", "m0 on the text"]
    assert table["learns"].tolist() == [False, True, False]
    assert table["interval"][0] == "1.1980 to 1.2030"
    assert table.attrs["decimals"] == 4


def test_answers_to_imbalance_are_ordered_by_model_and_f1(metrics):
    rows = []
    for model, ways in {"xgboost": {"none": 0.5, "smote": 0.6}, "forest": {"none": 0.7}}.items():
        for way, f1 in ways.items():
            labels = {"model": model, "imbalance": way, "split": "out_of_fold"}
            figures = {"f1_macro": f1, "balanced_accuracy": f1 + 0.1, "ece": f1 / 10}
            rows += [(f"model.{k}", v, labels) for k, v in (figures | {"accuracy": 0.8}).items()]
            rows.append(("model.f1_macro", 0.1, {**labels, "split": "test"}))
    table = model_tables.imbalance(metrics(*rows))
    assert table["model"].tolist() == ["XGBoost", "XGBoost", "forest"]
    assert table["way"].tolist() == ["SMOTE", "none", "none"]
    assert table["f1_macro"].tolist() == [0.6, 0.5, 0.7]
    assert table["balanced_accuracy"].tolist() == pytest.approx([0.7, 0.6, 0.8])
    assert table["ece"].tolist() == pytest.approx([0.06, 0.05, 0.07])
    sentence = model_tables.imbalance_sentence(table)
    assert "for XGBoost, SMOTE has the best macro-F1 (0.600, 0.500 without)" in sentence
    assert "a calibration error of 0.060 (0.050 without)" in sentence
    assert not len(model_tables.imbalance(metrics(rows[4])))


def test_a_confusion_counts_each_pair():
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.7
    said = truth ^ (rng.random(200) < 0.2)
    table = model_tables.confusion(truth, said)
    assert table["truth"].tolist() == ["five stars"] * 2 + ["fewer"] * 2
    for row in table.itertuples():
        of = truth == (row.truth == "five stars")
        both = of & (said == (row.predicted == "five stars"))
        assert (row.reviews, row.share) == (both.sum(), pytest.approx(both.sum() / of.sum()))
    alone = model_tables.confusion(np.full(3, True), np.array([True, True, False]))
    assert alone["reviews"].tolist() == [2, 1, 0, 0]
    assert alone["share"].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    one = model_tables.confusion(np.array([True, True, False]), np.array([True, True, False]))
    assert one["share"].tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(("score", "k"), [("auc", 5), ("rmse", 5), ("auc", 2)])
def test_parameter_sets_are_behind_the_best_by_nadeau_and_bengio(metrics, score, k):
    """Student's t of the folds' differences, whose variance is (1/k + 1/(k-1)) of theirs."""
    rng = np.random.default_rng(1)
    level = np.linspace(0.9, 0.8, 6) if score == "auc" else np.linspace(1.0, 1.2, 6)
    folds = level[:, None] + rng.normal(0, 0.02 if k > 2 else 0.002, (6, k))
    names = [f"depth={d}, trees={n}" for d in (3, 5, 7) for n in (1, 2)]
    rows = [
        (f"model.cell_{score}", folds[s, f], {"model": "xgboost", "features": "all", "cell": name,
                                               "fold": f})
        for s, name in enumerate(names) for f in range(k)
    ]  # fmt: skip
    frame = metrics(*rows)
    frame["repeat"] = frame["label.fold"]
    ((title, table),) = model_tables.search_grids(frame).items()
    assert title.startswith(formats.model_name("xgboost-all"))
    assert title.endswith(formats.column_name(score))
    better = folds if score == "auc" else -folds
    best = better.mean(axis=1).argmax()
    behind = better[best] - better
    mean = behind.mean(axis=1)
    error = np.sqrt((1 / k + 1 / (k - 1)) * behind.var(axis=1, ddof=1))
    noise = stats.t.ppf(0.975, k - 1) * error
    widest = max(mean.max(), 2 * np.median(noise[mean > 0]))
    for s, name in enumerate(names):
        row = table.loc[name]
        assert [row["across"], row["down"]] == name.split(", ")
        assert row["value"] == pytest.approx(abs(folds[s].mean()))
        sign = " \N{BLACK STAR}" if s == best else "" if mean[s] > noise[s] else " \u2248"
        assert row["label"] == f"{abs(folds[s].mean()):.3f}{sign}"
        assert row["strength"] == pytest.approx(1 - mean[s] / widest)
        assert row["rows"] == 900
    assert {label[-1] for label in table["label"]} >= {"\N{BLACK STAR}", "\u2248"}
    assert (mean > noise).any()


def test_a_grid_of_one_parameter_and_one_fold(metrics):
    labels = {"model": "linear", "features": "all"}
    rows = [("model.cell_auc", 0.5 + k / 10, labels | {"cell": f"C={k}"}) for k in range(3)]
    (table,) = model_tables.search_grids(metrics(*rows)).values()
    assert table["down"].tolist() == [""] * 3
    assert table["strength"].tolist() == pytest.approx([0, 0.5, 1])
    assert table["label"]["C=2"] == "0.700 \N{BLACK STAR}"


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (0.000123456, "original_seconds", "0.000123"),
        (12.3456, "original_seconds", "12.3"),
        (123.456, "original_seconds", "123"),
        (9_876.5, "original_seconds", "9,876"),
        (0.0, "original_seconds", "0.00"),
        (-1.5, "original_seconds", "-1.50"),
        (float("nan"), "auc", "none"),
        (None, "auc", "none"),
        (0.98765, "auc", "0.988"),
        (True, "learns", "yes"),
        (False, "learns", "no"),
        (pd.Timestamp("2024-02-03 04:05"), "day", "2024-02-03"),
        ("words", "anything", "words"),
        (3_000_000.0, "peak_bytes", "3.00 MB"),
    ],
)
def test_a_cell_in_words(value, name, text):
    form = formats.of_column(name, pd.Series([0.5]))
    assert formats.cell_text(value, form, "none") == text


def test_names_in_words():
    assert formats.heading("peak_rss_bytes") == "peak rss bytes"
    assert formats.column_name("some_thing (unseen_text)") == "Some thing (unseen text)"
    assert formats.model_name("no_such-none") == "no such"
    assert formats.model_name("no_such") == "no such"
    assert formats.of_column("count", pd.Series([1, 2])).python.format(1234) == "1,234"
    assert formats.of_column("x_y", pd.Series([0.5]), 4).python.format(0.5) == "0.5000"
