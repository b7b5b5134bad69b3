"""Checkpoints of a training run, written by torch.distributed.checkpoint: a folder a step, whole or
not there, newest first.

checkpoints/<run>/step-00000100/ holds what the ranks wrote and files.json, the checksum of each
file; it is written under a name that ends in .part, and renamed. Saved by any number of ranks and
any strategy, it loads on any other. Part of it is pickle: never load a checkpoint that somebody
else gave you. On several hosts the data directory must be shared.
"""

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

import torch.distributed.checkpoint as dcp

from common.store import checksum
from common.training.ranks import Ranks

KEPT = 2  # the newest, and the one before it, should the newest be damaged


class Checkpoints:
    """The checkpoints of one run under data_dir/checkpoints/; `settings` (a dict for JSON) is all
    that decides what is learnt."""

    def __init__(self, data_dir: Path, model: str, settings: dict, ranks: Ranks):
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        self.folder, self.ranks = Path(data_dir) / "checkpoints" / f"{model}-{key}", ranks

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def save(self, step: int, state: dict) -> None:
        """Write `state` (named tensors and tuples, or dicts of such) as the checkpoint after `step`
        steps; every rank must call this."""
        whole = self.path(step)
        part = whole.with_suffix(".part")
        if self.ranks.rank == 0:
            for old in self.folder.glob("*.part"):
                shutil.rmtree(old)
            part.mkdir(parents=True)
        self.ranks.barrier()
        dcp.save(state, checkpoint_id=part)
        if self.ranks.rank == 0:
            sums = {path.name: checksum(path) for path in part.iterdir()}
            (part / "files.json").write_text(json.dumps(sums), encoding="utf-8")
            if whole.exists():  # a damaged one, which `newest` passed over
                shutil.rmtree(whole)
            part.rename(whole)
            for old in sorted(self.folder.glob("step-*"))[:-KEPT]:
                shutil.rmtree(old)

    def newest(self) -> int:
        """Steps done at the newest whole checkpoint, 0 without one; the same on every rank.
        Damaged ones are named, and passed over."""
        step = 0
        if self.ranks.rank == 0:
            for path in sorted(self.folder.glob("step-????????"), reverse=True):
                if _is_whole(path):
                    step = int(path.name.removeprefix("step-"))
                    break
                print(f"{path} is damaged: the checkpoint before it is used", flush=True)
        return int(self.ranks.all_reduce_max(step))

    def load(self, step: int, state: dict) -> None:
        """Fill `state`, built as for `save`, with the checkpoint after `step` steps; every rank
        must call this."""
        dcp.load(state, checkpoint_id=self.path(step))

    def remove(self) -> None:
        """Delete the run's checkpoints, which a published model has made useless."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # other runs have some
            self.folder.parent.rmdir()


def _is_whole(folder: Path) -> bool:
    try:
        files = json.loads((folder / "files.json").read_text(encoding="utf-8"))
        return all(checksum(folder / name) == crc for name, crc in files.items())
    except (OSError, ValueError, AttributeError):
        return False
