"""On more machines: a scheduler and three workers with working directories of their own, and torchrun on two hosts."""
import asyncio
import filecmp
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from common.artifacts import InputError
from common.measure import read_metrics
from common.models import load_models, read_cards
from common.reviews import ingest
from common.synthetic import make_csv
from conftest import ENVIRONMENT, ROOT, load_script, run_script

ROWS, WORKERS = 12_000, 3
ALWAYS = 3 << 20  # bytes that scheduler and client talk anyway: start-up, heartbeats, code, the fitted transformer
A_PIECE = 40_000
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


class Counted:
    """A proxy in front of a TCP port, and how many bytes went through it."""

    def __init__(self, port):
        self.bytes, self.target, self.loop = 0, port, asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.connect, "127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def connect(self, reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self.copy(reader, back), self.copy(there, writer))

    async def copy(self, reader, writer):
        while content := await reader.read(1 << 16):
            self.bytes += len(content)
            writer.write(content)
            await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Counted proxy of a scheduler whose clients and workers all go through it."""
    folder = tmp_path_factory.mktemp("cluster")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    counted = Counted(port)
    dask = [sys.executable, "-m", "dask"]
    commands = [[*dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", ":0"]]
    commands += [[*dask, "worker", counted.address, "--nthreads", "1", "--no-dashboard"]] * WORKERS
    started = []
    for number, command in enumerate(commands):
        (folder / str(number)).mkdir()
        started.append(subprocess.Popen(command, cwd=folder / str(number), stderr=subprocess.DEVNULL, env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)}))
    with Client(f"tcp://127.0.0.1:{port}", timeout=60) as client:
        client.wait_for_workers(WORKERS, timeout=60)
    yield counted
    for process in reversed(started):
        process.terminate()
        process.wait(30)


def work(folder, *words):
    """Run 01 to 04 on made reviews; {script: metrics of it}."""
    for name, own in (("01_load", ["--csv", folder.parent / "made.csv"]), ("02_eda", []), ("03_features", ["--quick"]),
                      ("04_cpu_models", ["--quick", "--model", "random_forest", "--model", "xgboost", "--seed", 7])):
        done = run_script(name, "--data-dir", os.path.relpath(folder, ROOT), *own, *words, timeout=300)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def both(cluster, tmp_path_factory):
    """(data directory of a local run, the one of a run on the cluster, bytes through the scheduler's port)."""
    folder = tmp_path_factory.mktemp("both")
    make_csv(folder / "made.csv", ROWS)
    work(folder / "local", "--workers", 2)
    before = cluster.bytes
    work(folder / "cluster", "--scheduler", cluster.address)
    return folder / "local", folder / "cluster", cluster.bytes - before


def test_a_cluster_publishes_the_same_bytes(both):
    local, there, _ = both
    names = [path.relative_to(local) for path in sorted(local.rglob("*")) if path.is_file() and path.relative_to(local).parts[0] != "metrics"]
    assert names == [path.relative_to(there) for path in sorted(there.rglob("*")) if path.is_file() and path.relative_to(there).parts[0] != "metrics"]
    differ = {str(name) for name in filecmp.cmpfiles(local, there, names, shallow=False)[1]}
    assert not [name for name in differ if not name.startswith("models/") or name.endswith((".ubj", ".npy"))]
    cards = read_cards(local), read_cards(there)
    for card in (*cards[0].values(), *cards[1].values()):
        del card["trained_at"]
    assert cards[0] == cards[1] and len(cards[0]) == 4


def test_nothing_large_passes_the_scheduler(both):
    _, there, through = both
    pieces = len(list((there / "features/ngrams").glob("*.columns.npy")))
    print(pieces, through)
    assert 0 < through < ALWAYS + pieces * A_PIECE


def test_boosting_by_all_workers_is_as_good(both, cluster, tmp_path):
    there = shutil.copytree(both[1], tmp_path / "data")
    words = ["--data-dir", there, "--quick", "--seed", 7, "--model", "xgboost"]
    done = run_script("04_cpu_models", *words, "--scheduler", cluster.address, "--spread-xgboost", timeout=300)
    assert done.returncode == 0, done.stderr
    alone, spread = read_cards(both[1])["xgboost-all"], read_cards(there)["xgboost-all"]
    assert alone["sha256"] != spread["sha256"] and abs(alone["test"]["auc"] - spread["test"]["auc"]) < 0.01
    done = run_script("04_cpu_models", *words, "--spread-xgboost", timeout=60)
    assert done.returncode == 2 and "--scheduler" in done.stderr


@pytest.mark.parametrize("address", ["file://{}/made.csv", "zip://made.csv::file://{}/made.zip"])
def test_reviews_at_an_address(tmp_path, address):
    make_csv(tmp_path / "made.csv", 300)
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as packed:
        packed.write(tmp_path / "made.csv", "made.csv")
    fetched = load_script("01_load").fetch(address.format(tmp_path), tmp_path / "data")
    assert filecmp.cmp(fetched, tmp_path / "made.csv", shallow=False) and fetched.is_relative_to(tmp_path / "data/downloads")


@pytest.mark.parametrize("address, what", [
    ("s3://bucket/reviews.csv", "s3fs"), ("file:///nowhere/reviews.csv", "FileNotFoundError"), ("strange://reviews.csv", "strange")])
def test_an_address_that_cannot_be_read(tmp_path, address, what):
    with pytest.raises(InputError, match=what) as error:
        load_script("01_load").fetch(address, tmp_path / "data")
    assert "\n" not in str(error.value) and not (tmp_path / "data").exists()


def test_an_address_is_no_data_directory():
    done = run_script("02_eda", "--data-dir", "s3://bucket/data", timeout=60)
    assert done.returncode == 2 and "mount it" in done.stderr
