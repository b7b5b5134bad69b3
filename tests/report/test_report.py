"""The report: self-contained, honest about what was not measured and about synthetic reviews."""

import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
from conftest import call_script, republish

from common.metrics import read_metrics
from common.models.files import read_cards
from common.report import sections
from common.synthetic import NOTICE


class Page(HTMLParser):
    """Collects tags, the addresses they fetch, and each table's rows of cell texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched, self.tables, self.cell = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [
            value for name, value in attributes if name in ("src", "href", "data", "srcset")
        ]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.cell = True

    def handle_endtag(self, tag):
        self.cell = None if tag in ("td", "th") else self.cell

    def handle_data(self, data):
        if self.cell:
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module")
def page(pipeline):
    return Page((pipeline / "report/index.html").read_text())


def test_nothing_is_fetched(page, pipeline):
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in page.fetched)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert not re.search(r"@import|url\(", (pipeline / "report/index.html").read_text())


def test_no_share_is_below_0_or_above_100_percent(pipeline):
    text = re.sub(r'base64,[^"]*', "", (pipeline / "report/index.html").read_text())
    shares = [float(share) for share in re.findall(r"(?<![-+\N{MINUS SIGN}\d.,])([\d.]+)%", text)]
    assert len(shares) > 20
    assert max(shares) <= 100


def test_synthetic_reviews_are_called_synthetic(pipeline):
    for name in ("index.html", "report.md"):
        assert NOTICE in (pipeline / "report" / name).read_text()


def test_leaderboards_begin_with_the_baseline(page):
    boards = [table for table in page.tables if table[0][0] == "Model" and "Interval" in table[0]]
    assert [board[1][0] for board in boards] == ["Majority class", "Mean rating"]
    assert len(boards[0]) == 15
    assert len(boards[1]) == 4


def test_models_are_drawn_by_the_score_that_their_axis_names(pipeline):
    section = sections.models(pipeline, read_metrics(pipeline))
    for task, score in (("five_star", "auc"), ("rating", "rmse")):
        chart = section.charts[f"leaderboard_{task}"].to_dict()
        (dots,) = chart["datasets"].values()
        assert [dot["value"] for dot in dots] == [dot[score] for dot in dots]
        assert [dot["baseline"] for dot in dots] == [True] + [False] * (len(dots) - 1)
        assert chart["layer"][1]["encoding"]["x"]["title"] == f"{score.upper()} on test"


def test_claims_stand_beside_measurements(page):
    (claims,) = (table for table in page.tables if "Original study reported" in table[0])
    assert len(claims) == 10
    assert not any("not measured" in row[-1] for row in claims)


def test_markdown_shows_its_charts(pipeline):
    text = (pipeline / "report/report.md").read_text()
    charts = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert len(charts) >= 9
    assert all((pipeline / "report" / chart).read_text().startswith("<svg") for chart in charts)
    assert text.count("Reproduce: `python 0") == text.count("\n## ") == 13


def test_parts_that_did_not_run_say_so(pipeline, tmp_path):
    for name in ("manifest.json", "metrics/01_load.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(pipeline / name, tmp_path / name)
        republish(tmp_path, name)
    assert call_script("06_report", "--data-dir", tmp_path).returncode == 0
    text = (tmp_path / "report/report.md").read_text()
    for script in ("02_eda.py", "04_cpu_models.py", "05_gpu_train.py"):
        assert f"Not run yet: `python {script}`" in text
    assert "not measured" in text


def test_review_text_cannot_become_markup(pipeline, tmp_path):
    folder = shutil.copytree(
        pipeline,
        tmp_path / "data",
        ignore=shutil.ignore_patterns("features", "models", "profiles", "reviews"),
    )
    liked = pd.read_parquet(folder / "eda/most_liked.parquet")
    liked["review_text"] = (
        "<script>alert(1)</script> | a `code` ![x](http://example.org/x.png)\nnext"
    )
    liked.to_parquet(folder / "eda/most_liked.parquet")
    republish(folder, "eda")
    assert call_script("06_report", "--data-dir", folder).returncode == 0
    page = Page((folder / "report/index.html").read_text())
    assert "script" not in page.tags
    assert any(
        "<script>alert(1)</script>" in cell
        for table in page.tables
        for row in table
        for cell in row
    )
    markdown = (folder / "report/report.md").read_text()
    assert "<script>" not in markdown
    assert not re.search(r"(?<!\\)\]\(http", markdown)


def test_mlflow_holds_what_was_measured(pipeline, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    folder = shutil.copytree(
        pipeline,
        tmp_path / "data",
        ignore=shutil.ignore_patterns("reviews", "features", "profiles"),
    )
    store = f"sqlite:///{tmp_path}/mlflow.db"
    done = call_script("06_report", "--data-dir", folder, "--mlflow", store)
    assert done.returncode == 0, done.stderr
    client = mlflow.MlflowClient(tracking_uri=store)
    runs = {
        run.info.run_name: run
        for run in client.search_runs(
            [client.get_experiment_by_name("smarter-netflix-predictions").experiment_id]
        )
    }
    cards, metrics = read_cards(folder), read_metrics(folder)
    assert set(runs) == set(cards) | set(metrics["step"])
    for name, card in cards.items():
        assert (
            runs[name].data.metrics["test.accuracy" if card["task"] == "five_star" else "test.rmse"]
            in card["test"].values()
        )
        assert runs[name].data.params["sha256"] == card["sha256"]
        assert {file.path for file in client.list_artifacts(runs[name].info.run_id)} >= {
            "card.json",
            card["file"],
        }
    loaded = metrics[(metrics["name"] == "load.loaded")]["value"].iloc[0]
    assert runs["01_load"].data.metrics["load.loaded"] == loaded
    assert runs["01_load"].info.status == "FINISHED"


def test_a_store_that_is_none_is_one_line(pipeline, tmp_path):
    folder = shutil.copytree(
        pipeline,
        tmp_path / "data",
        ignore=shutil.ignore_patterns("reviews", "features", "profiles"),
    )
    done = call_script("06_report", "--data-dir", folder, "--mlflow", "nonsense://x")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "nonsense" in done.stderr
