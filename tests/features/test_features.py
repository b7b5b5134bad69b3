"""Features see neither rating, nor reply, nor test rows; live scoring gives the same ones."""

import itertools

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import call_script, make_features, republish
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from xgboost import XGBClassifier

from common.baselines.features import describe_pandas
from common.features.describe import FORM, describe, describe_slices, script_of
from common.features.fitting import FEWEST_TEXTS, fit_metadata
from common.features.ngram_files import StoredNgrams
from common.features.ngrams import BUCKETS, CHARACTERS, Texts
from common.features.passes import write_features, write_range
from common.features.reading import FEATURE_COLUMNS, read_rows, row_ranges
from common.features.scorers import FINAL, OUTPUTS, THRESHOLDS, TRAIN, fit_outputs, seen_by
from common.features.splits import keys_of, split
from common.features.transformer import Transformer, encode, load_features
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


def build(folder, table):
    make_features(publish(folder, table))
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
    train, newest = (rows["split"] == "train").to_numpy(), rows["newest"].to_numpy()
    assert 0.18 < newest[train].mean() < 0.22
    assert not newest[~train].any()
    assert time[newest].min() > time[train & ~newest].max()


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


def test_thirty_features_kept_with_their_scores(built, reviews):
    folder, rows, found = built
    scores = pd.read_parquet(folder / "features/scores.parquet")
    assert found.metadata.shape == (len(rows), 30)
    assert scores["kept"].sum() == 30
    described = describe(reviews, Texts(reviews["review_text"]))
    scores["form"] = scores["feature"].isin(described.columns[:FORM])
    assert found.form == (scores["kept"] & scores["form"]).sum() > 10
    varying = set(scores["feature"][scores["kept"]])
    assert varying >= {"log_chars", "capital_share", "log_emoji", "non_latin_share"}
    others = scores[~scores["form"]]
    assert (
        others[others["kept"]]["mutual_information"].min()
        >= others[~others["kept"]]["mutual_information"].max() - 1e-12
    )
    assert any(name.startswith("version=") for name in scores["feature"])
    train = (rows["split"] == "train").to_numpy()
    whole = abs(found.metadata[train]).max(axis=0) < 4.99  # nothing of it was clipped
    assert 2 <= whole.sum() < 30
    np.testing.assert_allclose(found.metadata[train][:, whole].mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(found.metadata[train][:, whole].std(axis=0), 1, atol=1e-2)
    assert abs(found.metadata).max() < 5.001
    assert np.isfinite(found.metadata).all()


def test_nothing_is_fitted_on_test_rows_or_replies(reviews, built, tmp_path):
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
    rows_again, found_again = build(tmp_path / "data", changed)
    assert (rows_again["split"] == rows["split"]).all()
    train = np.flatnonzero(~other)
    np.testing.assert_array_equal(found.metadata[train], found_again.metadata[train])
    np.testing.assert_array_equal(found.text_scores[train], found_again.text_scores[train])
    assert (found.text[train] != found_again.text[train]).nnz == 0
    assert not np.allclose(
        found.metadata[np.flatnonzero(other)], found_again.metadata[np.flatnonzero(other)]
    )
    before, after = (Transformer.load(data) for data in (folder, tmp_path / "data"))
    assert before.settings.keys() == after.settings.keys()
    for name, value in before.settings.items():
        assert name == "sha256" or after.settings[name] == value, name
    for name, array in before.arrays.items():
        same = np.array_equal(array, after.arrays[name])
        assert same is not name.startswith("final_"), name  # the final fit sees all rows


@pytest.fixture(scope="module")
def shuffled(reviews, tmp_path_factory):
    """(rows, Features) of three data directories whose ratings were shuffled."""
    found = []
    for seed in range(3):
        ratings = np.random.default_rng(seed).permutation(reviews["review_rating"].to_numpy())
        table = reviews.set_column(
            reviews.column_names.index("review_rating"), "review_rating", pa.array(ratings)
        )
        found.append(build(tmp_path_factory.mktemp("shuffled") / "data", table))
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
            made.text_scores[at, 3]
            if where != "model"
            else cross_val_predict(
                XGBClassifier(n_estimators=50, max_depth=3),
                made.matrix("form+scores", at),
                truth,
                cv=3,
                method="predict_proba",
            )[:, 1]
        )
        found.append(roc_auc_score(truth, score))
    assert abs(np.mean(found) - 0.5) < 0.05, (
        found
    )  # a standard error is 0.015 on test, and less on train


