"""An uploaded export keeps its columns, order and records; drift is what its formula says."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import call_script

from common.explorer.export import score_export
from common.explorer.review_index import ReviewIndex
from common.predict import Predictor
from common.scores import stability_index
from common.store import InputError

ODD = (
    "id,=cmd,text,stars,note,note\r\n"
    '1,x,"Crashes, always\nand ""freezes""",1,a,b\r\n'
    "2,x,great,5,+1,\r\n"
    "3,too few\r\n"
    "4,x,,3,c,d\r\n"
    "5,x,ok,,e,f\r\n"
)


@pytest.fixture(scope="module")
def parts(pipeline):
    return Predictor(pipeline), ReviewIndex(pipeline)


def test_own_columns_are_kept_whatever_they_hold(parts, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text(ODD, newline="")
    scored = score_export("odd.csv", path, *parts)
    table = pd.read_csv(io.BytesIO(scored.csv), dtype=str, keep_default_na=False)
    own = ["id", "'=cmd", "text", "stars", "note 5", "note 6"]
    assert table.columns.tolist()[:6] == own
    assert table["id"].tolist() == ["1", "2", "3", "4", "5"]
    assert table["text"][0] == 'Crashes, always\nand "freezes"'
    assert table["note 5"].tolist() == ["a", "'+1", "", "c", "e"]
    assert (table["p_five_star"] != "").tolist() == [True, True, False, True, True]
    assert "too few fields" in table["reason"][2].replace("_", " ")
    assert "no text" in table["reason"][3]
    assert table["complaints"][0] == "Crashes and start"
    assert scored.written[:2] == (5, 1)
    assert scored.numbers["review_rating"].tolist() == pytest.approx(
        [1, 5, np.nan, 3, np.nan], nan_ok=True
    )


def test_scores_are_those_of_the_command_line(parts, pipeline, tmp_path):
    source, out = pipeline / "synthetic_reviews.csv", tmp_path / "out.csv"
    done = call_script("common.predict", source, "--out", out, "--data-dir", pipeline)
    assert done.returncode == 0
    scored = score_export("s.csv", source, *parts)
    found, expected = pd.read_csv(io.BytesIO(scored.csv)), pd.read_csv(out)
    assert len(found) == len(expected) == 3_000
    for name in ("p_five_star", "predicted_rating"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)
    pd.testing.assert_frame_equal(
        found[found.columns[1:9]], pd.read_csv(source)[found.columns[1:9]], check_dtype=False
    )


def test_what_is_no_export_is_refused(parts, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError):
        score_export("bad.csv", path, *parts)
    shutil.copy(path, tmp_path / "bad.xlsx")
    with pytest.raises(InputError):
        score_export("bad.xlsx", tmp_path / "bad.xlsx", *parts)


def test_stability_index_is_its_formula():
    rng = np.random.default_rng(0)
    expected, actual = rng.normal(size=5_000), rng.normal(0.5, size=2_000)
    edges = np.quantile(expected, np.arange(1, 10) / 10)
    index = 0.0
    for low, high in zip([-np.inf, *edges], [*edges, np.inf]):
        e = np.mean((expected > low) & (expected <= high))
        a = np.mean((actual > low) & (actual <= high))
        index += (a - e) * np.log(a / e)
    assert stability_index(expected, actual) == pytest.approx(index)
    assert stability_index(expected, expected) == pytest.approx(0)
    assert stability_index(np.ones(50), np.ones(20)) == pytest.approx(0)
