"""Small, lopsided and odd sets of reviews: each ends in results, or in one line that is true."""

import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import call_script, page

from app import PAGES
from common.models.files import read_cards

MODELS = ["logistic_regression", "xgboost_rating"]
PRAISE, COMPLAINT = ["love", "great", "good", "best"], ["crash", "slow", "bad", "error"]


def reviews(n=160, fewer=60, **columns):
    """n reviews of which `fewer` have less than five stars; columns replace what is usual."""
    rng = np.random.default_rng(7)
    rating = rng.permutation(np.append(np.full(n - fewer, 5), np.resize([1, 2, 3, 4], fewer)))
    words = [rng.choice(PRAISE if stars > 3 else COMPLAINT, 4) for stars in rating]
    table = {
        "review_id": [f"r{i}" for i in range(n)],
        "review_text": [f"{' '.join(some)} film {i % 50}" for i, some in enumerate(words)],
        "review_rating": rating,
        "review_likes": rng.poisson(1, n),
        "author_app_version": rng.choice(["8.1.0", "8.2.0", "8.3.1"], n),
        "review_timestamp": pd.date_range("2024-01-01", periods=n, freq="7h").astype("str"),
    }
    return pd.DataFrame(table | columns)


def gap(n=160):
    days = [*pd.date_range("2024-03-01", periods=n // 2, freq="2h")]
    return [str(day) for day in [*days, *(day + pd.Timedelta(days=20) for day in days)]]


LEARNT = {
    "fewest": reviews(150, 15),
    "lopsided": reviews(1000, 30),
    "one version": reviews(author_app_version="8.1.0"),
    "no versions": reviews(author_app_version=None),
    "no likes": reviews().drop(columns="review_likes"),
    "one day": reviews(review_timestamp="2024-05-05"),
    "one month with a gap": reviews(review_timestamp=gap()),
    "all texts alike": reviews(review_text="good"),
    "one character": reviews(review_text=[*"gb!👍" * 40]),
    "long texts": reviews(
        review_text=["love it " * 12_500, *["bad " * 25_000] * 29, *["good"] * 130]
    ),
    "future": reviews(review_timestamp=pd.date_range("2031-01-01", periods=160).astype("str")),
    "long ago": reviews(review_timestamp=pd.date_range("1999-12-30", periods=160).astype("str")),
    "newest differ": reviews(review_rating=np.append(np.full(140, 5), np.resize([1, 2], 20))),
    "one script": reviews(review_text=[f"बहुत अच्छा {i % 40}" for i in range(160)]),
}
REFUSED = {
    "too few": (reviews(149, 40), "of 149 reviews 109 have five stars and 40 have fewer"),
    "too few of a class": (
        reviews(400, 14),
        "of 400 reviews 386 have five stars and 14 have fewer",
    ),
    "one class": (reviews(300, 0), "of 300 reviews 300 have five stars and 0 have fewer"),
    "one star": (reviews(300, review_rating=1), "of 300 reviews 0 have five stars and 300 have"),
    "no texts": (reviews(review_text=""), "0 are to train on"),
    "one review": (reviews(1, 0), "of 1 reviews 1 have five stars and 0 have fewer"),
}


def through(table, folder, scheduler):
    """What each script says of a table, with two of the models: {script: CompletedProcess}."""
    csv, said = folder / "reviews.csv", {}
    table.to_csv(csv, index=False)
    models = [word for name in MODELS for word in ("--model", name)]
    words = {
        "01_load": ["--csv", csv, "--scheduler", scheduler],
        "02_eda": ["--scheduler", scheduler],
        "03_features": ["--scheduler", scheduler],
        "04_cpu_models": ["--workers", 1, *models],
        "05_gpu_train": ["--device", "cpu", "--threads", 1],
    }
    for script, more in words.items():
        said[script] = call_script(script, "--data-dir", folder / "data", "--quick", *more)
    said["06_report"] = call_script("06_report", "--data-dir", folder / "data")
    return said


def shown(data_dir):
    """Texts of all pages of the explorer, none of which fails."""
    texts = {}
    for view in PAGES:
        drawn = page(view, data_dir)
        assert not drawn.exception, (view, drawn.exception)
        assert not drawn.error, (view, [text.value for text in drawn.text])
        texts[view] = " ".join(element.value for element in (*drawn.markdown, *drawn.info))
    return texts


@pytest.mark.parametrize("name", LEARNT)
def test_learnt(name, tmp_path, scheduler):
    data, table = tmp_path / "data", LEARNT[name]
    for script, done in through(table, tmp_path, scheduler).items():
        assert done.returncode == 0, (script, done.stderr)
    assert len(read_cards(data)) == 2 * len(MODELS) + 2
    report = (data / "report/report.md").read_text()
    assert "The set is small" in report
    shown(data)
    out = tmp_path / "scores.csv"
    done = call_script("common.predict", tmp_path / "reviews.csv", "--out", out, "--data-dir", data)
    assert done.returncode == 0, done.stderr
    scored = pd.read_csv(out)
    assert len(scored) == len(table)
    assert scored["p_five_star"].between(0, 1).all()
    assert scored["predicted_rating"].between(1, 5).all()


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, tmp_path, scheduler):
    table, reason = REFUSED[name]
    said = through(table, tmp_path, scheduler)
    for script in ("01_load", "02_eda", "06_report"):
        assert said[script].returncode == 0, (script, said[script].stderr)
    for script in ("04_cpu_models", "05_gpu_train"):
        assert said[script].returncode == 2
        assert said[script].stderr.count("\n") == 1
        assert reason in said[script].stderr
    assert reason in (tmp_path / "data/report/report.md").read_text()
    shown(tmp_path / "data")


def test_an_earlier_run_is_kept_and_not_mixed_in(pipeline, tmp_path, scheduler):
    data = tmp_path / "data"
    shutil.copytree(pipeline, data)
    before = {path: path.read_bytes() for path in (data / "models").rglob("*.*")}
    through(REFUSED["too few"][0], tmp_path, scheduler)
    assert {path: path.read_bytes() for path in (data / "models").rglob("*.*")} == before
    report = (data / "report/report.md").read_text()
    assert "149 records were read" in report
    assert "| xgboost | all |" not in report
