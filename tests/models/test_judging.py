"""Which model is called better, against planted predictions whose answer is known."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from common.metrics import Metrics
from common.models import evaluation
from common.models.cards import failures, judged
from common.models.evaluation import Judge
from common.models.registry import ModelName

GOOD, BAD, LEADER = (ModelName(name, "all") for name in ("good", "bad", "leader"))


@pytest.fixture
def judge(monkeypatch, tmp_path):
    """A Judge of 600 reviews, half of them test, the others future."""
    monkeypatch.setattr(evaluation, "features_sha256", lambda _: "")
    rng = np.random.default_rng(0)
    split = np.where(np.arange(600) < 300, "test", "future")
    rows = pd.DataFrame({"rating": rng.integers(1, 6, 600), "split": split, "unseen_text": False})
    data = SimpleNamespace(rows=rows, rating=rows["rating"].to_numpy(), data_dir=tmp_path, seed=1)
    manifest = {"data": "synthetic", "loaded": 600}
    return Judge(data, Metrics("planted", manifest, 1), manifest)


def planted(rating, task, noise):
    rng = np.random.default_rng(int(10 * noise))
    if task == "rating":
        return np.clip(rating + noise * rng.standard_normal(len(rating)), 1, 5)
    return 1 / (1 + np.exp(-(4.0 * (rating == 5) - 2 + noise * rng.standard_normal(len(rating)))))


@pytest.mark.parametrize(("task", "score"), [("five_star", "auc"), ("rating", "rmse")])
def test_the_better_model_is_ahead_and_the_worse_behind(judge, task, score):
    for name, noise in ((GOOD, 0.4), (LEADER, 2.0), (BAD, 6.0)):
        judge.score(name, task, planted(judge.data.rating, task, noise))
        judge.cards[name] = {}
    test = (judge.data.rows["split"] == "test").to_numpy()
    judge._compare(task, "test", test, LEADER)
    behind = {name: judge.cards[name]["behind_best"] for name in (GOOD, BAD)}
    assert behind[GOOD]["model"] == behind[BAD]["model"] == str(LEADER)
    assert behind[GOOD]["test"][score][1] < 0 < behind[BAD]["test"][score][0]
    middle = np.mean(behind[BAD]["test"][score])
    scores = judge.scores[task]
    ahead = scores[LEADER]["test"][score] - scores[BAD]["test"][score]
    assert middle == pytest.approx(ahead if task == "five_star" else -ahead)
    assert "behind_best" not in judge.cards[LEADER]
    rows = pd.DataFrame(judge.metrics.rows)
    low = rows[rows["name"] == f"model.{score}_behind_best_low"]
    signs = {row["labels"]["model"]: row["value"] > 0 for _, row in low.iterrows()}
    assert signs == {"good": False, "bad": True}


def card_of(task, validation):
    score = "auc" if task == "five_star" else "rmse"
    return {
        "task": task,
        "rows": 10,
        "params": {},
        "file": "model.ubj",
        "sha256": "ab" * 32,
        "validation": {score: validation},
    }


def figures_of(judge, **labels):
    """{name: (value, unit, rows)} of the metrics with these labels."""
    return {
        row["name"]: (row["value"], row["unit"], row["rows"])
        for row in judge.metrics.rows
        if labels.items() <= row["labels"].items()
    }


def test_what_a_model_must_beat_is_trains_share_and_mean(judge):
    judge.data.train = np.arange(100)
    judge.score_trivial()
    rating = judge.data.rating
    majority = judge.predicted["five_star"][ModelName("majority", "none")]
    assert majority == pytest.approx(np.full(600, (rating[:100] == 5).mean()))
    mean = judge.predicted["rating"][ModelName("mean", "none")]
    assert mean == pytest.approx(np.full(600, rating[:100].mean()))
    future = rating[300:]
    said = figures_of(judge, model="mean", features="none", split="future", task="rating")
    error = np.sqrt(np.mean((future - rating[:100].mean()) ** 2))
    assert said["model.rmse"] == (pytest.approx(error), "stars", 300)
    low, high = (said[f"model.rmse_{end}"] for end in ("low", "high"))
    assert low[0] < error < high[0]
    assert low[1] == high[1] == "stars"
    majority = figures_of(judge, model="majority", split="test", imbalance="none")
    assert majority["model.accuracy"][1:] == ("1", 300)
    assert majority["model.log_loss"][1] == "nats"


@pytest.mark.parametrize("task", ["five_star", "rating"])
def test_a_kept_model_has_its_figures_and_its_card(judge, task):
    judge.data.searched = np.arange(77)
    predicted = planted(judge.data.rating, task, 1.0)
    judge.data.rows["script"], judge.data.rows["characters"] = "latin", 20
    judge.keep(GOOD, card_of(task, 0.75), predicted)
    card = judge.cards[GOOD]
    assert (card["name"], card["features"], card["seed"]) == ("good-all", "all", 1)
    assert card["data"] == "synthetic"
    assert card["features_sha256"] == ""
    assert card["trained_at"].endswith("+00:00")
    expected = judged(judge.data.rows, predicted, task)
    assert {split: card[split] for split in expected} == expected
    assert card["failures"] == failures(judge.data.rows, predicted, task)
    assert judge.scores[task][GOOD] == expected
    assert judge.predicted[task][GOOD].dtype == np.float32
    score = "auc" if task == "five_star" else "rmse"
    unit = "1" if task == "five_star" else "stars"
    said = figures_of(judge, split="validation", task=task, imbalance="none", model="good")
    assert said == {f"model.{score}": (0.75, unit, 77)}
    for split in ("test", "future"):
        said = figures_of(judge, split=split, task=task)
        for name, value in expected[split].items():
            assert said[f"model.{name}"][0] == pytest.approx(value)
        low, high = expected["intervals"][split][score]
        assert (said[f"model.{score}_low"][0], said[f"model.{score}_high"][0]) == (low, high)


def test_all_are_compared_with_the_best_of_validation(judge, monkeypatch, tmp_path):
    """On test and future, not on unseen texts; the best one of each task has nobody before it."""
    monkeypatch.setattr(Judge, "write_card", lambda *_: None)
    published = []

    @contextmanager
    def publishing(self, data_dir, *names):
        published.extend(names)
        yield tmp_path

    monkeypatch.setattr(Metrics, "publishing", publishing)
    judge.data.searched = np.arange(77)
    judge.data.rows["script"], judge.data.rows["characters"] = "latin", 20
    judge.data.rows["unseen_text"] = np.arange(600) < 100
    for task, better in (("five_star", 0.9), ("rating", 0.5)):
        for name, noise, validation in (("winner", 0.4, better), ("other", 2.0, 0.7)):
            model = ModelName(f"{name}_{task}", "all")
            judge.keep(model, card_of(task, validation), planted(judge.data.rating, task, noise))
    judge.compare_with_best()
    for task, score in (("five_star", "auc"), ("rating", "rmse")):
        other = judge.cards[ModelName(f"other_{task}", "all")]["behind_best"]
        assert other["model"] == f"winner_{task}-all"
        assert set(other) == {"model", "test", "future"}
        assert "behind_best" not in judge.cards[ModelName(f"winner_{task}", "all")]
        for split in ("test", "future"):
            low, high = other[split][score]
            assert 0 < low < high
            said = figures_of(judge, split=split, task=task, best=f"winner_{task}-all")
            name = f"model.{score}_behind_best"
            unit = "1" if task == "five_star" else "stars"
            assert said[f"{name}_low"] == (low, unit, 300)
            assert said[f"{name}_high"] == (high, unit, 300)
    files = {f"models/{name}/card.{end}" for name in judge.cards for end in ("json", "md")}
    assert set(published) == files


def test_published_models_of_these_features_are_recalled(judge, monkeypatch, tmp_path):
    cards = {
        "good-all": card_of("rating", 0.5) | {"features_sha256": ""},
        "old-all": card_of("rating", 0.5) | {"features_sha256": "others"},
        "netflixnet_mlp-metadata": card_of("five_star", 0.5) | {"features_sha256": ""},
    }
    monkeypatch.setattr(evaluation, "read_cards", lambda _: cards)
    monkeypatch.setattr(evaluation, "require", lambda folder, name: folder / name)
    (tmp_path / "models/good-all").mkdir(parents=True)
    np.save(tmp_path / "models/good-all/predictions.npy", np.arange(600.0))
    judge.recall()
    assert list(judge.cards) == [GOOD]
    assert judge.cards[GOOD] is judge.scores["rating"][GOOD] is cards["good-all"]
    assert judge.predicted["rating"][GOOD].tolist() == list(range(600))


def test_cards_are_published_with_all_figures(judge, tmp_path):
    judge.data.searched = np.arange(77)
    judge.data.rows["script"], judge.data.rows["characters"] = "latin", 20
    judge.manifest |= {"sources": [{"name": "in.csv"}]}
    judge.keep(GOOD, card_of("rating", 0.5), planted(judge.data.rating, "rating", 1.0))
    judge.compare_with_best()
    card = json.loads((tmp_path / "models/good-all/card.json").read_text())
    assert card["test"] == pytest.approx(judge.cards[GOOD]["test"])
    assert (tmp_path / "models/good-all/card.md").read_text().startswith("# good-all")
    assert len((tmp_path / "metrics/planted.jsonl").read_text().splitlines()) == len(
        judge.metrics.rows
    )
