"""A data directory that survives what machines do: locks, atomic swaps, files written whole."""

import fcntl
import glob
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LOCK, STAGING, JOURNAL = ".lock", ".staging-", "publishing.json"
_locked: set[Path] = set()  # data directories that this process has locked


class InputError(ValueError):
    """Something the user can mend: what is wrong, where, and what to do. Scripts exit with 2."""


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Lock a data directory, which is made if need be, against other processes.

    This process can lock it again within the block. What a dead run left is put right first: a swap
    that it had begun is completed, its staging folders go. The kernel frees a dead process's lock.
    A folder that was made for a run that left nothing goes again. InputError names the other run.
    """
    data_dir = data_dir.resolve()
    if data_dir in _locked:
        yield
        return
    new_folders = [folder for folder in (data_dir, *data_dir.parents) if not folder.exists()]
    data_dir.mkdir(parents=True, exist_ok=True)
    with open(data_dir / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InputError(
                f"{data_dir} is in use by {file.read() or 'another run'}: "
                "wait for its end, or choose another --data-dir"
            ) from None
        file.truncate(0)
        file.write(f"{os.path.basename(sys.argv[0])} (process {os.getpid()} on {platform.node()})")
        file.flush()
        _locked.add(data_dir)
        try:
            _recover(data_dir)
            yield
        finally:
            _locked.discard(data_dir)
            if new_folders and os.listdir(data_dir) == [LOCK]:
                os.unlink(data_dir / LOCK)
                for folder in new_folders:
                    with suppress(OSError):  # somebody else has put something there
                        folder.rmdir()


def _recover(data_dir: Path) -> None:
    """Complete the swaps that killed runs had begun, and remove what else they left."""
    for staging in data_dir.glob(f"{STAGING}*"):
        if (staging / JOURNAL).exists():
            for name in json.loads((staging / JOURNAL).read_text(encoding="utf-8")):
                if (staging / name).exists():
                    _move_in(data_dir, staging, name)
            sync(data_dir)
        _remove_staging(staging)
    _remove_partial(data_dir, "*")


@contextmanager
def staging_folder(data_dir: Path) -> Iterator[Path]:
    """Yield a temporary folder under a locked data directory; the next run removes a dead one's."""
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=data_dir))
    try:
        yield staging
    finally:
        _remove_staging(staging)


def _remove_staging(staging: Path) -> None:
    """Remove a staging folder, its journal first: without it nothing can be published any more."""
    (staging / JOURNAL).unlink(missing_ok=True)
    for _ in range(20):  # after an error, workers may be writing there still
        shutil.rmtree(staging, ignore_errors=True)
        if not staging.exists():
            break
        time.sleep(0.05)


def swap(data_dir: Path, staging: Path, names: list[str]) -> None:
    """Replace all `names` under `data_dir` by what lies under `staging`, or none.

    Names are first written to a journal. On an exception the earlier files come back; after a kill
    the next run to lock the directory completes the swap.
    """
    replaced = staging / ".replaced"
    (staging / ".journal").write_text(json.dumps(names), encoding="utf-8")
    sync(staging / ".journal")
    os.rename(staging / ".journal", staging / JOURNAL)
    sync(staging)
    try:
        for name in names:
            _move_in(data_dir, staging, name)
        for folder in {(data_dir / name).parent for name in names}:
            sync(folder)
    except BaseException:
        for name in names:
            if not (staging / name).exists():
                os.rename(data_dir / name, staging / name)
            if (replaced / name).exists():
                os.rename(replaced / name, data_dir / name)
        raise


def _move_in(data_dir: Path, staging: Path, name: str) -> None:
    """Move a staged name into the data directory, and its namesake there to `.replaced`."""
    target, replaced = data_dir / name, staging / ".replaced" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        replaced.parent.mkdir(parents=True, exist_ok=True)
        os.rename(target, replaced)
    os.rename(staging / name, target)


def swap_pending(data_dir: Path) -> bool:
    """Whether a swap is going on under a data directory, or was when its run died."""
    return any(data_dir.glob(f"{STAGING}*/{JOURNAL}"))


def sync(path: Path) -> None:
    """Flush a file's or a folder's content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield the path of an empty file to write, beside `path`; on a clean exit it replaces `path`.

    On an exception `path` stays as it was. What killed writers of `path` left goes first: a living
    writer's file is locked. InputError where there is no such folder.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder to write {path.name} to: make it first")
    _remove_partial(path.parent, glob.escape(path.name))
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".partial", dir=path.parent)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield Path(partial)
        os.fsync(handle)
        os.umask(mask := os.umask(0))
        os.fchmod(handle, 0o666 & ~mask)
        os.rename(partial, path)
    finally:
        os.close(handle)
        Path(partial).unlink(missing_ok=True)


def _remove_partial(folder: Path, pattern: str) -> None:
    """Remove what killed calls of `replacing` left in a folder, for file names that match."""
    for partial in folder.glob(f".{pattern}-*.partial"):
        with suppress(OSError), open(partial, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its writer lives
            partial.unlink(missing_ok=True)


def reserve(file: BinaryIO, size: int) -> None:
    """Make an open file `size` bytes long, with room for them on the disk.

    A full disk is an OSError here; a memory map's write to it would be a SIGBUS.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)
