"""Reviews to features: split, describe, count n-grams, fit on the training rows only, and transform all, in parallel.

    python 03_features.py --data-dir data               # after 01_load.py; 100,000 reviews: 12 s on two cores
    python 03_features.py --data-dir data --quick       # what is compared, is compared once
    python 03_features.py --data-dir data --compare     # also all of it in one process, and metadata through each parallel tool

Dask reads, describes and counts pieces of the reviews; joblib fits the text
scorers, out of fold: a training row's text score comes from a scorer that has not seen that row's fold.
"""

import filecmp
from contextlib import contextmanager

import dask
import numpy as np
import pandas as pd
import scipy.sparse as sp
from joblib import Parallel, delayed, parallel_config
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import SGDClassifier
from tqdm import tqdm

from common import cli
from common.baselines.eda import read_plain_csv, write_plain_csv
from common.baselines.features import one_hot_original, preprocessing_tools
from common.compute import compute, dask_client, threads_of
from common.features.describe import describe, script_of
from common.features.ngram_files import StoredTfidf, write_indptr, write_ngrams
from common.features.ngrams import BUCKETS, Texts
from common.features.reading import read_rows, row_ranges, slices
from common.features.splits import FOLDS, keys_of, split
from common.features.transformer import TEXT_SCORES, Transformer, encode, text_scores
from common.metrics import Metrics
from common.profiling import peak_memory, profiled, timed
from common.store import InputError, locked, publishing, read_json

KEPT = 30
FIT_ROWS = 200_000  # training rows that give medians, scales and version buckets
SELECTION_ROWS = (
    20_000  # mutual information by nearest neighbours is the dear part, and stable from here on
)
SCORER_ROWS, EPOCHS = (
    1_000_000,
    5,
)  # a text scorer's training rows, which lie in memory, and its passes over them
FITS = [
    *range(FOLDS),
    "none",
]  # a fold that a text scorer has not seen, and at last the one of the whole train split
REPEATS = 3


def count(piece, staging, row):
    """Describe a piece, whose first row is number `row`, and count its n-grams into `staging`; (document frequencies over its train rows,
    n-grams of each row, script of each row)."""
    train = np.load(staging / "fold.npy", mmap_mode="r")[row : row + piece[2]] >= 0
    described, counted = [], []
    for part in slices(read_rows(piece)):
        texts = Texts(part["review_text"])
        described.append(describe(part, texts))
        counted.append(texts.ngrams())
    described = pd.concat(described, ignore_index=True)
    described.to_feather(staging / f"raw-{row}.feather", compression="uncompressed")
    counts = sp.vstack(counted, format="csr")
    write_ngrams(staging / "features", row, columns=counts.indices, counts=counts.data)
    # All pieces' frequencies lie in memory at once: 16 bits hold PIECE_ROWS.
    return (
        np.bincount(counts[train].indices, minlength=2 * BUCKETS).astype(np.uint16),
        np.diff(counts.indptr),
        script_of(described),
    )


def fit_metadata(raw, five_star, seed, workers):
    """(settings of a Transformer, selection scores) from training rows' `describe` output and labels (bool)."""
    major = raw["version_major"].dropna().astype(int).value_counts()
    pairs = raw[["version_major", "version_minor"]].dropna().astype(int).value_counts()
    buckets = {
        "major": sorted(int(m) for m in major.index[major >= 0.01 * len(raw)]),
        "minor": sorted([int(a), int(b)] for a, b in pairs.index[(pairs >= 0.005 * len(raw))][:20]),
    }
    medians = {name: float(value) for name, value in raw.median().fillna(0).items()}
    known = encode(raw, buckets).fillna(medians)
    sample = np.random.default_rng(seed).permutation(len(known))[:SELECTION_ROWS]
    discrete = known.isin([0, 1]).all().to_numpy()
    with parallel_config(backend="threading"):  # its neighbour searches release Python's lock
        information = mutual_info_classif(
            known.iloc[sample],
            five_star[sample],
            discrete_features=discrete,
            random_state=seed,
            n_jobs=workers,
        )
    varies = known.std() > 0
    scores = pd.DataFrame(
        {
            "feature": known.columns,
            "mutual_information": information,
            "correlation": known.loc[:, varies]
            .corrwith(pd.Series(five_star, known.index))
            .reindex(known.columns)
            .to_numpy(),
        }
    )
    best = scores[varies.to_numpy()].nlargest(KEPT, "mutual_information")["feature"]
    kept = [name for name in known.columns if name in set(best)]
    scores["kept"] = scores["feature"].isin(kept)
    settings = {
        "medians": medians,
        "buckets": buckets,
        "metadata_columns": kept,
        "text_columns": 2 * BUCKETS,
        "mean": known[kept].mean().tolist(),
        "scale": known[kept].std().tolist(),
    }
    return settings, scores.sort_values("mutual_information", ascending=False)


