"""What machines do to a run, each tried for real: the result is that of an undisturbed run, or one line and nothing half-published.

FAULTS=full tries killing at 20 moments of 01 and 05 and at 5 of the others, every script on every disk, and 5,000 hostile files
(under 40 minutes); FAULTS_OUT=path writes the tally as JSON.
"""

import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import dask
import psutil
import pytest
from conftest import ENVIRONMENT, ROOT, run, run_script
from distributed import Client, LocalCluster
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.cli import machine_fault
from common.compute import dask_client
from common.features.reading import row_ranges
from common.features.transformer import load_features
from common.loading import loader as reviews
from common.loading.loader import ingest
from common.loading.records import read_block
from common.loading.sources import open_source
from common.metrics import read_metrics
from common.models.files import load_model
from common.predict import Predictor, write_scores
from common.report.tables import eda_tables
from common.store import InputError, locked, require
from common.store.durable import LOCK, STAGING
from common.synthetic.generator import HEADER, make_csv

FULL = os.environ.get("FAULTS") == "full"
WORDS = {
    "01_load": ["--rows", "800", "--workers", "2"],
    "02_eda": ["--workers", "2"],
    "03_features": ["--workers", "2", "--quick"],
    "04_cpu_models": ["--workers", "2", "--quick"],
    "06_report": [],
    "05_gpu_train": [
        "--model",
        "text",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--epochs",
        "4",
        "--batch",
        "32",
        "--checkpoint-steps",
        "3",
    ],
}
SCRIPTS = sorted(WORDS)
MADE = {"01_load": ["reviews", "quarantine"], "02_eda": ["eda"], "03_features": ["features"]}
MOMENTS = {
    name: (20 if name in ("01_load", "05_gpu_train") else 5)
    if FULL
    else name in ("01_load", "05_gpu_train")
    for name in SCRIPTS
}
TALLY = Counter()


@pytest.fixture(scope="module", autouse=True)
def tally():
    yield
    kinds = sorted(kind for kind, what in TALLY if what == "tried")
    found = {
        kind: {"tried": TALLY[kind, "tried"], "survived": TALLY[kind, "survived"]} for kind in kinds
    }
    found["all"] = {
        what: sum(own[what] for own in found.values()) for what in ("tried", "survived")
    } | {"lost records": TALLY["records", "lost"]}
    if out := os.environ.get("FAULTS_OUT"):
        Path(out).write_text(json.dumps(found, indent=1))


@contextmanager
def tried(kind):
    TALLY[kind, "tried"] += 1
    yield
    TALLY[kind, "survived"] += 1


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """(data directory of undisturbed runs of all scripts, {script: seconds from when it holds the directory})."""
    folder, seconds = tmp_path_factory.mktemp("base") / "data", {}
    for name in SCRIPTS:
        process = start_holding(name, folder)
        began = time.monotonic()
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        seconds[name] = time.monotonic() - began
    return folder, seconds


@pytest.fixture(autouse=True)
def no_progress_bars(monkeypatch):
    """Runs show them after two seconds, on stderr, where these tests look for one line."""
    monkeypatch.setitem(ENVIRONMENT, "TQDM_DISABLE", "1")


@pytest.fixture
def data(base, tmp_path):
    return Path(shutil.copytree(base[0], tmp_path / "data"))


