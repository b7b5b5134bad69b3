"""The explorer: every page in Streamlit's own test runner, and in a real browser where there is one."""
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from common import views
from common.tables import MADE
from conftest import ENVIRONMENT, ROOT

VIEWS = ["overview", "data", "models", "scaling", "profiles", "predict"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(autouse=True)
def main_module():
    """Streamlit's runner puts its script in place of __main__, which processes that other tests start would then run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


def page(view, data_dir):
    """One page of the explorer, run by Streamlit without a browser."""
    def script(view, data_dir):
        import app
        from common import views
        app.show(getattr(views, view), data_dir)
    return AppTest.from_function(script, args=(view, str(data_dir)), default_timeout=60).run()


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_shows_and_says_that_reviews_are_made(pipeline, view):
    shown = page(view, pipeline)
    assert not shown.exception and not shown.error and MADE in [warning.value for warning in shown.warning]
    assert shown.title and not shown.info


@pytest.mark.parametrize("view, script", [("overview", None), ("data", "02_eda.py"), ("models", "04_cpu_models.py"),
                                          ("scaling", "05_gpu_train.py"), ("profiles", "--profile"), ("predict", "04_cpu_models.py")])
def test_every_page_says_what_has_not_run(pipeline, tmp_path, view, script):
    for name in ("manifest.json", "metrics/01_load.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(pipeline / name, tmp_path / name)
    shown = page(view, tmp_path)
    assert not shown.exception and not shown.error
    if script:
        assert "Not run yet" in shown.info[0].value and any(script in code.value for code in shown.code)


@pytest.mark.parametrize("view", VIEWS)
def test_before_loading_the_first_script_is_named(tmp_path, view):
    shown = page(view, tmp_path / "none")
    assert not shown.exception and "01_load.py" in shown.text[0].value


def test_overview_has_the_baseline_beside_the_best(pipeline):
    numbers = {metric.label: metric.value for metric in page("overview", pipeline).metric}
    assert float(numbers["Best accuracy on test"]) > float(numbers["Majority class"]) > 0.5


def test_typed_review_is_predicted(pipeline):
    shown = page("predict", pipeline)
    assert not shown.metric
    found = []
    for text in ("great app, love it", "terrible, keeps crashing, cancelled"):
        shown.text_area[0].set_value(text).run()
        assert not shown.exception
        found.append([float(metric.value.split("%")[0].split(" ")[0]) for metric in shown.metric])
    assert found[0][0] > found[1][0] and found[0][1] > found[1][1] and 1 <= found[1][1] <= 5
    for name in shown.selectbox[0].options:
        shown.selectbox[0].set_value(name).run()
        assert not shown.exception and len(shown.metric) == 2


def test_a_damaged_model_is_one_line(pipeline, tmp_path):
    folder = shutil.copytree(pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("reviews", "profiles"))
    for path in (folder / "models").glob("*/model.*"):
        path.write_bytes(b"damaged")
    shown = page("predict", folder)
    assert not shown.exception and "train the model again" in shown.text[0].value


def test_review_text_is_never_markdown(pipeline, tmp_path):
    folder = shutil.copytree(pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("reviews", "models"))
    liked = pd.read_parquet(folder / "eda/most_liked.parquet")
    liked["review_text"] = "![x](http://example.org/x.png) **bold** <b>bold</b>"
    liked.to_parquet(folder / "eda/most_liked.parquet")
    shown = page("data", folder)
    assert not any("example.org" in element.value for element in (*shown.markdown, *shown.caption, *shown.info))
    assert any("review_text" in frame.value and frame.value["review_text"].str.contains("example.org").all() for frame in shown.dataframe)


def test_predictor_is_reloaded_when_models_change(pipeline, tmp_path):
    folder = shutil.copytree(pipeline, tmp_path / "data", ignore=shutil.ignore_patterns("reviews", "profiles"))
    before = views.stamp_of(folder)
    card = folder / "models/xgboost-all/card.json"
    os.utime(card, ns=(1, 1))
    assert views.stamp_of(folder) != before


@pytest.fixture(scope="module")
def server(pipeline):
    """Address of `streamlit run app.py` on the pipeline's results."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--",
                                "--data-dir", str(pipeline)], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    for _ in range(150):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            break
        except OSError:
            time.sleep(0.2)
    yield address
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield started
        started.close()


@pytest.mark.parametrize("width", [1440, 400])
def test_browser_shows_every_page_from_this_machine_alone(server, browser, width):
    from playwright.sync_api import expect
    tab, foreign = browser.new_page(viewport={"width": width, "height": 900}), []
    tab.on("request", lambda request: foreign.append(request.url) if not request.url.startswith((server, "data:", "blob:")) else None)
    for view in VIEWS:
        tab.goto(f"{server}/{'' if view == 'overview' else view}")
        tab.wait_for_selector("h1", timeout=30_000)
        tab.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')", timeout=30_000)
        assert tab.locator("[data-testid=stException]").count() == 0
        expect(tab.get_by_text(MADE)).to_have_count(1)  # in the end: while a page draws, an old element may stand beside the new
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert foreign == []
    tab.close()


def test_browser_predicts_a_typed_review(server, browser):
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.goto(f"{server}/predict")
    tab.get_by_role("textbox", name="Review").fill("great app, love it")
    tab.keyboard.press("Control+Enter")
    tab.get_by_text("Probability of five stars").wait_for(timeout=30_000)
    assert "%" in tab.locator("[data-testid=stMetricValue]").first.inner_text()
    tab.close()


def test_browser_scores_an_uploaded_export(server, browser, pipeline):
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.goto(f"{server}/predict")
    tab.locator("input[type=file]").set_input_files(pipeline / "made_reviews.csv")
    tab.get_by_role("button", name="Score it").click()
    tab.get_by_text("3,000 records scored").wait_for(timeout=60_000)
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download the scores").click()
    assert len(pd.read_csv(download.value.path())) == 3_000
    tab.close()


def test_browser_opens_the_report_without_a_network(browser, pipeline):
    context = browser.new_context(offline=True, viewport={"width": 400, "height": 900})
    tab = context.new_page()
    tab.goto((pipeline / "report/index.html").as_uri())
    assert tab.locator("h2").count() == 7 and tab.evaluate("document.documentElement.scrollWidth") <= 400
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    context.close()
