"""How tests launch 05."""

import subprocess
import sys

from conftest import ROOT


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