def content(folder, name):
    """{file: bytes} of what a script learnt or loaded, without dates."""
    if name == "06_report":
        return {path.name for path in require(folder, "report").iterdir()}
    if name in ("04_cpu_models", "05_gpu_train"):
        file = "predictions.npy" if name == "04_cpu_models" else "model.safetensors"
        paths = [
            require(folder, f"models/{path.name}") / file
            for path in sorted((folder / "models").iterdir())
            if path.name.startswith("netflixnet") == (name == "05_gpu_train")
        ]
    else:
        paths = [
            path
            for part in MADE[name]
            for path in require(folder, part).rglob("*")
            if path.is_file()
        ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def check_whole(folder, base):
    """Every artifact is there, is what was published, and holds what undisturbed runs left; nothing else lies there."""
    for name in os.listdir(base):
        if name not in (LOCK, "index.json", "made_reviews.csv", "models", "metrics", "profiles"):
            require(folder, name)
    for model in os.listdir(base / "models"):
        require(folder, f"models/{model}")
    assert len(read_metrics(folder)) > 0
    for name in SCRIPTS:
        assert content(folder, name) == content(base, name), name
    manifest = json.loads(require(folder, "manifest.json").read_text())
    TALLY["records", "lost"] += manifest["records"] - manifest["loaded"] - manifest["quarantined"]


def check_tidy(folder, base):
    assert {path.name for path in folder.iterdir()} == {path.name for path in base.iterdir()}
    assert not [
        path
        for path in folder.rglob("*")
        if path.suffix in (".part", ".partial") or path.name == ".replaced"
    ]


def start(name, folder, *words, **options):
    return subprocess.Popen(
        [sys.executable, f"{name}.py", "--data-dir", str(folder), *map(str, words)],
        cwd=ROOT,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def wait_for(found, process=None, seconds=120):
    until = time.monotonic() + seconds
    while not (seen := found()):
        assert time.monotonic() < until and (process is None or process.poll() is None), (
            process and process.communicate()
        )
        time.sleep(0.005)
    return seen


def start_holding(name, folder):
    """A script that has been started, and has the data directory: what it imports is loaded, and its work begins."""
    process = start(name, folder, *WORDS[name])
    wait_for(
        lambda: (
            (folder / LOCK).exists() and f"process {process.pid} " in (folder / LOCK).read_text()
        ),
        process,
    )
    return process


def one_line(done, status, *said):
    assert done.returncode == status, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and all(word in lines[0] for word in said), done.stderr


@pytest.mark.parametrize(
    ("name", "moment"), [(name, moment) for name in SCRIPTS for moment in range(MOMENTS[name])]
)
def test_killed_at_any_moment(base, data, name, moment):
    with tried(f"kill -9 of {name}.py"):
        folder, seconds = base
        process, share = None, random.Random(f"{name} {moment}").random()
        while (
            not process or process.returncode != -signal.SIGKILL
        ):  # it may have been faster than undisturbed
            process = start_holding(name, data)
            with suppress(subprocess.TimeoutExpired):
                process.wait(share * seconds[name])
            process.kill()
            process.wait()
            for pipe in filter(
                None, (process.stdout, process.stderr)
            ):  # joblib's workers have them too, and idle for minutes before they end
                pipe.close()
            share *= 0.9
        check_whole(data, folder)
        done = run_script(name, "--data-dir", data, *WORDS[name])
        assert done.returncode == 0, done.stderr
        check_whole(data, folder)
        check_tidy(data, folder)


@pytest.mark.parametrize("stage", ["reviews", "done"])
def test_a_dask_worker_killed_while_loading(tmp_path, stage):
    with tried("Dask worker killed while loading"):
        with dask.config.set(scheduler="synchronous"):
            make_csv(tmp_path / "in.csv", 4_000)
            wanted = ingest([tmp_path / "in.csv"], tmp_path / "wanted", block_bytes=20_000)
        with dask_client(2) as client:
            victim = next(iter(client.run(os.getpid).values()))

            def kill():
                wait_for(lambda: len(list((tmp_path / "data").glob(f"{STAGING}*/*.{stage}"))) > 2)
                os.kill(victim, signal.SIGKILL)

            killer = threading.Thread(target=kill)
            killer.start()
            found = ingest([tmp_path / "in.csv"], tmp_path / "data", block_bytes=20_000)
            killer.join()
            assert victim not in client.run(os.getpid).values()
        assert found == wanted
        for path in (tmp_path / "wanted/reviews").iterdir():
            assert path.read_bytes() == (tmp_path / "data/reviews" / path.name).read_bytes()


def test_a_worker_over_its_memory_limit_is_one_line(tmp_path):
    with tried("worker over its memory limit"):
        with dask.config.set(scheduler="synchronous"):
            make_csv(tmp_path / "in.csv", 150_000)
        limits = {
            "distributed.scheduler.allowed-failures": 0,
            "distributed.worker.memory.terminate": 0.95,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.monitor-interval": "10ms",
        }
        with (
            dask.config.set(limits),
            LocalCluster(
                n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
            ) as cluster,
            Client(cluster) as client,
        ):
            used = psutil.Process(next(iter(client.run(os.getpid).values()))).memory_info().rss
        with (
            dask.config.set(limits),
            LocalCluster(
                n_workers=1,
                threads_per_worker=1,
                dashboard_address=":0",
                silence_logs=50,
                memory_limit=int(used * 1.2 + 2e7),
            ) as cluster,
            Client(cluster),
            pytest.raises(Exception) as caught,
        ):
            ingest([tmp_path / "in.csv"], tmp_path / "data", block_bytes=1 << 30)
        assert "memory" in machine_fault(caught.value)
        assert not (tmp_path / "data").exists()


def test_a_worker_killed_while_searching_is_one_line_and_the_search_goes_on(base, data):
    with tried("worker killed while searching"):
        process = start("04_cpu_models", data, *WORDS["04_cpu_models"])
        wait_for(lambda: list(data.glob(".search/*.npz")), process)
        next(
            child
            for child in psutil.Process(process.pid).children()
            if "LokyProcess" in " ".join(child.cmdline())
        ).kill()
        out, errors = process.communicate(timeout=300)
        if (
            process.returncode
        ):  # the fit that the worker had may be done elsewhere: then the result must be whole
            one_line(
                subprocess.CompletedProcess([], process.returncode, out, errors),
                1,
                "worker",
                "--workers",
            )
        check_whole(data, base[0])
        assert (
            run_script("04_cpu_models", "--data-dir", data, *WORDS["04_cpu_models"]).returncode == 0
        )
        check_whole(data, base[0])
        check_tidy(data, base[0])


@pytest.mark.parametrize("victim", ["rank", "agent"] if FULL else ["agent"])
def test_a_rank_or_its_agent_killed(base, data, victim):
    with tried(f"{victim} killed"):
        words = [
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "05_gpu_train.py",
            "--data-dir",
            str(data),
            *WORDS["05_gpu_train"],
        ]
        agent = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: list(data.glob("checkpoints/*/step-????????")), agent)
        ranks = [
            child
            for child in psutil.Process(agent.pid).children()
            if "05_gpu_train.py" in " ".join(child.cmdline())
        ]
        (ranks[1] if victim == "rank" else agent).kill()
        assert agent.wait(120) != 0
        assert not psutil.wait_procs(ranks, 60)[
            1
        ]  # a rank without its agent would keep the data directory
        check_whole_but_05(data, base[0])
        assert (
            run_script("05_gpu_train", "--data-dir", data, *WORDS["05_gpu_train"]).returncode == 0
        )
        check_whole_but_05(data, base[0])
        check_tidy(data, base[0])


def check_whole_but_05(folder, base):
    """Two ranks add gradients in another order than one: what they train is whole, and the same to four digits only."""
    import numpy as np

    for name in ("01_load", "02_eda", "03_features", "04_cpu_models"):
        assert content(folder, name) == content(base, name)
    values = [
        np.load(require(path, "models/netflixnet_text-all/predictions.npy"))
        for path in (folder, base)
    ]
    np.testing.assert_allclose(*values, atol=1e-3)


def test_a_lost_scheduler_is_one_line(base, data, tmp_path):
    with tried("scheduler lost"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                cwd=tmp_path,
                stderr=subprocess.DEVNULL,
                env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
            )
            for words in (
                ["scheduler", "--host", address, "--dashboard-address", ":0"],
                ["worker", address, "--nthreads", "1", "--no-dashboard"],
            )
        ]
        try:
            with Client(address, timeout=30) as client:
                client.wait_for_workers(1, timeout=60)
            process = start("03_features", data, "--quick", "--scheduler", address)
            wait_for(lambda: list(data.glob(f"{STAGING}*")), process)
            started[0].kill()
            out, errors = process.communicate(timeout=120)
            one_line(
                subprocess.CompletedProcess([], process.returncode, out, errors), 1, "scheduler"
            )
            check_whole(data, base[0])
            check_tidy(data, base[0])
        finally:
            for process in started:
                process.kill()
                process.wait()


