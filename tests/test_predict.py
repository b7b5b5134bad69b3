"""Scoring files: one row per record, in order, safely, with the models of one data directory."""

import copy
import csv
import shutil
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
from conftest import call_script, republish, run

from common.features.reading import FEATURE_COLUMNS
from common.features.transformer import load_features
from common.models.files import load_model, predict_task, read_cards, write_card, write_model
from common.models.registry import candidates, labels
from common.predict import NO_TEXT, OUTPUT, Predictor, one_review, write_scores
from common.spreadsheet import neutralise
from common.store import InputError

HEADER = (
    ",review_id,pseudo_author_id,author_name,review_text,review_rating,review_likes,"
    "author_app_version,review_timestamp\n"
)


@pytest.fixture
def export(tmp_path):
    """Five records: four with a text (one id twice, one a formula, one with a bad rating and one
    with a bad time, which scoring does without), and a broken one between them."""
    path = tmp_path / "in.csv"
    path.write_text(
        HEADER
        + (
            '0,a,1,A google user,"great app, ""love"" it",5,0,8.1.0 build 1 2,2024-01-01 10:00:00\n'
            "1,too,few\n"
            "2,=1+1,1,A google user,terrible crash,nonsense,0,,2024-01-01 10:00:00\n"
            "3,b,1,A google user,bad time,1,0,,yesterday\n"
            '4,a,1,A google user,"two\nlines",1,3,,2024-01-02 10:00:00\n'
        ),
        encoding="utf-8",
    )
    return path


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_row_per_record_in_order(pipeline, export, tmp_path):
    done = run(
        sys.executable,
        "-m",
        "common.predict",
        export,
        "--out",
        tmp_path / "out.csv",
        "--data-dir",
        pipeline,
    )
    assert done.returncode == 0, done.stderr
    rows = read(tmp_path / "out.csv")
    assert list(rows[0]) == OUTPUT
    assert [row["review_id"] for row in rows] == ["a", "", "'=1+1", "b", "a"]
    assert [row["reason"] for row in rows] == ["", "too_few_fields", "", "", ""]
    for row in rows:
        if row["reason"]:
            assert row["p_five_star"] == row["predicted_rating"] == row["model"] == ""
        else:
            assert 0 <= float(row["p_five_star"]) <= 1
            assert 1 <= float(row["predicted_rating"]) <= 5
    best = next(name for name, card in read_cards(pipeline).items() if card["task"] == "five_star")
    assert (
        rows[0]["model"]
        == best
        == max(
            (card for card in read_cards(pipeline).values() if card["task"] == "five_star"),
            key=lambda card: card["validation"]["auc"],
        )["name"]
    )


