"""Features see neither rating, nor reply, nor test rows; live scoring gives the same ones."""

import itertools

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import call_script, republish
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from xgboost import XGBClassifier

from common.baselines.features import describe_pandas
from common.features.describe import describe, script_of
from common.features.ngram_files import StoredTfidf, write_indptr
from common.features.ngrams import BUCKETS, CHARACTERS, Texts
from common.features.passes import count_range, write_range
from common.features.reading import FEATURE_COLUMNS, read_rows, row_ranges
from common.features.splits import keys_of, split
from common.features.transformer import Transformer, load_features
from common.loading.loader import ingest
from common.metrics import read_metrics
from common.store import InputError
from common.synthetic.generator import make_csv

ROWS = 3_000


def publish(folder, table, files=3):
    """A data directory as 01_load.py leaves it, with these reviews cut into files."""
    (folder / "reviews").mkdir(parents=True)
    for number, part in enumerate(np.array_split(np.arange(len(table)), files)):
        pq.write_table(table.take(part), folder / f"reviews/part-{number}.parquet")
    (folder / "manifest.json").write_text(f'{{"data": "synthetic", "loaded": {len(table)}}}')
    republish(folder, "reviews", "manifest.json")
    return folder


def build(folder, table, scheduler):
    done = call_script(
        "03_features",
        "--data-dir",
        publish(folder, table),
        "--workers",
        2,
        "--scheduler",
        scheduler,
        "--quick",
    )
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
def built(reviews, scheduler, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "data"
    return folder, *build(folder, reviews, scheduler)


def test_splits(built, reviews):
    _, rows, _ = built
    time = reviews["review_timestamp"].to_numpy()
    future = (rows["split"] == "future").to_numpy()
    assert 0.08 < future.mean() < 0.12
    assert time[future].min() > time[~future].max()
    assert 0.17 < (rows["split"] == "test").sum() / (~future).sum() < 0.23
    assert set(rows["fold"][rows["split"] == "train"]) == set(range(5))
    assert set(rows["fold"][rows["split"] != "train"]) == {-1}
    text = pd.Series(reviews["review_text"].to_pylist()).str.lower().str.split().str.join(" ")
    seen = set(text[(rows["split"] == "train").to_numpy()])
    assert rows["unseen_text"].tolist() == [
        s == "test" and t not in seen for s, t in zip(rows["split"], text)
    ]


def test_split_does_not_depend_on_order_or_files(reviews, built, tmp_path):
    _, rows, _ = built
    order = np.random.default_rng(0).permutation(len(reviews))
    publish(tmp_path, reviews.take(order), files=1)
    keys = split(pd.concat([keys_of(piece) for piece in row_ranges(tmp_path)], ignore_index=True))
    pd.testing.assert_frame_equal(
        keys[["review_id", "split", "fold", "unseen_text"]]
        .iloc[np.argsort(order)]
        .reset_index(drop=True),
        rows[["review_id", "split", "fold", "unseen_text"]],
        check_dtype=False,
    )


def test_thirty_features_kept_with_their_scores(built):
    folder, rows, found = built
    scores = pd.read_parquet(folder / "features/scores.parquet")
    assert found.metadata.shape == (len(rows), 30)
    assert scores["kept"].sum() == 30
    assert (
        scores[scores["kept"]]["mutual_information"].min()
        >= scores[~scores["kept"]]["mutual_information"].max() - 1e-12
    )
    assert any(name.startswith("version=") for name in scores["feature"])
    train = (rows["split"] == "train").to_numpy()
    np.testing.assert_allclose(found.metadata[train].mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(found.metadata[train].std(axis=0), 1, atol=1e-2)
    assert np.isfinite(found.metadata).all()


def test_nothing_is_fitted_on_test_rows_or_replies(reviews, built, scheduler, tmp_path):
    """Change all that test and future rows hold (but not which they are), and all replies."""
    folder, rows, found = built
    frame = reviews.to_pandas()
    other = (rows["split"] != "train").to_numpy()
    frame.loc[other, "review_rating"] = 6 - frame.loc[other, "review_rating"]
    frame.loc[other, "review_text"] = "zzz qqq completely different words"
    frame.loc[other, "review_likes"] = 999
    frame.loc[other, "author_app_version"] = "99.99.0 build 1"
    frame["reply_text"] = "thanks for your five stars"
    changed = pa.Table.from_pandas(frame, preserve_index=False)
    rows_again, found_again = build(tmp_path / "data", changed, scheduler)
    assert (rows_again["split"] == rows["split"]).all()
    for name in ("transformer.json", "transformer.safetensors"):
        assert (folder / "features" / name).read_bytes() == (
            tmp_path / "data/features" / name
        ).read_bytes(), name
    train = np.flatnonzero(~other)
    np.testing.assert_array_equal(found.metadata[train], found_again.metadata[train])
    np.testing.assert_array_equal(found.text_scores[train], found_again.text_scores[train])
    assert (found.text[train] != found_again.text[train]).nnz == 0
    assert not np.allclose(
        found.metadata[np.flatnonzero(other)], found_again.metadata[np.flatnonzero(other)]
    )


@pytest.fixture(scope="module")
def shuffled(reviews, scheduler, tmp_path_factory):
    """(rows, Features) of three data directories whose ratings were shuffled."""
    found = []
    for seed in range(3):
        ratings = np.random.default_rng(seed).permutation(reviews["review_rating"].to_numpy())
        table = reviews.set_column(
            reviews.column_names.index("review_rating"), "review_rating", pa.array(ratings)
        )
        found.append(build(tmp_path_factory.mktemp("shuffled") / "data", table, scheduler))
    return found


@pytest.mark.parametrize("where", ["train", "test", "model"])
def test_shuffled_ratings_teach_nothing(shuffled, where):
    """Text scores of rows, train rows too, predict nothing: they come out of fold.

    Nor does a model of them, on folds of train.
    """
    found = []
    for rows, made in shuffled:
        at = np.flatnonzero(rows["split"] == ("train" if where == "model" else where))
        truth = rows["rating"].to_numpy()[at] == 5
        score = (
            made.text_scores[at, 0]
            if where != "model"
            else cross_val_predict(
                XGBClassifier(n_estimators=50, max_depth=3),
                made.matrix("metadata+scores", at),
                truth,
                cv=3,
                method="predict_proba",
            )[:, 1]
        )
        found.append(roc_auc_score(truth, score))
    assert abs(np.mean(found) - 0.5) < 0.05, (
        found
    )  # a standard error is 0.015 on test, and less on train


def test_a_rows_own_fold_does_not_teach_its_scorer(reviews, built, scheduler, tmp_path):
    """Ratings of the rows of a fold do not change their own text scores, but those of others."""
    _, rows, found = built
    frame = reviews.to_pandas()
    own = (rows["fold"] == 2).to_numpy()
    frame.loc[own, "review_rating"] = 6 - frame.loc[own, "review_rating"]
    frame["reply_text"] = "sorry about your one star"
    _, again = build(
        tmp_path / "data", pa.Table.from_pandas(frame, preserve_index=False), scheduler
    )
    np.testing.assert_array_equal(found.text_scores[own], again.text_scores[own])
    assert not np.allclose(found.text_scores[~own], again.text_scores[~own])
    assert (found.text[:] != again.text[:]).nnz == 0


def test_one_process_and_every_tool_make_the_same(reviews, tmp_path):
    folder = publish(tmp_path / "data", reviews)
    done = call_script("03_features", "--data-dir", folder, "--workers", 3, "--quick", "--compare")
    assert done.returncode == 0, done.stderr  # 03 compares the results itself, to the byte
    metrics = read_metrics(folder)
    seconds = (
        metrics[metrics["name"] == "features.seconds"]
        .groupby(["label.part", "label.variant"])["value"]
        .median()
    )
    tools = {"serial", "pandas", "pool", "joblib", "dask_threads", "dask_processes", "original"}
    assert set(seconds["metadata"].index) == tools
    assert {"serial", "parallel"} == set(seconds["all"].index)
    assert (seconds > 0).all()


TEXTS = st.lists(
    st.text(
        st.one_of(
            st.characters(exclude_categories=("Cs",)),
            st.sampled_from("aA bz!?.  _1\n\tİßÉ\u00a0\u0915भ漢😀"),
        ),
        max_size=40,
    ),
    min_size=1,
    max_size=8,
)


def table_of(texts):
    n = len(texts)
    return pa.table(
        {
            "review_text": pa.array(texts, pa.string()),
            "review_likes": pa.array(range(n), pa.int64()),
            "author_app_version": pa.array(
                (["8.1.2 build 3", None, "x", "10.20"] * n)[:n], pa.string()
            ),
            "review_timestamp": pa.array(
                [1_600_000_000_000_000 + i * 10**11 for i in range(n)], pa.timestamp("us")
            ),
        }
    )


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_metadata_is_what_plain_pandas_says(texts):
    table = table_of(texts)
    pd.testing.assert_frame_equal(
        describe(table, Texts(table["review_text"])), describe_pandas(table.to_pandas()), rtol=1e-5
    )


def lower(text):
    """Lower case, a character for a character, as n-grams are taken from."""
    return "".join(c.lower()[0] if c.isupper() else c for c in text)


def ngrams_by_hand(text):
    tokens = CountVectorizer(token_pattern=r"(?u)\w+|[^\w\s]", lowercase=False).build_analyzer()(
        text
    )
    padded = f" {text} "
    return {*tokens, *itertools.pairwise(tokens)}, {
        padded[i : i + n] for n in CHARACTERS for i in range(len(padded) - n + 1)
    }


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("abcXYZ éÉ01_!?.😀क漢\n", max_size=30), min_size=1, max_size=6))
def test_ngrams_are_those_of_each_text(texts):
    """As many columns as different n-grams, of which hashing may join a few; the same alone."""
    counts = Texts(pa.array(texts)).ngrams()
    for i, text in enumerate(texts):
        columns = counts[i].indices
        words, characters = ngrams_by_hand(lower(text))
        for wanted, got in (
            (words, columns[columns < BUCKETS]),
            (characters, columns[columns >= BUCKETS]),
        ):
            assert len(wanted) - 2 <= len(got) <= len(wanted)
        alone = Texts(pa.array([text])).ngrams()
        assert (alone != counts[i]).nnz == 0


