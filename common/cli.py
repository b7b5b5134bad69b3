"""The command line that all scripts share: the same flags everywhere, and one-line errors."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from common.store import InputError
from common.toml import toml_beside


def folder(text: str) -> Path:
    """argparse type: an absolute path, as a cluster's workers have other working directories."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"{text} is an address, and files are mapped and renamed there: mount it as a folder "
            "on all hosts, at the same path, and name that"
        )
    return Path(os.path.abspath(text))


def positive(text: str) -> int:
    """argparse type: a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


TABLES = toml_beside(__file__)


def parser(doc: str | None, *flags: str) -> argparse.ArgumentParser:
    """A parser described by the script's docstring, with --data-dir and these flags of cli.toml."""
    result = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_flags(result, "--data-dir", *flags)
    return result


def add_flags(parser: argparse._ActionsContainer, *flags: str) -> None:
    """Let a parser, or a group of one, take these flags of cli.toml."""
    for argument_type in (folder, positive, int, float, Path):
        parser.register("type", argument_type.__name__, argument_type)
    for flag in flags:
        parser.add_argument(flag.split()[-1], **TABLES["flags"][flag])


def machine_fault(error: BaseException | None) -> str | None:
    """What the machine did to raise this, where, and what to do, in a line; None for other errors.

    Libraries wrap the system's errors: causes are searched too, and texts for the system's words.
    """
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        classes = [base.__name__ for base in type(error).__mro__]
        text = f"{classes} {os.strerror(getattr(error, 'errno', None) or 0)} {error}"
        for fault in TABLES["faults"]:
            if re.search(fault["words"], text):
                path = getattr(error, "filename", None)
                return f"{path}: {fault['advice']}" if path else fault["advice"]
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


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Around a script's main: end a rank that torchrun started as soon as its work has an exit
    status.

    A thread of torch that lets go of a Python object while the interpreter shuts down aborts the
    process (about one launch in fifteen on a busy machine), and torchrun would then call a finished
    launch failed.
    """
    try:
        yield
    except SystemExit as end:
        if "RANK" not in os.environ:
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))
