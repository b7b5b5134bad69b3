"""Load a review export (CSV) into partitioned Parquet with Dask: every record is loaded exactly or quarantined with its reasons.

    python 01_load.py --csv reviews.csv --data-dir data     # one or more exports, .csv.gz too
    python 01_load.py --data-dir data                       # data/raw/*.csv if there is one, else 100,000 made reviews
    python 01_load.py --rows 1531126 --data-dir data-full   # as many made reviews as the Kaggle set holds
    python 01_load.py --kaggle --data-dir data-kaggle       # the 1.5 million reviews from Kaggle (needs kagglehub and a network)
    python 01_load.py --csv s3://bucket/reviews.csv         # any address that fsspec opens (s3 needs s3fs): copied to data/downloads/ first
    python 01_load.py --csv reviews.csv --compare           # also time pandas, polars, DuckDB, Dask's reader and the original's way

Published: reviews/*.parquet, quarantine/*.parquet (the bytes of what could not be loaded, and why) and manifest.json.
"""

import hashlib
import re
import shutil
from contextlib import ExitStack
from pathlib import Path

import fsspec
import pyarrow.dataset as ds

from common import cli
from common.baselines import readers as original
from common.compute import dask_client, threads_of
from common.loading.loader import ingest
from common.metrics import Metrics
from common.profiling import peak_memory, profiled, timed
from common.store import InputError, locked, publishing, require, staging_folder
from common.synthetic.generator import make_csv

ROWS, QUICK_ROWS = 100_000, 5_000
KAGGLE = "bwandowando/1-5-million-netflix-google-store-reviews"
REPEATS = 5
ENGINE_WORKERS = {"pandas": 1, "original": 1}  # the others use all cores


def choose_source(args):
    """(CSV paths, "csv" or "synthetic"): what was named, what lies in raw/, or else reviews made now."""
    if args.csv:
        return [
            fetch(path, args.data_dir) if "://" in path else Path(path) for path in args.csv
        ], "csv"
    if args.kaggle:
        return download_kaggle(), "csv"
    raw = sorted(Path(args.data_dir).glob("raw/*.csv")) + sorted(
        Path(args.data_dir).glob("raw/*.csv.gz")
    )
    if raw and args.rows is None:
        return raw, "csv"
    path = Path(args.data_dir) / "made_reviews.csv"
    with timed() as t:
        make_csv(path, args.rows or (QUICK_ROWS if args.quick else ROWS), args.seed)
    print(
        f"no --csv and no {args.data_dir}/raw/*.csv: made {path} in {t.seconds:.1f} s (these are not real reviews)"
    )
    return [path], "synthetic"


def fetch(url, data_dir):
    """Path under downloads/ of a copy of the file at an fsspec address (https, s3, zip...): workers map files, and read them more than once."""
    name = f"downloads/{hashlib.sha256(url.encode()).hexdigest()[:12]}-{Path(url.split('?')[0]).name}"  # no keys that an address may hold
    try:
        with publishing(data_dir, name) as staging:
            (staging / name).parent.mkdir()
            with fsspec.open(url, "rb") as remote, open(staging / name, "wb") as copy:
                shutil.copyfileobj(remote, copy, 1 << 20)
    except Exception as error:  # each file system raises its own
        what = (
            str(error)
            if isinstance(error, ImportError)
            else f"cannot be read ({type(error).__name__}: {error})"
        )
        # Addresses may hold passwords and signatures, and errors repeat them.
        raise InputError(
            re.sub(r"(?<=//)[^/\s]*@|\?\S*", "", " ".join(f"--csv {url} : {what}".split())).replace(
                " : ", ": ", 1
            )
        ) from None
    return Path(data_dir) / name


def download_kaggle():
    """CSV paths of the Kaggle set, downloaded once into kagglehub's own cache."""
    by_hand = f"or download it from kaggle.com/datasets/{KAGGLE} and name the file with --csv"
    try:
        import kagglehub
    except ImportError:
        raise InputError(
            f"--kaggle needs a package: `pip install -r requirements-compare.txt`, {by_hand}"
        ) from None
    try:
        paths = sorted(Path(kagglehub.dataset_download(KAGGLE)).rglob("*.csv"))
    except (
        Exception
    ) as error:  # no network, no access, a changed service: whatever it is, the way out is the same
        raise InputError(
            f"--kaggle: the download failed ({type(error).__name__}); try again with a network, {by_hand}"
        ) from None
    if not paths:
        raise InputError(f"--kaggle: the download holds no CSV file; {by_hand}")
    return paths


