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
from common.artifacts import InputError, held, publishing, read_json
from common.baselines import one_hot_original, preprocessing_tools
from common.distributed import compute, dask_client
from common.durable import reserve
from common.features import TEXT_SCORES, Transformer, describe, encode, load_text, pick_text, read_piece, review_pieces, script_of, slices, text_scores
from common.measure import Metrics, peak_memory, profiled, timed
from common.ngrams import BUCKETS, Texts
from common.original import read_plain_csv, write_plain_csv
from common.splits import FOLDS, keys_of, split

KEPT = 30
FIT_ROWS = 200_000  # training rows that give medians, scales and version buckets
SELECTION_ROWS = 20_000  # mutual information by nearest neighbours is the dear part, and stable from here on
SCORER_ROWS, EPOCHS = 1_000_000, 5  # a text scorer's training rows, which lie in memory, and its passes over them
REPEATS = 3


def count(piece, train, folder, index):
    """Describe a piece and count its n-grams into `folder`; (document frequencies over its train rows, entries, script of each row)."""
    described, counted = [], []
    for part in slices(read_piece(piece)):
        texts = Texts(part["review_text"])
        described.append(describe(part, texts))
        counted.append(texts.ngrams())
    described = pd.concat(described, ignore_index=True)
    described.to_feather(folder / f"raw-{index:05d}.feather", compression="uncompressed")
    counts = sp.vstack(counted, format="csr")
    sp.save_npz(folder / f"counts-{index:05d}.npz", counts, compressed=False)
    return np.bincount(counts[train].indices, minlength=2 * BUCKETS), counts.nnz, script_of(described)


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
            known.iloc[sample], five_star[sample], discrete_features=discrete, random_state=seed, n_jobs=workers)
    varies = known.std() > 0
    scores = pd.DataFrame({
        "feature": known.columns, "mutual_information": information,
        "correlation": known.loc[:, varies].corrwith(pd.Series(five_star, known.index)).reindex(known.columns).to_numpy(),
    })
    best = scores[varies.to_numpy()].nlargest(KEPT, "mutual_information")["feature"]
    kept = [name for name in known.columns if name in set(best)]
    scores["kept"] = scores["feature"].isin(kept)
    settings = {
        "medians": medians, "buckets": buckets, "metadata_columns": kept, "text_columns": 2 * BUCKETS,
        "mean": known[kept].mean().tolist(), "scale": known[kept].std().tolist(),
    }
    return settings, scores.sort_values("mutual_information", ascending=False)


def write_arrays(transformer, staging, index, row, start):
    """Final metadata and TF-IDF of one piece, written into the arrays of all rows at `row` and `start` (in entries)."""
    raw = pd.read_feather(staging / f"raw-{index:05d}.feather")
    np.load(staging / "features/metadata.npy", mmap_mode="r+")[row:row + len(raw)] = transformer.metadata(raw)
    text = transformer.tfidf(sp.load_npz(staging / f"counts-{index:05d}.npz"))
    for name, values in (("values", text.data), ("indices", text.indices)):
        np.load(staging / f"features/text_{name}.npy", mmap_mode="r+")[start:start + text.nnz] = values
    np.load(staging / "features/text_indptr.npy", mmap_mode="r+")[row + 1:row + 1 + len(raw)] = start + text.indptr[1:]


def write_features(staging, rows, pieces, transformer, entries):
    """rows.parquet and the arrays of Features, filled in parallel piece by piece; text scores follow in `add_scores`."""
    folder = staging / "features"
    rows.to_parquet(folder / "rows.parquet")
    shapes = {"metadata": ((len(rows), len(transformer.settings["metadata_columns"])), np.float32),
              "text_scores": ((len(rows), len(TEXT_SCORES)), np.float32), "text_values": ((sum(entries),), np.float32),
              "text_indices": ((sum(entries),), np.int32), "text_indptr": ((len(rows) + 1,), np.int64)}
    for name, (shape, dtype) in shapes.items():
        np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
        with open(folder / f"{name}.npy", "r+b") as file:
            reserve(file, (folder / f"{name}.npy").stat().st_size)
    first_row, first_entry = (np.cumsum([0] + sizes).tolist() for sizes in ([rows for _, _, rows in pieces], entries))
    compute([dask.delayed(write_arrays)(transformer, staging, i, first_row[i], first_entry[i]) for i in range(len(pieces))],
            "writing features")


