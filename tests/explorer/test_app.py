"""The explorer: every page in Streamlit's test runner, and in a real browser where there is one."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.parse
import urllib.request
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ENVIRONMENT, ROOT, page, republish

from app import PAGES, path_of
from common import scores
from common.explorer import errors
from common.explorer.loaded import Scorers, load
from common.explorer.review_index import ReviewIndex
from common.features.transformer import Transformer
from common.models.explain import word_effects
from common.models.files import load_models, read_cards
from common.predict import one_review
from common.report.formats import model_name
from common.spreadsheet import spreadsheet_csv
from common.synthetic import NOTICE

VIEWS = list(PAGES)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def said(shown):
    return " ".join(
        element.value
        for element in (*shown.markdown, *shown.caption, *shown.info, *shown.text, *shown.code)
    )


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_shows_and_says_that_reviews_are_made(pipeline, view):
    shown = page(view, pipeline)
    assert not shown.exception
    assert not shown.error
    assert NOTICE in [warning.value for warning in shown.warning]
    for table in shown.dataframe:
        for name in table.value.columns[table.value.columns.astype(str).str.contains("share")]:
            assert table.value[name].dropna().between(0, 100).all(), name
    assert "Not run yet" not in said(shown)
    assert shown.title[0].value == (view if view != "Summary" else "Smarter Netflix Predictions")


def test_real_reviews_come_without_a_notice(pipeline, tmp_path):
    manifest = json.loads((pipeline / "manifest.json").read_text()) | {"data": "csv"}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    republish(tmp_path, "manifest.json")
    shown = page("Summary", tmp_path)
    assert not shown.success
    assert not shown.warning


@pytest.mark.parametrize(
    ("view", "script"),
    [
        ("Summary", "02_eda.py"),
        ("Releases", "02_eda.py"),
        ("Complaints", "02_eda.py"),
        ("What is new", "02_eda.py"),
        ("Answer first", "04_cpu_models.py"),
        ("Models", "04_cpu_models.py"),
        ("Errors", "04_cpu_models.py"),
        ("Scaling", "05_gpu_train.py"),
        ("Profiles", "--profile"),
        ("Score", "04_cpu_models.py"),
    ],
)
def test_every_page_says_what_has_not_run(pipeline, tmp_path, view, script):
    (tmp_path / "manifest.json").write_bytes((pipeline / "manifest.json").read_bytes())
    republish(tmp_path, "manifest.json")
    shown = page(view, tmp_path)
    assert not shown.exception
    assert not shown.error
    assert "Not run yet" in shown.info[0].value
    assert any(script in code.value for code in shown.code)


def test_reviews_need_01_alone(pipeline, tmp_path):
    for name in ("index.json", "manifest.json", "reviews"):
        os.symlink(pipeline / name, tmp_path / name)
    shown = page("Reviews", tmp_path)
    assert not shown.exception
    assert not shown.error
    assert {metric.label for metric in shown.metric} >= {"Five stars", "Mean rating"}


@pytest.mark.parametrize("view", VIEWS)
def test_before_loading_the_first_script_is_named(tmp_path, view):
    shown = page(view, tmp_path / "none")
    assert not shown.exception
    assert "01_load.py" in shown.text[0].value


def reviews_of(pipeline):
    return pd.read_parquet(pipeline / "reviews")


@pytest.mark.parametrize(
    ("parameters", "query"),
    [
        ({"stars": ["1", "2"]}, "review_rating <= 2"),
        ({"first": "2018-01-01", "last": "2019-12-31"}, "'2018' <= review_timestamp < '2020'"),
        (
            {"author_app_version": "7.84.1 build 28 35243"},
            "author_app_version == '7.84.1 build 28 35243'",
        ),
    ],
)
def test_filters_in_the_address_choose_the_reviews(pipeline, parameters, query):
    chosen = reviews_of(pipeline).query(query)
    assert 0 < len(chosen) < 2000
    shown = page("Reviews", pipeline, **parameters)
    numbers = {metric.label: metric.value for metric in shown.metric}
    assert not shown.exception
    assert numbers["Reviews"] == f"{len(chosen):,}"
    assert numbers["Mean rating"] == f"{chosen['review_rating'].mean():.2f}"
    assert numbers["Five stars"] == f"{(chosen['review_rating'] == 5).mean():.1%}"
    assert numbers["1 and 2 stars"] == f"{(chosen['review_rating'] <= 2).mean():.1%}"
    assert numbers["Mean characters"] == f"{chosen['review_text'].str.len().mean():,.0f}"


def test_filters_that_leave_nothing_say_so(pipeline):
    shown = page(
        "Reviews",
        pipeline,
        first="2011-05-12",
        last="2011-05-12",
        stars="2",
        author_app_version="8.11.1 build 12 40101",
    )
    assert not shown.exception
    assert "widen" in shown.info[0].value


def compared(shown):
    """The table of two models beside the majority class."""
    return next(frame.value for frame in shown.dataframe if "precision" in frame.value)


def test_threshold_moves_the_confusion_and_two_models_differ_in_what_differs(pipeline):
    shown = page("Models", pipeline)
    board = compared(shown)
    differs = next(frame.value for frame in shown.dataframe if "entry" in frame.value)
    assert (differs.iloc[:, 1] != differs.iloc[:, 2]).all()
    shown.slider(key="threshold").set_value(0.9).run()
    after = compared(shown)
    assert not shown.exception
    assert after["accuracy"][1] != board["accuracy"][1]
    assert after["recall"][1] < board["recall"][1]
    assert after["auc"][1] == board["auc"][1]


def test_scores_on_the_page_are_the_cards(pipeline):
    board, cards = compared(page("Models", pipeline)), read_cards(pipeline)
    accuracy = {model_name(name): card["test"].get("accuracy") for name, card in cards.items()}
    for name, row in board.set_index("model").iloc[1:].iterrows():
        assert row["accuracy"] == pytest.approx(accuracy[name], abs=2e-3)


def test_curves_hold_their_ends_and_calibration_its_rows():
    rng = np.random.default_rng(0)
    truth, probability = rng.random(5000) < 0.6, rng.random(5000)
    found = scores.curves(truth, probability)
    assert len(found["roc"]) <= 200
    assert found["roc"].iloc[[0, -1], :2].to_numpy().tolist() == [
        [0, 0],
        [1, 1],
    ]
    assert found["calibration"]["reviews"].sum() == 5000
    at = found["precision_recall"].iloc[100]
    chosen = probability >= at["threshold"]
    assert at["precision"] == pytest.approx(truth[chosen].mean())
    assert at["recall"] == pytest.approx(truth[chosen].sum() / truth.sum())


def test_errors_are_those_of_the_test_split_and_filters_narrow_them(pipeline):
    rows = pd.read_parquet(pipeline / "features/rows.parquet")
    name = next(name for name, card in read_cards(pipeline).items() if card["task"] == "five_star")
    predicted = np.load(pipeline / "models" / name / "predictions.npy").astype(float)
    test = (rows["split"] == "test").to_numpy()
    wrong = test & ((predicted > 0.5) != (rows["rating"] == 5))
    shown = page("Errors", pipeline)
    assert not shown.exception
    assert f"{wrong.sum():,} of {test.sum():,} test reviews" in said(shown)
    table = next(frame.value for frame in shown.dataframe if "p_five_star" in frame.value)
    assert len(table) == min(wrong.sum(), 500)
    shown.slider(key="sure").set_value(0.8).run()
    surely = wrong & (np.maximum(predicted, 1 - predicted) >= 0.8)
    assert f"{surely.sum():,} of {test.sum():,} test reviews" in said(shown)
    assert 0 < surely.sum() < wrong.sum()
    shown.text_input(key="words").set_value("the").run()
    table = next(frame.value for frame in shown.dataframe if "p_five_star" in frame.value)
    assert not shown.exception
    assert table["review_text"].str.contains(r"\bthe\b", case=False).all()


def test_what_pushed_a_review_without_a_version_is_shown(pipeline, monkeypatch):
    """A review is explained as it was published, whatever it lacks."""
    index, scorers, explained = ReviewIndex(pipeline), Scorers(pipeline), []
    (row, *_) = np.flatnonzero(index.table["author_app_version"].isna())
    chosen = SimpleNamespace(selection=SimpleNamespace(rows=[]))
    monkeypatch.setattr(errors, "show_table", lambda *_, **__: chosen)
    monkeypatch.setattr(errors, "show_effects", lambda *words: explained.append(words[2]))
    name = next(name for name, model in scorers.models.items() if model.card["task"] == "five_star")
    errors.show_errors(index.shown(np.array([row])).assign(p_five_star=0.9), name, index, scorers)
    (review,) = explained
    assert review["author_app_version"].to_pylist() == [None]
    assert review["review_text"].to_pylist() == [index.text[int(row)].as_py()]
    assert len(word_effects(scorers.models[name], scorers.transformer, review))


def test_predictions_of_other_features_are_refused(pipeline, tmp_path):
    folder = shutil.copytree(pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("profiles"))
    settings = folder / "features/transformer.json"
    settings.write_text(settings.read_text() + " ")
    republish(folder, "features")
    shown = page("Errors", folder)
    assert not shown.exception
    assert "train" in shown.text[0].value
    assert "again" in shown.text[0].value


def numbers_of(shown):
    return [float(metric.value.split("%")[0].split(" ")[0]) for metric in shown.metric]


def test_typed_review_is_predicted_by_every_model(pipeline):
    shown = page("Score", pipeline)
    found = []
    for text in ("great app, love it", "terrible, keeps crashing, cancelled"):
        shown.text_area[0].set_value(text).run()
        assert not shown.exception
        found.append(numbers_of(shown))
    assert found[0][0] > found[1][0]
    assert found[0][1] > found[1][1]
    assert 1 <= found[1][1] <= 5
    everyone = next(frame.value for frame in shown.dataframe if "p_five_star" in frame.value)
    cards = read_cards(pipeline)
    assert set(everyone["model"]) == set(map(model_name, cards))
    by_name = everyone.set_index("model")["p_five_star"]  # in percent
    models = shown.selectbox(key="model")
    for name in (name for name, card in cards.items() if card["task"] == "five_star"):
        models.set_value(name).run()
        assert not shown.exception
        assert numbers_of(shown)[0] == pytest.approx(by_name[model_name(name)], abs=0.06)


def test_examples_fill_the_review(pipeline):
    shown = page("Score", pipeline)
    for button in shown.button[:5]:
        button.click().run()
        assert not shown.exception
        assert len(shown.metric) == 2
    assert shown.text_area[0].value == "ok"


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "",
        "\U0001f600" * 1000,
        "\u0647\u0630\u0627 \u0627\u0644\u062a\u0637\u0628\u064a\u0642 \u0631\u0627\u0626\u0639",
        "\u202etfel ot thgir",
        "\0",
        "a\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
    ],
)
def test_every_text_is_answered(pipeline, text):
    shown = page("Score", pipeline)
    shown.text_area[0].set_value(text).run()
    assert not shown.exception
    assert not shown.error
    assert len(shown.metric) == 2
    assert 0 <= numbers_of(shown)[0] <= 100


def test_word_effects_are_what_leaving_a_word_out_changes(pipeline):
    models, wrong = load_models(pipeline)
    transformer = Transformer.load(pipeline)
    assert not wrong
    name = next(name for name, model in models.items() if model.card["task"] == "five_star")
    review = one_review("Great shows, but it crashes. Crashes!")
    effects = word_effects(models[name], transformer, review).set_index("word")["effect"]
    without = one_review("Great shows, but it  .  !")
    both = [float(models[name].predict(transformer.transform(one))[0]) for one in (review, without)]
    assert effects["crashes"] == pytest.approx(100 * (both[0] - both[1]))


def test_a_damaged_model_is_left_out_and_named(pipeline, tmp_path):
    folder = shutil.copytree(
        pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("reviews", "profiles")
    )
    names = list(read_cards(folder))
    card = read_cards(folder)[names[0]]
    file = card.get("final", card)["file"]
    (folder / "models" / names[0] / file).write_bytes(b"damaged")
    shown = page("Score", folder)
    assert not shown.exception
    assert names[0] in shown.text[0].value
    assert model_name(names[0]) not in set(shown.dataframe[0].value["model"])
    assert len(shown.metric) == 2


EVIL = (
    "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 2'> "
    "![x](http://example.org/x.png) [go](javascript:window.hurt=3) **bold** =1+1"
)


@pytest.fixture(scope="module")
def hostile(pipeline, tmp_path_factory):
    """A data directory in which every review says what a page must not run."""
    folder = shutil.copytree(
        pipeline,
        tmp_path_factory.mktemp("hostile") / "data",
        ignore=shutil.ignore_patterns("profiles"),
    )
    for path in (folder / "reviews").glob("*.parquet"):
        table = pq.read_table(path)
        for name, value in (("review_text", EVIL), ("author_app_version", "=cmd|' /C calc'!A0")):
            table = table.set_column(
                table.column_names.index(name), name, pa.array([value] * len(table), pa.string())
            )
        pq.write_table(table, path)
    for name in ("most_liked", "repeated_texts", "typical_reviews"):
        table = pd.read_parquet(folder / f"eda/{name}.parquet")
        table.assign(review_text=EVIL).to_parquet(folder / f"eda/{name}.parquet")
    new = {"week": pd.Timestamp("2020-01-06"), "term": EVIL[:60], "mentions": 20, "before": 1}
    new = pd.DataFrame([new | {"expected": 0.5, "z": 5.0, "q": 0.001}])
    new.to_parquet(folder / "eda/new_terms.parquet")
    republish(folder, "reviews", "eda")
    return folder


@pytest.mark.parametrize(
    "view", ["Reviews", "Errors", "Releases", "Complaints", "What is new", "Answer first"]
)
def test_review_text_is_never_markdown_and_no_cell_is_a_formula(hostile, view):
    shown = page(view, hostile, stars="5")
    assert not any(
        "example.org" in element.value
        for element in (*shown.markdown, *shown.caption, *shown.info, *shown.title, *shown.header)
    )
    found = [frame.value for frame in shown.dataframe if "review_text" in frame.value]
    assert found
    assert all(frame["review_text"].str.contains("example.org").all() for frame in found)
    versions = pd.concat(
        [frame["author_app_version"] for frame in found if "author_app_version" in frame]
    )
    assert (versions == "'=cmd|' /C calc'!A0").all()


def test_downloads_for_spreadsheets_hold_no_formula():
    table = pd.DataFrame({"text": ["=1", "+1", "-1", "@a", "\t=1", "ok", None], "n": range(7)})
    lines = spreadsheet_csv(table).decode().splitlines()
    assert lines == ["text,n", "'=1,0", "'+1,1", "'-1,2", "'@a,3", "'\t=1,4", "ok,5", ",6"]


def test_predictor_is_reloaded_when_models_change(pipeline, tmp_path):
    folder = shutil.copytree(
        pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("reviews", "profiles")
    )
    before = load(Scorers, folder)
    assert load(Scorers, folder) is before
    shutil.rmtree(folder / "models/xgboost-all")
    republish(folder, "models")
    assert "xgboost-all" in before.models
    assert "xgboost-all" not in load(Scorers, folder).models


@contextmanager
def serving(data_dir):
    """Address of `streamlit run app.py` on a data directory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.port",
            str(port),
            "--",
            "--data-dir",
            str(data_dir),
        ],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
    )
    address = f"http://localhost:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def server(pipeline):
    with serving(pipeline) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()


