"""What the tests share: scripts as modules, one quick run of the whole pipeline, and the real reviews where they are at hand."""
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.artifacts import publishing

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data"
# Scripts run as a user in this environment would run them, with two workers whatever the machine has.
ENVIRONMENT = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def load_script(name):
    """The module of a numbered script, such as "03_features"."""
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run(*words, **options):
    """A command in the project's root; returns the CompletedProcess with its text."""
    return subprocess.run([str(word) for word in words], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, **options)


def run_script(name, *words, **options):
    return run(sys.executable, f"{name}.py", *words, **options)


def republish(data_dir, *names):
    """Publish artifacts as they lie there, after a test has changed them by hand."""
    with publishing(data_dir, *names) as staging:
        for name in names:
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            os.rename(Path(data_dir, name), staging / name)


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """Data directory of `bash run_all.sh --quick`: 3,000 made reviews through all scripts. Read it, do not change it."""
    folder = tmp_path_factory.mktemp("pipeline") / "data"
    done = run("bash", "run_all.sh", "--quick", "--rows", 3000, "--workers", 2, "--data-dir", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder.parent / "stdout.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="session")
def real_csv():
    """The 15,593 real reviews in the Kaggle set's form."""
    path = REAL / "netflix_reviews_9col.csv"
    if not path.exists():
        pytest.skip(f"no real reviews under {REAL}")
    return path