@contextmanager
def mounted(folder, size):
    """A disk of so many bytes, in memory, at `folder`; skips where this user may not mount one."""
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True
    ).returncode:
        pytest.skip("no permission to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def disk_bytes(folder):
    return sum(
        -(-path.stat().st_size // 4096) * 4096 if path.is_file() else 4096
        for path in folder.rglob("*")
    )


@pytest.mark.parametrize("name", SCRIPTS if FULL else ["03_features"])
def test_a_full_disk_is_one_line(base, tmp_path, name):
    with mounted(tmp_path / "disk", disk_bytes(base[0]) + 48 * 1024) as disk, tried("disk full"):
        data = Path(shutil.copytree(base[0], disk / "data"))
        one_line(run_script(name, "--data-dir", data, *WORDS[name]), 1, "disk is full")
        check_whole(data, base[0])


@pytest.mark.parametrize("name", SCRIPTS if FULL else ["02_eda"])
def test_a_file_size_limit_is_one_line(base, data, name):
    with tried("file-size limit"):
        limit = 8_192
        done = run_script(
            name,
            "--data-dir",
            data,
            *WORDS[name],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        one_line(done, 1, "ulimit")
        check_whole(data, base[0])


@pytest.mark.parametrize("name", SCRIPTS if FULL else ["01_load"])
def test_a_read_only_disk_is_one_line(base, tmp_path, name):
    with mounted(tmp_path / "disk", disk_bytes(base[0]) * 2) as disk, tried("read-only disk"):
        data = Path(shutil.copytree(base[0], disk / "data"))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        one_line(run_script(name, "--data-dir", data, *WORDS[name]), 1, "read-only")
        check_whole(data, base[0])


@pytest.mark.parametrize(
    ("fault", "said"), [("full", "disk is full"), ("read-only", "read-only"), ("size", "ulimit")]
)
def test_scores_of_a_file_on_a_bad_disk(base, tmp_path, fault, said):
    with mounted(tmp_path / "disk", 16_384) as disk, tried("scores on a bad disk"):
        (disk / "out.csv").write_text("earlier")
        if fault == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        out = (tmp_path if fault == "size" else disk) / "out.csv"
        limit = (
            (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384)))
            if fault == "size"
            else None
        )
        done = run(
            sys.executable,
            "-m",
            "common.predict",
            base[0] / "made_reviews.csv",
            "--out",
            out,
            "--data-dir",
            base[0],
            preexec_fn=limit,
        )
        one_line(done, 1, said)
        assert (disk / "out.csv").read_text() == "earlier"
        assert os.listdir(disk) == ["out.csv"]
        assert not (tmp_path / "out.csv").exists()


def change(path, how):
    if how == "append":
        with open(path, "a") as file:
            file.write("9,id,1,A google user,late,5,0,,2024-01-01 10:00:00\n")
    elif how == "truncate":
        os.truncate(path, 3_000)
    else:
        path.with_suffix(".new").write_text(HEADER)
        os.replace(path.with_suffix(".new"), path)


@pytest.mark.parametrize("how", ["append", "truncate", "replace"])
@pytest.mark.parametrize("stage", ["cutting", "reading", "comparing ids", "writing"])
def test_an_input_that_changes_while_it_is_loaded_is_one_line(
    base, tmp_path, monkeypatch, stage, how
):
    with tried("input changed while loading"):
        path, compute = (
            Path(shutil.copy(base[0] / "made_reviews.csv", tmp_path / "in.csv")),
            reviews.compute,
        )

        def changing(tasks, title):
            if title == stage:
                change(path, how)
            return compute(tasks, title)

        monkeypatch.setattr(reviews, "compute", changing)
        with (
            dask.config.set(scheduler="synchronous"),
            pytest.raises(InputError, match="in.csv: the file changed while it was read"),
        ):
            ingest([path], tmp_path / "data", block_bytes=10_000)
        assert not (tmp_path / "data").exists()


def test_an_input_cut_short_under_a_workers_map_is_one_line(tmp_path):
    """Reading a map beyond the end of its file is a SIGBUS, which ends the worker."""
    for moment in range(10 if FULL else 1):
        with tried("input changed while loading"):
            with dask.config.set(scheduler="synchronous"):
                make_csv(tmp_path / "in.csv", 20_000)
            with dask_client(2):
                changing = threading.Timer(
                    0.02 + 0.03 * moment, os.truncate, (tmp_path / "in.csv", 5_000)
                )
                changing.start()
                try:
                    manifest = ingest(
                        [tmp_path / "in.csv"], tmp_path / f"{moment}", block_bytes=200_000
                    )
                    assert (
                        manifest["records"] == 20_000 or manifest["sources"][0]["bytes"] == 5_000
                    )  # cut after the end, or before the start
                except InputError as error:
                    assert "changed while it was read" in str(error)
                    assert not (tmp_path / f"{moment}").exists()
                changing.join()


@pytest.mark.parametrize("how", ["append", "truncate", "replace"])
def test_an_input_that_changes_while_it_is_scored(base, tmp_path, monkeypatch, how):
    with tried("input changed while scoring"):
        path = Path(shutil.copy(base[0] / "made_reviews.csv", tmp_path / "in.csv"))
        predictor = Predictor(base[0])
        write_scores(path, tmp_path / "wanted.csv", predictor)
        score = predictor.score

        def changing(table):
            change(path, how)
            return score(table)

        monkeypatch.setattr(predictor, "score", changing)
        write_scores(path, tmp_path / "out.csv", predictor)
        assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "wanted.csv").read_bytes()


