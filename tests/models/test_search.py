"""Both variants of the search give each cell the same score; an interrupted search goes on; scores and their intervals are right."""

import shutil
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import call_script, republish
from sklearn.datasets import make_classification
from sklearn.metrics import roc_auc_score

from common.metrics import read_metrics
from common.models import search
from common.models.files import read_cards
from common.models.imbalance import compare_imbalance
from common.report import model_tables, speed_tables
from common.scores import bootstrap, expected_calibration_error, interval

SCRIPT = import_module("04_cpu_models")
CANDIDATES = SCRIPT.candidates(seed=1)


@pytest.fixture(scope="module")
def problem():
    x, y = make_classification(900, 12, n_informative=5, flip_y=0.2, random_state=0)
    return x.astype(np.float32), y


def both(name, problem, folder=None):
    x, y = problem
    estimator, grid, _, family, task = CANDIDATES[name]
    x, y = (
        (sp.csr_matrix(x) if family == "linear" else x),
        (y if task == "five_star" else y * 4 + 1.0),
    )
    return search.nested(estimator, grid, x, y, task, 1, 2, folder), search.exhaustive(
        estimator, grid, x, y, task, 1, 2
    )


@pytest.mark.parametrize(
    ("name", "cells", "tolerance"),
    [
        ("logistic_regression", 4, 1e-3),
        ("random_forest", 8, 0),
        ("xgboost", 18, 0),
        ("xgboost_rating", 18, 1e-7),
        ("linear_svm", 4, 0),
        ("rbf_svm", 3, 0),
    ],
)
def test_nested_and_exhaustive_agree_cell_by_cell(problem, name, cells, tolerance):
    (nested, out_of_fold, resumed), exhaustive = both(name, problem)
    assert nested.keys() == exhaustive.keys()
    assert len(nested) == cells
    assert resumed == 0
    for cell in nested:
        np.testing.assert_allclose(
            nested[cell], exhaustive[cell], rtol=0, atol=tolerance, err_msg=str(cell)
        )
    assert (
        len({tuple(scores) for scores in nested.values()}) > 1
    )  # a grid whose cells are all alike would agree as well
    if CANDIDATES[name][4] == "five_star":
        params, value = search.best_cell(nested, "five_star")
        folds = [
            roc_auc_score(problem[1][other], out_of_fold[tuple(sorted(params.items()))][other])
            for _, other in search.folds_of(problem[1], 1)
        ]
        assert np.mean(folds) == pytest.approx(value, abs=1e-6)


def test_fewer_fits_than_cells():
    count = {name: len(search._units(*CANDIDATES[name][:2])) for name in CANDIDATES}
    assert count == {
        "logistic_regression": 1,
        "random_forest": 4,
        "linear_svm": 4,
        "rbf_svm": 3,
        "xgboost": 9,
        "xgboost_rating": 9,
    }


def test_an_interrupted_search_goes_on(problem, tmp_path):
    (whole, _, _), _ = both("random_forest", problem, tmp_path / "journal")
    files = sorted((tmp_path / "journal").iterdir())
    assert len(files) == 12
    for file in files[:5]:
        file.unlink()
    (again, _, resumed), _ = both("random_forest", problem, tmp_path / "journal")
    assert again == whole
    assert resumed == 7
    x, y = problem
    _, _, resumed = search.nested(
        *CANDIDATES["random_forest"][:2], x, 1 - y, "five_star", 1, 2, tmp_path / "journal"
    )
    assert resumed == 0  # other labels are another search


def test_bootstrap_scores_are_the_scores(problem):
    rng = np.random.default_rng(0)
    rating = rng.integers(1, 6, 4000)
    better = np.clip((rating == 5) * 0.4 + rng.random(4000) * 0.6, 0, 1).round(2)  # with ties
    worse = rng.random(4000)
    found = {
        name: bootstrap(rating, p, "five_star", 3)
        for name, p in (("better", better), ("worse", worse))
    }
    for name, p in (("better", better), ("worse", worse)):
        low, high = interval(found[name]["auc"])
        assert low < roc_auc_score(rating == 5, p) < high
        assert high - low < 0.06
        low, high = interval(found[name]["accuracy"])
        assert low < ((p > 0.5) == (rating == 5)).mean() < high
    low, _ = interval(found["better"]["auc"] - found["worse"]["auc"])
    assert low > 0.2
    same = bootstrap(rating, better, "five_star", 3)
    assert interval(same["auc"] - found["better"]["auc"]) == [
        0,
        0,
    ]  # equal seeds draw equal weights
    assert (
        bootstrap(rating, np.full(4000, 0.3), "five_star", 3)["auc"] == 0.5
    ).all()  # ties count half
    error = bootstrap(rating, np.full(4000, 3.0), "rating", 3)
    assert abs(np.mean(error["rmse"]) - np.sqrt(((rating - 3) ** 2).mean())) < 0.01


def test_intervals_cover():
    """Of the accuracies of 60 samples, about 95% of the intervals hold the true one."""
    rng, covered = np.random.default_rng(1), 0
    for seed in range(60):
        truth = rng.random(400) < 0.7
        low, high = interval(
            bootstrap(
                np.where(truth, 5, 1), np.full(400, 0.9) + rng.random(400) * 0.01, "five_star", seed
            )["accuracy"]
        )
        covered += low <= 0.7 <= high
    assert 52 <= covered <= 60


