"""01_load.py: where reviews come from, and that only engines with the right answer get a time."""

import shutil
import sys
from importlib import import_module
from types import SimpleNamespace

import dask
import pandas as pd
import pytest
from conftest import REAL, call_script

from common.baselines import readers
from common.loading import ingest
from common.loading.download import download_kaggle
from common.metrics import read_metrics
from common.store import InputError, read_json
from common.synthetic.generator import make_csv

script = import_module("01_load")


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    """Data directory of 4,000 synthetic reviews, and reviews.csv beside."""
    folder = tmp_path_factory.mktemp("synthetic")
    with dask.config.set(scheduler="threads"):
        make_csv(folder / "reviews.csv", 4_000)
        ingest([folder / "reviews.csv"], folder)
    return folder


@pytest.mark.parametrize("engine", readers.ENGINES)
def test_every_engine_reads_what_was_loaded(synthetic, engine):
    loaded = pd.read_parquet(
        synthetic / "reviews", columns=["review_id", "review_text", "review_rating"]
    )
    with dask.config.set(scheduler="threads"):
        files = readers.readable(read_json(synthetic, "manifest.json"))
        assert [file.path for file in files] == [str(synthetic / "reviews.csv")]
        frame = readers.ENGINES[engine](files * 2)
        assert readers.wrong_reviews(frame, loaded) == 0
    loaded.loc[[3, 5], "review_text"] += "!"
    assert readers.wrong_reviews(frame, loaded) == 2


@pytest.mark.parametrize("engine", readers.LOADERS)
def test_what_loads_all_sets_the_same_aside(tmp_path, engine):
    """The newest of repeated ids, and nothing that cannot be loaded."""
    (tmp_path / "reviews.csv").write_text(
        "review_id,review_text,review_rating,review_likes,author_app_version,review_timestamp,"
        "pseudo_author_id\n"
        "a,old,5,0,1.0,2024-01-01 10:00:00,1\n"
        "b,no stars,six,0,1.0,2024-01-01 10:00:00,2\n"
        "a,new,4,7,1.1,2024-01-02 10:00:00,1\n"
        'c,"two, lines\nand ""quotes""",1,,1.0,2024-01-01 10:00:00,3\n'
        "d,no time,1,0,1.0,yesterday,4\n"
        "e,no likes,2,,,2024-01-01 10:00:00,5\n"
    )
    with dask.config.set(scheduler="threads"):
        manifest = ingest([tmp_path / "reviews.csv"], tmp_path / "data")
    file = readers.LOADERS[engine](readers.readable(manifest), tmp_path / "all.parquet")
    loaded = pd.read_parquet(file).sort_values("review_id", ignore_index=True)
    ours = pd.read_parquet(tmp_path / "data/reviews").sort_values("review_id", ignore_index=True)
    assert ours["review_id"].tolist() == ["a", "c", "e"]
    pd.testing.assert_frame_equal(loaded[ours.columns], ours, check_dtype=False)
    assert len(pd.read_parquet(file.with_suffix(".aside"))) == 2


def test_reading_back_gives_the_five_columns(synthetic):
    frame = readers.read_back(synthetic / "reviews")
    pd.testing.assert_frame_equal(
        frame, pd.read_parquet(synthetic / "reviews")[readers.REVIEW_COLUMNS]
    )


def test_compare_times_right_engines_only(synthetic, tmp_path, monkeypatch, capsys):
    def absent(sources):
        raise ImportError

    def broken(sources):
        raise ValueError("torn\nhere")

    monkeypatch.setattr(
        readers,
        "ENGINES",
        {
            "pandas": readers.read_pandas,
            "polars": absent,
            "duckdb": broken,
            "original": lambda sources: readers.read_pandas(sources).iloc[:-1],
        },
    )
    monkeypatch.setattr(readers, "LOADERS", {"duckdb_all": readers.load_duckdb})
    script.main(
        [
            "--csv",
            str(synthetic / "reviews.csv"),
            "--data-dir",
            str(tmp_path),
            "--compare",
            "--quick",
            "--workers",
            "1",
        ]
    )
    metrics, printed = read_metrics(tmp_path), capsys.readouterr().out
    assert "polars: not installed" in printed
    assert "duckdb: ValueError: torn" in printed
    assert "here" not in printed
    wrong = (
        metrics[metrics["name"] == "load.wrong_reviews"]
        .set_index("label.engine")["value"]
        .to_dict()
    )
    loaded = metrics.loc[metrics["name"] == "load.loaded", "value"].iloc[0]
    assert wrong == {"pandas": 0, "duckdb": loaded, "original": 1, "duckdb_all": 0}
    times = metrics[metrics["name"] == "load.seconds"].groupby("label.engine").size().to_dict()
    assert times == {"blocks": 1, "serial": 1, "pandas": 1, "parquet": 1, "duckdb_all": 1}
    assert not list(tmp_path.glob(".staging-*"))


def test_kaggle_downloads_every_csv(synthetic, tmp_path, monkeypatch):
    (tmp_path / "cache/deep").mkdir(parents=True)
    for name in ("a.csv", "deep/b.csv", "readme.txt"):
        shutil.copy(synthetic / "reviews.csv", tmp_path / "cache" / name)
    asked = []
    monkeypatch.setitem(
        sys.modules,
        "kagglehub",
        SimpleNamespace(dataset_download=lambda name: asked.append(name) or tmp_path / "cache"),
    )
    script.main(["--kaggle", "--data-dir", str(tmp_path / "data"), "--workers", "1"])
    assert asked == ["bwandowando/1-5-million-netflix-google-store-reviews"]
    metrics = read_metrics(tmp_path / "data").set_index("name")
    assert metrics.loc["load.records", "value"] == 8_000
    assert set(metrics["data"]) == {"csv"}


@pytest.mark.parametrize(
    "module",
    [
        None,
        SimpleNamespace(dataset_download=lambda name: 1 / 0),
        SimpleNamespace(dataset_download=lambda name: "/nonexistent"),
    ],
)
def test_kaggle_without_package_network_or_file_is_one_line(module, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    with pytest.raises(InputError, match="--csv") as error:
        download_kaggle()
    assert "\n" not in str(error.value)


def test_one_source_only(tmp_path):
    done = call_script("01_load", "--csv", "a.csv", "--rows", 5, "--data-dir", tmp_path / "data")
    assert done.returncode == 2
    assert "not allowed" in done.stderr
    assert not (tmp_path / "data").exists()


def test_all_header_families_at_once(tmp_path, scheduler):
    names = ["netflix_play_11col.csv", "netflix_play_8col.csv", "netflix_reviews_9col.csv"]
    if not REAL.exists():
        pytest.skip(f"no real reviews under {REAL}")
    words = [word for name in names for word in ("--csv", REAL / name)]
    done = call_script("01_load", *words, "--data-dir", tmp_path, "--scheduler", scheduler)
    assert done.returncode == 0, done.stderr
    words = "31,186 records were read: 15,593 loaded, 15,593 quarantined (15,593 an older or equal"
    assert words in done.stdout
    loaded = pd.read_parquet(tmp_path / "reviews")
    assert "author_name" not in loaded
    assert "reply_text" in loaded
    assert loaded["review_id"].is_unique
