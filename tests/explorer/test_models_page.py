"""The pages Models and Errors, and charts over time: each figure against a library's or a planted
one."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as oracle

from common.charts import models as model_charts
from common.charts import time as time_charts
from common.charts.base import draw
from common.explorer import errors, models
from common.explorer.filters import Choice
from common.report import model_tables
from common.report.formats import model_name

MANY = [f"model {k:02}" for k in range(20)]


@pytest.fixture
def drawn(monkeypatch):
    """What the page Models would show: charts and tables, in their order."""
    shown = []
    monkeypatch.setattr(models, "show_charts", lambda charts: shown.extend(charts))
    monkeypatch.setattr(models, "show_table", lambda table, *words: shown.append(table))
    return shown


def styles(chart):
    """{model: its colour and dashes} in a chart of models."""
    layers = [layer["encoding"] for layer in chart.to_dict()["layer"]]
    line = next(layer for layer in layers if "legend" in layer["color"])
    ranges = [line[channel]["scale"]["range"] for channel in ("color", "strokeDash")]
    assert line["color"]["scale"]["domain"] == MANY
    # Vega begins again where a range is at its end.
    styled = {name: str([style[k % len(style)] for style in ranges]) for k, name in enumerate(MANY)}
    return {name: styled[name] for name in line["color"]["legend"]["values"]}


def calibration(names):
    table = pd.DataFrame({"model": names, "predicted": 0.5, "observed": 0.5, "reviews": 1})
    return draw("calibration", table, **model_charts.of_models(table, MANY))


def test_a_model_keeps_its_colour_whatever_is_beside_it():
    everyone = styles(calibration(MANY))
    assert len(set(everyone.values())) == len(MANY)
    for pair in (MANY[:2], MANY[5:3:-1], [MANY[19], MANY[0]]):
        assert styles(calibration(pair)) == {name: everyone[name] for name in pair}
    board = pd.DataFrame({"model": ["Majority class", *MANY[3:7]], "value": 0.5})
    dots = model_charts.leaderboard(board, "AUC", "", MANY).to_dict()["layer"][1]["encoding"]
    scale = dots["color"]["scale"]
    for name in MANY[3:7]:
        place = scale["domain"].index(name)
        assert scale["range"][place % len(scale["range"])] in everyone[name]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_the_dot_on_the_curves_is_the_threshold(drawn, threshold):
    rng = np.random.default_rng(3)
    truth = rng.random(400) < 0.4
    probability = np.clip(truth * 0.3 + rng.random(400) * 0.7, 0, 1)
    decision = probability > threshold
    row = models.judged(MANY[0], truth, probability, decision)
    assert row["precision"] == pytest.approx(oracle.precision_score(truth, decision))
    assert row["recall"] == pytest.approx(oracle.recall_score(truth, decision))
    assert row["f1_macro"] == pytest.approx(oracle.f1_score(truth, decision, average="macro"))
    curves = {MANY[0]: models.curves(truth, probability)}
    models.draw_curves(curves, pd.DataFrame([row]).assign(threshold=threshold), MANY)
    roc, precision_recall, _ = drawn
    for chart, x, y in (
        (roc, "false_positive_rate", "true_positive_rate"),
        (precision_recall, "recall", "precision"),
    ):
        table = chart.layer[-1].data if chart is roc else chart.data
        (dot,) = table[table["chosen"]].to_dict("records")
        assert (dot[x], dot[y]) == (row[x], row[y])
        line = table[~table["chosen"].astype(bool)]
        between = np.linspace(0, len(line) - 1, 20_000)  # points all along the line
        along = [np.interp(between, np.arange(len(line)), line[name]) for name in (x, y)]
        assert np.hypot(along[0] - dot[x], along[1] - dot[y]).min() < 0.01


def test_no_dot_where_nothing_is_called_five_stars(drawn):
    truth = np.array([True, False, True, False])
    row = models.judged(MANY[0], truth, np.full(4, 0.2), np.zeros(4, bool))
    assert row["precision"] is None
    curves = {MANY[0]: models.curves(truth, np.array([0.1, 0.1, 0.3, 0.2]))}
    models.draw_curves(curves, pd.DataFrame([row]).assign(threshold=0.5), MANY)
    assert not drawn[0].layer[-1].data["chosen"].any()


def test_a_confusion_says_percentages_of_what_was_rated():
    truth = np.repeat([True, False], [8, 2])
    table = model_tables.confusion(truth, np.repeat([True, False, True], [6, 2, 2]))
    assert table["share"].tolist() == [0.75, 0.25, 1, 0]
    texts = [
        layer["encoding"]["text"]
        for layer in draw("confusion", table).to_dict()["layer"]
        if layer["mark"]["type"] == "text"
    ]
    assert [(text["field"], text["format"]) for text in texts] == [
        ("share", ".1%"),
        ("reviews", ","),
    ]


def test_what_differs_has_no_equal_empty_or_unreadable_row(drawn):
    card = {"name": "a", "inputs": "form+scores", "kind": "xgboost", "rows": 9, "seed": 1}
    card |= {"test": {"auc": 0.9}, "sha256": "0" * 64, "failures": {"by_rating": {}}}
    one = card | {
        "params": {"max_depth": 3, "gamma": 0.1, "xgboost-all": 0.4},
        "validation": {"auc": 0.91234567},
    }
    other = card | {"params": {"max_depth": 5}, "validation": {"auc": 0.9}, "sha256": "1" * 64}
    other |= {"trained_with": {"kept_epoch": None}, "inputs": "form+ngrams"}
    models.show_differences({"A": one, "B": other})
    differs = drawn[0].set_index("entry")
    assert differs.T.to_dict("list") == {
        "Reads": [
            "form of the text, scores of its words",
            "form of the text, its words and characters",
        ],
        "Max depth": ["3", "5"],
        "Gamma": ["0.1", "\N{EN DASH}"],
        "XGBoost on the text": ["0.4", "\N{EN DASH}"],
        "Validation: AUC": ["0.9123", "0.9"],
    }


def searched(values, score="auc"):
    """The only grid of metrics with values[cell][fold] of a score."""
    rows = [
        {
            "name": f"model.cell_{score}",
            "label.model": "xgboost",
            "label.features": "all",
            "label.cell": f"gamma={cell}, max_depth={cell}",
            "value": value,
            "repeat": fold,
            "rows": 3000,
        }
        for cell, folds in enumerate(values)
        for fold, value in enumerate(folds)
    ]
    ((title, grid),) = model_tables.search_grids(pd.DataFrame(rows)).items()
    assert title == f"XGBoost on the text: {score.upper()}"
    return grid


def test_a_parameter_set_is_told_apart_as_a_paired_test_says():
    rng = np.random.default_rng(0)
    values = 0.9 + rng.normal(0, 0.01, 5) + np.linspace(0, -0.03, 12)[:, None]
    values = values + rng.normal(0, 0.004, values.shape)
    best = values.mean(axis=1).argmax()
    grid = searched(values)
    told_apart = 0
    for cell, label in enumerate(grid["label"]):
        difference = values[best] - values[cell]
        if cell == best:
            assert label.endswith("\N{BLACK STAR}")
            continue
        # Nadeau and Bengio's factor is 1/k + test/train = 1/5 + 1/4, a paired test's 1/5.
        t = stats.ttest_rel(values[best], values[cell]).statistic / np.sqrt((1 / 5 + 1 / 4) * 5)
        apart = t > stats.t.ppf(0.975, 4)
        assert label.endswith("\u2248") != apart, (cell, difference)
        told_apart += apart
    assert 0 < told_apart < 11


def test_colours_do_not_exaggerate_noise_but_show_what_is_told_apart():
    rng = np.random.default_rng(1)
    noise = 0.9 + rng.normal(0, 0.002, (6, 3))
    assert searched(noise)["strength"].min() > 0.5
    clear = np.array([[0.9, 0.91, 0.92], [0.8, 0.81, 0.821]])
    grid = searched(clear)
    assert grid["strength"].tolist() == pytest.approx([1, 0])
    assert grid["label"].tolist() == ["0.910 \N{BLACK STAR}", "0.810"]
    error = searched(1 - clear, "rmse")  # the lower the better
    assert error["label"].tolist() == ["0.090 \N{BLACK STAR}", "0.190"]
    assert error["strength"].tolist() == pytest.approx([1, 0])
    assert searched([[0.7, 0.8]])["strength"].tolist() == [1]  # one set alone
    assert searched([[0.7], [0.6]])["label"].tolist() == ["0.700 \N{BLACK STAR}", "0.600 \u2248"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("xgboost-all", "XGBoost on the text"),
        ("netflixnet_encoder_blend-all", "Encoder blend on the text"),
        ("majority-none", "Majority class"),
        ("random_forest", "Random forest"),
        ("brand_new-metadata", "brand new on metadata"),
    ],
)
def test_models_have_names_that_people_call_them(name, words):
    assert model_name(name) == words


def test_a_leaderboard_has_the_digits_that_its_interval_leaves_sure(monkeypatch, tmp_path):
    def board(width):
        ends = {"intervals": {"test": {"accuracy": [0.8, 0.8 + width]}}, "task": "five_star"}
        card = {"features": "all", "test": {"accuracy": 0.81}, "future": {"auc": 0.7}} | ends
        behind = {"behind_best": {"model": "b-all", "test": {"accuracy": [-0.01, 0.02]}}}
        cards = {"b-all": card, "a-all": card | behind, "c-all": card}
        cards = {name: card | {"name": name} for name, card in cards.items()}
        monkeypatch.setattr(model_tables, "read_cards", lambda data_dir: cards)
        labels = {"label.model": "majority", "label.features": "none", "label.task": "five_star"}
        scores = {"accuracy": 0.6, "accuracy_low": 0.6, "accuracy_high": 0.6 + width}
        rows = [
            {"name": f"model.{score}", "value": value, "label.split": "test"} | labels
            for score, value in scores.items()
        ]
        return model_tables.leaderboard(tmp_path, pd.DataFrame(rows), "five_star")

    assert [board(width).attrs["decimals"] for width in (0.2, 0.03, 0.002)] == [3, 3, 4]
    shown = board(0.2).set_index("model")
    assert shown["interval"].to_dict() == {
        "Majority class": "0.600 to 0.800",
        **dict.fromkeys([f"{name} on the text" for name in "bac"], "0.800 to 1.000"),
    }
    assert shown["auc (future)"].tolist()[1:] == [0.7] * 3
    assert shown["learns"].tolist() == [False, True, True, True]
    behind = shown["behind_best"]
    assert behind["b on the text"] == "best in validation"  # of itself nothing can be measured
    assert behind["a on the text"] == "\N{MINUS SIGN}0.010 to 0.020"
    assert behind[["Majority class", "c on the text"]].isna().all()


class Index:
    """Eight reviews, of which a filter "even" or "words" chooses some."""

    def where(self, **filters):
        chosen = np.ones(8, bool)
        if filters.get("stars"):
            chosen &= np.arange(8) % 2 == 0
        if filters.get("words"):
            chosen &= np.arange(8) == 5
        return chosen


def said_of(**filters):
    """What Errors says where reviews 3 and 5 of the test split are errors, 0.7 and 0.8 sure."""
    index = Index()
    choice = Choice(index, index.where(**filters), (), "", filters)
    wrong = np.array([False, True, True])
    return errors.no_error(choice, np.array([2, 3, 5]), wrong, np.array([0.9, 0.7, 0.8]))


def test_errors_say_which_filter_left_nothing():
    assert "the surest has 0.80" in said_of()
    assert "of 1 that fit the filters, the surest has 0.80" in said_of(words="x")
    text = said_of(words="x", stars=[2])
    assert "2 errors, each filter alone leaves: with x: 1; of 2 stars: 0." in text
    assert "The confidence" not in text


def test_a_line_over_time_stops_at_a_break():
    days = pd.date_range("2024-01-01", periods=20)
    table = time_charts.by_time(pd.DataFrame({"reviews": 1, "stars": 3}, days))
    table["mean_rating"] = 3
    eda = {
        "periods": pd.DataFrame({"first_day": days[[0, 7, 12]], "begins": ""}),
        "gaps": pd.DataFrame({"first_day": days[:0], "last_day": days[:0]}),
        "releases": pd.DataFrame(
            {"stands_out": [], "reviews": [], "first_day": days[:0], "release": []}
        ),
    }
    chart = time_charts.marked("rating_by_time", table, "", eda)
    line = chart.layer[-1]
    lines = line.data.groupby(line.to_dict()["encoding"]["detail"]["field"])["start"]
    assert [*lines.min(), *lines.max()] == [*days[[0, 7, 12]], *days[[6, 11, 19]]]
    alone = time_charts.marked("rating_by_time", table, "", {})
    assert alone.data["period"].nunique() == 1
