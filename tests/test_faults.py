"""What machines do to a run, each tried for real.

The result is that of an undisturbed run, or one line and nothing half-published.

FAULTS=full tries killing at 20 moments of 01 and 05 and at 5 of the others, every script on every
disk, and 5,000 hostile files (under 40 minutes); FAULTS_OUT=path writes the tally as JSON.
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
import numpy as np
import psutil
import pytest
from conftest import ENVIRONMENT, ROOT, call_script, run, run_script
from distributed import Client, KilledWorker, LocalCluster
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.cli import machine_fault
from common.compute import dask_client
from common.features.reading import row_ranges
from common.features.transformer import load_features
from common.loading import loader, sources
from common.loading.loader import ingest
from common.loading.records import read_block
from common.loading.sources import open_source
from common.metrics import read_metrics
from common.models.files import load_model, read_cards
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
        *("--model", "text", "--device", "cpu", "--threads", "1"),
        *("--epochs", "4", "--batch", "32", "--checkpoint-steps", "3"),
    ],
}
SCRIPTS = sorted(WORDS)
FOLDERS = {"01_load": ["reviews", "quarantine"], "02_eda": ["eda"], "03_features": ["features"]}
KILLED_OFTEN = ("01_load", "05_gpu_train")
KILLS = dict.fromkeys(SCRIPTS, 5 if FULL else 0)
KILLS |= dict.fromkeys(KILLED_OFTEN, 20 if FULL else 1)
TALLY = Counter()


@pytest.fixture(scope="module", autouse=True)
def tally():
    yield
    counts, total = {}, Counter()
    for kind in sorted(kind for kind, outcome in TALLY if outcome == "tried"):
        counts[kind] = {outcome: TALLY[kind, outcome] for outcome in ("tried", "survived")}
        total.update(counts[kind])
    counts["all"] = {**total, "lost records": TALLY["records", "lost"]}
    if out := os.environ.get("FAULTS_OUT"):
        Path(out).write_text(json.dumps(counts, indent=1))


@contextmanager
def tried(kind):
    TALLY[kind, "tried"] += 1
    yield
    TALLY[kind, "survived"] += 1


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Data directory of undisturbed runs of all scripts; {script: seconds since it locked it}, of
    those that are killed."""
    folder, seconds = tmp_path_factory.mktemp("base") / "data", {}
    for name in SCRIPTS:
        if not KILLS[name]:
            done = call_script(name, "--data-dir", folder, *WORDS[name])
            assert done.returncode == 0, done.stderr
            continue
        process = start_locked(name, folder)
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
            for part in FOLDERS[name]
            for path in require(folder, part).rglob("*")
            if path.is_file()
        ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def check_whole(folder, base):
    """Every artifact is there, is what was published, and is what undisturbed runs left."""
    for name in os.listdir(base):
        if name not in (
            LOCK,
            "index.json",
            "synthetic_reviews.csv",
            "models",
            "metrics",
            "profiles",
        ):
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


def wait_for(condition, process=None, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.005)


def start_locked(name, folder):
    """Start a script and wait until it has locked the data directory: its imports are loaded."""
    process, lock = start(name, folder, *WORDS[name]), folder / LOCK
    wait_for(lambda: lock.exists() and f"process {process.pid} " in lock.read_text(), process)
    return process


def finished(process, timeout):
    """The CompletedProcess of a started one."""
    out, errors = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def children_of(process, word):
    """The processes that a process has started whose command line has this word."""
    children = psutil.Process(process.pid).children()
    return [child for child in children if word in " ".join(child.cmdline())]


def succeed(name, data):
    done = call_script(name, "--data-dir", data, *WORDS[name])
    assert done.returncode == 0, done.stderr
    return done


def one_line(done, status, *said):
    assert done.returncode == status, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert all(word in lines[0] for word in said), lines


@pytest.mark.parametrize(
    ("name", "moment"), [(name, moment) for name in SCRIPTS for moment in range(KILLS[name])]
)
def test_killed_at_any_moment(base, data, name, moment):
    with tried(f"kill -9 of {name}.py"):
        folder, seconds = base
        process, share = None, random.Random(f"{name} {moment}").random()
        # Until it was killed: it may have been faster than undisturbed.
        while not process or process.returncode != -signal.SIGKILL:
            process = start_locked(name, data)
            with suppress(subprocess.TimeoutExpired):
                process.wait(share * seconds[name])
            process.kill()
            process.wait()
            # Joblib's workers have the pipes too, and idle for minutes before they end.
            process.stdout.close()
            process.stderr.close()
            share *= 0.9
        check_whole(data, folder)
        succeed(name, data)
        check_whole(data, folder)
        check_tidy(data, folder)