@pytest.mark.parametrize("name", SCRIPTS if FULL else ["01_load", "06_report"])
def test_a_second_run_is_refused(base, data, name):
    with tried("two runs at once"), locked(data):
        one_line(
            run_script(name, "--data-dir", data, *WORDS[name]), 2, "in use by", str(os.getpid())
        )
    check_whole(data, base[0])


def test_a_second_launch_of_ranks_is_refused(base, data):
    with tried("two runs at once"), locked(data):
        done = run(
            "torchrun",
            "--standalone",
            "--nproc-per-node",
            2,
            "05_gpu_train.py",
            "--data-dir",
            data,
            *WORDS["05_gpu_train"],
        )
        assert done.returncode != 0
        assert done.stderr.count("in use by") == 1
        assert str(os.getpid()) in done.stderr
    check_whole(data, base[0])


def test_a_stale_lock_is_recovered(base, data):
    with tried("stale lock"):
        (data / LOCK).write_text("01_load.py (process 1 on elsewhere)")
        assert run_script("02_eda", "--data-dir", data, *WORDS["02_eda"]).returncode == 0
        check_whole(data, base[0])


READERS = {  # a file, another of its kind, and what reads it
    "manifest.json": (None, lambda data: require(data, "manifest.json")),
    "reviews/part-00000.parquet": ("quarantine/part-00000.parquet", row_ranges),
    "eda/ratings.parquet": ("eda/lengths.parquet", eda_tables),
    "features/metadata.npy": ("features/text_scores.npy", load_features),
    "features/text_indptr.npy": ("features/text_scores.npy", load_features),
    "features/ngrams/0000000000.weights.npy": (
        "features/ngrams/0000000000.columns.npy",
        lambda data: load_features(data)[1].text[:1],
    ),
    "features/rows.parquet": ("features/scores.parquet", load_features),
    "features/transformer.safetensors": (None, Predictor),
    "features/transformer.json": ("manifest.json", Predictor),
    "models/xgboost-all/card.json": ("models/xgboost-metadata/card.json", Predictor),
    "models/xgboost-all/model.ubj": (
        "models/xgboost-metadata/model.ubj",
        lambda data: load_model(data, "xgboost-all"),
    ),
    "models/netflixnet_text-all/model.safetensors": (
        None,
        lambda data: load_model(data, "netflixnet_text-all"),
    ),
    "metrics/01_load.jsonl": ("metrics/02_eda.jsonl", read_metrics),
}


