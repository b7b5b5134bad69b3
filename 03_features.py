"""Reviews to features: split, describe, count n-grams, fit on training rows only, transform all.

    python 03_features.py --data-dir data            # after 01_load.py; 100,000 reviews: 12 s
    python 03_features.py --data-dir data --quick    # what is compared, is compared once
    python 03_features.py --data-dir data --compare  # also in one process, and by other tools

Dask reads, describes and encodes row ranges of the reviews, and fits the text scorers out of fold:
a training row's text scores come from scorers that have not seen that row's fold.
"""

from collections.abc import Callable, Sequence

from common import cli
from common.store import locked, read_json

STEP = "03_features"


def main(argv: Sequence[str]) -> None:
    flags = "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile"
    args = cli.parser(__doc__, *flags).parse_args(argv)

    from common.compute import dask_client, threads_of
    from common.features.building import build
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
                from common.baselines.features import compare

                compare(args, workers)
    sizes = ", ".join(f"{size:,} {name}" for name, size in splits.items())
    print(
        f"{sizes}; {selection['kept'].sum()} of {len(selection)} metadata features kept "
        f"in {whole.seconds:.1f} s. Most informative:"
    )
    print(selection.head(5).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    cli.run(main)