def compare(manifest, args, workers, metrics):
    """Time other ways to read the same files, in turn with ours, after checking their answers against what was loaded.

    An engine whose answer is wrong, or that fails, gets a row load.wrong_reviews and no time; one that is not installed, none.
    """
    sources = [(source["name"], source["header_family"]) for source in manifest["sources"]]
    folder = require(args.data_dir, "reviews")
    loaded = (
        ds.dataset(folder)
        .to_table(columns=["review_id", "review_text", "review_rating"])
        .to_pandas()
    )
    right = {"parquet": lambda _: original.read_back(folder)}
    for engine, read in original.ENGINES.items():
        try:
            wrong = original.wrong_reviews(read(sources), loaded)
        except ImportError:
            print(
                f"{engine}: not installed, so not compared: `pip install -r requirements-compare.txt`"
            )
            continue
        except (
            Exception
        ) as error:  # another engine's failure on these files is a finding, not a failure of ours
            print(f"{engine}: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
            wrong = len(loaded)
        metrics.add("load.wrong_reviews", wrong, "rows", engine=engine)
        print(f"{engine}: {wrong:,} of {len(loaded):,} reviews missing or different")
        if not wrong:
            right[engine] = read
    del loaded
    for repeat in range(1, (1 if args.quick else REPEATS) + 1):
        with staging_folder(args.data_dir) as elsewhere, timed() as t:
            ingest([path for path, _ in sources], elsewhere, keep_names=args.keep_names)
        metrics.add("load.seconds", t.seconds, "s", engine="blocks", workers=workers, repeat=repeat)
        for engine, read in right.items():
            with timed() as t:
                read(sources)
            metrics.add(
                "load.seconds",
                t.seconds,
                "s",
                engine=engine,
                workers=ENGINE_WORKERS.get(engine, workers),
                repeat=repeat,
            )


def main(argv):
    parser = cli.parser(
        __doc__, "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--csv",
        action="append",
        metavar="PATH",
        help="a review export, or its address (https://, s3://...); repeat the flag for several",
    )
    source.add_argument(
        "--rows", type=cli.positive, metavar="N", help="make N reviews instead (default: 100,000)"
    )
    source.add_argument(
        "--kaggle", action="store_true", help="download the Kaggle set of 1.5 million reviews"
    )
    parser.add_argument(
        "--keep-names",
        action="store_true",
        help="keep author names (they are not stored otherwise)",
    )
    args = parser.parse_args(argv)
    with ExitStack() as stack:
        stack.enter_context(locked(args.data_dir))
        with timed() as starting:
            workers = threads_of(stack.enter_context(dask_client(args.workers, args.scheduler)))
        paths, data = choose_source(args)
        with (
            profiled(args.profile, args.data_dir, "01_load", [ingest]),
            peak_memory() as memory,
            timed() as loading,
        ):
            manifest = ingest(paths, args.data_dir, keep_names=args.keep_names, data=data)
        metrics = Metrics("01_load", data, args.seed, manifest["loaded"])
        metrics.add("load.client_seconds", starting.seconds, "s", workers=workers)
        metrics.add("load.peak_rss_bytes", memory.bytes, "bytes", engine="blocks", workers=workers)
        for name in ("records", "loaded", "quarantined"):
            metrics.add(f"load.{name}", manifest[name], "rows")
        for reason, count in manifest["reasons"].items():
            metrics.add("load.quarantined", count, "rows", reason=reason)
        if args.compare:
            compare(manifest, args, workers, metrics)
        else:  # watched, and perhaps profiled, which costs a little
            metrics.add("load.seconds", loading.seconds, "s", engine="blocks", workers=workers)
        metrics.publish(args.data_dir)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in manifest["reasons"].items())
    print(
        f"{manifest['records']:,} records: {manifest['loaded']:,} loaded, {manifest['quarantined']:,} quarantined"
        f"{f' ({reasons})' if reasons else ''}, in {loading.seconds:.2f} s, under {args.data_dir}"
    )


if __name__ == "__main__":
    cli.run(main)
