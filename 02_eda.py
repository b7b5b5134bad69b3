"""What the reviews look like, in one pass: the original study's seven questions, and what a product
analyst asks next.

    python 02_eda.py --data-dir data            # after 01_load.py; seconds
    python 02_eda.py --data-dir data --compare  # also serially, with DuckDB and polars, and the
                                                # original's seven passes

One lazy Dask graph (common/eda/graph.py): each task reads one Parquet file's columns once and
counts (counts.py), and the small tables are summed, and answered from (answers.py). Published:
eda/<name>.parquet, and eda/<name>.svg drawn from it.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common import cli
from common.store import locked, read_json, require, staging_folder

if TYPE_CHECKING:
    from pandas import DataFrame

STEP = "02_eda"
Variants = dict[str, Callable[..., object]]


def explore_serially(paths: Sequence[Path], everything: bool = True) -> dict[str, DataFrame]:
    import dask

    from common.eda.graph import explore

    with dask.config.set(scheduler="synchronous"):
        return explore(paths, everything)


def agreeing(paths: list[Path], csv: Path) -> Variants:
    """The other ways to the seven answers, those that agree with ours."""
    from common.baselines import eda as baselines
    from common.eda.graph import explore

    seven = explore(paths, everything=False)
    ways: Variants = {}
    for name, answer in baselines.EDA.items():
        try:
            baselines.check_eda(answer(paths, csv), seven)
            ways[name] = partial(answer, paths, csv)
        except ImportError:
            print(f"{name}: not installed: `pip install -r requirements-compare.txt` to compare")
        except Exception as error:  # another way's failure, or other answers, are a finding
            print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:150]}")
    return ways


def compare(args: Namespace, workers: int) -> None:
    """Time all tables in one process, and the seven answers in every other way that gives them."""
    from common.baselines.eda import write_plain_csv
    from common.eda.graph import explore
    from common.metrics import Metrics
    from common.profiling import interleave

    metrics = Metrics(STEP, read_json(args.data_dir, "manifest.json"), args.seed, args.data_dir)
    paths = sorted(require(args.data_dir, "reviews").glob("*.parquet"))
    ours = {"parallel": explore, "serial": explore_serially}
    ways: Variants = {name: partial(way, paths) for name, way in ours.items()}
    with staging_folder(args.data_dir) as staging:
        csv = write_plain_csv(paths, staging / "reviews.csv")
        seven = {name: partial(way, everything=False) for name, way in ways.items()}
        for part, variants in (("everything", ways), ("the seven", seven | agreeing(paths, csv))):
            for name, repeat, seconds in interleave(variants, args.quick):
                metrics.add(
                    "eda.seconds",
                    seconds,
                    "s",
                    repeat=repeat,
                    part=part,
                    variant=name,
                    workers=1 if name == "serial" else workers,
                )
    metrics.publish(args.data_dir)


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
                compare(args, workers)
    print(tables["ratings"].to_string(index=False, float_format="%.3f"))
    print(f"{len(tables)} tables of {manifest['loaded']:,} reviews, under {args.data_dir}/eda")


if __name__ == "__main__":
    cli.run(main)
