"""Both variants of the search give the same scores; an interrupted search goes on."""

import shutil
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import call_script, republish
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from xgboost import XGBClassifier

from common.baselines.searches import exhaustive_search
from common.metrics import Metrics, read_metrics
from common.models import registry, search
from common.models.files import read_cards
from common.models.imbalance import compare_imbalance
from common.report import model_tables, speed_tables
from common.report.formats import model_name

CANDIDATES = registry.candidates(seed=1)


@pytest.fixture(scope="module")
def data():
    x, y = make_classification(900, 12, n_informative=5, flip_y=0.2, random_state=0)
    return x.astype(np.float32), y


def search_problem(name, data):
    x, y = data
    candidate = CANDIDATES[name]
    x = sp.csr_matrix(x) if candidate.text == "ngrams" else x
    y = y if candidate.task == "five_star" else y * 4 + 1.0
    return search.SearchProblem(candidate.estimator, candidate.grid, x, y, candidate.task, 1)


@pytest.mark.parametrize(
    ("name", "parameter_sets", "tolerance"),
    [
        ("logistic_regression", 4, 1e-3),
        ("random_forest", 8, 0),
        ("xgboost", 18, 0),
        ("xgboost_rating", 18, 1e-7),
        ("linear_svm", 4, 0),
        ("rbf_svm", 3, 0),
    ],
)
def test_nested_and_exhaustive_agree(data, tmp_path, name, parameter_sets, tolerance):
    problem = search_problem(name, data)
    nested = search.nested_search(problem, 2, tmp_path)
    exhaustive = exhaustive_search(problem, 2)
    assert nested.scores.keys() == exhaustive.scores.keys()
    assert len(nested.scores) == parameter_sets
    assert nested.resumed == 0
    for parameters, scores in nested.scores.items():
        np.testing.assert_allclose(
            scores, exhaustive.scores[parameters], rtol=0, atol=tolerance, err_msg=str(parameters)
        )
    # A grid whose parameter sets are all alike would agree as well.
    assert len({tuple(scores) for scores in nested.scores.values()}) > 1
    score = registry.TASKS[problem.task].score
    folds = [
        score(problem.y[validation], nested.out_of_fold[nested.best][validation])
        for _, validation in problem.folds
    ]
    assert np.mean(folds) == pytest.approx(nested.mean(nested.best), abs=1e-6)
    best = min if name == "xgboost_rating" else max
    assert nested.mean(nested.best) == best(map(nested.mean, nested.scores))


def test_fewer_fits_than_parameter_sets(data, tmp_path):
    """One file is kept a fit: those of three folds."""
    fits = {}
    for name in ("logistic_regression", "random_forest", "linear_svm", "xgboost"):
        search.nested_search(search_problem(name, data), 2, tmp_path / name)
        fits[name] = len(list((tmp_path / name).iterdir())) / 3
    assert fits == {"logistic_regression": 1, "random_forest": 4, "linear_svm": 4, "xgboost": 9}


def test_models_of_any_kind_are_searched(data, tmp_path):
    """A candidate needs nothing but its entry: a regressor, a forest in a pipeline, and others."""
    x, y = data
    for estimator, grid, task in (
        (Ridge(), {"alpha": [0.1, 1000]}, "rating"),
        (BaggingClassifier(random_state=0), {"n_estimators": [2, 20]}, "five_star"),
        (
            make_pipeline(PCA(2), RandomForestClassifier(random_state=0)),
            {"randomforestclassifier__n_estimators": [5, 10], "pca__n_components": [2, 4]},
            "five_star",
        ),
        (XGBClassifier(n_estimators=5), {"max_depth": [1, 3]}, "five_star"),
    ):
        classes = task == "five_star"
        problem = search.SearchProblem(estimator, grid, x, y if classes else y * 4 + 1, task, 1)
        scores = search.nested_search(problem, 1, tmp_path).scores
        exhaustive = exhaustive_search(problem, 1).scores
        assert scores.keys() == exhaustive.keys()
        for parameters, folds in exhaustive.items():
            # Ratings are kept within 1 to 5 by the one and not by the other.
            np.testing.assert_allclose(scores[parameters], folds, atol=1e-7 if classes else 0.05)