def fit_scorers(folder, at, ratings):
    """Linear models of the text of the rows `at`, with these ratings: coefficients (3, columns) and intercepts (3,), in the order of
    TEXT_SCORES, zero where all labels are the same. The text is read here, from its file: it is far too large to be sent to each worker."""
    text = pick_text(folder, at)

    coef, intercept = np.zeros((len(TEXT_SCORES), text.shape[1]), np.float32), np.zeros(len(TEXT_SCORES), np.float32)
    for i, label in enumerate([ratings == 5, ratings == 1, ratings >= 3]):
        if label.any() and not label.all():
            # Averaged stochastic gradient descent: a fifth of liblinear's time, and no copy in double precision.
            model = SGDClassifier(loss="log_loss", alpha=1 / (3 * len(at)), max_iter=EPOCHS, tol=None, average=True, random_state=0)
            model.fit(text, label)
            coef[i], intercept[i] = model.coef_[0], model.intercept_[0]
    return coef, intercept


def fit_all_scorers(folder, rows, workers, seed):
    """`fit_scorers` on train without each fold in turn, and on the whole train split: FOLDS + 1 fits with joblib."""
    ratings, fold = rows["rating"].to_numpy(), rows["fold"].to_numpy()
    train = np.flatnonzero(rows["split"] == "train")
    if len(train) > SCORER_ROWS:
        train = np.sort(np.random.default_rng(seed).choice(train, SCORER_ROWS, replace=False))
    fits = [train[fold[train] != k] for k in range(FOLDS)] + [train]
    work = (delayed(fit_scorers)(folder, at, ratings[at]) for at in fits)
    with parallel_config(backend="dask" if workers > 1 else "sequential"):  # on Dask's processes, which are up already
        running = Parallel(n_jobs=workers, return_as="generator")(work)
        return list(tqdm(running, total=len(fits), desc="text scorers", delay=2, leave=False))


def score_rows(folder, fold, first):
    """Text scores of the rows from `first` on, whose folds these are: by the scorer that has not seen a row's fold; rows outside
    train by the scorer of the whole train split, which is the last."""
    text, scorers = load_text(folder, first, first + len(fold)), np.load(folder.parent / "scorers.npz")
    by_fold = np.stack([text_scores(text, coef, intercept) for coef, intercept in zip(scorers["coef"], scorers["intercept"])])
    np.load(folder / "text_scores.npy", mmap_mode="r+")[first:first + len(fold)] = by_fold[fold, np.arange(len(fold))]


def add_scores(folder, rows, pieces, transformer, fitted):
    """Write text_scores.npy in parallel; the transformer keeps the scorers of the whole train split."""
    names = ("coef", "intercept")
    transformer.arrays |= dict(zip(names, fitted[-1]))
    np.savez(folder.parent / "scorers.npz", **dict(zip(names, map(np.stack, zip(*fitted)))))
    fold, first = rows["fold"].to_numpy(), np.cumsum([0] + [rows for _, _, rows in pieces]).tolist()
    compute([dask.delayed(score_rows)(folder, fold[a:b], a) for a, b in zip(first, first[1:])], "text scores")


