"""The seven questions of the original study about the reviews, answered in one pass: one lazy Dask graph, computed once.

    python 02_eda.py --data-dir data                    # after 01_load.py; seconds
    python 02_eda.py --data-dir data --compare          # also the original's way: seven passes over the CSV

Each task reads one Parquet file's columns once and groups them with Arrow kernels; Dask merges the small partial tables
pairwise. Published: eda/<name>.parquet, and eda/<name>.svg drawn from it.
"""
from statistics import median

import dask
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common import charts, cli, original
from common.artifacts import publishing, read_json, require
from common.distributed import compute, dask_client
from common.measure import Metrics, peak_memory, profiled, timed

COLUMNS = ["review_id", "review_text", "review_rating", "review_likes", "author_app_version", "review_timestamp"]
TOP = 10
KEYS = {"by_rating": "review_rating", "by_day": "day", "by_version": "author_app_version"}
SUMS = {"reviews": "sum", "characters": "sum", "likes": "sum", "five_star": "sum"}


def aggregate(path):
    """Partial tables of one Parquet file: sums by rating, by day and by version, and the most liked reviews."""
    table = pq.read_table(path, columns=COLUMNS)
    rows = pa.table({
        "review_rating": table["review_rating"], "author_app_version": table["author_app_version"],
        "day": pc.cast(pc.floor_temporal(table["review_timestamp"], unit="day"), pa.date32()),
        "reviews": pa.repeat(pa.scalar(1, pa.int64()), len(table)),
        "characters": pc.cast(pc.utf8_length(table["review_text"]), pa.int64()),
        "likes": table["review_likes"], "five_star": pc.cast(pc.equal(table["review_rating"], 5), pa.int64()),
    })
    return {**{name: total(rows, key) for name, key in KEYS.items()}, "most_liked": most_liked(table)}


def total(rows, key):
    """Sums of SUMS for each value of `key`: of rows, or of such tables put together."""
    summed = rows.group_by(key).aggregate(list(SUMS.items()))
    return summed.rename_columns([name.removesuffix("_sum") for name in summed.column_names])


def most_liked(table):
    order = pc.sort_indices(table, [("review_likes", "descending"), ("review_timestamp", "ascending"), ("review_id", "ascending")])
    return table.take(order[:TOP])


def merge(left, right):
    """One set of partial tables from two."""
    both = {name: pa.concat_tables([left[name], right[name]]) for name in left}
    return {**{name: total(both[name], key) for name, key in KEYS.items()}, "most_liked": most_liked(both["most_liked"])}


def one_graph(paths):
    """The whole exploration as one delayed value: a task per file, merged pairwise."""
    parts = [dask.delayed(aggregate)(path) for path in paths]
    while len(parts) > 1:
        parts = [dask.delayed(merge)(*pair) if len(pair) == 2 else pair[0] for pair in (parts[i:i + 2] for i in range(0, len(parts), 2))]
    return parts[0]


def answers(merged):
    """{name: small DataFrame} of the original's seven aggregates."""
    ratings = merged["by_rating"].to_pandas().sort_values("review_rating", ignore_index=True)
    days = merged["by_day"].to_pandas().sort_values("day", ignore_index=True)
    days["day"] = days["day"].astype("datetime64[s]")
    months = days.groupby(days["day"].dt.to_period("M").dt.to_timestamp().rename("month"))[["reviews", "five_star"]].sum().reset_index()
    versions = merged["by_version"].to_pandas().dropna(subset="author_app_version")
    per_review = {name: ratings[name] / ratings["reviews"] for name in ("characters", "likes")}
    return {
        "ratings": ratings[["review_rating", "reviews"]].assign(share=ratings["reviews"] / ratings["reviews"].sum()),
        "by_month": months.assign(five_star_share=months["five_star"] / months["reviews"]),
        "top_versions": versions.assign(five_star_share=versions["five_star"] / versions["reviews"]).sort_values(
            ["reviews", "author_app_version"], ascending=[False, True], ignore_index=True)[
                ["author_app_version", "reviews", "five_star_share"]].head(TOP),
        "most_liked": merged["most_liked"].to_pandas(),
        "length_by_rating": ratings[["review_rating"]].assign(mean_characters=per_review["characters"]),
        "likes_by_rating": ratings[["review_rating"]].assign(mean_likes=per_review["likes"]),
        "cumulative": days[["day", "reviews"]].assign(cumulative=days["reviews"].cumsum()),
    }


def main(argv):
    parser = cli.parser(__doc__, "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile")
    args = parser.parse_args(argv)
    manifest = read_json(args.data_dir, "manifest.json")
    paths = sorted(require(args.data_dir, "reviews").glob("*.parquet"))
    workers = args.workers or cli.cores()
    metrics = Metrics("02_eda", manifest["data"], args.seed, manifest["loaded"])
    with dask_client(workers, args.scheduler), publishing(args.data_dir, "eda", "metrics/02_eda.jsonl") as staging:
        with profiled(args.profile, args.data_dir, "02_eda", [answers]):  # also the warm-up: profiles slow what is timed
            found = answers(compute([one_graph(paths)], "exploring")[0])
        with peak_memory() as memory:
            for repeat in range(1 if args.quick else 3):
                with timed() as t:
                    found = answers(compute([one_graph(paths)], "exploring")[0])
                metrics.add("eda.seconds", t.seconds, "s", variant="parallel", repeat=repeat, workers=workers)
                if args.compare:
                    with timed() as t:
                        plain = original.eda(paths)
                    metrics.add("eda.seconds", t.seconds, "s", variant="serial", repeat=repeat, workers=1)
                    original.check_eda(plain, found)
        metrics.add("eda.peak_rss_bytes", memory.bytes, "bytes", workers=workers)
        (staging / "eda").mkdir()
        for name, table in found.items():
            table.to_parquet(staging / "eda" / f"{name}.parquet", index=False)
            if name in charts.EDA:
                charts.EDA[name](table).save(staging / "eda" / f"{name}.svg")
        metrics.write(staging)
    print(found["ratings"].to_string(index=False, float_format="%.3f"))
    seconds = median(row["value"] for row in metrics.rows if row["labels"].get("variant") == "parallel")
    print(f"{len(found)} tables of {manifest['loaded']:,} reviews in {seconds:.2f} s (median), under {args.data_dir}/eda")


if __name__ == "__main__":
    cli.run(main)
