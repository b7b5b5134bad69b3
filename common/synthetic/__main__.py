"""Write synthetic reviews to a CSV file.

python -m common.synthetic --rows 100000 --out reviews.csv
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from common import cli
from common.compute import dask_client
from common.synthetic.generator import make_csv


def main(argv: Sequence[str]) -> None:
    """Command line: see the module's docstring."""
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--rows", type=cli.positive, default=100_000, help="how many (100000)")
    flags.add_argument("--out", type=Path, required=True, help="CSV file to write")
    cli.add_flags(flags, "--seed", "--workers", "--scheduler")
    args = flags.parse_args(argv)
    with dask_client(args.workers, args.scheduler):
        make_csv(args.out, args.rows, args.seed)


if __name__ == "__main__":
    cli.run(main)
