"""Write synthetic reviews to a CSV file.

python -m common.synthetic --rows 100000 --out reviews.csv
"""

import argparse
from collections.abc import Sequence

from common import cli
from common.compute import dask_client
from common.synthetic.generator import make_csv


def main(argv: Sequence[str]) -> None:
    """Command line: see the module's docstring."""
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_flags(flags, "--rows", "--out", "--seed", "--workers", "--scheduler")
    args = flags.parse_args(argv)
    with dask_client(args.workers, args.scheduler):
        make_csv(args.out, args.rows or 100_000, args.seed)


if __name__ == "__main__":
    cli.run(main)
