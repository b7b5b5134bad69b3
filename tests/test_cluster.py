"""On more machines: a scheduler and three workers in folders of their own, two hosts of ranks."""

import asyncio
import filecmp
import hashlib
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import ExitStack

import pandas as pd
import psutil
import pytest
from conftest import ENVIRONMENT, ROOT, call_script
from distributed import Client
from launching import forked

from common.features.reading import row_ranges
from common.loading.download import fetch
from common.metrics import read_metrics
from common.models.files import read_cards
from common.store import InputError, read_json
from common.synthetic.generator import make_csv

ROWS, WORKERS = 30_000, 3
# Bytes that scheduler, clients and workers exchange anyway: start-up, heartbeats, code.
OVERHEAD_BYTES = 3 << 20
BYTES_PER_RANGE = 40_000
PORT = 29_400
TIMEOUTS = "read_timeout=300,last_call_timeout=5,keep_alive_interval=1"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node"]
TRAIN = ["05_gpu_train.py", "--device", "cpu", "--threads", 1, "--model", "mlp", "--batch", 512]


class Counted:
    """A proxy in front of a TCP port, and how many bytes went through it."""

    def __init__(self, port):
        self.bytes, self.target, self.loop = 0, port, asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.connect, "127.0.0.1", 0)
        )
        self.address = f"tcp://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def connect(self, reader, writer):
        while True:
            try:
                there, back = await asyncio.open_connection("127.0.0.1", self.target)
                break
            except OSError:
                # The scheduler is not up yet, and a worker whose connection is closed gives up.
                await asyncio.sleep(0.2)
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
    where = ["--host", "127.0.0.1", "--port", str(port), "--dashboard-address", ":0"]
    worker = [*dask, "worker", counted.address, "--nthreads", "1", "--no-dashboard"]
    commands = [[*dask, "scheduler", *where], *[worker] * WORKERS]
    with ExitStack() as stack:
        for number, command in enumerate(commands):
            (folder / str(number)).mkdir()
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    cwd=folder / str(number),
                    stderr=subprocess.DEVNULL,
                    env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
                )
            )
            stack.callback(process.terminate)
        with Client(f"tcp://127.0.0.1:{port}", timeout=300) as client:
            client.wait_for_workers(WORKERS, timeout=300)
        yield counted


def work(folder, *words):
    """Run 01 to 04 on synthetic reviews."""
    models = ["--model", "random_forest", "--model", "xgboost"]
    scripts = {
        "01_load": ["--csv", folder.parent / "synthetic.csv"],
        "02_eda": [],
        "03_features": ["--quick"],
        "04_cpu_models": ["--quick", *models, "--seed", 7],
    }
    data_dir = os.path.relpath(folder)
    for name, options in scripts.items():
        done = call_script(name, "--data-dir", data_dir, *options, *words)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def both(cluster, tmp_path_factory):
    """Data directories of a local run and of one on the cluster; bytes through the scheduler."""
    folder = tmp_path_factory.mktemp("both")
    make_csv(folder / "synthetic.csv", ROWS)
    work(folder / "local", "--workers", 2)
    before = cluster.bytes
    work(folder / "cluster", "--scheduler", cluster.address)
    return folder / "local", folder / "cluster", cluster.bytes - before


def published_files(folder):
    return sorted(
        path.relative_to(folder)
        for name in ("reviews", "quarantine", "eda", "features", "models")
        for path in (folder / name).rglob("*.*")
    )


def tuned_models(folder):
    """{model: (its parameters, its scores on validation)}."""
    cards = read_cards(folder)
    return {name: (card["params"], card["validation"]) for name, card in cards.items()}


def test_a_cluster_publishes_the_same_bytes(both):
    local, there, _ = both
    names = published_files(local)
    assert names == published_files(there)
    assert filecmp.cmp(local / "manifest.json", there / "manifest.json", shallow=False)
    differ = {str(name) for name in filecmp.cmpfiles(local, there, names, shallow=False)[1]}
    # Cards hold times.
    assert all(name.startswith("models/") for name in differ)
    assert not [name for name in differ if name.endswith((".ubj", ".npy"))]
    tuned = [tuned_models(folder) for folder in (local, there)]
    assert tuned[0] == tuned[1]
    assert len(tuned[0]) == 4