class Tab:
    """A page of the browser that notes what it fetches from elsewhere, and its errors."""

    def __init__(self, browser, server, width=1440):
        self.page, self.server, self.foreign, self.logged = (
            browser.new_page(viewport={"width": width, "height": 900}),
            server,
            [],
            [],
        )
        self.page.on(
            "request",
            lambda request: (
                self.foreign.append(request.url)
                if not request.url.startswith((server, "data:", "blob:"))
                else None
            ),
        )
        self.page.on(
            "console",
            # Streamlit's page looks for its server under the page's path first.
            lambda message: (
                self.logged.append(message.text)
                if message.type == "error" and "/_stcore/" not in message.location["url"]
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.logged.append(str(error)))

    def open(self, view, **parameters):
        path = "" if view == "Summary" else path_of(view)
        self.page.goto(f"{self.server}/{path}?{urllib.parse.urlencode(parameters)}")
        self.settle()

    def go(self, view):
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=view, exact=True).click()
        self.page.get_by_role(
            "heading",
            name="Smarter Netflix Predictions" if view == "Summary" else view,
            exact=True,
            level=1,
        ).wait_for(timeout=60_000)
        self.settle()

    def settle(self):
        self.page.wait_for_selector("h1", timeout=60_000)
        self.page.wait_for_function(
            "!document.querySelector('[data-testid=stStatusWidget]')", timeout=60_000
        )