def test_ngrams_count(built):
    counts = Texts(pa.array(["good good good", "good", "GOOD", ""])).ngrams()
    assert (counts[1] != counts[2]).nnz == 0
    assert counts[3].nnz == 0
    words = counts[:, :BUCKETS]
    assert sorted(words[0].data.tolist()) == pytest.approx(
        [1 + np.log(2), 1 + np.log(3)]
    )  # the pair twice, the word three times
    assert (
        len(
            np.unique(
                Texts(pa.array([f"word{i}" for i in range(3000)])).ngrams()[:, :BUCKETS].indices
            )
        )
        > 2950
    )  # few share a column


def test_scripts():
    table = table_of(
        ["very good", "बहुत अच्छा", "очень хорошо", "很好", "👍", "", "πολύ καλό", "good 很"]
    )
    assert script_of(describe(table, Texts(table["review_text"]))).tolist() == [
        "latin",
        "devanagari",
        "cyrillic",
        "han",
        "latin",
        "latin",
        "other",
        "latin",
    ]


def test_saved_transformer_gives_the_published_features(built, reviews):
    folder, rows, found = built
    at = np.flatnonzero(rows["split"] != "train")[:200]
    live = Transformer.load(folder).transform(reviews.take(at).select(FEATURE_COLUMNS))
    np.testing.assert_allclose(live.metadata, found.metadata[at], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(live.text_scores, found.text_scores[at], rtol=1e-4, atol=1e-5)
    assert abs(live.text - found.text[at]).max() < 1e-6
    for inputs, width in (
        ("metadata", 30),
        ("metadata+scores", 33),
        ("metadata+ngrams", 30 + found.text.shape[1]),
    ):
        assert live.matrix(inputs).shape == (200, width)


def test_any_rows_of_the_text_are_read_from_their_files(built, reviews):
    """In any order, across files: what counting and weighing all reviews at once gives."""
    folder, rows, found = built
    whole = Transformer.load(folder).transform(reviews.select(FEATURE_COLUMNS)).text
    assert len(found.text.edges) == 4
    assert found.text.shape == whole.shape
    assert (found.text.indptr == whole.indptr).all()
    drawn = np.random.default_rng(0).permutation(len(rows))[:500]
    for at in (slice(None), slice(900, 1200), np.sort(drawn), drawn, np.arange(0)):
        text = found.text[at]
        assert text.shape == whole[at].shape
        assert (text != whole[at]).nnz == 0
        assert text.indices.dtype == np.int32
    assert {path.name.split(".", 1)[1] for path in (folder / "features/ngrams").iterdir()} == {
        "columns.npy",
        "weights.npy",
    }


def test_a_row_range_is_weighed_once_however_often(built, tmp_path):
    """Dask runs a task again whose worker died: what it needs is there, its result the same."""
    folder, _, features = built
    rows = row_ranges(folder)[0]
    for name in ("features", "sample"):
        (tmp_path / name / "ngrams").mkdir(parents=True)
    transformer, sample = Transformer.load(folder), np.array([3, 7])
    np.save(tmp_path / "fold.npy", np.zeros(rows.stop, np.int8))
    np.save(tmp_path / "sample.npy", sample)
    np.save(tmp_path / "idf.npy", transformer.arrays["idf"])
    sizes = count_range(rows, tmp_path).sizes
    write_indptr(tmp_path / "features", sizes)
    write_indptr(tmp_path / "sample", sizes[sample])
    for _ in range(2):
        write_range(rows, transformer.settings, tmp_path)
        assert (StoredTfidf(tmp_path / "features")[:] != features.text[: rows.stop]).nnz == 0
        assert (StoredTfidf(tmp_path / "sample")[:] != features.text[sample]).nnz == 0


def test_row_ranges_cover_all_reviews_in_order(built, reviews):
    ranges = row_ranges(built[0])
    assert [rows.start for rows in ranges] == [0, *(rows.stop for rows in ranges[:-1])]
    read = pa.concat_tables([read_rows(rows) for rows in ranges])
    assert read.equals(reviews.select(FEATURE_COLUMNS).combine_chunks())


def test_rating_is_no_column_of_the_features():
    assert not {
        "review_rating",
        "reply_text",
        "reply_timestamp",
        "review_id",
        "pseudo_author_id",
    } & set(FEATURE_COLUMNS)


def test_a_changed_transformer_is_refused(built, tmp_path):
    folder, _, _ = built
    (tmp_path / "features").mkdir()
    for name in ("transformer.json", "transformer.safetensors"):
        (tmp_path / "features" / name).write_bytes((folder / "features" / name).read_bytes())
    republish(tmp_path, "features")
    Transformer.load(tmp_path)
    with open(tmp_path / "features/transformer.safetensors", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(InputError, match=r"03_features\.py"):
        Transformer.load(tmp_path)
