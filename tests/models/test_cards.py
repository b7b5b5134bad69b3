"""What a card says of a model, against loops over the rows it is judged on."""

import re

import numpy as np
import pandas as pd
import pytest

from common.models.cards import failures, judged, write_text
from common.scores import SCORES, five_star_scores, influence, intervals, rating_scores


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    n = 1_200
    script = rng.choice(["latin", "han", "other"], n, p=[0.8, 0.17, 0.03])
    return pd.DataFrame(
        {
            "rating": rng.choice([1, 2, 3, 4, 5], n, p=[0.3, 0.1, 0.005, 0.195, 0.4]),
            "split": rng.choice(["train", "test", "future"], n, p=[0.4, 0.4, 0.2]),
            "unseen_text": False,
            "script": script,
            "characters": rng.choice([0, 9, 10, 39, 40, 139, 140, 5_000], n),
            "app": rng.choice(["a", "b"], n, p=[0.99, 0.01]),
        }
    ).assign(unseen_text=lambda t: (t["split"] == "test") & (t["rating"] != 2))


def predictions(rows, task):
    rng = np.random.default_rng(1)
    signal = rows["rating"].to_numpy() + rng.normal(0, 1.5, len(rows))
    return 1 / (1 + np.exp(4.3 - signal)) if task == "five_star" else np.clip(signal, 1, 5)


@pytest.mark.parametrize("task", ["five_star", "rating"])
def test_each_split_is_judged_on_its_own_rows(rows, task):
    predicted = predictions(rows, task)
    card = judged(rows, predicted, task)
    assert set(card) == {"test", "future", "unseen_text", "intervals"}
    assert set(card["intervals"]) == {"test", "future", "unseen_text"}
    for split in ("test", "future", "unseen_text"):
        own = rows["unseen_text"] if split == "unseen_text" else rows["split"] == split
        rating, found = rows["rating"][own].to_numpy(), predicted[own]
        scores = rating_scores(rating, found)
        if task == "five_star":
            scores = five_star_scores(rating == 5, found)
        assert card[split] == scores
        ends = intervals(scores, influence(rating, found, task), rating)
        assert card["intervals"][split] == ends


@pytest.mark.parametrize("task", ["five_star", "rating"])
def test_failures_are_counted_by_group_on_test(rows, task):
    predicted = predictions(rows, task)
    predicted[:40] = 0.5 if task == "five_star" else predicted[:40]
    test, found = rows[rows["split"] == "test"], failures(rows, predicted, task)
    score = "accuracy" if task == "five_star" else "mae"
    assert set(found) == {"by_rating", "by_script", "by_length", "by_app"}
    limits = {"under 10": (0, 10), "10 to 39": (10, 40), "40 to 139": (40, 140)}
    limits["140 and more"] = (140, np.inf)
    groups = {("by_rating", str(k)): test["rating"] == k for k in range(1, 6)}
    groups |= {("by_script", name): test["script"] == name for name in ("latin", "han", "other")}
    groups |= {("by_app", name): test["app"] == name for name in "ab"}
    for name, (low, high) in limits.items():
        groups["by_length", name] = (test["characters"] >= low) & (test["characters"] < high)
    for (kind, name), own in groups.items():
        if own.sum() < (1 if kind == "by_rating" else 30):
            assert name not in found[kind]
            continue
        right = []
        for place in test.index[own]:
            if task == "five_star":
                right.append((predicted[place] > 0.5) == (rows["rating"][place] == 5))
            else:
                right.append(abs(predicted[place] - rows["rating"][place]))
        assert found[kind][name] == {"rows": own.sum(), score: pytest.approx(np.mean(right))}
    assert set(found["by_script"]) == {"latin", "han"}
    assert set(found["by_app"]) == {"a"}
    assert list(found["by_length"]) == list(limits)
    assert "by_app" not in failures(rows.drop(columns="app"), predicted, task)


def test_groups_of_thirty_are_shown_and_of_fewer_not():
    rows = pd.DataFrame({"rating": [5, 1] * 30 + [3], "split": "test", "characters": 10})
    rows["script"] = ["latin"] * 30 + ["han"] * 29 + ["other"] * 2
    found = failures(rows, np.full(61, 0.9), "five_star")
    assert found["by_script"] == {"latin": {"rows": 30, "accuracy": 0.5}}
    assert found["by_rating"]["3"] == {"rows": 1, "accuracy": 0}


@pytest.mark.parametrize("task", ["five_star", "rating"])
def test_the_page_says_what_the_card_holds(rows, task, tmp_path):
    predicted = predictions(rows, task)
    card = judged(rows, predicted, task) | {
        "name": "good-all", "features": "all", "task": task, "data": "synthetic", "rows": 1_234,
        "params": {"depth": 3}, "file": "model.ubj", "sha256": "ab" * 32,
        "failures": failures(rows, predicted, task),
    }  # fmt: skip
    score = SCORES[task][0]
    card["behind_best"] = {"model": "best-all", "test": {score: [0.01234, 0.05678]}}
    write_text(tmp_path, card, {"loaded": 98_765, "sources": [{"name": "/some/folder/in.csv"}]})
    text = (tmp_path / "card.md").read_text()
    for split in ("test", "future", "unseen_text"):
        (line,) = re.findall(rf"^- {split.replace('_', ' ')}: (.*)$", text, re.M)
        said = {name: rest for name, *rest in re.findall(r"(\w+) ([\d.]+)(?: \(([^)]*)\))?", line)}
        assert set(said) == set(card[split])
        for name, (value, ends) in said.items():
            assert value == f"{card[split][name]:.4f}"
            pair = card["intervals"][split].get(name)
            assert ends == (f"{pair[0]:.4f} to {pair[1]:.4f}" if pair else "")
    assert f"better on test by 0.0123 to 0.0568 in {score} (paired)" in text
    assert "98,765 reviews (in.csv)" in text
    assert "Fitted on 1,234 reviews" in text
    share = card["failures"]["by_rating"]["1"]
    kind = "accuracy" if task == "five_star" else "mae"
    assert f"1 star: {kind} {share[kind]:.3f} ({share['rows']} reviews)" in text
    assert "under 10 characters" in text
