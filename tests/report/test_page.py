"""The page of the report: what is folded, how wide charts are, light, dark and printed."""

import re
import shutil

import altair as alt
import pandas as pd
import pytest

from common.charts.base import draw
from common.charts.reviews import eda_charts
from common.report.page import section, write_pages

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
MANIFEST = {"data": "csv", "sources": [{"name": "a.csv"}], "records": 3}


def bars(label):
    table = pd.DataFrame({"name": [label, "b"], "reviews": [1, 2], "low_share": 0.5})
    return draw("most_reviewed", table, "A title")


def rows(number):
    return pd.DataFrame({"seconds": range(number)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report: one chart beside a table, three charts and a long table, and a table alone."""
    folder = tmp_path_factory.mktemp("report")
    charts = {f"chart_{n}": bars("long " * n + "name") for n in range(1, 4)}
    sections = [
        section("question", "From 2024-05-09 on <b>others</b>: `a <i>`."),
        section("releases", charts={"only": bars("x")}, tables={"Fifteen": rows(15)}),
        section("models", charts=charts, tables={"Few": rows(7), "Many": rows(40)}),
        section("original_study", tables={"Ten": rows(10), "None": rows(0)}),
    ]
    write_pages(folder, sections, MANIFEST, folder)
    return folder


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


def test_long_tables_are_folded_and_say_how_long_they_are(html):
    found = re.findall(r"<details( open)?>\s*<summary>([^<]*)</summary>", html)
    assert found == [
        (" open", "Fifteen"),
        (" open", "Few"),
        ("", "Many (40 rows)"),
        (" open", "Ten"),
    ]


def test_a_date_does_not_break_and_text_is_no_markup(html):
    assert 'From <span class="short">2024-05-09</span> on &lt;b&gt;others&lt;/b&gt;' in html
    assert ": <code>a &lt;i&gt;</code>." in html


def test_every_chart_is_as_wide_as_a_column_whatever_its_labels_are(folder):
    files = sorted(folder.glob("*.svg"))
    assert len(files) == 4
    for file in files:
        svg = file.read_text(encoding="utf-8")
        assert re.match(r'<svg [^>]*width="420" [^>]*viewBox="0 0 420 ', svg)
        assert 'fill="white"' not in svg


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def opened(browser, file, width, scheme="light"):
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.goto(file.as_uri())
    return tab


def test_charts_fill_a_wide_page_and_a_narrow_one(folder, chromium):
    wide = opened(chromium, folder / "index.html", 1440)
    edges = wide.evaluate("[...document.images].map(i => i.getBoundingClientRect().right)")
    assert max(edges) > 1380
    narrow = opened(chromium, folder / "index.html", 400)
    widths = narrow.evaluate("[...document.images].map(i => i.getBoundingClientRect().width)")
    assert min(widths) > 350
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 400


def light(colour):
    """Whether a CSS colour is nearer to white."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) > 3 * 128


def test_page_and_charts_are_light_or_dark_as_the_reader_likes(folder, chromium):
    for scheme in ("light", "dark"):
        page = opened(chromium, folder / "index.html", 1440, scheme)
        style = page.evaluate(
            "(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))"
        )
        assert list(map(light, style)) == [scheme == "light", scheme == "dark"]
        chart = opened(chromium, folder / "only.svg", 600, scheme)
        fill = "getComputedStyle(document.querySelector('.role-axis-label text')).fill"
        assert light(chart.evaluate(fill)) == (scheme == "dark")


def test_print_loses_no_row_and_is_light(folder, chromium):
    tab = opened(chromium, folder / "index.html", 1440, "dark")
    last = tab.locator("td", has_text=re.compile("^39.0$"))
    assert last.count() == 1
    height = (
        "e => e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height"
    )
    assert not last.evaluate(height)
    tab.emulate_media(media="print")
    assert last.evaluate(height)
    assert light(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    kept = "e => [getComputedStyle(e).breakAfter, getComputedStyle(e).breakInside]"
    assert tab.locator("h2").first.evaluate(kept)[0] == "avoid"
    assert tab.locator("img").first.evaluate(kept)[1] == "avoid"


def test_years_are_drawn_by_month_and_one_day_not_over_time():
    days = pd.date_range("2012-01-01", "2023-12-31", name="day")
    table = pd.DataFrame({"reviews": 4, "five_star": [1, 3] * (len(days) // 2) + [1]}, days)
    table = table.reset_index().assign(cumulative=1)
    charts = eda_charts({"five_star_share": table, "cumulative": table})
    drawn = charts["five_star_share"].data
    assert len(drawn) == 12 * 12
    month = table[(table["day"] >= "2013-02-01") & (table["day"] < "2013-03-01")]
    share = month["five_star"].sum() / month["reviews"].sum()
    assert drawn.set_index("start").loc["2013-02-01", "share"] == pytest.approx(share)
    assert eda_charts({"five_star_share": table[:1], "cumulative": table[:1]}) == {}
    assert isinstance(charts["cumulative"], alt.Chart)
