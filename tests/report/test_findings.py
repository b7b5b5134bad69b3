"""The sentences about breaks, releases, complaints and new terms say what the tables say."""

import pandas as pd
import pytest

from common.report import findings
from common.report.formats import as_text

DAY = pd.Timestamp("2024-05-09")


@pytest.fixture
def eda():
    row = {"effect_low": 0.1, "effect_high": 0.3, "reviews": 1_200, "first_day": DAY}
    row |= {"last_day": DAY, "compared": 900, "before_after": None}
    return {
        "periods": pd.DataFrame({"first_day": [DAY], "begins": ["first review"]}),
        "gaps": pd.DataFrame(),
        "releases": pd.DataFrame(
            [
                {"release": "8.80", "effect": 0.2, "p_holm": 0.01, "stands_out": True, **row},
                {"release": "8.81", "effect": 0.0, "p_holm": 1.0, "stands_out": False, **row},
                {"release": "1.0", "effect": 0.5, "p_holm": None, "stands_out": False, **row},
            ]
        ),
        "complaints": pd.DataFrame(
            {
                "group": ["Price"],
                "reviews": [700],
                "share": [0.142],
                "mean_rating": [1.5766],
                "stars_lost": [0.2],
            }
        ),
        "covered": pd.DataFrame({"covered": [False, True], "reviews": [30, 70]}),
        "new_terms": pd.DataFrame({"week": [DAY], "term": ["captcha"]}),
    }


def texts(eda):
    return [" ".join(section.paragraphs) for section in findings.sections(eda)]


def test_what_stands_out_is_said_with_its_figures(eda):
    eda["periods"] = pd.DataFrame(
        {
            "first_day": [DAY, DAY + pd.Timedelta("9D")],
            "begins": ["first review", "change of length"],
        }
    )
    health, releases, complaints, new = texts(eda)
    assert "Other reviews begin on 2024-05-18 (change of length)." in health
    assert "Release 8.80 stands out: its share of 1 and 2 stars is 20.0 points higher" in releases
    assert "95% interval +10.0 to +30.0; 1,200 reviews" in releases
    assert "8.81 stands" not in releases
    assert "70.0% of the longer reviews" in complaints
    assert "price: 14.2% of all reviews, which have 1.58 stars on average" in complaints
    assert "New terms: 1." in new
    assert (
        findings.complaints(eda)
        .tables["Groups, and topics of other reviews"]
        .equals(eda["complaints"])
    )
    eda["new_terms"] = pd.DataFrame({"week": DAY, "term": [f"word{k}" for k in range(40)]})
    assert findings.new(eda).tables["Terms"]["term"].tolist() == [f"word{k}" for k in range(20)]


def test_what_stands_out_is_in_the_table_however_few_reviews_it_has(eda):
    ordinary = [
        eda["releases"].iloc[[1]].assign(release=f"9.{n}", reviews=9_000) for n in range(12)
    ]
    eda["releases"] = pd.concat([*ordinary, eda["releases"]], ignore_index=True)
    (table,) = findings.releases(eda).tables.values()
    assert len(table) == findings.SHOWN
    assert "8.80" in set(table["release"])
    assert table.index.is_monotonic_increasing


def test_where_nothing_is_found_the_report_says_so(eda):
    eda["releases"] = eda["releases"].assign(stands_out=False)
    eda["new_terms"] = eda["new_terms"][:0]
    health, releases, _, new = texts(eda)
    assert "No break was found." in health
    assert "No release stands out, of 2 that could be compared." in releases
    assert "No term is new in any week." in new


def test_figures_that_cannot_be_are_not_called_unmeasured(eda):
    """A column without any is left out; where others have one, a dash says so."""
    _, releases, complaints, _ = findings.sections(eda)
    (table,) = releases.tables.values()
    assert "before_after" not in table
    text = as_text(table)
    assert text.rows[2][text.headings.index("p-value (Holm)")] == "\N{EN DASH}"
    assert set(complaints.charts) == {"complaints"}
    eda["complaints"]["reviews"] = 0
    assert findings.complaints(eda).charts == {}


def test_before_02_each_part_says_what_to_run():
    assert all("Not run yet: `python 02_eda.py`" in text for text in texts({}))
