"""Made reviews: the same bytes from the same seed however they are made, the statistics of the real ones, and honest dirt."""
import os

import dask
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from common import synthetic
from common.reviews import ingest
from common.synthetic import make_csv
from conftest import REAL, ROOT

ROWS = 30_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(manifest, loaded reviews) of 30,000 made ones."""
    folder = tmp_path_factory.mktemp("made")
    with dask.config.set(scheduler="threads"):
        make_csv(folder / "made.csv", ROWS)
        manifest = ingest([folder / "made.csv"], folder)
    return manifest, pq.read_table(folder / "reviews").to_pandas()


def test_same_seed_same_bytes_on_every_scheduler(tmp_path):
    contents = []
    for scheduler in ("synchronous", "threads", "processes"):
        with dask.config.set(scheduler=scheduler, num_workers=3):
            make_csv(tmp_path / "made.csv", 2_500, seed=7, chunk_rows=1_000)
        contents.append((tmp_path / "made.csv").read_bytes())
    assert contents[0] == contents[1] == contents[2]
    with dask.config.set(scheduler="synchronous"):
        make_csv(tmp_path / "made.csv", 2_500, seed=8, chunk_rows=1_000)
    assert (tmp_path / "made.csv").read_bytes() != contents[0]


def test_dirt_is_what_real_exports_hold_and_nothing_is_lost(made):
    manifest, reviews = made
    assert manifest["records"] == ROWS == manifest["loaded"] + manifest["quarantined"] and manifest["quarantined"] < 0.002 * ROWS
    assert set(manifest["reasons"]) <= {"bad_rating", "bad_timestamp", "duplicate_id", "invalid_utf8", "too_few_fields"}
    assert manifest["reasons"]["bad_rating"] > 0 and reviews["review_id"].is_unique


def test_statistics_of_the_real_reviews(made):
    """The full set's own figures: rating shares, length and likes by rating, correlations, versions, repeated texts."""
    _, d = made
    words, length = d["review_text"].str.split().str.len(), d["review_text"].str.len()
    share = d["review_rating"].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(share, [.185, .041, .060, .103, .611], atol=.012)
    np.testing.assert_allclose(length.groupby(d["review_rating"]).mean(), [93, 121, 102, 69, 34], rtol=.12)
    np.testing.assert_allclose(d.groupby("review_rating")["review_likes"].mean(), [2.5, 4.15, 3.2, 1.9, .5], rtol=.45)
    assert -.39 < words.corr(d["review_rating"]) < -.30
    version = d["author_app_version"].str.extract(r"^(\d+)\.(\d+)").astype(float)
    assert abs((version[0] + version[1] / 1000).corr(d["review_rating"])) < .05
    assert .20 < d["author_app_version"].isna().mean() < .28 and .80 < (d["review_likes"] == 0).mean() < .88
    assert d["author_app_version"].value_counts().index[:2].isin(["7.84.1 build 28 35243", "7.38.0 build 27 34635"]).all()
    assert .10 < (~d["review_text"].map(str.isascii)).mean() < .17 and length.max() == 500
    repeated = d[d["review_text"].duplicated(keep=False)]
    assert .15 < len(repeated) / len(d) < .45
    often = repeated.groupby("review_text").filter(lambda g: len(g) >= 20).groupby("review_text")["review_rating"].nunique()
    assert (often > 1).mean() > .8  # the same words come with different ratings, as they do in reality
    months = d["review_timestamp"].dt.to_period("M").value_counts()
    assert str(months.index[0]) in ("2020-04", "2020-05") and d["review_timestamp"].is_monotonic_increasing
    bad = d["author_app_version"] == "6.19.0 build 41 31421"
    assert d["review_rating"][bad].mean() < d["review_rating"][~bad].mean() - .3


def test_no_real_text_is_in_the_word_banks():
    path = REAL / "netflix_reviews_9col.csv"
    if not path.exists():
        pytest.skip(f"no real reviews under {REAL}")
    real = pd.read_csv(path, dtype=str, keep_default_na=False)["review_text"].str.lower()
    long = set(real[real.str.split().str.len() >= 7])
    source = " ".join((ROOT / "common/synthetic_text.py").read_text(encoding="utf-8").lower().split())
    assert not [text for text in long if " ".join(text.split()) in source]


def test_all_or_nothing(tmp_path, monkeypatch):
    (tmp_path / "made.csv").write_text("earlier")

    def fail(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(synthetic, "_chunk", fail)
    with pytest.raises(KeyboardInterrupt), dask.config.set(scheduler="synchronous"):
        make_csv(tmp_path / "made.csv", 10)
    assert os.listdir(tmp_path) == ["made.csv"] and (tmp_path / "made.csv").read_text() == "earlier"


@pytest.mark.parametrize("words", [{"rows": 0}, {"rows": 5, "chunk_rows": 0}])
def test_bad_numbers(tmp_path, words):
    with pytest.raises(ValueError, match="at least 1"):
        make_csv(tmp_path / "made.csv", **words)
    assert os.listdir(tmp_path) == []
