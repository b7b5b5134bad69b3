"""Reviews to features: split, describe, count n-grams, fit on training rows only, transform all.

    python 03_features.py --data-dir data            # after 01_load.py; 100,000 reviews: 12 s
    python 03_features.py --data-dir data --quick    # what is compared, is compared once
    python 03_features.py --data-dir data --compare  # also in one process, and by other tools

Dask reads, describes and encodes row ranges of the reviews, and fits the text scorers out of fold:
a training row's text scores come from scorers that have not seen that row's fold.
"""

from __future__ import annotations

import filecmp
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from common import cli
from common.store import locked, read_json, require, staging_folder

if TYPE_CHECKING:
    from pandas import DataFrame

    from common.features.reading import RowRange
    from common.metrics import Metrics

STEP = "03_features"


def build(
    ranges: list[RowRange],
    staging: Path,
    seed: int,
    workers: int,
    metrics: Metrics,
    variant: str,
    repeat: int = 0,
) -> tuple[DataFrame, DataFrame]:
    """Make everything under `staging`/features: (rows.parquet, the selection of metadata)."""
    from common.features.fitting import fit_transformer
    from common.features.passes import write_features
    from common.features.scorers import fit_scorers
    from common.features.splits import split_reviews
    from common.profiling import timed

    @contextmanager
    def part(name: str) -> Iterator[None]:
        with timed() as t:
            yield
        metrics.add(
            "features.seconds",
            t.seconds,
            "s",
            repeat=repeat,
            part=name,
            variant=variant,
            workers=workers,
        )

    folder = staging / "features"
    folder.mkdir(parents=True)
    with part("all"):
        with part("split"):
            rows = split_reviews(ranges, staging)
        with part("fit"):
            transformer, selection = fit_transformer(ranges, staging, rows, seed, workers)
        with part("write"):
            rows["script"] = write_features(ranges, staging, transformer)
            rows.to_parquet(folder / "rows.parquet")
        with part("text scores"):
            fit_scorers(ranges, staging, transformer, seed, workers)
        selection.to_parquet(folder / "scores.parquet", index=False)
        transformer.save(folder)
    return rows, selection


def compare(args: Namespace, workers: int) -> None:
    """Everything again, on all cores and in one process, and metadata through each parallel tool.

    AssertionError unless results are equal.
    """
    import dask

    from common.baselines.features import describing_tools
    from common.features.reading import row_ranges
    from common.metrics import Metrics
    from common.profiling import interleave

    metrics = Metrics(STEP, read_json(args.data_dir, "manifest.json"), args.seed, args.data_dir)
    features, ranges = require(args.data_dir, "features"), row_ranges(args.data_dir)

    def build_again(variant: str, cores: int, repeats: Iterator[int], **scheduler: str) -> None:
        with staging_folder(args.data_dir) as staging, dask.config.set(**scheduler):
            build(ranges, staging, args.seed, cores, metrics, variant, next(repeats))
            for path in features.glob("*"):
                same = filecmp.cmp(path, staging / "features" / path.name, shallow=False)
                assert same, f"{path.name} is another one: {variant}"

    ways = {
        "parallel": partial(build_again, "parallel", workers, count()),
        "serial": partial(build_again, "serial", 1, count(), scheduler="synchronous"),
    }
    for _ in interleave(ways, args.quick):
        pass  # `build` keeps the seconds, also those of its parts
    with staging_folder(args.data_dir) as staging:
        for tool in describing_tools(ranges, staging / "tools", workers, args.quick):
            cores = 1 if tool.name in ("pandas", "serial") else workers
            metrics.add(
                "features.seconds",
                tool.seconds,
                "s",
                repeat=tool.repeat,
                part="metadata",
                variant=tool.name,
                workers=cores,
            )
    metrics.publish(args.data_dir)


def main(argv: Sequence[str]) -> None:
    flags = "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile"
    args = cli.parser(__doc__, *flags).parse_args(argv)

    from common.compute import dask_client, threads_of
    from common.features.fitting import fit_metadata
    from common.features.reading import row_ranges
    from common.features.scorers import fit_scorers
    from common.metrics import Metrics
    from common.profiling import measured

    with locked(args.data_dir):
        manifest = read_json(args.data_dir, "manifest.json")
        ranges = row_ranges(args.data_dir)
        metrics = Metrics(STEP, manifest, args.seed)
        profiled_functions: list[Callable] = [fit_metadata, fit_scorers]
        with dask_client(args.workers, args.scheduler) as client:
            workers = threads_of(client)
            with metrics.publishing(args.data_dir, "features") as staging:
                with measured(args.profile, args.data_dir, STEP, profiled_functions) as whole:
                    rows, selection = build(
                        ranges, staging, args.seed, workers, metrics, "parallel"
                    )
                metrics.add("features.peak_rss_bytes", whole.peak_bytes, "bytes", workers=workers)
                splits = rows["split"].value_counts().to_dict()
                for name, size in {**splits, "unseen_text": rows["unseen_text"].sum()}.items():
                    metrics.add("features.rows", size, "rows", split=name)
            if args.compare:
                compare(args, workers)
    sizes = ", ".join(f"{size:,} {name}" for name, size in splits.items())
    print(
        f"{sizes}; {selection['kept'].sum()} of {len(selection)} metadata features kept "
        f"in {whole.seconds:.1f} s. Most informative:"
    )
    print(selection.head(5).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    cli.run(main)