@pytest.mark.parametrize("width", [1440, 400])
def test_browser_shows_every_page_from_this_machine_alone(server, browser, width):
    from playwright.sync_api import expect

    tab = Tab(browser, server, width)
    for view in VIEWS:
        tab.open(view)
        assert (
            tab.page.locator("[data-testid=stException], [data-testid=stAlertContentError]").count()
            == 0
        )
        # In the end: while a page draws, an old element may stand beside the new. A model's card
        # says it too.
        expect(tab.page.get_by_test_id("stAlert").get_by_text(NOTICE)).to_have_count(1)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.foreign == []
    assert tab.logged == []
    tab.page.close()


def test_browser_takes_summary_for_the_first_page(server, browser):
    tab = Tab(browser, server)
    tab.page.goto(f"{server}/summary")
    name = "Smarter Netflix Predictions"
    tab.page.get_by_role("heading", name=name, exact=True).wait_for(timeout=60_000)
    tab.settle()
    assert tab.page.get_by_text("not found").count() == 0
    tab.page.close()


def test_browser_shows_every_page_of_an_empty_data_directory(browser, tmp_path):
    with serving(tmp_path / "none") as address:
        tab = Tab(browser, address)
        for view in VIEWS:
            tab.open(view)
            tab.page.get_by_text("01_load.py").first.wait_for(timeout=60_000)
            assert tab.page.locator("[data-testid=stException]").count() == 0
        assert tab.logged == []
        tab.page.close()


