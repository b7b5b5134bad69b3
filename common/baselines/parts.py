"""Flags of run_all.sh for a part of a data directory's reviews: from which number on does what pay?

python -m common.baselines.parts --data-dir data --part 16    # every 16th review
"""

from collections.abc import Sequence

from common import cli
from common.baselines.eda import write_plain_csv
from common.store import read_json, require


def main(argv: Sequence[str]) -> None:
    args = cli.parser(__doc__, "--part").parse_args(argv)
    manifest = read_json(args.data_dir, "manifest.json")
    if manifest["data"] == "synthetic":  # as many of them are made, and called so
        print("--rows", max(manifest["records"] // args.part, 1))
        return
    paths = sorted(require(args.data_dir, "reviews").glob("*.parquet"))
    csv = args.data_dir / "scaling" / f"{args.part}.csv"
    csv.parent.mkdir(exist_ok=True)
    print("--csv", write_plain_csv(paths, csv, args.part))


if __name__ == "__main__":
    cli.run(main)