def test_expected_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    assert expected_calibration_error(rng.random(200_000) < p, p) < 0.005
    assert expected_calibration_error(np.zeros(10), np.full(10, 0.3)) == pytest.approx(0.3)
    assert expected_calibration_error(np.ones(4), np.ones(4)) == 0


def test_imbalance_ways_differ_in_what_they_should(problem):
    x, y = make_classification(1500, 8, n_informative=4, weights=[0.85], flip_y=0.1, random_state=0)
    found = compare_imbalance(CANDIDATES["logistic_regression"][0], x, y, 1, 2)
    assert set(found) == {"none", "class_weights", "smote", "threshold"}
    assert found["none"]["ece"] < min(
        found["class_weights"]["ece"], found["smote"]["ece"]
    )  # made-up shares are not calibrated
    assert (
        min(found[way]["balanced_accuracy"] for way in ("class_weights", "smote", "threshold"))
        > found["none"]["balanced_accuracy"]
    )
    assert found["threshold"]["auc"] == pytest.approx(found["none"]["auc"])


def test_imbalance_ways_learn_nothing_where_there_is_nothing():
    rng = np.random.default_rng(0)
    found = compare_imbalance(
        CANDIDATES["random_forest"][0],
        rng.random((600, 5), np.float32),
        (rng.random(600) < 0.7).astype(int),
        1,
        2,
    )
    assert all(
        0.4 < scores["auc"] < 0.6 for scores in found.values()
    )  # a fit on the rows that it judges would know them


def test_searches_are_compared_on_the_same_rows(pipeline, tmp_path, monkeypatch):
    """A whole 04 --compare: each way of searching has its seconds, the study's columns their score, text classifiers their place."""

    def two_cells(seed):
        return {
            name: (
                estimator,
                {
                    key: values[: 1 if number else 2]
                    for number, (key, values) in enumerate(grid.items())
                },
                *rest,
            )
            for name, (estimator, grid, *rest) in candidates(seed).items()
        }

    candidates = SCRIPT.candidates
    monkeypatch.setattr(SCRIPT, "candidates", two_cells)
    folder = shutil.copytree(
        pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("profiles", "report")
    )
    done = call_script(
        "04_cpu_models", "--data-dir", folder, "--workers", 2, "--search-rows", 400, "--compare"
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.glob(".*")] == [
        ".lock"
    ]  # neither a staging folder nor the journal of a search that was used
    metrics = read_metrics(folder)
    seconds = metrics[metrics["name"] == "model.search_seconds"]
    assert set(seconds["rows"]) == {400}
    assert (seconds["value"] > 0).all()
    ways = (
        seconds[seconds["label.features"] == "all"]
        .groupby("label.model")["label.variant"]
        .unique()
        .map(set)
    )
    study = {"logistic_regression", "random_forest", "xgboost_rating"}
    assert all(ways[model] == {"parallel", "serial", "exhaustive"} for model in ways.index)
    found = speed_tables.searches(metrics).set_index("model")
    assert set(found.index) == study
    assert found.notna().all().all()
    np.testing.assert_allclose(found["all_ratio"], found["original_seconds"] / found["all_seconds"])
    assert "model.serial_share" not in set(metrics["name"])  # two points fit any share
    original = metrics[
        (metrics["label.features"] == "original") & (metrics["name"] == "model.auc")
    ]["value"]
    assert len(original) == 2
    assert original.between(0.4, 0.9).all()
    board = model_tables.leaderboard(folder, metrics, "five_star")
    assert {"majority", "fasttext", "tfidf_logistic", "blend"} <= set(board["model"])
    assert board["model"][0] == "majority"
    assert board.set_index("model").loc["tfidf_logistic", ["interval", "behind_best"]].notna().all()


def test_one_model_alone(pipeline, tmp_path):
    """It is trained again beside the baselines; the others and the blend stay as they were, and the report takes both."""
    folder = shutil.copytree(
        pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("profiles", "report")
    )
    done = call_script(
        "04_cpu_models",
        "--data-dir",
        folder,
        "--workers",
        2,
        "--quick",
        "--seed",
        7,
        "--model",
        "xgboost",
    )
    assert done.returncode == 0, done.stderr
    assert {name for name, card in read_cards(folder).items() if card["seed"] == 7} == {
        "xgboost-metadata",
        "xgboost-all",
    }
    kept = [
        path for path in pipeline.glob("models/*/*") if not path.parent.name.startswith("xgboost-")
    ]
    assert kept
    assert all(
        (folder / path.relative_to(pipeline)).read_bytes() == path.read_bytes() for path in kept
    )
    metrics = read_metrics(folder)
    assert list(
        dict.fromkeys(metrics[metrics["step"] == "04_cpu_models"]["label.model"].dropna())
    ) == ["majority", "mean", "xgboost"]
    assert call_script("06_report", "--data-dir", folder).returncode == 0
    done = call_script("04_cpu_models", "--data-dir", folder, "--model", "netflixnet")
    assert done.returncode == 2
    assert "xgboost" in done.stderr
    assert "Traceback" not in done.stderr


def test_too_few_of_a_class_are_refused(pipeline, tmp_path):
    folder = shutil.copytree(
        pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("profiles", "report", "models")
    )
    rows = pd.read_parquet(folder / "features/rows.parquet")
    rows["rating"] = rows["rating"].clip(upper=4)
    rows.to_parquet(folder / "features/rows.parquet")
    republish(folder, "features")
    done = call_script("04_cpu_models", "--data-dir", folder, "--workers", 1, "--quick")
    assert done.returncode == 2
    assert "smaller class" in done.stderr
    assert len(done.stderr.splitlines()) == 1