def write_piece(settings, staging, number, row, drawn_row, drawn_after):
    """Final metadata and TF-IDF of one piece: the metadata into a file of its own, the weights beside the counts' columns. The text
    of its rows that are drawn goes to drawn/ too, as that folder's rows `drawn_row` to `drawn_after`."""
    drawn = np.load(staging / "drawn.npy", mmap_mode="r")[drawn_row:drawn_after]
    transformer = Transformer(settings, {"idf": np.load(staging / "idf.npy", mmap_mode="r")})
    raw = pd.read_feather(staging / f"raw-{row}.feather")
    np.save(staging / f"metadata-{row}.npy", transformer.metadata(raw))
    text = transformer.tfidf(StoredTfidf(staging / "features").piece(number, "counts"))
    write_ngrams(staging / "features", row, weights=text.data)
    if len(drawn):
        text = text[drawn - row]
        write_ngrams(staging / "drawn", drawn_row, columns=text.indices, weights=text.data)


def write_features(staging, rows, firsts, transformer, drawn):
    """rows.parquet and the arrays of Features, made in parallel piece by piece; text scores follow in `add_scores`. drawn/ gets the
    text of the rows `drawn`, so that the scorers need not look for it among all files."""
    folder = staging / "features"
    rows.to_parquet(folder / "rows.parquet")
    write_indptr(staging / "drawn", np.diff(StoredTfidf(folder).indptr)[drawn])
    drawn_firsts = np.searchsorted(drawn, firsts)
    for name, values in (("drawn", drawn), ("idf", transformer.arrays["idf"])):
        np.save(staging / f"{name}.npy", values)
    work = zip(firsts, drawn_firsts.tolist(), [*drawn_firsts[1:].tolist(), len(drawn)])
    compute(
        [
            dask.delayed(write_piece)(transformer.settings, staging, number, *piece)
            for number, piece in enumerate(work)
        ],
        "writing features",
    )
    join(staging, "metadata", firsts, len(rows))
    for path in folder.glob(
        "ngrams/*.counts.npy"
    ):  # only now: the task of a worker that died is run again
        path.unlink()


def join(staging, name, firsts, rows):
    """Put the pieces' files <name>-<row>.npy, (n, k) float32, together as features/<name>.npy. Workers that mapped one file from several
    hosts would overwrite each other's pages."""
    shape = rows, np.load(staging / f"{name}-{firsts[0]}.npy", mmap_mode="r").shape[1]
    start = np.lib.format.open_memmap(
        staging / f"features/{name}.npy", mode="w+", dtype=np.float32, shape=shape
    ).offset
    with open(staging / f"features/{name}.npy", "r+b") as file:
        file.seek(start)
        for row in firsts:
            file.write(np.ascontiguousarray(np.load(staging / f"{name}-{row}.npy")))
            (staging / f"{name}-{row}.npy").unlink()


def fit_scorers(folder, left_out):
    """Write <left_out>.npz, linear models of the text of a folder's rows without those of one fold: coef (3, columns) and intercept (3,),
    in the order of TEXT_SCORES, zero where all labels are the same. All goes by files: it is far too large to be sent to each worker."""
    at = np.flatnonzero(np.load(folder / "fold.npy") != (-1 if left_out == "none" else left_out))
    text, ratings = StoredTfidf(folder)[at], np.load(folder / "rating.npy")[at]
    coef, intercept = (
        np.zeros((len(TEXT_SCORES), text.shape[1]), np.float32),
        np.zeros(len(TEXT_SCORES), np.float32),
    )
    for i, label in enumerate([ratings == 5, ratings == 1, ratings >= 3]):
        if label.any() and not label.all():
            # Averaged stochastic gradient descent: a fifth of liblinear's time, and no copy in double precision.
            model = SGDClassifier(
                loss="log_loss",
                alpha=1 / (3 * len(at)),
                max_iter=EPOCHS,
                tol=None,
                average=True,
                random_state=0,
            )
            model.fit(text, label)
            coef[i], intercept[i] = model.coef_[0], model.intercept_[0]
    np.savez(folder / f"{left_out}.npz", coef=coef, intercept=intercept)


