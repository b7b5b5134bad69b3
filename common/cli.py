"""The command line that all scripts share: the same flags everywhere, and one-line errors."""
import argparse
import os
import sys

from common.artifacts import InputError


def folder(text):
    """argparse type: an absolute path, for the workers of a cluster have working directories of their own."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text} is an address, and files are mapped and renamed there: mount it as a folder on all hosts, "
                                         "at the same path, and name that")
    return os.path.abspath(text)


def positive(text):
    """argparse type: a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


FLAGS = {
    "--data-dir": dict(type=folder, default="data", help="folder that holds every artifact (default: data)"),
    "--workers": dict(type=positive, default=None, metavar="N", help="worker processes (default: one per core)"),
    "--scheduler": dict(metavar="ADDRESS", help="use an existing Dask cluster, for example tcp://host:8786"),
    "--seed": dict(type=int, default=42, help="seed of everything random (default: 42)"),
    "--quick": dict(action="store_true", help="a first look in seconds: smaller searches, fewer rounds"),
    "--compare": dict(action="store_true", help="also run the plain, serial way on the same rows, and record both"),
    "--profile": dict(action="store_true", help="also write cProfile and line_profiler results to profiles/"),
}


def parser(doc, *flags):
    """An ArgumentParser whose description is the script's docstring, with --data-dir and the shared `flags` named."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("--data-dir", *flags):
        made.add_argument(flag, **FLAGS[flag])
    return made


def cores():
    """Processor cores that this process may use (a container or taskset may allow fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def run(main):
    """Call `main(sys.argv[1:])`; exit with 2 and one line for InputError, 130 for Ctrl-C, what main returns otherwise."""
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{os.path.basename(sys.argv[0])}: interrupted; earlier results are as they were", file=sys.stderr)
        sys.exit(130)
