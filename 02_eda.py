"""What the reviews look like, in one pass: the original study's seven questions, and what a product analyst asks next.

    python 02_eda.py --data-dir data                    # after 01_load.py; seconds
    python 02_eda.py --data-dir data --compare          # also serially, with DuckDB and polars, and the original's seven passes

One lazy Dask graph: each task reads one Parquet file's columns once and counts (common/eda/counts.py), and the small partial
tables are summed, and answered from (common/eda/answers.py). Published: eda/<name>.parquet, and eda/<name>.svg drawn from it.
"""

from statistics import median

import dask

from common import cli
from common.baselines import eda as original
from common.charts import reviews as charts
from common.compute import compute, dask_client, threads_of
from common.eda import answers
from common.eda.counts import aggregate_all, merge
from common.metrics import Metrics
from common.profiling import peak_memory, profiled, timed
from common.store import locked, publishing, read_json, require, staging_folder

FILES_A_TASK, MERGED_AT_ONCE = (
    3,
    8,
)  # a task costs the scheduler some 3 ms; the seven take 20 ms a file, everything 260


def one_graph(paths, everything=True):
    """All answers as one delayed value: a task per few files, then sums of MERGED_AT_ONCE tables, which are too large for the client."""
    files = 1 if everything else FILES_A_TASK
    parts = [
        dask.delayed(aggregate_all)(paths[at : at + files], everything)
        for at in range(0, len(paths), files)
    ]
    while len(parts) > 1:
        parts = [
            dask.delayed(merge)(parts[at : at + MERGED_AT_ONCE])
            for at in range(0, len(parts), MERGED_AT_ONCE)
        ]
    return dask.delayed(answers.all_answers)(parts[0], everything)


def explore(paths, everything=True):
    """All answers from the reviews' Parquet files, on the active scheduler."""
    return compute([one_graph(paths, everything)], "exploring")[0]


def compare(paths, args, workers, metrics):
    """Time the seven answers, and everything, in parallel and serially, and other ways to the seven, once each agrees with ours."""
    seven = explore(paths, everything=False)
    repeats = 1 if args.quick else 5

    def serial(everything):
        with dask.config.set(scheduler="synchronous"):
            return explore(paths, everything)

    with staging_folder(args.data_dir) as folder:
        csv = original.write_plain_csv(paths, folder / "reviews.csv")
        ways = {
            "parallel": (workers, lambda: explore(paths, everything=False)),
            "serial": (1, lambda: serial(False)),
        }
        for name, answer in original.EDA.items():
            try:
                original.check_eda(answer(paths, csv), seven)
                ways[name] = workers, lambda answer=answer: answer(paths, csv)
            except ImportError:
                print(
                    f"{name}: not installed, so not compared: `pip install -r requirements-compare.txt`"
                )
            except (
                Exception
            ) as error:  # another way's failure, or other answers, are a finding and get no time
                print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:150]}")
        for repeat in range(repeats):
            for variant, (processes, answer) in ways.items():
                with timed() as t:
                    answer()
                metrics.add(
                    "eda.seconds",
                    t.seconds,
                    "s",
                    part="the seven",
                    variant=variant,
                    repeat=repeat,
                    workers=processes,
                )
    for repeat in range(2):
        with timed() as t:
            serial(True)
        metrics.add(
            "eda.seconds",
            t.seconds,
            "s",
            part="everything",
            variant="serial",
            repeat=repeat,
            workers=1,
        )


def main(argv):
    parser = cli.parser(
        __doc__, "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile"
    )
    args = parser.parse_args(argv)
    with locked(args.data_dir):
        run(args)


def run(args):
    manifest = read_json(args.data_dir, "manifest.json")
    paths = sorted(require(args.data_dir, "reviews").glob("*.parquet"))
    metrics = Metrics("02_eda", manifest["data"], args.seed, manifest["loaded"])
    with (
        dask_client(args.workers, args.scheduler) as client,
        publishing(args.data_dir, "eda", "metrics/02_eda.jsonl") as staging,
    ):
        workers = threads_of(client)
        # The warm-up is what is profiled and watched, because both slow what they look at.
        with (
            profiled(args.profile, args.data_dir, "02_eda", [one_graph, explore]),
            peak_memory() as memory,
        ):
            explore(paths)
        for repeat in range(2):
            with timed() as t:
                found = explore(paths)
            metrics.add(
                "eda.seconds",
                t.seconds,
                "s",
                part="everything",
                variant="parallel",
                repeat=repeat,
                workers=workers,
            )
        metrics.add("eda.peak_rss_bytes", memory.bytes, "bytes", workers=workers)
        if args.compare:
            compare(paths, args, workers, metrics)
        (staging / "eda").mkdir()
        for name, table in found.items():
            table.to_parquet(staging / "eda" / f"{name}.parquet", index=False)
        for name, chart in charts.eda_charts(found).items():
            chart.save(staging / "eda" / f"{name}.svg")
        metrics.write(staging)
    print(found["ratings"].to_string(index=False, float_format="%.3f"))
    seconds = median(
        row["value"]
        for row in metrics.rows
        if row["labels"].get("part") == "everything" and row["labels"]["variant"] == "parallel"
    )
    print(
        f"{len(found)} tables of {manifest['loaded']:,} reviews in {seconds:.2f} s (median), under {args.data_dir}/eda"
    )


if __name__ == "__main__":
    cli.run(main)