def fit_all_scorers(folder, workers):
    """`fit_scorers` on the rows of a folder without each fold in turn, and on them all: FOLDS + 1 fits with joblib."""
    work = (delayed(fit_scorers)(folder, left_out) for left_out in FITS)
    with parallel_config(
        backend="dask" if workers > 1 else "sequential"
    ):  # on Dask's processes, which are up already
        running = Parallel(n_jobs=workers, return_as="generator")(work)
        list(tqdm(running, total=len(FITS), desc="text scorers", delay=2, leave=False))


def score_rows(folder, first, after):
    """StoredTfidf scores of the rows `first` to `after`: by the scorer that has not seen a row's fold; rows outside train by the scorer of the
    whole train split, which is the last."""
    fold = np.load(folder.parent / "fold.npy", mmap_mode="r")[first:after]
    text, scorers = (
        StoredTfidf(folder)[first:after],
        (np.load(folder.parent / f"drawn/{left_out}.npz") for left_out in FITS),
    )
    by_fold = np.stack(
        [text_scores(text, scorer["coef"], scorer["intercept"]) for scorer in scorers]
    )
    np.save(folder.parent / f"text_scores-{first}.npy", by_fold[fold, np.arange(len(fold))])


def add_scores(folder, rows, firsts, transformer):
    """Make text_scores.npy in parallel; the transformer keeps the scorers of the whole train split."""
    transformer.arrays |= np.load(folder.parent / f"drawn/{FITS[-1]}.npz")
    compute(
        [dask.delayed(score_rows)(folder, *part) for part in zip(firsts, [*firsts[1:], len(rows)])],
        "text scores",
    )
    join(folder.parent, "text_scores", firsts, len(rows))


def build(staging, pieces, args, workers):
    """Make everything under features/; returns (rows, selection scores, {part: seconds}, peak bytes)."""
    for folder in ("features", "drawn"):
        (staging / folder / "ngrams").mkdir(parents=True)
    seconds, firsts = (
        {},
        np.cumsum([0] + [rows for _, _, rows in pieces])[:-1].tolist(),
    )  # rows with which the pieces begin

    @contextmanager
    def part(name):
        with timed() as t:
            yield
        seconds[name] = t.seconds

    with part("all"), peak_memory() as memory:
        with part("split"):
            keys = split(
                pd.concat(
                    compute([dask.delayed(keys_of)(p) for p in pieces], "split", staging),
                    ignore_index=True,
                )
            )
        train, five_star = (keys["split"] == "train").to_numpy(), (keys["rating"] == 5).to_numpy()
        if keys["rating"][train].nunique() < 2 or len(keys) < 100:
            raise InputError(
                f"{len(keys)} reviews with {keys['rating'].nunique()} different ratings are too few to learn from: load more"
            )
        with part("n-grams"):
            np.save(staging / "fold.npy", keys["fold"])
            frequencies, sizes, scripts = zip(
                *compute(
                    [dask.delayed(count)(p, staging, row) for p, row in zip(pieces, firsts)],
                    "n-grams",
                    staging,
                )
            )
            write_indptr(staging / "features", np.concatenate(sizes))
        with part("fit"):
            fitted = np.zeros(len(keys), bool)
            fitted[
                np.random.default_rng(args.seed).permutation(np.flatnonzero(train))[:FIT_ROWS]
            ] = True
            raw = pd.concat(
                [
                    pd.read_feather(staging / f"raw-{row}.feather")[chosen]
                    for row, chosen in zip(firsts, np.split(fitted, firsts[1:]))
                ]
            )
            settings, scores = fit_metadata(
                raw.reset_index(drop=True), five_star[fitted], args.seed, workers
            )
            frequency = sum(frequencies, np.zeros(2 * BUCKETS, np.int64))
            transformer = Transformer(
                settings,
                {"idf": (np.log((1 + train.sum()) / (1 + frequency)) + 1).astype(np.float32)},
            )
        rows = keys[["review_id", "rating", "split", "fold", "unseen_text"]].assign(
            script=np.concatenate(scripts)
        )
        del keys, frequencies, scripts
        with part("write"):
            drawn = np.flatnonzero(train)
            if len(drawn) > SCORER_ROWS:
                drawn = np.sort(
                    np.random.default_rng(args.seed).choice(drawn, SCORER_ROWS, replace=False)
                )
            write_features(staging, rows, firsts, transformer, drawn)
        with part("text scores"):
            for name in ("rating", "fold"):
                np.save(staging / f"drawn/{name}.npy", rows[name].to_numpy()[drawn])
            fit_all_scorers(staging / "drawn", workers)
            add_scores(staging / "features", rows, firsts, transformer)
        scores.to_parquet(staging / "features/scores.parquet", index=False)
        transformer.save(staging / "features")
    return rows, scores, seconds, memory.bytes


