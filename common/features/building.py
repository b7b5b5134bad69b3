"""All that 03 publishes, made from the published reviews, each part timed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pandas import DataFrame

from common.features.fitting import fit_transformer
from common.features.passes import write_features
from common.features.reading import RowRange
from common.features.scorers import fit_scorers
from common.features.splits import split_reviews
from common.metrics import Metrics
from common.profiling import timed


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