def test_ratings_are_not_needed_and_not_used(pipeline, export, tmp_path):
    predictor = Predictor(pipeline)
    write_scores(export, tmp_path / "with.csv", predictor)
    lines = [line.split(",") for line in HEADER.strip().split("\n")]
    column = lines[0].index("review_rating")
    with open(export, newline="") as file, open(tmp_path / "without.csv", "w", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows(
            row[:column] + row[column + 1 :] for row in csv.reader(file)
        )
    write_scores(tmp_path / "without.csv", tmp_path / "scores.csv", predictor)
    assert read(tmp_path / "scores.csv") == read(tmp_path / "with.csv")


def test_live_prediction_equals_training_time_prediction(pipeline, tmp_path):
    """A review scored from a file by the model that was judged gets the probability that it was
    judged by."""
    rows, _ = load_features(pipeline)
    predictor = Predictor(pipeline)
    predictor.classifier = load_model(pipeline, predictor.name, judged=True)
    write_scores(pipeline / "synthetic_reviews.csv", tmp_path / "out.csv", predictor)
    scored = (
        pd.read_csv(tmp_path / "out.csv")
        .dropna(subset="p_five_star")
        .drop_duplicates("review_id")
        .set_index("review_id")
    )
    held_out = np.flatnonzero(rows["split"].isin(["test", "future"]))
    in_training = np.load(pipeline / "models" / predictor.name / "predictions.npy")[held_out]
    ids = rows["review_id"].iloc[held_out]
    np.testing.assert_allclose(scored.loc[ids, "p_five_star"], in_training, atol=2e-4)


def test_every_model_can_be_asked_for(pipeline):
    review = one_review("Great app, best series", likes=2, version="8.1.0 build 1 2")
    for name, card in read_cards(pipeline).items():
        predictor = Predictor(pipeline, name)
        scores = predictor.score(review).iloc[0]
        assert 0 <= scores["p_five_star"] <= 1
        assert 1 <= scores["predicted_rating"] <= 5
        assert (predictor.name == name) == (card["task"] == "five_star")
    with pytest.raises(InputError, match=r"no model named nonsense.*xgboost-all"):
        Predictor(pipeline, "nonsense")


def test_praise_scores_higher_than_complaint(pipeline):
    predictor = Predictor(pipeline)
    good, bad = (
        predictor.score(one_review(text)).iloc[0]
        for text in ("great app, love it", "terrible, keeps crashing, cancelled")
    )
    assert good["p_five_star"] > bad["p_five_star"]
    assert good["predicted_rating"] > bad["predicted_rating"]


def test_odd_texts_score(pipeline):
    predictor = Predictor(pipeline)
    for text in ("", " ", "😡" * 500, "नमस्ते", "=cmd|' /C calc'!A0", "\x07", "a" * 100_000):
        scores = predictor.score(one_review(text)).iloc[0]
        assert 0 <= scores["p_five_star"] <= 1
        assert 1 <= scores["predicted_rating"] <= 5
        assert (scores["reason"] == NO_TEXT) == (not text.strip())


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"", "empty"), (b"<html>", "HTML"), (b"a,b,c\n1,2,3\n", "--columns text=NAME")],
)
def test_files_that_are_no_export(pipeline, tmp_path, content, cause):
    (tmp_path / "in.csv").write_bytes(content)
    done = call_script(
        "common.predict", tmp_path / "in.csv", "--out", tmp_path / "out.csv", "--data-dir", pipeline
    )
    assert done.returncode == 2
    assert cause in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_an_earlier_output_survives_a_failure(pipeline, export, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    out.write_text("earlier")
    predictor = Predictor(pipeline)
    monkeypatch.setattr(predictor, "score", lambda reviews: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_scores(export, out, predictor)
    assert out.read_text() == "earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "in.csv",
        "out.csv",
    ]


def test_formulas_are_neutralised():
    cells = pd.Series(["=1", "+1", "-1", "@a", "\t=1", "\r", "a=1", "", "'x"])
    assert neutralise(cells).tolist() == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "'\t=1",
        "'\r",
        "a=1",
        "",
        "'x",
    ]


def test_models_are_loaded_by_hash(pipeline, tmp_path):
    folder = shutil.copytree(
        pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("profiles", "report", "reviews")
    )
    for name, card in read_cards(folder).items():
        for saved, judged in ((card, True), (card.get("final", card), False)):
            path = folder / "models" / name / saved["file"]
            path.write_bytes(path.read_bytes() + b" ")
            republish(folder, f"models/{name}")
            with pytest.raises(InputError, match="train the model again"):
                load_model(folder, name, judged=judged)


def test_a_blend_of_models_that_were_trained_again_is_refused(pipeline, tmp_path):
    folder = shutil.copytree(
        pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("profiles", "report", "reviews")
    )
    for kept in ("card.json", "model.ubj", "final.ubj"):
        (folder / "models/xgboost-all" / kept).write_bytes(
            (folder / "models/xgboost-metadata" / kept).read_bytes()
        )
    republish(folder, "models/xgboost-all")
    load_model(folder, "xgboost-all")
    with pytest.raises(InputError, match="trained again since"):
        load_model(folder, "blend-all")


def test_models_of_other_features_are_refused(pipeline, tmp_path):
    folder = shutil.copytree(
        pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("profiles", "report", "reviews")
    )
    settings = folder / "features/transformer.json"
    settings.write_text(settings.read_text() + " ")
    republish(folder, "features")
    with pytest.raises(InputError, match="other features"):
        load_model(folder, "xgboost-all")