def compare(staging, pieces, args, workers, metrics):
    """Everything again in one process, and the metadata through each parallel tool; AssertionError unless results are equal."""
    with dask.config.set(scheduler="synchronous"):
        _, _, seconds, _ = build(staging / "serial", pieces, args, 1)
    names = [path.relative_to(staging / "features") for path in (staging / "features").rglob("*.*")]
    _, different, missing = filecmp.cmpfiles(
        staging / "features", staging / "serial/features", names, shallow=False
    )
    assert not different and not missing, f"one process gives other features: {different + missing}"
    add_seconds(metrics, seconds, variant="serial", workers=1)
    csv = write_plain_csv(sorted({path for path, _, _ in pieces}), staging / "plain.csv")
    with preprocessing_tools(pieces, staging, workers) as (tools, check):
        for repeat in range(1 if args.quick else REPEATS):
            for tool, run in tqdm(tools.items(), desc="tools", delay=2, leave=False):
                with timed() as t:
                    run()
                check(tool)
                metrics.add(
                    "features.seconds",
                    t.seconds,
                    "s",
                    part="metadata",
                    variant=tool,
                    repeat=repeat,
                    workers=1 if tool in ("pandas", "serial") else workers,
                )
            with timed() as t:
                one_hot_original(read_plain_csv(csv))
            metrics.add(
                "features.seconds",
                t.seconds,
                "s",
                part="metadata",
                variant="original",
                repeat=repeat,
                workers=workers,
            )


def add_seconds(metrics, seconds, **labels):
    for name, value in seconds.items():
        metrics.add("features.seconds", value, "s", part=name, **labels)


def main(argv):
    parser = cli.parser(
        __doc__, "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile"
    )
    args = parser.parse_args(argv)
    with locked(args.data_dir):
        run(args)


def run(args):
    manifest = read_json(args.data_dir, "manifest.json")
    pieces = row_ranges(args.data_dir)
    metrics = Metrics("03_features", manifest["data"], args.seed, manifest["loaded"])
    with (
        dask_client(args.workers, args.scheduler) as client,
        publishing(args.data_dir, "features", "metrics/03_features.jsonl") as staging,
    ):
        workers = threads_of(client)
        with profiled(
            args.profile, args.data_dir, "03_features", [fit_metadata, fit_all_scorers, add_scores]
        ):
            rows, scores, seconds, peak = build(staging, pieces, args, workers)
        add_seconds(metrics, seconds, variant="parallel", workers=workers)
        metrics.add("features.peak_rss_bytes", peak, "bytes", workers=workers)
        for name, size in {
            **rows["split"].value_counts(),
            "unseen_text": rows["unseen_text"].sum(),
        }.items():
            metrics.add("features.rows", size, "rows", split=name)
        if args.compare:
            compare(staging, pieces, args, workers, metrics)
        metrics.write(staging)
    sizes = ", ".join(f"{n:,} {name}" for name, n in rows["split"].value_counts().items())
    print(
        f"{sizes}; {scores['kept'].sum()} of {len(scores)} metadata features kept in {seconds['all']:.1f} s. Most informative:"
    )
    print(scores.head(5).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    cli.run(main)
