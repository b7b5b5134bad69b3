"""Seven answers from one graph: the same as seven plain pandas passes, however the reviews are cut into files."""
import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common import original
from conftest import load_script

eda = load_script("02_eda")


@pytest.fixture
def reviews():
    rng = np.random.default_rng(1)
    n = 500
    return pd.DataFrame({
        "review_id": [f"id-{i}" for i in range(n)], "review_text": [" नमस्ते" * k for k in rng.integers(0, 9, n)],
        "review_rating": rng.integers(1, 6, n).astype("int8"), "review_likes": rng.integers(0, 10_000, n),
        "author_app_version": np.where(rng.random(n) < 0.2, None, rng.choice([f"{k}.0 build {k}" for k in range(12)], n)),
        "review_timestamp": pd.Timestamp("2020-02-27 23:59") + pd.to_timedelta(rng.integers(0, 90 * 24, n), "h").astype("timedelta64[us]"),
    })


def write(reviews, folder, files):
    paths = []
    for number, part in enumerate(np.array_split(np.arange(len(reviews)), files)):
        table = pa.Table.from_pandas(reviews.iloc[part], preserve_index=False)
        paths.append(folder / f"part-{files}-{number}.parquet")
        pq.write_table(table.set_column(5, "review_timestamp", table["review_timestamp"].cast(pa.timestamp("us"))), paths[-1])
    return paths


def test_answers_equal_plain_pandas_and_do_not_depend_on_the_files(reviews, tmp_path):
    first = None
    for files in (1, 2, 7):
        paths = write(reviews, tmp_path, files)
        with dask.config.set(scheduler="synchronous"):
            found = eda.answers(dask.compute(eda.one_graph(paths))[0])
        original.check_eda(original.eda(paths), found)
        if first:
            for name in first:
                pd.testing.assert_frame_equal(first[name], found[name])
        first = found
    by_hand = reviews.groupby("review_rating")["review_text"].apply(lambda texts: texts.str.len().mean())
    np.testing.assert_allclose(first["length_by_rating"]["mean_characters"], by_hand)
    assert first["cumulative"]["cumulative"].iloc[-1] == first["ratings"]["reviews"].sum() == len(reviews)
    assert len(first["top_versions"]) == 10 and not first["top_versions"]["author_app_version"].isna().any()


def test_a_wrong_answer_is_noticed(reviews, tmp_path):
    paths = write(reviews, tmp_path, 2)
    with dask.config.set(scheduler="synchronous"):
        found = eda.answers(dask.compute(eda.one_graph(paths))[0])
    found["by_month"].loc[0, "reviews"] += 1
    with pytest.raises(AssertionError, match="by_month"):
        original.check_eda(original.eda(paths), found)
