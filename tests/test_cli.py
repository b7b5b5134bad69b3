"""Every script: help, one-line errors with status 2, nothing at import or left by Ctrl-C."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import ENVIRONMENT, ROOT, call_script, run
from distributed import Client

SCRIPTS = ["01_load", "02_eda", "03_features", "04_cpu_models", "05_gpu_train", "06_report"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_names_the_data_directory(name):
    done = call_script(name, "--help")
    assert done.returncode == 0
    assert "--data-dir" in done.stdout
    assert f"python {name}.py" in done.stdout


@pytest.mark.parametrize("name", SCRIPTS[1:])
def test_without_earlier_artifacts_the_script_to_run_is_named(name, tmp_path):
    done = call_script(name, "--data-dir", tmp_path / "data")
    assert done.returncode == 2, done.stderr
    assert "01_load.py" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_import_does_nothing(tmp_path):
    """Nor does it load what takes long: --help and a wrong flag answer at once."""
    code = (
        "import sys\nfrom importlib import import_module\n"
        f"for n in {SCRIPTS}: import_module(n).main\n"
        "assert not {'numpy', 'pandas', 'dask', 'torch'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--rows", "0"], ["--workers", "-1"], ["--rows", "many"]])
def test_bad_numbers(words, tmp_path):
    done = call_script("01_load", "--data-dir", tmp_path / "data", *words)
    assert done.returncode == 2
    assert words[0] in done.stderr
    assert not (tmp_path / "data").exists()


def test_no_scheduler_answers(tmp_path):
    done = call_script(
        "01_load", "--rows", 10, "--data-dir", tmp_path / "data", "--scheduler", "tcp://127.0.0.1:9"
    )
    assert done.returncode == 2
    assert "127.0.0.1:9" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler with a worker that cannot import this project."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    started = []
    for words in (
        ["scheduler", "--host", address, "--dashboard-address", ":0"],
        ["worker", address, "--nthreads", "1", "--no-dashboard"],
    ):
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                cwd=tmp_path,
                stderr=subprocess.DEVNULL,
                env={**ENVIRONMENT, "PYTHONPATH": ""},
            )
        )
    yield address
    for process in reversed(started):
        process.terminate()
        process.wait(30)


def test_a_cluster_without_this_project_is_refused(cluster, tmp_path):
    with Client(cluster, timeout=30) as client:
        client.wait_for_workers(1, timeout=30)
    words = ["--rows", 500, "--data-dir", tmp_path / "data", "--scheduler", cluster]
    done = call_script("01_load", *words)
    assert done.returncode == 2
    assert "PYTHONPATH" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, scheduler):
    """Data directory of 8,000 loaded reviews. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("loaded") / "data"
    words = ["--rows", 8_000, "--data-dir", folder, "--scheduler", scheduler]
    assert call_script("01_load", *words).returncode == 0
    return folder


def modification_times(folder):
    return {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize(
    "reached", [".staging-*", ".staging-*/ngrams-*", ".staging-*/features/text_scores.npy"]
)
def test_interrupt_leaves_nothing_half_written(loaded, tmp_path, reached):
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    before, names = modification_times(tmp_path), os.listdir(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "03_features.py", "--data-dir", str(tmp_path), "--workers", "1"],
        cwd=ROOT,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests in the background inherit SIG_IGN.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(reached)) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert modification_times(tmp_path) == before


def test_environment_script_refuses_an_old_python(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    words = ["-u", "VIRTUAL_ENV", f"PYTHON={old}", "bash", "run_all.sh"]
    done = run("env", *words, "--data-dir", tmp_path / "data", timeout=60)
    assert done.returncode == 2
    assert "Python 3.11" in done.stderr
    assert not (tmp_path / "data").exists()