def test_nothing_large_passes_the_scheduler(both):
    _, there, through = both
    ranges = len(row_ranges(there))
    # 02's answers have rows by day, week and release, whose number does not grow with the reviews.
    answers = [pd.read_parquet(path) for path in (there / "eda").glob("*.parquet")]
    answers_bytes = sum(len(pickle.dumps(table)) for table in answers)
    assert 0 < through < OVERHEAD_BYTES + answers_bytes + ranges * BYTES_PER_RANGE


def test_boosting_by_all_workers_is_as_good(both, cluster, tmp_path):
    there = shutil.copytree(both[1], tmp_path / "data")
    words = ["--data-dir", there, "--quick", "--seed", 7, "--model", "xgboost"]
    done = call_script("04_cpu_models", *words, "--scheduler", cluster.address, "--spread-xgboost")
    assert done.returncode == 0, done.stderr
    alone, spread = read_cards(both[1])["xgboost-all"], read_cards(there)["xgboost-all"]
    assert alone["sha256"] != spread["sha256"]
    assert abs(alone["test"]["auc"] - spread["test"]["auc"]) < 0.01
    done = call_script("04_cpu_models", *words, "--spread-xgboost")
    assert done.returncode == 2
    assert "--scheduler" in done.stderr


@pytest.mark.parametrize(
    "address", ["file://{}/synthetic.csv", "zip://synthetic.csv::file://{}/synthetic.zip"]
)
def test_reviews_at_an_address(tmp_path, address):
    make_csv(tmp_path / "synthetic.csv", 300)
    with zipfile.ZipFile(tmp_path / "synthetic.zip", "w") as packed:
        packed.write(tmp_path / "synthetic.csv", "synthetic.csv")
    fetched = fetch(address.format(tmp_path), tmp_path / "data")
    assert filecmp.cmp(fetched, tmp_path / "synthetic.csv", shallow=False)
    assert fetched.is_relative_to(tmp_path / "data/downloads")


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("s3://bucket/reviews.csv", "s3fs"),
        ("file:///nowhere/reviews.csv", "FileNotFoundError"),
        ("strange://reviews.csv", "strange"),
    ],
)
def test_an_address_that_cannot_be_read(tmp_path, address, what):
    with pytest.raises(InputError, match=what) as error:
        fetch(address, tmp_path / "data")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data").exists()


def test_what_came_from_an_address_is_in_the_manifest(tmp_path, scheduler):
    make_csv(tmp_path / "synthetic.csv", 300)
    words = ["--csv", f"file://{tmp_path}/synthetic.csv", "--scheduler", scheduler]
    done = call_script("01_load", "--data-dir", tmp_path / "data", *words)
    assert done.returncode == 0, done.stderr
    (source,) = read_json(tmp_path / "data", "manifest.json")["sources"]
    content = (tmp_path / "synthetic.csv").read_bytes()
    assert source["bytes"] == len(content)
    assert source["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "address",
    [
        "file:///nowhere/reviews.csv?signature=SECRET",
        "zip://reviews.csv::file:///nowhere/r.zip?key=SECRET",
        "strange://me:SECRET@nowhere/reviews.csv",
    ],
)
def test_an_error_keeps_what_is_secret_in_an_address(tmp_path, address):
    with pytest.raises(InputError, match=r"reviews\.csv.*: ") as error:
        fetch(address, tmp_path / "data")
    assert "SECRET" not in str(error.value)


def test_an_address_is_no_data_directory():
    done = call_script("02_eda", "--data-dir", "s3://bucket/data")
    assert done.returncode == 2
    assert "mount it" in done.stderr


def torchrun(*words, host=None, **options):
    """Start torchrun, in a network namespace of `hosts` as if it were alone on a machine."""
    within = ["ip", "netns", "exec", host] if host else []
    return subprocess.Popen(
        [*within, *TORCHRUN, "1", *map(str, words)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**ENVIRONMENT, "GLOO_SOCKET_IFNAME": "host0"},
        **options,
    )