@pytest.mark.parametrize("stage", ["*.reviews", "reviews/*.parquet"])
def test_a_dask_worker_killed_while_loading(tmp_path, stage):
    with tried("Dask worker killed while loading"):
        with dask.config.set(scheduler="synchronous"):
            make_csv(tmp_path / "in.csv", 4_000)
            wanted = ingest([tmp_path / "in.csv"], tmp_path / "wanted", block_bytes=20_000)
        with dask_client(2) as client:
            victim = next(iter(client.run(os.getpid).values()))

            def kill():
                wait_for(lambda: len(list((tmp_path / "data").glob(f"{STAGING}*/{stage}"))) > 2)
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
        one = dict(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50)
        with dask.config.set(limits), LocalCluster(**one) as cluster, Client(cluster) as client:
            used = psutil.Process(next(iter(client.run(os.getpid).values()))).memory_info().rss
        with (
            dask.config.set(limits),
            LocalCluster(**one, memory_limit=int(used * 1.2 + 2e7)) as cluster,
            Client(cluster),
            pytest.raises((KilledWorker, MemoryError)) as caught,
        ):
            ingest([tmp_path / "in.csv"], tmp_path / "data", block_bytes=1 << 30)
        assert "memory" in machine_fault(caught.value)
        assert not (tmp_path / "data").exists()


def test_a_worker_killed_while_searching_is_one_line_and_the_search_goes_on(base, data):
    with tried("worker killed while searching"):
        process = start("04_cpu_models", data, *WORDS["04_cpu_models"])
        wait_for(lambda: list(data.glob(".search/*.npz")), process)
        children_of(process, "LokyProcess")[0].kill()
        done = finished(process, timeout=300)
        if done.returncode:  # the fit that the worker had may have been done elsewhere
            one_line(done, 1, "worker", "--workers")
        check_whole(data, base[0])
        succeed("04_cpu_models", data)
        check_whole(data, base[0])
        check_tidy(data, base[0])


def test_models_that_were_finished_outlive_a_kill(base, data):
    """04 on features without models: what it had finished is there, whole, with its figures."""
    with tried("04 killed between two models"):
        shutil.rmtree(data / "models")
        process = start("04_cpu_models", data, *WORDS["04_cpu_models"])
        wait_for(lambda: len(list(data.glob("models/*/card.json"))) >= 3, process)
        process.kill()
        process.wait()
        process.stdout.close()  # as above
        process.stderr.close()
        cards = read_cards(data)
        assert len(cards) >= 3
        scored = read_metrics(data).dropna(subset="label.model")
        scored = set(scored["label.model"] + "-" + scored["label.features"])
        assert scored >= cards.keys()
        assert all(load_model(data, name).card["test"]["accuracy"] > 0.4 for name in cards)


@pytest.mark.parametrize("victim", ["rank", "agent"] if FULL else ["agent"])
def test_a_rank_or_its_agent_killed(base, data, victim):
    with tried(f"{victim} killed"):
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        words = ["05_gpu_train.py", "--data-dir", str(data), *WORDS["05_gpu_train"]]
        agent = subprocess.Popen(
            [sys.executable, *launch, *words],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: list(data.glob("checkpoints/*/step-????????")), agent)
        ranks = children_of(agent, "05_gpu_train.py")
        (ranks[1] if victim == "rank" else agent).kill()
        assert agent.wait(120) != 0
        _, alive = psutil.wait_procs(ranks, 60)
        assert not alive  # a rank without its agent would keep the data directory locked
        check_whole_but_05(data, base[0])
        succeed("05_gpu_train", data)
        check_whole_but_05(data, base[0])
        check_tidy(data, base[0])


