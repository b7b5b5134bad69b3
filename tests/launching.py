"""How tests launch 05: by torchrun, or, without its seconds of imports, as ranks that are forked
from a process which has them."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from multiprocessing import connection
from pathlib import Path
from unittest import mock

from conftest import ROOT
from torch.distributed import TCPStore

from common import cli

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["common.training.trainer", "common.training.encoder", "common.models.mixing"]
)


def launch(*words, ranks=2, restarts=0):
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(ranks),
        "--max-restarts",
        str(restarts),
        *map(str, words),
    ]


def torchrun(*words, ranks=2):
    return subprocess.run(
        launch(*words, ranks=ranks), cwd=ROOT, capture_output=True, text=True, timeout=600
    )


def rank_of(environment, words, folder):
    """One rank: what torchrun would start, the end of the script included."""
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{environment['RANK']}.{name}", os.O_WRONLY | os.O_CREAT), stream)
    os.environ.update(environment)
    sys.argv = ["05_gpu_train.py", *words]
    with cli.ending_at_once():
        cli.run(import_module("05_gpu_train").main)


def forked(*words, ranks=2):
    """05 on so many ranks, which meet as torchrun's do, and end when one has failed; the
    CompletedProcess of all of them, with the status of the first that failed."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
    address |= {"TORCHELASTIC_USE_AGENT_STORE": "True"}
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        address[name] = str(ranks)
    words = list(map(str, words))
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, PYTHONPATH=str(ROOT)):
        started = [
            SERVER.Process(
                target=rank_of,
                args=({**address, "RANK": str(rank), "LOCAL_RANK": str(rank)}, words, folder),
            )
            for rank in range(ranks)
        ]
        for process in started:
            process.start()
        codes, running = [], {process.sentinel: process for process in started}
        while running:
            ended = connection.wait(running, 600)
            assert ended, "ranks that wait for each other"
            for process in map(running.pop, ended):
                process.join()
                codes.append(process.exitcode)
                for other in running.values() if process.exitcode else ():
                    other.terminate()
        texts = [
            "".join(path.read_text() for path in sorted(Path(folder).glob(f"*.{name}")))
            for name in ("out", "err")
        ]
    return subprocess.CompletedProcess(words, next(filter(None, codes), 0), *texts)