@pytest.mark.parametrize("damage", ["byte", "truncated", "swapped", "missing", "older"])
def test_damaged_artifacts_are_named_and_not_used(base, data, damage):
    for name, (other, read) in READERS.items():
        if (damage == "swapped" and other is None) or (
            damage == "missing" and name.startswith("metrics")
        ):
            continue  # a script whose metrics are not there has not run
        with tried(f"artifact {damage}"):
            path = data / name
            whole = path.read_bytes()
            if damage == "byte":
                path.write_bytes(
                    whole[: len(whole) // 2]
                    + bytes([whole[len(whole) // 2] ^ 1])
                    + whole[len(whole) // 2 + 1 :]
                )
            elif damage == "truncated":
                path.write_bytes(whole[:-1])
            elif damage == "swapped":
                path.write_bytes((data / other).read_bytes())
            elif damage == "missing":
                path.unlink()
            else:
                index = json.loads((base[0] / "index.json").read_text())
                (data / "index.json").write_text(json.dumps({**index, "format": 0}))
            with pytest.raises(InputError, match=r"run `python 0\d_\w+\.py") as caught:
                read(data)
            assert damage == "older" or path.name in str(caught.value)
            path.write_bytes(whole)
            shutil.copy(base[0] / "index.json", data / "index.json")
            read(data)


def test_a_truncated_newest_checkpoint_is_passed_over(base, data):
    with tried("newest checkpoint truncated"):
        process = start("05_gpu_train", data, *WORDS["05_gpu_train"])
        wait_for(lambda: len(list(data.glob("checkpoints/*/step-????????"))) > 1, process)
        process.kill()
        process.communicate()
        newest = sorted(data.glob("checkpoints/*/step-????????"))[-1]
        largest = max(newest.iterdir(), key=lambda path: path.stat().st_size)
        os.truncate(largest, largest.stat().st_size // 2)
        done = run_script("05_gpu_train", "--data-dir", data, *WORDS["05_gpu_train"])
        assert (
            done.returncode == 0
            and f"{newest.name} is damaged: the checkpoint before it is used" in done.stdout
        ), done.stderr
        assert "goes on after step" in done.stdout
        check_whole(data, base[0])
        check_tidy(data, base[0])


PIECES = [
    '"',
    '""',
    ",",
    "\n",
    "\r",
    "\r\n",
    "\0",
    "\ufeff",
    HEADER,
    '"\n',
    ',"',
    "5",
    "2024-01-01 10:00:00",
    " ",
    "😡",
    "x" * 3_000,
]
CUTS = st.tuples(
    st.floats(0, 1),
    st.sampled_from([0, 0, 1, 1, 2, 40, 400]),
    st.sampled_from([*PIECES, b"\xff", b"\x80\n", b""]),
)


def covered(path, folder, block_bytes):
    """Check that the records of a file follow each other with nothing but line ends, and marks of byte order, between them; returns how
    many there are."""
    source = open_source(path, folder, without=("author_name",))
    spans, data = [], Path(source.path).read_bytes()
    for block in source.blocks(block_bytes):
        table, bad = read_block(block)
        spans += [
            *zip(table["byte_offset"].to_pylist(), table["end"].to_pylist()),
            *((q.byte_offset, q.byte_offset + len(q.raw)) for q in bad),
        ]
    at = source.start
    for first, end in sorted(spans):
        assert at <= first < end
        assert not data[at:first].strip(b"\r\n\xef\xbb\xbf")
        at = end
    assert not data[at:].strip(b"\r\n\xef\xbb\xbf")
    return len(spans)


def test_hostile_files_lose_no_record(base, tmp_path):
    predictor = Predictor(base[0])
    lines = (base[0] / "made_reviews.csv").read_bytes().split(b"\n")[:9]
    number = iter(range(10**9))

    @settings(
        max_examples=5_000 if FULL else 40,
        deadline=20_000,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=not FULL,
    )
    @given(st.lists(CUTS, max_size=12), st.sampled_from([64, 700, 1 << 20]))
    @example([(0.0, 10**6, b"")], 64)
    @example([(0.5, 0, "\r")] * 3, 64)
    @example([(1.0, 0, "\ufeff")], 64)
    def try_one(cuts, block_bytes):
        with tried("hostile files"):
            content = b"\n".join(lines) + b"\n"
            for share, length, new in cuts:
                at = int(share * len(content))
                content = (
                    content[:at]
                    + (new.encode() if isinstance(new, str) else new)
                    + content[at + length :]
                )
            folder = tmp_path / f"{next(number)}"
            folder.mkdir()
            (folder / "in.csv").write_bytes(content)
            with dask.config.set(scheduler="synchronous"):
                try:
                    manifest = ingest([folder / "in.csv"], folder / "data", block_bytes)
                    records = covered(folder / "in.csv", folder, block_bytes)
                    TALLY["records", "lost"] += (
                        records - manifest["loaded"] - manifest["quarantined"]
                    )
                    assert (
                        manifest["loaded"] + manifest["quarantined"]
                        == manifest["records"]
                        == records
                    )
                except InputError as error:
                    records = None
                    assert len(str(error).splitlines()) == 1
                    assert not (folder / "data").exists()
            try:
                scored, unreadable = write_scores(folder / "in.csv", folder / "out.csv", predictor)
                assert records is None or scored == records
            except InputError:  # what is no export for the one is none for the other, except for a rating, which only loading needs
                assert records is None
                assert not (folder / "out.csv").exists()
            shutil.rmtree(folder)

    try_one()
