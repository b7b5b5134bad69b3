"""Load review exports into Parquet with Dask: each record exactly, or quarantined.

    python 01_load.py --csv reviews.csv --data-dir data     # one or more exports, in any form
    python 01_load.py --inspect reviews.csv                 # what is recognised; nothing is loaded
    python 01_load.py --data-dir data                       # data/raw/*, else synthetic reviews
    python 01_load.py --rows 1531126 --data-dir data-full   # as many as Kaggle's set holds
    python 01_load.py --kaggle --data-dir data-kaggle       # 1.5 million reviews from Kaggle
    python 01_load.py --csv s3://bucket/reviews.csv         # any address that fsspec opens
    python 01_load.py --csv reviews.csv --compare           # also time other engines on these files

An export needs a text, a rating and a time for each review; docs/formats.md says which columns,
dates, encodings and containers are recognised. Published: reviews/*.parquet, quarantine/*.parquet
(the bytes of what could not be loaded, and why) and manifest.json. --kaggle needs kagglehub and a
network, s3 addresses s3fs; what lies at an address is copied to data/downloads/ first. The other
engines are pandas, polars, DuckDB, Dask's reader and the original study's way.
"""

from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from common import cli
from common.store import locked


def choose_source(args: Namespace) -> tuple[list[Path], str]:
    """CSV paths, and "csv" or "synthetic": what was named, what lies in raw/, else made now."""
    from common.loading.convert import SUFFIXES
    from common.loading.download import download_kaggle, fetch
    from common.profiling import timed
    from common.synthetic.generator import make_csv

    folder = args.data_dir
    if args.csv:
        return [fetch(path, folder) if "://" in path else Path(path) for path in args.csv], "csv"
    if args.kaggle:
        return download_kaggle(), "csv"
    raw = sorted(path for path in folder.glob("raw/*") if path.is_file())
    exports = [path for path in raw if path.name.lower().endswith(SUFFIXES)]
    for path in raw if args.rows is None else ():
        if path not in exports:
            print(f"{path} is passed over: its name ends like no export ({', '.join(SUFFIXES)})")
    if exports and args.rows is None:
        return exports, "csv"
    path = folder / "synthetic_reviews.csv"
    with timed() as t:
        make_csv(path, args.rows or (5_000 if args.quick else 100_000), args.seed)
    print(
        f"no --csv and no exports in {folder}/raw: wrote {path} in {t.seconds:.1f} s "
        "(synthetic, not real reviews)"
    )
    return [path], "synthetic"


def load(args: Namespace) -> None:
    """Load what the flags name, and record what it took."""
    from common.compute import dask_client, threads_of
    from common.loading import ingest, quarantine_sentence
    from common.loading.sources import hints_of
    from common.metrics import Metrics
    from common.profiling import measured, timed

    with locked(args.data_dir), ExitStack() as stack:
        with timed() as starting:
            workers = threads_of(stack.enter_context(dask_client(args.workers, args.scheduler)))
        paths, data = choose_source(args)
        with measured(args.profile, args.data_dir, "01_load", [ingest]) as loading:
            manifest = ingest(
                paths,
                args.data_dir,
                keep_names=args.keep_names,
                max_loss=args.max_loss,
                data=data,
                hints=hints_of(args),
            )
        metrics = Metrics("01_load", manifest, args.seed)
        metrics.add("load.client_seconds", starting.seconds, "s", workers=workers)
        metrics.add(
            "load.peak_rss_bytes", loading.peak_bytes, "bytes", engine="blocks", workers=workers
        )
        for name in ("records", "loaded", "quarantined"):
            metrics.add(f"load.{name}", manifest[name], "rows")
        for reason, count in manifest["reasons"].items():
            metrics.add("load.quarantined", count, "rows", reason=reason)
        # Watched, and perhaps profiled, which costs a little.
        metrics.add("load.seconds", loading.seconds, "s", engine="blocks", workers=workers)
        metrics.publish(args.data_dir)
        if args.compare:
            from common.baselines.readers import compare

            compare(args, workers)
    for source in manifest["sources"]:
        if source["ids"] == "content" and (column := source["columns"].get("review_id")):
            print(
                f"{source['name']}: the column {column!r} does not tell records apart, so ids are "
                "made from what they say"
            )
    print(quarantine_sentence(manifest))
    print(f"in {loading.seconds:.2f} s, under {args.data_dir}")


def main(argv: Sequence[str]) -> None:
    parser = cli.parser(
        __doc__, "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile"
    )
    source = parser.add_mutually_exclusive_group()
    cli.add_flags(source, "--csv", "--rows", "--kaggle", "--inspect")
    cli.add_flags(parser, "--keep-names", "--max-loss", "--columns", "--dates", "--encoding")
    args = parser.parse_args(argv)
    if args.inspect:
        from common.loading import inspect
        from common.loading.sources import hints_of

        print(inspect(args.inspect, hints_of(args)))
    else:
        load(args)


if __name__ == "__main__":
    cli.run(main)