def test_a_rows_own_fold_does_not_teach_its_scorer(reviews, built, tmp_path):
    """Ratings of the rows of a fold do not change their own text scores, but those of others."""
    _, rows, found = built
    frame = reviews.to_pandas()
    own = (rows["fold"] == 2).to_numpy()
    frame.loc[own, "review_rating"] = 6 - frame.loc[own, "review_rating"]
    frame["reply_text"] = "sorry about your one star"
    _, again = build(tmp_path / "data", pa.Table.from_pandas(frame, preserve_index=False))
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
    """(words and pairs, characters) of a text in lower case, character for character."""
    analyze = CountVectorizer(token_pattern=r"(?u)\w+|[^\w\s]", lowercase=False).build_analyzer()
    tokens, padded = analyze(lower(text)), f" {lower(text)} "
    characters = {padded[i : i + CHARACTERS] for i in range(len(padded) - CHARACTERS + 1)}
    return {*tokens, *itertools.pairwise(tokens)}, characters


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("abcXYZ éÉ01_!?.😀क漢\n", max_size=30), min_size=1, max_size=6))
def test_ngrams_are_those_of_each_text(texts):
    """As many buckets as different n-grams, of which hashing may join a few; the same alone."""
    entries = Texts(pa.array(texts)).ngrams()
    assert (np.diff(entries) > 0).all()
    for i, text in enumerate(texts):
        buckets = entries[entries // (2 * BUCKETS) == i] % (2 * BUCKETS)
        words, characters = ngrams_by_hand(text)
        for wanted, got in (
            (words, buckets[buckets < BUCKETS]),
            (characters, buckets[buckets >= BUCKETS]),
        ):
            assert len(wanted) - 2 <= len(got) <= len(wanted)
        assert (Texts(pa.array([text])).ngrams() == buckets).all()


def test_ngrams_of_texts_of_all_sizes():
    texts = ["good good good", "good", "GOOD", "", "x", "\U0001f44d", "ab " * 33_000]
    entries = Texts(pa.array(texts)).ngrams()
    per_text = [entries[entries // (2 * BUCKETS) == i] % (2 * BUCKETS) for i in range(len(texts))]
    assert (per_text[1] == per_text[2]).all()
    # One word and its pair; "good" alone, then across the space.
    assert [(ngrams < BUCKETS).sum() for ngrams in per_text] == [2, 1, 1, 0, 1, 1, 2]
    assert [(ngrams >= BUCKETS).sum() for ngrams in per_text] == [5, 3, 3, 0, 0, 0, 4]
    many = Texts(pa.array([f"word{i}" for i in range(3000)])).ngrams() % (2 * BUCKETS)
    assert len(np.unique(many[many < BUCKETS])) > 2980  # few share a bucket


def test_scripts():
    table = table_of(
        [
            "very good",
            "बहुत अच्छा",
            "очень хорошо",
            "很好",
            "👍",
            "",
            "πολύ καλό",
            "abc很",
            "abcκ",
            "ab很",
        ]
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
        "latin",
        "han",
    ]


def test_slices_are_the_reviews_in_their_order(monkeypatch):
    monkeypatch.setattr("common.features.describe.SLICE_ROWS", 7)
    table = table_of([f"{'word ' * (i % 5)}{i}" for i in range(23)])
    parts = list(describe_slices(table))
    assert [texts.n for _, texts in parts] == [7, 7, 7, 2]
    pd.testing.assert_frame_equal(
        pd.concat([described for described, _ in parts], ignore_index=True),
        describe(table, Texts(table["review_text"])),
    )


def test_version_buckets_are_columns_of_their_own():
    versions = ["8.1.2", "8.2", "9.1", "9.2", "10.1", None, "x"]
    table = table_of(["text"] * len(versions))
    table = table.set_column(2, "author_app_version", pa.array(versions, pa.string()))
    buckets = {"major": [8, 9], "minor": [[8, 1], [9, 2]]}
    encoded = encode(describe(table, Texts(table["review_text"])), buckets)
    split = [(version or "").split(".") for version in versions]
    expected = {f"version={m}": [parts[0] == str(m) for parts in split] for m in (8, 9)}
    expected["version=other"] = [parts[0] == "10" for parts in split]
    expected |= {f"version={v}": [".".join(p[:2]) == v for p in split] for v in ("8.1", "9.2")}
    one_hot = encoded.filter(like="version=")
    assert list(one_hot) == list(expected)
    assert one_hot.astype(bool).to_dict("list") == expected


def test_what_never_varies_is_not_kept():
    table = table_of([f"plain words {i}" for i in range(60)])
    described = describe(table, Texts(table["review_text"]))
    chosen, selection = fit_metadata(described, np.arange(60) % 2 == 0, 0, 1)
    varies = described.std() > 0
    assert not set(chosen["metadata_columns"]) & set(varies.index[~varies])
    assert chosen["form"] == varies[:FORM].sum() > 0
    assert set(selection["feature"][selection["kept"]]) == set(chosen["metadata_columns"])
    assert min(chosen["scale"]) > 0


def test_texts_are_read_when_asked_for(built, reviews):
    at = np.array([7, 2_500, 3, 7])
    assert built[2].texts.take(at).to_pylist() == reviews["review_text"].take(at).to_pylist()


def test_saved_transformer_gives_the_published_features(built, reviews):
    folder, rows, found = built
    at = np.flatnonzero(rows["split"] != "train")[:200]
    transformer = Transformer.load(folder)
    live = transformer.transform(reviews.take(at).select(FEATURE_COLUMNS))
    np.testing.assert_allclose(live.metadata, found.metadata[at], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(live.text_scores, found.text_scores[at], rtol=1e-4, atol=1e-5)
    assert (live.text != found.text[at]).nnz == 0
    for inputs, width in (
        ("metadata", 30),
        ("form+scores", found.form + 4),
        ("form+ngrams", found.form + found.text.shape[1]),
    ):
        assert live.matrix(inputs).shape == found.matrix(inputs, at).shape == (200, width)


def test_any_rows_of_the_text_are_read_from_their_file(built, reviews):
    """In any order: what encoding all reviews at once gives, each text of length 1."""
    folder, rows, found = built
    whole = Transformer.load(folder).transform(reviews.select(FEATURE_COLUMNS)).text
    assert found.text.shape == whole.shape
    assert (found.text.indptr == whole.indptr).all()
    drawn = np.random.default_rng(0).permutation(len(rows))[:500]
    for at in (slice(None), slice(900, 1200), np.sort(drawn), drawn, np.arange(0)):
        text = found.text[at]
        assert text.shape == whole[at].shape
        assert (text != whole[at]).nnz == 0
        assert text.indices.dtype == np.int32
    length = np.sqrt(np.asarray(whole.multiply(whole).sum(axis=1))).ravel()
    assert np.median(length) == pytest.approx(1, abs=1e-5)
    assert length.max() < 1.0001


def test_rare_ngrams_and_those_of_test_rows_are_no_columns(built, reviews):
    """Columns are exactly the n-grams of three and more training reviews."""
    folder, rows, _ = built
    train = reviews.filter(pa.array(rows["split"] == "train"))
    counts = pd.Series(Texts(train["review_text"]).ngrams() % (2 * BUCKETS)).value_counts()
    buckets = Transformer.load(folder).arrays["buckets"]
    assert set(buckets) == set(counts.index[counts >= FEWEST_TEXTS])
    assert 0 < len(buckets) < 0.5 * len(counts)


def test_metadata_is_clipped_to_what_training_has_seen(built):
    """Nothing extrapolates: a year, a version or a length beyond them counts as the farthest."""
    transformer = Transformer.load(built[0])
    text = pa.array(["!" * 100_000, ""], pa.string())
    extreme = table_of(["x", "y"]).set_column(0, "review_text", text).to_pandas()
    extreme["review_likes"] = 10**12
    extreme["author_app_version"] = "9999.9999"
    extreme["review_timestamp"] = pd.Timestamp("2199-12-31")
    metadata = transformer.transform(pa.Table.from_pandas(extreme)).metadata
    train = built[2].metadata[np.flatnonzero(built[1]["split"] == "train")]
    assert (metadata <= train.max(axis=0) + 1e-5).all()
    assert (metadata >= train.min(axis=0) - 1e-5).all()


def test_a_text_without_known_ngrams_gets_the_base_rate(built):
    _, rows, _ = built
    transformer = Transformer.load(built[0])
    texts = table_of(["", "\u0b95\u0bcd \u0ba3\u0bcd\u0bae", "\u2603" * 3])
    features = transformer.transform(texts)
    for scores, seen in (
        (features.text_scores, rows["split"] == "train"),
        (features.final_scores, rows["split"] != "no_text"),
    ):
        rating = rows["rating"][seen].to_numpy()
        share = (rating[:, None] >= THRESHOLDS).mean(axis=0)
        np.testing.assert_allclose(
            scores, np.log(share / (1 - share))[None].repeat(3, 0), atol=0.01
        )


@pytest.fixture(scope="module")
def fitted(built):
    """(FINAL + 1, 4, columns + 1): all outputs of the published features, fitted at once."""
    columns = built[2].text.shape[1]
    outputs = fit_outputs(np.arange(OUTPUTS), built[0], columns, seed=42)
    return outputs.T.reshape(FINAL + 1, len(THRESHOLDS), columns + 1)


def test_outputs_are_the_same_however_they_are_divided(built, fitted):
    columns = built[2].text.shape[1]
    for workers in (2, 3, OUTPUTS):
        parts = [
            fit_outputs(group, built[0], columns, seed=42)
            for group in np.array_split(np.arange(OUTPUTS), workers)
        ]
        again = np.hstack(parts).T.reshape(fitted.shape)
        np.testing.assert_array_equal(again, fitted)
    arrays = Transformer.load(built[0]).arrays
    np.testing.assert_array_equal(arrays["coef"], fitted[TRAIN, :, :-1])
    np.testing.assert_array_equal(arrays["final_coef"], fitted[FINAL, :, :-1])


def test_each_fit_is_the_regression_of_its_rows(built, fitted):
    """Scores of rows that a fit has not seen: those of scikit-learn's solver on its rows alone."""
    _, rows, found = built
    text, seen = found.text[:], seen_by(rows)
    for number in (0, TRAIN, FINAL):
        rest = ~seen[:, number] if number < FINAL else np.ones(len(rows), bool)
        for threshold in (2, 5):
            label = (rows["rating"] >= threshold).to_numpy()
            model = LogisticRegression(C=10, max_iter=500).fit(
                text[seen[:, number]], label[seen[:, number]]
            )
            theirs = model.decision_function(text[rest])
            ours = text[rest] @ fitted[number, threshold - 2, :-1]
            ours += fitted[number, threshold - 2, -1]
            assert np.corrcoef(ours, theirs)[0, 1] > 0.95
            quality = [roc_auc_score(label[rest], scores) for scores in (ours, theirs)]
            assert quality[0] > quality[1] - 0.02


def test_out_of_fold_scores_are_those_of_the_fit_without_the_fold(built, fitted):
    _, rows, found = built
    fit = np.where(rows["fold"] >= 0, rows["fold"], TRAIN)
    text = found.text[:]
    for number in range(FINAL):
        scores = text[fit == number] @ fitted[number, :, :-1].T + fitted[number, :, -1]
        np.testing.assert_allclose(found.text_scores[fit == number], scores, atol=1e-4)


@pytest.mark.parametrize("odd", ["one rating but two", "an empty fold", "one text", "no columns"])
def test_small_and_odd_sets_have_finite_scores(tmp_path, odd):
    """An output whose labels are all alike is the base rate, whatever the text."""
    n = 150
    text = ["same text"] * n if odd == "one text" else [f"{i % 7} good {i}" for i in range(n)]
    rows = pd.DataFrame({"rating": np.r_[[5] * 15, [1] * (n - 15)], "fold": np.arange(n) % 5})
    rows["split"] = "train"
    if odd == "one rating but two":
        rows["rating"] = np.r_[[1] * 2, [2] * (n - 2)]
    if odd == "an empty fold":
        rows["fold"] %= 4
    (tmp_path / "features").mkdir()
    rows.to_parquet(tmp_path / "features/rows.parquet")
    entries = Texts(pa.array(text)).ngrams()
    buckets = np.unique(entries % (2 * BUCKETS)) if odd != "no columns" else np.arange(0)
    kept = np.isin(entries % (2 * BUCKETS), buckets)
    columns = np.searchsorted(buckets, entries[kept] % (2 * BUCKETS)).astype(np.int32)
    sizes = np.bincount(entries[kept] // BUCKETS, minlength=2 * n)
    np.save(tmp_path / "features/text_columns.npy", columns)
    np.save(tmp_path / "features/text_bounds.npy", np.append(0, np.cumsum(sizes)))
    outputs = fit_outputs(np.arange(OUTPUTS), tmp_path, len(buckets), seed=0)
    assert np.isfinite(outputs).all()
    alike = outputs.T.reshape(FINAL + 1, len(THRESHOLDS), -1)[TRAIN]
    for threshold, output in zip(THRESHOLDS, alike):
        share = ((rows["rating"] >= threshold).sum() + 0.5) / (n + 1)
        assert output[-1] == pytest.approx(np.log(share / (1 - share)), abs=1e-4)
        if share < 0.5 / n or share > 1 - 0.5 / n:
            assert not output[:-1].any()
    assert StoredNgrams(tmp_path / "features", len(buckets))[:].shape == (n, len(buckets))


def test_a_row_range_is_encoded_the_same_however_often(built, tmp_path):
    """Dask runs a task again whose worker died: what it needs is there, its result the same."""
    folder, _, found = built
    transformer, ranges = Transformer.load(folder), row_ranges(folder)
    (tmp_path / "features").mkdir()
    with dask.config.set(scheduler="synchronous"):
        write_features(ranges, tmp_path, transformer)
    write_range(ranges[0], transformer.settings, tmp_path)
    stored = StoredNgrams(tmp_path / "features", found.text.shape[1])
    assert (stored[:] != found.text[:]).nnz == 0
    np.testing.assert_array_equal(np.load(tmp_path / "features/metadata.npy"), found.metadata)


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