@pytest.fixture(scope="module")
def hosts():
    """Names of two network namespaces, 10.77.0.1 and 10.77.0.2, that are joined by a cable."""
    if not shutil.which("ip"):
        pytest.skip("no network namespaces here: ip is not installed")
    names = [f"host-{os.getpid()}-{number}" for number in (1, 2)]
    commands = [["netns", "add", name] for name in names]
    cable = ["link", "add", "host0", "type", "veth", "peer", "name", "host0", "netns", names[1]]
    commands.append(["-n", names[0], *cable])
    for number, name in enumerate(names, 1):
        commands += [["-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "host0"]]
        commands += [["-n", name, "link", "set", link, "up"] for link in ("lo", "host0")]
    try:
        for command in commands:
            subprocess.run(["ip", *command], check=True, capture_output=True)
        yield names
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def on_both(hosts, folder, launch, *words, nnodes="2", restarts=0):
    """A launch on two hosts: the two torchruns."""
    agents = []
    for number, host in enumerate(hosts, 1):
        options = {
            "--nnodes": nnodes,
            "--rdzv-backend": "c10d",
            "--rdzv-endpoint": f"10.77.0.1:{PORT}",
            "--rdzv-id": launch,
            "--local-addr": f"10.77.0.{number}",
            "--max-restarts": restarts,
            "--rdzv-conf": f"is_host={int(number == 1)},{TIMEOUTS}",
        }
        pairs = [word for option in options.items() for word in option]
        agents.append(torchrun(*pairs, *TRAIN, "--data-dir", folder, *words, host=host))
    return agents


def test_two_hosts_train_as_one_does(both, hosts, tmp_path):
    one, two = (shutil.copytree(both[0], tmp_path / name) for name in ("one", "two"))
    words = ["--epochs", 2, "--strategy", "ddp"]
    alone = forked(*TRAIN[1:], "--data-dir", one, *words)
    assert alone.returncode == 0, alone.stderr
    outputs = [
        (agent.communicate(timeout=300)[0], agent.returncode)
        for agent in on_both(hosts, two, "equal", *words)
    ]
    assert [status for _, status in outputs] == [0, 0], outputs
    said = "".join(output for output, _ in outputs)
    assert said.count("netflixnet_mlp-metadata: test accuracy") == 1
    losses = [
        metrics[metrics["name"] == "train.step_loss"]["value"].tolist()
        for metrics in map(read_metrics, (one, two))
    ]
    assert losses[0] == losses[1]
    assert len(losses[0]) > 10
    assert filecmp.cmp(
        *(folder / "models/netflixnet_mlp-metadata/model.safetensors" for folder in (one, two)),
        shallow=False,
    )


@pytest.mark.parametrize(("nnodes", "restarts", "status"), [("1:2", 2, 0), ("2", 0, 1)])
def test_a_host_is_lost(both, hosts, tmp_path, nnodes, restarts, status):
    folder = shutil.copytree(both[0], tmp_path / "data")
    words = ["--epochs", 60, "--checkpoint-steps", 20, "--strategy", "ddp"]
    launch = f"lost-{status}"
    agents = on_both(hosts, folder, launch, *words, nnodes=nnodes, restarts=restarts)
    until = time.monotonic() + 300
    while not list(folder.glob("checkpoints/*/step-????????")):
        assert time.monotonic() < until
        assert agents[1].poll() is None
        assert agents[0].poll() is None
        time.sleep(0.005)
    lost = psutil.Process(agents[1].pid)
    for process in (lost, *lost.children(recursive=True)):
        process.kill()
    output, _ = agents[0].communicate(timeout=300)
    agents[1].communicate()
    assert agents[0].returncode == status, output
    assert output.count("lost another rank, or its host") == 1
    assert (folder / "models/netflixnet_mlp-metadata/card.json").exists() == (status == 0)
    assert ("goes on after step" in output) == (status == 0)