def test_browser_keeps_filters_over_pages_and_reloads(server, browser, pipeline):
    tab = Tab(browser, server)
    tab.open("Summary")
    tab.page.wait_for_timeout(3000)  # meanwhile the reviews are loaded
    tab.go("Reviews")
    five = int((reviews_of(pipeline)["review_rating"] == 5).sum())
    tab.page.locator("[data-testid=stSidebar] [data-testid=stButtonGroup] button").filter(
        has_text="5"
    ).click()
    tab.page.get_by_text(f"{five:,} of 2,99").wait_for(timeout=60_000)
    for view in ("Releases", "Scaling", "Errors"):
        tab.go(view)
        tab.page.wait_for_function("location.search.includes('stars=5')", timeout=60_000)
        assert f"/{path_of(view)}?" in tab.page.url
    tab.page.reload()
    tab.settle()
    tab.go("Reviews")
    tab.page.get_by_text(f"{five:,} of 2,99").wait_for(timeout=60_000)
    tab.page.wait_for_url("**/reviews?stars=5", timeout=60_000)
    other = Tab(browser, server)
    other.page.goto(tab.page.url)
    other.page.get_by_text(f"{five:,} of 2,99").wait_for(timeout=60_000)
    tab.page.close(), other.page.close()


def test_browser_keeps_an_address_that_is_left_at_once(server, browser, pipeline):
    """Also where the page is changed before it is drawn; going back brings the filters back."""
    five = int((reviews_of(pipeline)["review_rating"] == 5).sum())
    for _ in range(5):
        tab = Tab(browser, server)
        tab.page.goto(f"{server}/reviews?stars=5")
        tab.page.get_by_text(f"{five:,} of 2,99").wait_for(timeout=60_000)
        tab.go("Errors")
        tab.page.wait_for_url("**/errors?stars=5", timeout=60_000)
        tab.page.get_by_text("Clear the filters").click()
        tab.page.wait_for_url("**/errors", timeout=60_000)
        chosen = tab.page.get_by_text("of 5 stars").first
        chosen.wait_for(state="hidden", timeout=60_000)
        tab.page.go_back()
        tab.page.wait_for_url("**/errors?stars=5", timeout=60_000)
        chosen.wait_for(timeout=60_000)
        tab.go("Reviews")
        tab.page.get_by_text(f"{five:,} of 2,99").wait_for(timeout=60_000)
        tab.page.wait_for_url("**/reviews?stars=5", timeout=60_000)
        tab.page.close()


