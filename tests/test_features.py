"""Features see neither the rating, nor the reply, nor any test row; splits do not depend on order; live scoring uses the same code."""
import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from common.artifacts import InputError
from common.features import COLUMNS, Transformer, load_features
from common.reviews import ingest
from common.synthetic import make_csv
from conftest import load_script, run_script

features = load_script("03_features")
ROWS = 3_000


def publish(folder, table, pieces=3):
    """A data directory as 01_load.py leaves it, with these reviews cut into files."""
    (folder / "reviews").mkdir(parents=True)
    for number, part in enumerate(np.array_split(np.arange(len(table)), pieces)):
        pq.write_table(table.take(part), folder / f"reviews/part-{number}.parquet")
    (folder / "manifest.json").write_text(f'{{"data": "synthetic", "loaded": {len(table)}}}')
    return folder


def build(folder, table, **options):
    done = run_script("03_features", "--data-dir", publish(folder, table, **options), "--workers", 2, "--quick", timeout=120)
    assert done.returncode == 0, done.stderr
    return load_features(folder)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reviews")
    with dask.config.set(scheduler="synchronous"):
        make_csv(folder / "made.csv", ROWS)
        ingest([folder / "made.csv"], folder)
    return pq.read_table(folder / "reviews")


@pytest.fixture(scope="module")
def built(reviews, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "data"
    return folder, *build(folder, reviews)


def test_splits(built, reviews):
    _, rows, _ = built
    time = reviews["review_timestamp"].to_numpy()
    future = (rows["split"] == "future").to_numpy()
    assert 0.08 < future.mean() < 0.12 and time[future].min() > time[~future].max()
    assert 0.17 < (rows["split"] == "test").sum() / (~future).sum() < 0.23
    assert set(rows["fold"][rows["split"] == "train"]) == set(range(5)) and set(rows["fold"][rows["split"] != "train"]) == {-1}
    text = pd.Series(reviews["review_text"].to_pylist()).str.lower().str.split().str.join(" ")
    seen = set(text[(rows["split"] == "train").to_numpy()])
    assert rows["unseen_text"].tolist() == [s == "test" and t not in seen for s, t in zip(rows["split"], text)]


def test_split_does_not_depend_on_order_or_files(reviews, built, tmp_path):
    _, rows, _ = built
    order = np.random.default_rng(0).permutation(len(reviews))
    publish(tmp_path, reviews.take(order), pieces=1)
    keys = features.split(pd.concat([features.keys_of(part) for part in features.review_slices(tmp_path)], ignore_index=True))
    pd.testing.assert_frame_equal(
        keys[["review_id", "split", "fold", "unseen_text"]].iloc[np.argsort(order)].reset_index(drop=True),
        rows[["review_id", "split", "fold", "unseen_text"]], check_dtype=False)


def test_thirty_features_kept_with_their_scores(built):
    folder, rows, found = built
    scores = pd.read_parquet(folder / "features/scores.parquet")
    assert found.metadata.shape == (len(rows), 30) and scores["kept"].sum() == 30
    assert scores[scores["kept"]]["mutual_information"].min() >= scores[~scores["kept"]]["mutual_information"].max() - 1e-12
    assert any(name.startswith("version=") for name in scores["feature"])
    train = (rows["split"] == "train").to_numpy()
    np.testing.assert_allclose(found.metadata[train].mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(found.metadata[train].std(axis=0), 1, atol=1e-2)
    assert np.isfinite(found.metadata).all()


def test_nothing_is_fitted_on_test_rows_or_replies(reviews, built, tmp_path):
    """Change all that test and future rows hold (but not which rows they are), and all replies: nothing fitted may change."""
    folder, rows, found = built
    frame = reviews.to_pandas()
    other = (rows["split"] != "train").to_numpy()
    frame.loc[other, "review_rating"] = 6 - frame.loc[other, "review_rating"]
    frame.loc[other, "review_text"] = "zzz qqq completely different words"
    frame.loc[other, "review_likes"] = 999
    frame.loc[other, "author_app_version"] = "99.99.0 build 1"
    frame["reply_text"] = "thanks for your five stars"
    changed = pa.Table.from_pandas(frame, preserve_index=False)
    rows_again, found_again = build(tmp_path / "data", changed)
    assert (rows_again["split"] == rows["split"]).all()
    for name in ("transformer.json", "transformer.safetensors"):
        assert (folder / "features" / name).read_bytes() == (tmp_path / "data/features" / name).read_bytes(), name
    train = np.flatnonzero(~other)
    np.testing.assert_array_equal(found.metadata[train], found_again.metadata[train])
    np.testing.assert_array_equal(found.text_scores[train], found_again.text_scores[train])
    assert (found.text[train] != found_again.text[train]).nnz == 0
    assert not np.allclose(found.metadata[np.flatnonzero(other)], found_again.metadata[np.flatnonzero(other)])


def test_shuffled_ratings_teach_nothing(reviews, tmp_path):
    """Text scores of rows, train rows too, predict nothing where there is nothing to learn: they come out of fold."""
    rng = np.random.default_rng(3)
    ratings = rng.permutation(reviews["review_rating"].to_numpy())
    shuffled = reviews.set_column(reviews.column_names.index("review_rating"), "review_rating", pa.array(ratings))
    rows, found = build(tmp_path / "data", shuffled)
    for split in ("train", "test"):
        at = (rows["split"] == split).to_numpy()
        assert abs(roc_auc_score(rows["rating"][at] == 5, found.text_scores[at, 0]) - 0.5) < 0.06, split


def test_saved_transformer_gives_the_published_features(built, reviews):
    folder, rows, found = built
    at = np.flatnonzero(rows["split"] != "train")[:200]
    live = Transformer.load(folder).transform(reviews.take(at).select(COLUMNS))
    np.testing.assert_allclose(live.metadata, found.metadata[at], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(live.text_scores, found.text_scores[at], rtol=1e-4, atol=1e-5)
    assert abs(live.text - found.text[at]).max() < 1e-6
    for inputs, width in (("metadata", 30), ("metadata+scores", 33), ("metadata+ngrams", 30 + found.text.shape[1])):
        assert live.matrix(inputs).shape == (200, width)


def test_rating_is_no_column_of_the_features():
    assert not {"review_rating", "reply_text", "reply_timestamp", "review_id", "pseudo_author_id"} & set(COLUMNS)


def test_a_changed_transformer_is_refused(built, tmp_path):
    folder, _, _ = built
    (tmp_path / "features").mkdir()
    for name in ("transformer.json", "transformer.safetensors"):
        (tmp_path / "features" / name).write_bytes((folder / "features" / name).read_bytes())
    with open(tmp_path / "features/transformer.safetensors", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(InputError, match="03_features.py"):
        Transformer.load(tmp_path)


def test_too_few_reviews_are_refused(reviews, tmp_path):
    done = run_script("03_features", "--data-dir", publish(tmp_path / "data", reviews.slice(0, 50)), "--workers", 1, timeout=120)
    assert done.returncode == 2 and "too few" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data/features").exists()
