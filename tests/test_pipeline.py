"""One command, all scripts: what `bash run_all.sh` gives, on synthetic and on real reviews."""

import json
import shutil

import numpy as np
import pytest
from conftest import call_script, run

from common.features.transformer import load_features
from common.metrics import read_metrics
from common.models.files import load_model, read_cards
from common.scores import SCORES

STEPS = {"01_load", "02_eda", "03_features", "04_cpu_models", "05_gpu_train"}


def test_every_artifact_is_there_and_nothing_else(pipeline):
    expected = {
        "synthetic_reviews.csv",
        "manifest.json",
        "reviews",
        "quarantine",
        "eda",
        "features",
        "models",
        "metrics",
        "profiles",
        "report",
        "index.json",
        ".lock",
    }
    assert {path.name for path in pipeline.iterdir()} == expected
    assert {step.split(".")[0] for step in read_metrics(pipeline)["step"]} == STEPS
    stdout = (pipeline.parent / "stdout.txt").read_text()
    assert f"{pipeline}/report/index.html" in stdout
    assert "streamlit run app.py" in stdout


def test_every_figure_has_its_fields(pipeline):
    metrics = read_metrics(pipeline)
    assert set(metrics["data"]) == {"synthetic"}
    assert set(metrics["seed"]) == {42}
    assert metrics[["name", "value", "unit", "rows", "host", "at"]].notna().all().all()
    by_name = metrics.groupby("name")["value"]
    assert (
        by_name.sum()["load.records"]
        == by_name.sum()["load.loaded"]
        + metrics[(metrics["name"] == "load.quarantined") & (metrics["label.reason"].isna())][
            "value"
        ].sum()
        == 3_000
    )
    for task, first in (("five_star", "model.accuracy"), ("rating", "model.rmse")):
        models = metrics[
            (metrics["name"] == first)
            & (metrics["label.task"] == task)
            & (metrics["label.split"] == "test")
        ]
        assert models["label.features"].value_counts().get("none") == 1  # the trivial baseline


def test_every_model_is_saved_scored_and_reloads(pipeline):
    cards = read_cards(pipeline)
    cpu = {
        f"{name}-{features}"
        for name in (
            "logistic_regression",
            "random_forest",
            "linear_svm",
            "rbf_svm",
            "xgboost",
            "xgboost_rating",
        )
        for features in ("metadata", "all")
    }
    assert set(cards) == cpu | {"blend-all", "netflixnet_mlp-metadata", "netflixnet_text-all"}
    assert not any(
        path.suffix in (".pkl", ".joblib", ".pt", ".pth") for path in pipeline.rglob("*")
    )
    rows, features = load_features(pipeline)
    for name, card in cards.items():
        saved = np.load(pipeline / "models" / name / "predictions.npy")
        held_out = ~np.isnan(saved)
        assert (held_out == (rows["split"] != "train").to_numpy()).all(), name
        again = load_model(pipeline, name, judged=True).predict(features)
        np.testing.assert_allclose(
            again[held_out], saved[held_out], rtol=1e-3, atol=1e-4, err_msg=name
        )
        assert {"test", "future", "validation", "sha256", "features_sha256"} <= set(card)
        if card["kind"] != "netflixnet":
            score = SCORES[card["task"]][0]
            low, high = card["intervals"]["test"][score]
            assert low < card["test"][score] < high
            text = (pipeline / "models" / name / "card.md").read_text()
            assert all(
                f"## {part}" in text
                for part in ("Data", "How good it is", "What it is for", "Where it fails")
            )
            assert "synthetic, not real" in text
            assert f"{card['rows']:,} reviews" in text
            assert "by rating: 1 star: " in text
            figures = next(line for line in text.splitlines() if line.startswith("- test: "))
            assert len(set(figures.split(", "))) == len(figures.split(", "))


def test_best_models_are_named_and_classes_weighed(pipeline):
    cards, metrics = read_cards(pipeline), read_metrics(pipeline)
    best = next(
        name
        for name, card in cards.items()
        if card["task"] == "five_star" and card["kind"] != "netflixnet"
    )
    others = [
        card
        for name, card in cards.items()
        if card["task"] == "five_star" and card["kind"] != "netflixnet" and name != best
    ]
    assert "behind_best" not in cards[best]
    assert {card["behind_best"]["model"] for card in others} == {best}
    unequal = metrics[metrics["label.split"] == "out_of_fold"]
    assert (
        unequal.groupby("label.model")["label.imbalance"].unique().map(set).tolist()
        == [{"none", "class_weights", "smote", "threshold"}] * 2
    )
    searches = metrics[metrics["name"] == "model.cell_auc"]
    parameter_sets = searches.groupby(["label.model", "label.features"])["label.cell"].nunique()
    assert parameter_sets["random_forest", "all"] == 8
    assert parameter_sets["logistic_regression", "all"] == 2


def test_each_script_can_be_run_again_alone(pipeline, tmp_path, scheduler):
    folder = shutil.copytree(pipeline, tmp_path / "data")
    before = json.loads((folder / "models/xgboost-all/card.json").read_text())
    for name, *words in (("02_eda", "--scheduler", scheduler), ("06_report",)):
        assert call_script(name, "--data-dir", folder, *words).returncode == 0
    assert json.loads((folder / "models/xgboost-all/card.json").read_text()) == before
    assert {path.name for path in folder.iterdir()} == {path.name for path in pipeline.iterdir()}


@pytest.fixture(scope="module")
def real(real_csv, tmp_path_factory):
    """Data directory of the real reviews through 01, 03 and a small search in 04."""
    folder = tmp_path_factory.mktemp("real") / "data"
    for name, words in (
        ("01_load", ["--csv", real_csv]),
        ("03_features", []),
        ("04_cpu_models", ["--quick"]),
    ):
        done = call_script(name, "--data-dir", folder, "--workers", 2, *words)
        assert done.returncode == 0, done.stderr
    return folder


def test_real_reviews_are_learned(real):
    """Figures that simple models reach on these reviews; far better ones would be a leak."""
    cards = read_cards(real)
    best = next(card for card in cards.values() if card["task"] == "five_star")
    assert 0.85 <= best["test"]["accuracy"] <= 0.90
    assert 0.91 <= best["test"]["auc"] <= 0.96
    assert 0.9 <= cards["xgboost_rating-all"]["test"]["rmse"] <= 1.1
    assert cards["xgboost-metadata"]["test"]["accuracy"] < best["test"]["accuracy"]
    assert best["future"]["auc"] > 0.88
    assert best["unseen_text"]["auc"] > 0.88


def test_unknown_flags_are_one_error(tmp_path):
    done = run("bash", "run_all.sh", "--cvs", "x.csv", timeout=60)
    assert done.returncode == 2
    assert "--cvs" in done.stderr
    done = run(
        "bash",
        "run_all.sh",
        "--csv",
        tmp_path / "none.csv",
        "--data-dir",
        tmp_path / "data",
        timeout=60,
    )
    assert done.returncode == 2
    assert "none.csv: no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
