"""A data directory that survives what machines do: one run at a time, swaps that a killed run's successor completes, whole files."""

import fcntl
import glob
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK, STAGING, JOURNAL = ".lock", ".staging-", "publishing.json"
_held: set[Path] = set()  # data directories that this process has


class InputError(ValueError):
    """Something the user can mend: the message says what is wrong, where, and what to do. Scripts exit with status 2."""


@contextmanager
def locked(data_dir):
    """Keep every other run out of a data directory, which is made if need be; within this process it can be held again.

    What a dead run left is put right first: a swap that it had begun is completed, its staging folders go. The kernel lets go of
    a dead process's lock. A folder that was made for a run that left nothing goes with it. Raises InputError naming the holder.
    """
    data_dir = Path(data_dir).resolve()
    if data_dir in _held:
        yield
        return
    made = [folder for folder in (data_dir, *data_dir.parents) if not folder.exists()]
    data_dir.mkdir(parents=True, exist_ok=True)
    with open(data_dir / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InputError(
                f"{data_dir} is in use by {file.read() or 'another run'}: wait for its end, or choose another --data-dir"
            ) from None
        file.truncate(0)
        file.write(f"{os.path.basename(sys.argv[0])} (process {os.getpid()} on {platform.node()})")
        file.flush()
        _held.add(data_dir)
        try:
            _recover(data_dir)
            yield
        finally:
            _held.discard(data_dir)
            if made and os.listdir(data_dir) == [LOCK]:
                os.unlink(data_dir / LOCK)
                for folder in made:
                    with suppress(OSError):  # somebody else has put something there
                        folder.rmdir()


def _recover(data_dir):
    for staging in data_dir.glob(f"{STAGING}*"):
        if (staging / JOURNAL).exists():
            for name in json.loads((staging / JOURNAL).read_text(encoding="utf-8")):
                if (staging / name).exists():
                    _place(data_dir, staging, name)
            sync(data_dir)
        _discard(staging)
    _remove_partial(data_dir, "*")


@contextmanager
def staged(data_dir):
    """Yield a folder for what is being written under a held data directory; it goes at the end, and after a kill with the next run."""
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=data_dir))
    try:
        yield staging
    finally:
        _discard(staging)


def _discard(staging):
    """Remove a staging folder, the journal first: without it nothing of the folder can be published any more."""
    (staging / JOURNAL).unlink(missing_ok=True)
    for _ in range(20):  # after an error, workers may be writing there still
        shutil.rmtree(staging, ignore_errors=True)
        if not staging.exists():
            break
        time.sleep(0.05)


def swap(data_dir, staging, names):
    """Replace all `names` under `data_dir` by what lies under `staging`, or none.

    Names are first written to a journal. On an exception what was there comes back; after a kill the next holder goes on.
    """
    aside, done = staging / ".replaced", []
    (staging / ".journal").write_text(json.dumps(names), encoding="utf-8")
    sync(staging / ".journal")
    os.rename(staging / ".journal", staging / JOURNAL)
    sync(staging)
    try:
        for name in names:
            done.append(name)
            _place(data_dir, staging, name)
        for folder in {(data_dir / name).parent for name in names}:
            sync(folder)
    except BaseException:
        for name in done:
            if not (staging / name).exists():
                os.rename(data_dir / name, staging / name)
            if (aside / name).exists():
                os.rename(aside / name, data_dir / name)
        raise


def _place(data_dir, staging, name):
    target, aside = data_dir / name, staging / ".replaced" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        aside.parent.mkdir(parents=True, exist_ok=True)
        os.rename(target, aside)
    os.rename(staging / name, target)


def pending(data_dir):
    """Whether a swap is going on under a data directory, or was when its run died."""
    return any(Path(data_dir).glob(f"{STAGING}*/{JOURNAL}"))


def sync(path):
    """Have a file's or a folder's content on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(path):
    """Yield the path of an empty file to write; on a clean exit it replaces `path`, on an exception it goes and `path` is as it was.

    It lies beside `path`, and is locked: what killed writers of the same path left there goes first. InputError without the folder.
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


def _remove_partial(folder, name):
    for stray in folder.glob(f".{name}-*.partial"):
        with suppress(OSError), open(stray, "rb") as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its writer lives
            stray.unlink(missing_ok=True)


def reserve(file, size):
    """Make an open file `size` bytes long, with room for them: where the disk is full this is an OSError, a memory map's write a SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)