def test_browser_filters_by_a_clicked_bar(server, browser, pipeline):
    tab = Tab(browser, server)
    tab.open("Reviews")
    tab.page.locator("path[aria-label^='stars: 5; reviews']").first.click()
    five = int((reviews_of(pipeline)["review_rating"] == 5).sum())
    tab.page.get_by_text(f"{five:,} of 2,9").wait_for(timeout=60_000)
    assert "stars=5" in tab.page.url
    tab.page.close()


def test_browser_filters_by_a_clicked_time(server, browser, pipeline):
    tab = Tab(browser, server)
    tab.open("Reviews")
    bars = tab.page.locator("path[aria-roledescription='rect mark'][aria-label*='2020']")
    bars.first.click()
    tab.page.wait_for_function("location.search.includes('first=')", timeout=60_000)
    tab.settle()
    first, last = (
        urllib.parse.parse_qs(urllib.parse.urlparse(tab.page.url).query)[name][0]
        for name in ("first", "last")
    )
    days = reviews_of(pipeline)["review_timestamp"].dt.strftime("%Y-%m-%d")
    number = int(((days >= first) & (days <= last)).sum())
    tab.page.get_by_text(f"{number:,} of 2,9").wait_for(timeout=60_000)
    assert 0 < number < 300
    tab.page.close()