def test_an_interrupted_search_goes_on(data, tmp_path):
    problem = search_problem("random_forest", data)
    whole = search.nested_search(problem, 2, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 12
    for file in files[:5]:
        file.unlink()
    again = search.nested_search(search_problem("random_forest", data), 2, tmp_path)
    assert again.scores == whole.scores
    assert again.resumed == 7
    others = replace(problem, y=1 - problem.y)
    assert search.nested_search(others, 2, tmp_path).resumed == 0


def test_imbalance_ways_differ_in_what_they_should():
    x, y = make_classification(1500, 8, n_informative=4, weights=[0.85], flip_y=0.1, random_state=0)
    ways = compare_imbalance(CANDIDATES["logistic_regression"].estimator, x, y, 1, 2, nullcontext)
    assert set(ways) == {"none", "class_weights", "smote", "threshold"}
    assert ways["none"]["ece"] < min(
        ways["class_weights"]["ece"], ways["smote"]["ece"]
    )  # made-up shares are not calibrated
    assert (
        min(ways[way]["balanced_accuracy"] for way in ("class_weights", "smote", "threshold"))
        > ways["none"]["balanced_accuracy"]
    )
    assert ways["threshold"]["auc"] == pytest.approx(ways["none"]["auc"])


def test_imbalance_ways_learn_nothing_where_there_is_nothing():
    rng = np.random.default_rng(0)
    ways = compare_imbalance(
        CANDIDATES["random_forest"].estimator,
        rng.random((600, 5), np.float32),
        (rng.random(600) < 0.7).astype(int),
        1,
        2,
        nullcontext,
    )
    assert all(
        0.4 < scores["auc"] < 0.6 for scores in ways.values()
    )  # a fit on the rows that it judges would know them


def test_a_way_that_fails_is_left_out_and_the_reason_kept(capsys):
    """Constant predictions have no threshold to tune."""
    metrics = Metrics("04_cpu_models", {"data": "csv"}, 1)
    x, y = np.zeros((90, 2), np.float32), np.arange(90) % 3 // 2
    ways = compare_imbalance(CANDIDATES["xgboost"].estimator, x, y, 1, 1, metrics.optional)
    assert set(ways) == {"none", "class_weights", "smote"}
    (row,) = metrics.rows
    assert row["labels"]["comparison"] == "class imbalance by threshold"
    assert "constant predictions" in row["labels"]["reason"]
    assert "not measured: class imbalance by threshold" in capsys.readouterr().err


def test_searches_are_compared_on_the_same_rows(pipeline, tmp_path, monkeypatch):
    """A whole 04 --compare: each way of searching has its seconds, the study's columns their score,
    text classifiers their place."""

    whole_grids = registry.candidates

    def small_grids(seed, rows=1_000_000):
        """Two values of a grid's first parameter, one of each other."""
        small = {}
        for name, candidate in whole_grids(seed, rows).items():
            (first, values), *others = candidate.grid.items()
            grid = {first: values[:2], **{key: values[:1] for key, values in others}}
            small[name] = candidate._replace(grid=grid)
        return small

    monkeypatch.setattr(registry, "candidates", small_grids)
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
    for model, ran in ways.items():
        assert ran == ({"parallel", "serial", "exhaustive"} if model in study else {"parallel"})
    compared = speed_tables.verdicts(metrics).query("step.str.startswith('Tuning')")
    ways = compared.groupby("step")["way"].unique().map(set)
    assert len(ways) == len(study)
    expected = {"one process", "all cores", "scikit-learn, all cores", "original study"}
    assert (ways == expected).all()
    assert "model.serial_share" not in set(metrics["name"])  # two points fit any share
    original = metrics[
        (metrics["label.features"] == "original") & (metrics["name"] == "model.auc")
    ]["value"]
    assert len(original) == 2
    assert original.between(0.4, 0.9).all()
    board = model_tables.leaderboard(folder, metrics, "five_star")
    names = map(model_name, ("fasttext-text", "tfidf_logistic-text", "blend-all"))
    assert {*names} <= set(board["model"])
    assert board["model"][0] == "Majority class"
    row = board.set_index("model").loc[model_name("tfidf_logistic-text")]
    assert row[["interval", "behind_best"]].notna().all()


def test_one_model_alone(pipeline, tmp_path):
    """It is trained again beside the baselines; the others and the blend stay as they were, and the
    report takes both."""
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