def test_a_tree_that_leads_outside_itself_is_refused(pipeline, tmp_path):
    """Such a file, for which its card vouches, would read foreign memory in a prediction."""
    model = load_model(pipeline, "random_forest-metadata")
    for attribute, value in (("left_child", 10**6), ("left_child", 0), ("feature", 500)):
        forest = copy.deepcopy(model.estimator)
        state = forest.estimators_[0].tree_.__getstate__()
        state["nodes"] = state["nodes"].copy()
        state["nodes"][attribute][0] = value
        forest.estimators_[0].tree_.__setstate__(state)
        folder = tmp_path / f"{attribute}{value}"
        (folder / "features").mkdir(parents=True)
        (folder / "features/transformer.json").write_bytes(
            (pipeline / "features/transformer.json").read_bytes()
        )
        target = folder / "models/random_forest-metadata"
        write_card(target, model.card | {"final": write_model(target, "sklearn", forest, "final")})
        republish(folder, "features", "models/random_forest-metadata")
        with pytest.raises(InputError, match="tree"):
            load_model(folder, "random_forest-metadata")


def test_what_scores_new_reviews_is_the_judged_model_fitted_again_on_all(pipeline):
    rows, features = load_features(pipeline)
    with_text = np.flatnonzero(rows["split"] != "no_text")
    cards = read_cards(pipeline)
    for name in ("xgboost-all", "xgboost_rating-metadata"):
        card, model = cards[name], load_model(pipeline, name)
        assert model.final
        assert card["final"]["rows"] == len(with_text) > card["rows"]
        assert card["final"]["sha256"] != card["sha256"]
        estimator = candidates(42, card["rows"])[name.split("-")[0]].estimator
        again = sklearn.clone(estimator).set_params(**card["params"])
        y = labels(rows["rating"].to_numpy(), card["task"])[with_text]
        again.fit(features.matrix(card["inputs"], with_text), y)
        x = features.matrix(card["inputs"], slice(0, 200))
        expected = predict_task(again, x, card["task"])
        np.testing.assert_allclose(predict_task(model.estimator, x, card["task"]), expected, 1e-5)
    assert not load_model(pipeline, "xgboost-all", judged=True).final


def test_the_card_names_both_fits(pipeline):
    card = read_cards(pipeline)["blend-all"]
    text = (pipeline / "models/blend-all/card.md").read_text()
    for saved in (card, card["final"]):
        assert f"({saved['file']}, sha256 {saved['sha256'][:16]}..." in text
    assert "cannot be judged on any of them" in text


def test_without_refit_the_judged_model_scores(pipeline, tmp_path):
    data = shutil.copytree(pipeline, tmp_path / "data")
    words = ["--model", "xgboost", "--model", "xgboost_rating", "--quick", "--no-refit"]
    done = call_script("04_cpu_models", "--data-dir", data, "--workers", 1, *words)
    assert done.returncode == 0, done.stderr
    assert not load_model(data, "xgboost-all").final
    predictor = Predictor(data, "xgboost-all")
    rows, _ = load_features(data)
    train = rows["split"] == "train"
    assert set(predictor.trained_on) == set(rows["text_hash"][train])
    assert "has seen the training split alone" in (data / "models/xgboost-all/card.md").read_text()


def test_texts_of_training_are_counted_and_no_text_gets_the_base_rate(pipeline, tmp_path):
    reviews = pd.read_parquet(pipeline / "reviews").query("review_text.str.strip() != ''")
    texts = [
        *reviews["review_text"][:3],
        "  " + reviews["review_text"].iloc[3].upper(),
        " ",
        "zqxj",
    ]
    pd.DataFrame({"content": texts}).to_csv(tmp_path / "in.csv", index=False)
    written = write_scores(tmp_path / "in.csv", tmp_path / "out.csv", Predictor(pipeline))
    assert written == (6, 0, 4)
    assert "4 of the other texts were in training" in str(written)
    out = pd.read_csv(tmp_path / "out.csv")
    assert out["reason"].notna().tolist() == [False] * 4 + [True, False]
    rating = reviews["review_rating"]
    base = out.iloc[4]
    assert base["p_five_star"] == pytest.approx((rating == 5).mean(), abs=1e-3)
    assert base["predicted_rating"] == pytest.approx(rating.mean(), abs=5e-3)


def test_one_review_has_the_columns_of_training():
    assert one_review("x").column_names == FEATURE_COLUMNS
    assert one_review("x").schema.field("review_timestamp").type == pa.timestamp("us")