def test_browser_searches_and_clears(server, browser, pipeline):
    tab = Tab(browser, server)
    tab.open("Reviews")
    box = tab.page.get_by_role("textbox", name="Search the texts", exact=True)
    box.fill('crash* OR "log in"')
    box.press("Enter")
    texts = reviews_of(pipeline)["review_text"]
    number = int(texts.str.contains(r"\bcrash|\blog in\b", case=False).sum())
    tab.page.get_by_text(f"{number:,} of 2,9").wait_for(timeout=60_000)
    tab.page.get_by_text("Share found, of what else is chosen").first.wait_for(timeout=60_000)
    tab.page.get_by_role("button", name="Clear the filters").click()
    tab.page.get_by_text("reviews: all reviews").wait_for(timeout=60_000)
    assert "words" not in tab.page.url
    tab.page.close()


def test_browser_opens_the_reviews_behind_a_complaint(server, browser, pipeline):
    tab = Tab(browser, server)
    tab.open("Complaints")
    tab.page.get_by_text("Open them on the page Reviews").click()
    tab.page.get_by_role("heading", name="Reviews", exact=True).wait_for(timeout=60_000)
    first = pd.read_parquet(pipeline / "eda/complaints.parquet").iloc[0]
    tab.page.get_by_text(f"{first['low']:,} of 2,9").wait_for(timeout=60_000)
    tab.page.wait_for_function("location.search.includes('about=')", timeout=60_000)
    tab.page.close()


