"""Every script: help, one-line errors with status 2, nothing done at import, nothing half-written after Ctrl-C."""

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
    assert done.returncode == 2 and "01_load.py" in done.stderr + done.stdout, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_import_does_nothing(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from importlib import import_module as load; [load(n).main for n in {SCRIPTS}]"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (
        done.returncode == 0 and list(tmp_path.iterdir()) == [] and done.stdout == done.stderr == ""
    ), done.stderr


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
    """Address of a scheduler with a worker, started by hand without this project on their PYTHONPATH."""
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
    address = cluster
    with Client(address, timeout=30) as client:
        client.wait_for_workers(1, timeout=30)
    done = call_script(
        "01_load", "--rows", 500, "--data-dir", tmp_path / "data", "--scheduler", address
    )
    assert done.returncode == 2
    assert "PYTHONPATH" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, scheduler):
    """Data directory of 8,000 loaded reviews. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("loaded") / "data"
    assert (
        call_script(
            "01_load", "--rows", 8_000, "--data-dir", folder, "--scheduler", scheduler
        ).returncode
        == 0
    )
    return folder


@pytest.mark.parametrize(
    "reached", [".staging-*", ".staging-*/raw-*", ".staging-*/features/text_scores.npy"]
)
def test_interrupt_leaves_nothing_half_written(loaded, tmp_path, reached):
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    before = {
        path: path.stat().st_mtime_ns
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    names = {path.name for path in tmp_path.iterdir()}
    process = subprocess.Popen(
        [sys.executable, "03_features.py", "--data-dir", str(tmp_path), "--workers", "1"],
        cwd=ROOT,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # tests in the background inherit SIG_IGN
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(reached)) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "interrupted" in errors, errors
    assert {path.name for path in tmp_path.iterdir()} == names
    assert {
        path: path.stat().st_mtime_ns
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != ".lock"
    } == before


def test_environment_script_refuses_an_old_python(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = run(
        "env",
        "-u",
        "VIRTUAL_ENV",
        f"PYTHON={old}",
        "bash",
        "run_all.sh",
        "--data-dir",
        tmp_path / "data",
        timeout=60,
    )
    assert done.returncode == 2
    assert "Python 3.11" in done.stderr
    assert not (tmp_path / "data").exists()