def check_whole_but_05(folder, base):
    """As `check_whole`, but two ranks add gradients in another order: the same to four digits."""
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
            wait_for(lambda: list(data.glob(f"{STAGING}*/*")), process)  # it has the cluster
            started[0].kill()
            one_line(finished(process, timeout=120), 1, "scheduler")
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
    """Bytes of a folder on a disk with blocks of 4 KiB."""
    blocks = 0
    for path in folder.rglob("*"):
        blocks += -(-path.stat().st_size // 4096) if path.is_file() else 1
    return blocks * 4096


@pytest.mark.parametrize("name", SCRIPTS if FULL else ["03_features"])
def test_a_full_disk_is_one_line(base, tmp_path, name):
    with mounted(tmp_path / "disk", disk_bytes(base[0]) + 48 * 1024) as disk, tried("disk full"):
        data = Path(shutil.copytree(base[0], disk / "data"))
        one_line(run_script(name, "--data-dir", data, *WORDS[name]), 1, "disk is full")
        check_whole(data, base[0])


def file_size_limit(limit):
    """What a process calls first to be allowed no larger file."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.parametrize("name", SCRIPTS if FULL else ["02_eda"])
def test_a_file_size_limit_is_one_line(base, data, name):
    with tried("file-size limit"):
        words = ["--data-dir", data, *WORDS[name]]
        one_line(run_script(name, *words, preexec_fn=file_size_limit(8_192)), 1, "ulimit")
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
        words = [base[0] / "synthetic_reviews.csv", "--out", out, "--data-dir", base[0]]
        limit = file_size_limit(16_384) if fault == "size" else None
        done = run(sys.executable, "-m", "common.predict", *words, preexec_fn=limit)
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
        path = Path(shutil.copy(base[0] / "synthetic_reviews.csv", tmp_path / "in.csv"))
        compute = loader.compute

        def changing(tasks, title):
            if title == stage:
                change(path, how)
            return compute(tasks, title)

        monkeypatch.setattr(loader, "compute", changing)
        with (
            dask.config.set(scheduler="synchronous"),
            pytest.raises(InputError, match=r"in\.csv: the file changed while it was read"),
        ):
            ingest([path], tmp_path / "data", block_bytes=10_000)
        assert not (tmp_path / "data").exists()


def test_an_input_cut_short_while_its_head_is_read_is_one_line(base, tmp_path, monkeypatch):
    with tried("input changed while loading"):
        path = Path(shutil.copy(base[0] / "synthetic_reviews.csv", tmp_path / "in.csv"))
        read_head = sources.read_head

        def cut_short(path, data):
            os.truncate(path, 100)
            return read_head(path, data)

        monkeypatch.setattr(sources, "read_head", cut_short)
        with pytest.raises(InputError, match=r"in\.csv: the file changed while it was read"):
            ingest([path], tmp_path / "data")


def outcome(function, *args, **options):
    """What a function returns, and ""; or None, and what its InputError says."""
    try:
        return function(*args, **options), ""
    except InputError as error:
        return None, str(error)


def test_an_input_cut_short_under_a_workers_map_is_one_line(tmp_path):
    """Reading a map beyond the end of its file is a SIGBUS, which ends the worker."""
    for moment in range(10 if FULL else 1):
        with tried("input changed while loading"):
            with dask.config.set(scheduler="synchronous"):
                make_csv(tmp_path / "in.csv", 20_000)
            with dask_client(2):
                path, out = tmp_path / "in.csv", tmp_path / f"{moment}"
                changing = threading.Timer(0.02 + 0.03 * moment, os.truncate, (path, 5_000))
                changing.start()
                manifest, said = outcome(ingest, [path], out, block_bytes=200_000)
                changing.join()
                if said:
                    assert "changed while it was read" in said
                    assert not out.exists()
                else:  # cut after the end, or before the start
                    whole, cut = manifest["records"] == 20_000, manifest["sources"][0]["bytes"]
                    assert whole or cut == 5_000


@pytest.mark.parametrize("how", ["append", "truncate", "replace"])
def test_an_input_that_changes_while_it_is_scored(base, tmp_path, monkeypatch, how):
    with tried("input changed while scoring"):
        path = Path(shutil.copy(base[0] / "synthetic_reviews.csv", tmp_path / "in.csv"))
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
        done = run_script(name, "--data-dir", data, *WORDS[name])
        one_line(done, 2, "in use by", str(os.getpid()))
    check_whole(data, base[0])


def test_a_second_launch_of_ranks_is_refused(base, data):
    with tried("two runs at once"), locked(data):
        words = ["05_gpu_train.py", "--data-dir", data, *WORDS["05_gpu_train"]]
        done = run("torchrun", "--standalone", "--nproc-per-node", 2, *words)
        assert done.returncode != 0
        assert done.stderr.count("in use by") == 1
        assert str(os.getpid()) in done.stderr
    check_whole(data, base[0])


def test_a_stale_lock_is_recovered(base, data):
    with tried("stale lock"):
        (data / LOCK).write_text("01_load.py (process 1 on elsewhere)")
        succeed("02_eda", data)
        check_whole(data, base[0])


READERS = {  # a file, another of its kind, and what reads it
    "manifest.json": (None, lambda data: require(data, "manifest.json")),
    "reviews/part-00000.parquet": ("quarantine/part-00000.parquet", row_ranges),
    "eda/ratings.parquet": ("eda/lengths.parquet", eda_tables),
    "features/metadata.npy": ("features/text_scores.npy", load_features),
    "features/text_bounds.npy": ("features/text_scores.npy", load_features),
    "features/text_columns.npy": (
        "features/text_bounds.npy",
        lambda data: load_features(data)[1].text[:1],
    ),
    "features/rows.parquet": ("features/scores.parquet", load_features),
    "features/transformer.safetensors": (None, Predictor),
    "features/transformer.json": ("manifest.json", Predictor),
    "models/xgboost-all/card.json": ("models/xgboost-metadata/card.json", Predictor),
    "models/xgboost-all/model.ubj": (
        "models/xgboost-metadata/model.ubj",
        lambda data: load_model(data, "xgboost-all", judged=True),
    ),
    "models/xgboost-all/final.ubj": (
        "models/xgboost-all/model.ubj",
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
        if damage == "swapped" and other is None:
            continue
        if damage == "missing" and name.startswith("metrics"):
            continue  # a script whose metrics are not there has not run
        with tried(f"artifact {damage}"):
            path = data / name
            whole = path.read_bytes()
            if damage == "byte":
                changed = bytearray(whole)
                changed[len(whole) // 2] ^= 1
                path.write_bytes(changed)
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
        done = succeed("05_gpu_train", data)
        assert f"{newest.name} is damaged: the checkpoint before it is used" in done.stdout
        assert "goes on after step" in done.stdout
        check_whole(data, base[0])
        check_tidy(data, base[0])


MARKS = ['"', '""', ",", "\n", "\r", "\r\n", "\0", "\ufeff", '"\n', ',"', " "]
VALUES = [HEADER, "5", "2024-01-01 10:00:00", "😡", "x" * 3_000]
NOT_UTF8 = [b"\xff", b"\x80\n", b""]
CUTS = st.tuples(
    st.floats(0, 1),  # where, as a share of the file
    st.sampled_from([0, 0, 1, 1, 2, 40, 400]),  # how many bytes go
    st.sampled_from([*MARKS, *VALUES, *NOT_UTF8]),  # what takes their place
)


def covered(path, folder, block_bytes):
    """How many records a file has; they must follow each other.

    Between them are nothing but line ends, and marks of byte order.
    """
    source = open_source(path, folder)
    spans, data = [], Path(source.path).read_bytes()
    for block in source.blocks(block_bytes):
        table, bad = read_block(block)
        spans += [
            *zip(table["byte_offset"].to_pylist(), table["end"].to_pylist()),
            *((q.byte_offset, q.byte_offset + len(q.raw)) for q in bad),
        ]
    previous_end = source.head.start
    for first, end in [*sorted(spans), (len(data), len(data) + 1)]:
        assert previous_end <= first < end
        assert not data[previous_end:first].strip(b"\r\n\xef\xbb\xbf")
        previous_end = end
    return len(spans)


def test_hostile_files_lose_no_record(base, tmp_path):
    predictor = Predictor(base[0])
    lines = (base[0] / "synthetic_reviews.csv").read_bytes().split(b"\n")[:9]
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
                start = int(share * len(content))
                new_bytes = new.encode() if isinstance(new, str) else new
                content = content[:start] + new_bytes + content[start + length :]
            folder = tmp_path / f"{next(number)}"
            folder.mkdir()
            (folder / "in.csv").write_bytes(content)
            path, out, records = folder / "in.csv", folder / "out.csv", None
            with dask.config.set(scheduler="synchronous"):
                manifest, said = outcome(ingest, [path], folder / "data", block_bytes)
            if said:
                assert len(said.splitlines()) == 1
                assert not (folder / "data").exists()
            else:
                records = covered(path, folder, block_bytes)
                kept = manifest["loaded"] + manifest["quarantined"]
                TALLY["records", "lost"] += records - kept
                assert kept == manifest["records"] == records
            scores, said = outcome(write_scores, path, out, predictor)
            if said:  # no export for loading either
                assert records is None
                assert not out.exists()
            elif records is not None:  # a file without ratings is scored, and not loaded
                assert scores[0] == records
            shutil.rmtree(folder)

    try_one()