def test_browser_chooses_one_version_by_typing(server, browser):
    tab = Tab(browser, server)
    tab.open("Reviews")
    box = tab.page.get_by_role("combobox", name="App versions", exact=True)
    box.click()
    box.type("7.84")
    box.press("Enter")
    tab.page.wait_for_function("location.search.includes('author_app_version')", timeout=60_000)
    assert tab.page.url.count("author_app_version=") == 1
    tab.page.close()


def test_browser_closes_the_sidebar_of_a_phone_after_choosing(server, browser):
    tab = Tab(browser, server, 400)
    tab.open("Summary")
    tab.page.get_by_test_id("stExpandSidebarButton").click()
    tab.go("Complaints")
    tab.page.wait_for_function(
        "document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().right <= 1",
        timeout=60_000,
    )
    tab.page.close()


def test_browser_predicts_a_typed_review(server, browser):
    tab = Tab(browser, server)
    tab.open("Score")
    before = tab.page.locator("[data-testid=stMetricValue]").first.inner_text()
    tab.page.get_by_role("textbox", name="Review").fill("great app, love it")
    tab.page.keyboard.press("Control+Enter")
    tab.page.wait_for_function(
        "before => document.querySelector('[data-testid=stMetricValue]').innerText != before",
        arg=before,
        timeout=60_000,
    )
    assert "%" in tab.page.locator("[data-testid=stMetricValue]").first.inner_text()
    assert tab.logged == []
    tab.page.close()


def test_browser_scores_an_uploaded_export(server, browser, pipeline):
    tab = Tab(browser, server)
    tab.open("Score")
    tab.page.locator("input[type=file]").set_input_files(pipeline / "synthetic_reviews.csv")
    tab.page.get_by_role("button", name="Score it").click()
    tab.page.get_by_text("of 3,000 records could not be read").wait_for(timeout=60_000)
    tab.page.get_by_role("button", name="Praise").click()  # another control
    tab.settle()
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Download the scores").click()
    scores = pd.read_csv(download.value.path())
    assert len(scores) == 3_000
    own = pd.read_csv(pipeline / "synthetic_reviews.csv", nrows=0).columns
    assert [name for name in scores if name in set(own)] == list(own)
    assert scores["p_five_star"].between(0, 1).sum() > 2_900
    tab.page.close()


def test_browser_downloads_the_filtered_reviews(server, browser, pipeline):
    tab = Tab(browser, server)
    tab.open("Reviews", stars="1")
    with tab.page.expect_download() as download:
        tab.page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    reviews = reviews_of(pipeline).query("review_rating == 1")
    assert pd.read_csv(download.value.path())["review_id"].tolist() == reviews["review_id"].tolist()
    tab.page.close()


def test_browser_runs_nothing_that_reviews_hold(hostile, browser):
    with serving(hostile) as address:
        tab = Tab(browser, address)
        for view in ("Reviews", "Errors", "Releases", "Complaints", "What is new", "Answer first"):
            tab.open(view)
            tab.page.locator("[data-testid=stDataFrame]").first.wait_for(timeout=60_000)
        tab.open("Score")
        tab.page.get_by_role("textbox", name="Review").fill(EVIL)
        tab.page.keyboard.press("Control+Enter")
        tab.settle()
        assert tab.page.evaluate("window.hurt") is None
        assert tab.foreign == []
        assert tab.logged == []
        assert tab.page.locator("[data-testid=stMain] a[href^=javascript]").count() == 0
        tab.page.close()


