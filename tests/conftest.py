"""What the tests share: ways to run scripts, one quick run of the pipeline, the real reviews."""

import fcntl
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from unittest import mock

import dask
import pytest
from distributed import LocalCluster
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from common import cli
from common.features.building import build
from common.features.reading import row_ranges
from common.loading.loader import ingest
from common.metrics import Metrics
from common.store import publishing, read_json
from common.synthetic.generator import make_csv

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data"
# Scripts run as a user in this environment would run them.
ENVIRONMENT = {
    **os.environ,
    "VIRTUAL_ENV": sys.prefix,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}

LONGEST = [
    "test_odd_sets.py",
    "test_app.py",
    "test_train.py",
    "test_encoder.py",
    "test_cluster.py",
    "test_faults.py",
    "test_search.py",
    "test_cli.py",
    "test_features.py",
    "test_pipeline.py",
]


def pytest_collection_modifyitems(items):
    """The longest files first, so that of two workers neither is left with one at the end."""
    items.sort(
        key=lambda item: (
            LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)
        )
    )


def run(*words, **options):
    """A command in the project's root; returns the CompletedProcess with its text."""
    return subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        **options,
    )


def run_script(name, *words, **options):
    return run(sys.executable, f"{name}.py", *words, **options)


def call_script(name, *words):
    """Run a script or module ("03_features", "common.predict") in this process; returns as `run`.

    That saves the seconds of its imports.
    """
    words, out, errors = [f"{name}.py", *map(str, words)], io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", words),
        redirect_stdout(out),
        redirect_stderr(errors),
        pytest.raises(SystemExit) as end,
    ):
        cli.run(import_module(name).main)
    return subprocess.CompletedProcess(
        words, end.value.code or 0, out.getvalue(), errors.getvalue()
    )


def republish(data_dir, *names):
    """Publish artifacts as they lie there, after a test has changed them by hand."""
    with publishing(data_dir, *names) as staging:
        for name in names:
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            os.rename(Path(data_dir, name), staging / name)


@pytest.fixture(autouse=True)
def main_module():
    """Put __main__ back, in whose place Streamlit's runner puts its script.

    Processes that later tests start would run that script.
    """
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


def page(view, data_dir, **parameters):
    """One page, run by Streamlit without a browser, as an address with these parameters asks."""

    def script(data_dir):
        import app

        app.main(["--data-dir", data_dir])

    test = AppTest.from_function(script, args=(str(data_dir),), default_timeout=120)
    # As a browser asks for a page by its path: AppTest.switch_page knows pages in files only.
    test._page_hash = calc_hash("" if view == "Summary" else view.lower().replace(" ", "-"))
    for name, value in parameters.items():
        test.query_params[name] = value
    return test.run()


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """once(name, make): a folder that `make(folder)` fills when it is first asked for.

    It is shared by pytest-xdist's workers.
    """
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def get(name, make):
        with open(root / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (root / f"{name}.made").exists():
                make(root / name)
                (root / f"{name}.made").touch()
        return root / name

    return get


@pytest.fixture(scope="session")
def pipeline(once):
    """Data directory of `bash run_all.sh --quick` on 3,000 synthetic reviews, not to be changed."""

    def make(folder):
        words = ["--quick", "--rows", 3000, "--workers", 2, "--data-dir", folder / "data"]
        done = run("bash", "run_all.sh", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "stdout.txt").write_text(done.stdout)

    return once("pipeline", make) / "data"


@pytest.fixture(scope="session")
def scheduler():
    """Address of a Dask cluster of two processes, for tests that are not about starting one."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="session")
def real_csv():
    """The 15,593 real reviews in the Kaggle set's form."""
    path = REAL / "netflix_reviews_9col.csv"
    if not path.exists():
        pytest.skip(f"no real reviews under {REAL}")
    return path


def make_features(data_dir):
    """Publish features as `03_features.py --quick` does, in this process."""
    metrics = Metrics("03_features", read_json(data_dir, "manifest.json"), 42)
    with (
        dask.config.set(scheduler="synchronous"),
        publishing(data_dir, "features") as staging,
    ):
        build(row_ranges(data_dir), staging, 42, 2, metrics, "parallel")


@pytest.fixture(scope="session")
def trainable(tmp_path_factory):
    """Data directory of 2,000 made reviews and their features. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("train")
    make_csv(folder / "made.csv", 2000)
    with dask.config.set(scheduler="synchronous"):
        ingest([folder / "made.csv"], folder / "data")
    make_features(folder / "data")
    return folder / "data"
