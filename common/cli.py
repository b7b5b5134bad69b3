"""The command line that all scripts share: the same flags everywhere, and one-line errors."""

import argparse
import errno
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from common.store import InputError


def folder(text: str) -> str:
    """argparse type: an absolute path, as a cluster's workers have other working directories."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"{text} is an address, and files are mapped and renamed there: mount it as a folder "
            "on all hosts, at the same path, and name that"
        )
    return os.path.abspath(text)


def positive(text: str) -> int:
    """argparse type: a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


FLAGS: dict[str, dict[str, Any]] = {
    "--data-dir": dict(
        type=folder, default="data", help="folder that holds every artifact (default: data)"
    ),
    "--workers": dict(type=positive, metavar="N", help="worker processes (default: one per core)"),
    "--scheduler": dict(
        metavar="ADDRESS", help="use an existing Dask cluster, for example tcp://host:8786"
    ),
    "--seed": dict(type=int, default=42, help="seed of everything random (default: 42)"),
    "--quick": dict(
        action="store_true", help="a first look in seconds: smaller searches, fewer rounds"
    ),
    "--compare": dict(
        action="store_true", help="also run the plain, serial way on the same rows, and record both"
    ),
    "--profile": dict(
        action="store_true", help="also write cProfile and line_profiler results to profiles/"
    ),
}


def parser(doc: str | None, *flags: str) -> argparse.ArgumentParser:
    """A parser described by the script's docstring, with --data-dir and these shared flags."""
    result = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for flag in ("--data-dir", *flags):
        result.add_argument(flag, **FLAGS[flag])
    return result


MEMORY = "there is too little memory: close other programs, take fewer --workers or fewer reviews"
DISK_FULL = "the disk is full: make room, or choose another folder"
KILLED = (
    "a worker process was killed, for want of memory as a rule: take fewer --workers, and run again"
)
LOST = "the Dask scheduler or its workers were lost: start them again, then run this again"
ERRNO_ADVICE = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: "the disk quota is used up: make room, or choose another folder",
    errno.EFBIG: "a file would be larger than this process may write (ulimit -f): raise the limit",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "no permission: change it, or choose another folder",
    errno.EIO: "the disk fails: choose another one",
    errno.ENOMEM: MEMORY,
}
CLASS_ADVICE = {  # by name: most of these classes' libraries are not loaded
    "MemoryError": MEMORY,
    "KilledWorker": KILLED,
    "TerminatedWorkerError": KILLED,
    "BrokenProcessPool": KILLED,
    "CancelledError": LOST,
    "CommClosedError": LOST,
    "NoValidWorkerError": LOST,
}


def machine_fault(error: BaseException | None) -> str | None:
    """What the machine did to raise this, where, and what to do, in a line; None for other errors.

    Libraries wrap the system's errors: causes are searched too, and texts for the system's words.
    """
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        for code, advice in ERRNO_ADVICE.items():
            if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
                path = getattr(error, "filename", None)
                return f"{path}: {advice}" if path else advice
        for base in type(error).__mro__:
            if base.__name__ in CLASS_ADVICE:
                return CLASS_ADVICE[base.__name__]
        # NumPy's words for a full disk, without an errno.
        if isinstance(error, OSError) and re.search(r"\d requested and \d+ written", str(error)):
            return DISK_FULL
        if "bad_alloc" in str(error):
            return MEMORY
        error = error.__cause__ or error.__context__
    return None


def run(main: Callable[[Sequence[str]], object]) -> NoReturn:
    """Call `main(sys.argv[1:])` and exit: 0, or one line on stderr and a status that is not 0.

    2 for an InputError, 1 for what the machine did, 130 for Ctrl-C; other exceptions are raised.
    """
    unchanged = "; earlier results are as they were"
    try:
        main(sys.argv[1:])
        sys.exit()
    except InputError as error:
        message, status = str(error), 2
    except KeyboardInterrupt:
        message, status = f"interrupted{unchanged}", 130
    except Exception as error:
        fault = machine_fault(error)
        if fault is None:
            raise
        message, status = fault + unchanged, 1
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)
    sys.exit(status)