def build(staging, pieces, args, workers):
    """Make everything under features/; returns (rows, selection scores, {part: seconds}, peak bytes)."""
    (staging / "features").mkdir(parents=True)
    seconds = {}

    @contextmanager
    def part(name):
        with timed() as t:
            yield
        seconds[name] = t.seconds
    with part("all"), peak_memory() as memory:
        with part("split"):
            keys = split(pd.concat(compute([dask.delayed(keys_of)(p) for p in pieces], "split"), ignore_index=True))
        train, five_star = (keys["split"] == "train").to_numpy(), (keys["rating"] == 5).to_numpy()
        if keys["rating"][train].nunique() < 2 or len(keys) < 100:
            raise InputError(f"{len(keys)} reviews with {keys['rating'].nunique()} different ratings are too few to learn from: load more")
        edges = np.cumsum([rows for _, _, rows in pieces])[:-1]
        with part("n-grams"):
            counted = compute([dask.delayed(count)(p, t, staging, i) for i, (p, t) in enumerate(zip(pieces, np.split(train, edges)))], "n-grams")
        with part("fit"):
            fitted = np.zeros(len(keys), bool)
            fitted[np.random.default_rng(args.seed).permutation(np.flatnonzero(train))[:FIT_ROWS]] = True
            raw = pd.concat([pd.read_feather(staging / f"raw-{i:05d}.feather")[chosen] for i, chosen in enumerate(np.split(fitted, edges))])
            settings, scores = fit_metadata(raw.reset_index(drop=True), five_star[fitted], args.seed, workers)
            frequency = sum(found for found, _, _ in counted)
            transformer = Transformer(settings, {"idf": (np.log((1 + train.sum()) / (1 + frequency)) + 1).astype(np.float32)})
        rows = keys[["review_id", "rating", "split", "fold", "unseen_text"]].assign(script=np.concatenate([script for *_, script in counted]))
        with part("write"):
            write_features(staging, rows, pieces, transformer, [int(n) for _, n, _ in counted])
        with part("text scores"):
            add_scores(staging / "features", rows, pieces, transformer, fit_all_scorers(staging / "features", rows, workers, args.seed))
        scores.to_parquet(staging / "features/scores.parquet", index=False)
        transformer.save(staging / "features")
    return rows, scores, seconds, memory.bytes


def compare(staging, pieces, args, workers, metrics):
    """Everything again in one process, and the metadata through each parallel tool; AssertionError unless results are equal."""
    with dask.config.set(scheduler="synchronous"):
        _, _, seconds, _ = build(staging / "serial", pieces, args, 1)
    names = [path.name for path in (staging / "features").iterdir()]
    _, different, missing = filecmp.cmpfiles(staging / "features", staging / "serial/features", names, shallow=False)
    assert not different and not missing, f"one process gives other features: {different + missing}"
    add_seconds(metrics, seconds, variant="serial", workers=1)
    csv = write_plain_csv(sorted({path for path, _, _ in pieces}), staging / "plain.csv")
    with preprocessing_tools(pieces, staging, workers) as (tools, check):
        for repeat in range(1 if args.quick else REPEATS):
            for tool, run in tqdm(tools.items(), desc="tools", delay=2, leave=False):
                with timed() as t:
                    run()
                check(tool)
                metrics.add("features.seconds", t.seconds, "s", part="metadata", variant=tool, repeat=repeat,
                            workers=1 if tool in ("pandas", "serial") else workers)
            with timed() as t:
                one_hot_original(read_plain_csv(csv))
            metrics.add("features.seconds", t.seconds, "s", part="metadata", variant="original", repeat=repeat, workers=workers)


def add_seconds(metrics, seconds, **labels):
    for name, value in seconds.items():
        metrics.add("features.seconds", value, "s", part=name, **labels)


def main(argv):
    parser = cli.parser(__doc__, "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile")
    args = parser.parse_args(argv)
    with held(args.data_dir):
        run(args)


def run(args):
    workers = args.workers or cli.cores()
    manifest = read_json(args.data_dir, "manifest.json")
    pieces = review_pieces(args.data_dir)
    metrics = Metrics("03_features", manifest["data"], args.seed, manifest["loaded"])
    with dask_client(workers, args.scheduler), publishing(args.data_dir, "features", "metrics/03_features.jsonl") as staging:
        with profiled(args.profile, args.data_dir, "03_features", [fit_metadata, fit_all_scorers, add_scores]):
            rows, scores, seconds, peak = build(staging, pieces, args, workers)
        add_seconds(metrics, seconds, variant="parallel", workers=workers)
        metrics.add("features.peak_rss_bytes", peak, "bytes", workers=workers)
        for name, size in {**rows["split"].value_counts(), "unseen_text": rows["unseen_text"].sum()}.items():
            metrics.add("features.rows", size, "rows", split=name)
        if args.compare:
            compare(staging, pieces, args, workers, metrics)
        metrics.write(staging)
    sizes = ", ".join(f"{n:,} {name}" for name, n in rows["split"].value_counts().items())
    print(f"{sizes}; {scores['kept'].sum()} of {len(scores)} metadata features kept in {seconds['all']:.1f} s. Most informative:")
    print(scores.head(5).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    cli.run(main)
