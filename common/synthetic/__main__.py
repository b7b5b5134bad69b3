"""Write synthetic reviews to a CSV file.

python -m common.synthetic --rows 100000 --out reviews.csv
python -m common.synthetic --rows 15000 --since 2023-03-15 --plant release --out planted.csv

Nothing happens after 2023-03-15 but what is planted: see [planted] in history.toml.
"""

import argparse
from collections.abc import Sequence
from datetime import date

from common import cli
from common.compute import dask_client
from common.synthetic.generator import make_csv
from common.synthetic.history import LEVELS


def main(argv: Sequence[str]) -> None:
    """Command line: see the module's docstring."""
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_flags(flags, "--rows", "--out", "--seed", "--workers", "--scheduler")
    flags.add_argument(
        "--since", type=date.fromisoformat, default=LEVELS["first_day"], help="first day"
    )
    flags.add_argument(
        "--plant", nargs="+", choices=list(LEVELS["planted"]), default=[], help="what to plant"
    )
    args = flags.parse_args(argv)
    with dask_client(args.workers, args.scheduler):
        make_csv(args.out, args.rows or 100_000, args.seed, since=args.since, planted=args.plant)


if __name__ == "__main__":
    cli.run(main)
