"""What the reviews look like, in one pass: the original study's seven questions, and what a product
analyst asks next.

    python 02_eda.py --data-dir data            # after 01_load.py; seconds
    python 02_eda.py --data-dir data --compare  # also serially, with DuckDB and polars, and the
                                                # original's seven passes

One lazy Dask graph (common/eda/graph.py): each task reads one Parquet file's columns once and
counts (counts.py), and the small tables are summed, and answered from (answers.py). Published:
eda/<name>.parquet, and eda/<name>.svg drawn from it.
"""

from collections.abc import Sequence

from common import cli
from common.store import locked, read_json, require

STEP = "02_eda"


def main(argv: Sequence[str]) -> None:
    flags = "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile"
    args = cli.parser(__doc__, *flags).parse_args(argv)

    from common.charts.reviews import eda_charts
    from common.compute import dask_client, threads_of
    from common.eda.graph import explore, one_graph
    from common.metrics import Metrics
    from common.profiling import measured

    with locked(args.data_dir):
        manifest = read_json(args.data_dir, "manifest.json")
        paths = sorted(require(args.data_dir, "reviews").glob("*.parquet"))
        metrics = Metrics(STEP, manifest, args.seed)
        with dask_client(args.workers, args.scheduler) as client:
            workers = threads_of(client)
            with measured(args.profile, args.data_dir, STEP, [one_graph, explore]) as whole:
                tables = explore(paths)
            metrics.add("eda.peak_rss_bytes", whole.peak_bytes, "bytes", workers=workers)
            # Watched, and perhaps profiled, which costs a little.
            part, seconds = "everything", whole.seconds
            metrics.add("eda.seconds", seconds, "s", part=part, variant="parallel", workers=workers)
            with metrics.publishing(args.data_dir, "eda") as staging:
                (staging / "eda").mkdir()
                for name, table in tables.items():
                    table.to_parquet(staging / "eda" / f"{name}.parquet", index=False)
                for name, chart in eda_charts(tables).items():
                    chart.save(staging / "eda" / f"{name}.svg")
            if args.compare:
                from common.baselines.eda import compare

                compare(args, workers)
    print(tables["ratings"].to_string(index=False, float_format="%.3f"))
    print(f"{len(tables)} tables of {manifest['loaded']:,} reviews, under {args.data_dir}/eda")


if __name__ == "__main__":
    cli.run(main)