def test_browser_finds_a_label_on_every_input(server, browser):
    tab = Tab(browser, server)
    for view in VIEWS:
        tab.open(view)
        nameless = tab.page.evaluate(
            """() => [...document.querySelectorAll(
                '[data-testid=stMain] :is(input, textarea), [data-testid=stSidebar] input')]
            .filter(e => e.type != 'file' && e.offsetParent && !e.closest('[aria-hidden=true]'))
            .filter(e => !e.labels?.length && !e.getAttribute('aria-label')
                && !e.getAttribute('aria-labelledby'))
            .map(e => e.outerHTML)"""
        )
        assert nameless == []
    tab.page.close()


def test_configuration_keeps_to_this_machine():
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert config["server"]["address"] == "localhost"
    assert config["server"]["enableXsrfProtection"]
    assert config["server"]["maxUploadSize"] <= 200
    assert config["client"]["showErrorDetails"] == "none"
    assert config["browser"]["gatherUsageStats"] is False


def test_browser_opens_the_report_without_a_network(browser, pipeline):
    context = browser.new_context(offline=True, viewport={"width": 400, "height": 900})
    tab = context.new_page()
    tab.goto((pipeline / "report/index.html").as_uri())
    tab.set_viewport_size({"width": 1440, "height": 900})
    assert tab.evaluate("document.documentElement.scrollHeight") < 11_200  # of all that runs make
    tab.set_viewport_size({"width": 400, "height": 900})
    assert tab.locator("h2").count() == 13
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    assert tab.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    )
    context.close()


def test_answer_first_lists_liked_reviews_without_a_reply(pipeline, tmp_path):
    folder = shutil.copytree(pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("profiles"))
    answered = set()
    for path in (folder / "reviews").glob("*.parquet"):
        table = pq.read_table(path)
        replies = ["Thank you" if n % 2 else None for n in range(len(table))]
        answered |= {i for i, reply in zip(table["review_id"].to_pylist(), replies) if reply}
        pq.write_table(table.append_column("reply_text", pa.array(replies, pa.string())), path)
    republish(folder, "reviews")
    shown = page("Answer first", folder)
    assert not shown.exception
    assert not shown.info
    reviews = reviews_of(folder)
    open_ones = reviews[~reviews["review_id"].isin(answered)]
    assert f"{len(open_ones):,} reviews without a reply" in said(shown).replace("\\", "")
    shown.slider(key="at-most").set_value(5.0).run()
    table = shown.dataframe[0].value
    most = open_ones[open_ones["review_text"].str.strip() != ""]["review_likes"].nlargest(500)
    assert sorted(table["review_likes"], reverse=True)[:100] == most.tolist()[:100]
    assert table["review_likes"].is_monotonic_decreasing
    shown.slider(key="at-most").set_value(2.0).run()
    assert (shown.dataframe[0].value["predicted_rating"] <= 2).all()
    assert 0 < len(shown.dataframe[0].value) < len(table)


@pytest.mark.parametrize(
    ("text", "version", "remark"),
    [
        ("", "", "no text"),
        ("!!! ...", "", "no words"),
        ("zxqwv plmokn", "", "None of its words is known"),
        ("great app", "99.99", "No review is of version 99.99"),
    ],
)
def test_what_a_prediction_cannot_rest_on_is_said(pipeline, text, version, remark):
    shown = page("Score", pipeline, **({"app-version": version} if version else {}))
    shown.text_area[0].set_value(text).run()
    assert not shown.exception
    assert [remark in info.value.replace("\\", "") for info in shown.info] == [True]


@pytest.mark.parametrize(
    "address",
    ["stars=9&stars=x&first=never&about=nothing&release=1", "%", "words=" + "x" * 5_000, "stars=2"],
)
def test_any_address_is_answered(pipeline, address):
    shown = page("Reviews", pipeline, **urllib.parse.parse_qs(address))
    assert not shown.exception
    assert not shown.error
