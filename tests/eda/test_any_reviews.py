"""Whatever the reviews are, 02 ends in the same tables, with the same columns and types."""

import numpy as np
import pandas as pd
import pytest
from making import tables_of, write

from common.charts.reviews import eda_charts
from common.report import findings


def reviews_of(n=600, days=60, start="2023-01-01"):
    rng = np.random.default_rng(0)
    texts = ["good app really", "crash on start again", "bad", "no login possible, why"]
    return pd.DataFrame(
        {
            "review_text": rng.choice(texts, n),
            "review_rating": rng.integers(1, 6, n).astype("int8"),
            "review_likes": rng.integers(0, 9, n),
            "author_app_version": rng.choice(["8.1.0 build 3", "8.2.1", "9"], n).astype(object),
            "review_timestamp": np.datetime64(start, "us")
            + rng.integers(0, days, n).astype("timedelta64[D]"),
        }
    )


KINDS = {
    "none": reviews_of(0),
    "one": reviews_of(1),
    "one day": reviews_of(days=1),
    "one month": reviews_of(days=28),
    "no versions": reviews_of().assign(author_app_version=None),
    "versions without number": reviews_of().assign(author_app_version="Varies with device"),
    "no likes": reviews_of().assign(review_likes=0),
    "one text": reviews_of().assign(review_text="ok"),
    "empty texts": reviews_of().assign(review_text=""),
    "before 2008": reviews_of(start="1970-01-01"),
    "in the future": reviews_of(start="2999-01-01"),
    "all times": pd.concat([reviews_of(), reviews_of(3, start="1800-01-02")]),
    "five stars": reviews_of().assign(review_rating=np.int8(5)),
    "one star": reviews_of().assign(review_rating=np.int8(1)),
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return tables_of(write(reviews_of(), tmp_path_factory.mktemp("usual")))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_any_reviews_make_the_tables(kind, usual, tmp_path):
    tables = tables_of(write(KINDS[kind], tmp_path))
    assert list(tables) == list(usual)
    for name, table in tables.items():
        table.to_parquet(tmp_path / "table.parquet", index=False)
        types, expected = (t.dtypes.astype(str).to_dict() for t in (table, usual[name]))
        assert types == expected, name
    for chart in eda_charts(tables).values():
        chart.to_dict()
    assert len(findings.sections(tables)) == 4
    if kind == "none":
        assert not len(tables["health"])
