"""Compare every step of a data directory with the other ways of doing it, in one process: what each
script does with --compare, beside the figures that it published.

    python -m common.baselines --data-dir data          # after 01 to 05
    python -m common.baselines --data-dir data --quick  # once each, without the searches
"""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from common import cli
from common.store import InputError, locked

# What has a function `compare`, for each script.
MODULES = {
    "01_load": "common.baselines.readers",
    "02_eda": "common.baselines.eda",
    "03_features": "common.baselines.features",
    "04_cpu_models": "04_cpu_models",
    "05_gpu_train": "05_gpu_train",
}


def main(argv: Sequence[str]) -> None:
    parser = cli.parser(__doc__, "--workers", "--scheduler", "--seed", "--quick")
    cli.add_flags(parser, "--columns", "--dates", "--encoding", "--threads")
    args = parser.parse_args(argv, Namespace(search_rows=None, model=None))

    from common.compute import dask_client, threads_of

    # The worker processes of one step serve the next: the warnings that 04 expects are off for all.
    os.environ.setdefault("PYTHONWARNINGS", "ignore::UserWarning")
    with locked(args.data_dir), dask_client(args.workers, args.scheduler) as client:
        for script, module in MODULES.items():
            print(f"comparing {script}", flush=True)
            try:
                import_module(module).compare(args, threads_of(client))
            except InputError as error:  # what a script refused, or has not made
                print(f"not compared: {error}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
