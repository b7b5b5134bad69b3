"""The command line that all scripts share: the same flags everywhere, and one-line errors."""

import argparse
import errno
import os
import re
import sys

from common.store import InputError


def folder(text):
    """argparse type: an absolute path, for the workers of a cluster have working directories of their own."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"{text} is an address, and files are mapped and renamed there: mount it as a folder on all hosts, "
            "at the same path, and name that"
        )
    return os.path.abspath(text)


def positive(text):
    """argparse type: a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


FLAGS = {
    "--data-dir": dict(
        type=folder, default="data", help="folder that holds every artifact (default: data)"
    ),
    "--workers": dict(
        type=positive, default=None, metavar="N", help="worker processes (default: one per core)"
    ),
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


def parser(doc, *flags):
    """An ArgumentParser whose description is the script's docstring, with --data-dir and the shared `flags` named."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for flag in ("--data-dir", *flags):
        made.add_argument(flag, **FLAGS[flag])
    return made


MEMORY = "there is too little memory: close other programs, take fewer --workers or fewer reviews"
FAULTS = {
    errno.ENOSPC: "the disk is full: make room, or choose another folder",
    errno.EDQUOT: "the disk quota is used up: make room, or choose another folder",
    errno.EFBIG: "a file would be larger than this process may write (ulimit -f): raise the limit",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "no permission: change it, or choose another folder",
    errno.EIO: "the disk fails: choose another one",
    errno.ENOMEM: MEMORY,
}
KILLED = (
    "a worker process was killed, for want of memory as a rule: take fewer --workers, and run again"
)
LOST = "the Dask scheduler or its workers were lost: start them again, then run this again"
KINDS = {
    "MemoryError": MEMORY,
    "KilledWorker": KILLED,
    "TerminatedWorkerError": KILLED,
    "BrokenProcessPool": KILLED,
    "CancelledError": LOST,
    "CommClosedError": LOST,
    "NoValidWorkerError": LOST,
}


def machine_fault(error):
    """What a machine did to raise this, where, and what to do, as one line; None for any other exception.

    Libraries wrap the system's errors: their causes are looked through, and their texts for the system's own words.
    """
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        for code, what in FAULTS.items():
            if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
                where = getattr(error, "filename", None)
                return f"{where}: {what}" if where else what
        for kind in type(error).__mro__:
            if kind.__name__ in KINDS:  # by name: the libraries of most of them are not loaded
                return KINDS[kind.__name__]
        if isinstance(error, OSError) and re.search(
            r"\d+ requested and \d+ written", str(error)
        ):  # NumPy's words, without an errno
            return FAULTS[errno.ENOSPC]
        if "bad_alloc" in str(error):
            return MEMORY
        error = error.__cause__ or error.__context__
    return None


def run(main):
    """Call `main(sys.argv[1:])` and exit with what it returns; with one line and 2 for InputError, 1 for what machines do, 130 for Ctrl-C."""
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(
            f"{os.path.basename(sys.argv[0])}: interrupted; earlier results are as they were",
            file=sys.stderr,
        )
        sys.exit(130)
    except Exception as error:
        if (fault := machine_fault(error)) is None:
            raise
        print(
            f"{os.path.basename(sys.argv[0])}: {fault}; earlier results are as they were",
            file=sys.stderr,
        )
        sys.exit(1)
