"""Which model is called better, against planted predictions whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from common.metrics import Metrics
from common.models import evaluation
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
