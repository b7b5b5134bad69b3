"""Reviews to features: split, describe, count n-grams, fit on the training rows only, and transform all, in parallel.

    python 03_features.py --data-dir data               # after 01_load.py; 100,000 reviews: 30 s on two cores
    python 03_features.py --data-dir data --quick       # text scorers on fewer rounds
    python 03_features.py --data-dir data --compare     # also both dear parts in one process, for the speed-up

Splits: "future" is the newest tenth by time; of the rest a hash of review_id puts a fifth into "test" and the others into
"train", whatever the order or the partitions. Dask reads, describes and hashes slices of the reviews; joblib fits the text
scorers, out of fold: a training row's text score comes from a scorer that has not seen that row's fold.
"""
from contextlib import contextmanager

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from joblib import Parallel, delayed, parallel_config
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression, Ridge
from tqdm import tqdm

from common import cli
from common.artifacts import InputError, publishing, read_json, require
from common.distributed import compute, dask_client
from common.features import BUCKETS, COLUMNS, TEXT_SCORES, Transformer, count_ngrams, describe, encode, load_text
from common.measure import Metrics, peak_memory, profiled, timed
from common.review_fields import string_hash

SLICE_ROWS = 5_000  # a task's share: small enough to balance, large enough to hide Dask's overhead
FOLDS = 5
KEPT = 30
SELECTION_ROWS = 20_000  # mutual information by nearest neighbours is the dear part, and stable from here on


def review_slices(data_dir):
    """[(parquet path, first row, row count)] over all reviews in input order."""
    slices = []
    for path in sorted(require(data_dir, "reviews").glob("*.parquet")):
        rows = pq.read_metadata(path).num_rows
        slices += [(path, start, min(SLICE_ROWS, rows - start)) for start in range(0, rows, SLICE_ROWS)]
    return slices


def read_slice(part, columns):
    path, start, rows = part
    return pq.read_table(path, columns=columns).slice(start, rows).combine_chunks()


def keys_of(part):
    """What the split needs of a slice: id hash, time (us), rating, and a hash of the text without case and spacing."""
    table = read_slice(part, ["review_id", "review_timestamp", "review_rating", "review_text"])
    plain = pc.replace_substring_regex(pc.utf8_lower(pc.utf8_trim_whitespace(table["review_text"])), r"\s+", " ")
    return pd.DataFrame({
        "review_id": table["review_id"].to_pandas(),
        "hash": string_hash(table["review_id"]),
        "time": table["review_timestamp"].cast(pa.int64()).to_numpy(),
        "rating": table["review_rating"].to_numpy(),
        "text": string_hash(plain),
    })


def split(keys):
    """Add split, fold and unseen_text to the keys of all reviews (see the module's docstring)."""
    newest_tenth = np.sort(keys["time"].to_numpy())[int(len(keys) * 0.9)]
    bucket = keys["hash"].to_numpy() % np.uint64(100)
    name = np.where(bucket < 20, "test", "train").astype(object)
    name[keys["time"].to_numpy() >= newest_tenth] = "future"
    train = name == "train"
    fold = (keys["hash"].to_numpy() // np.uint64(100) % np.uint64(FOLDS)).astype(np.int8)
    unseen = (name == "test") & ~np.isin(keys["text"].to_numpy(), keys["text"].to_numpy()[train])
    return keys.assign(split=name, fold=np.where(train, fold, -1).astype(np.int8), unseen_text=unseen)


def count(part, train, staging, index):
    """Describe a slice and count its n-grams into the staging folder; returns document frequencies over its train rows."""
    table = read_slice(part, COLUMNS)
    describe(table).to_parquet(staging / f"raw-{index:05d}.parquet")
    counts = count_ngrams(table)
    sp.save_npz(staging / f"counts-{index:05d}.npz", counts, compressed=False)
    return np.bincount(counts[train].indices, minlength=2 * BUCKETS).astype(np.int32), counts.nnz


def fit_metadata(raw, five_star, seed, workers):
    """(settings of a Transformer, selection scores) from the training rows' `describe` output and labels (bool)."""
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


def write_slice(transformer, staging, index, row, start):
    """Final metadata and TF-IDF of one slice, written into the arrays of all rows at `row` and `start` (in entries)."""
    raw = pd.read_parquet(staging / f"raw-{index:05d}.parquet")
    np.load(staging / "features/metadata.npy", mmap_mode="r+")[row:row + len(raw)] = transformer.metadata(raw)
    text = transformer.tfidf(sp.load_npz(staging / f"counts-{index:05d}.npz"))
    for name, values in (("values", text.data), ("indices", text.indices)):
        np.load(staging / f"features/text_{name}.npy", mmap_mode="r+")[start:start + text.nnz] = values
    np.load(staging / "features/text_indptr.npy", mmap_mode="r+")[row + 1:row + 1 + len(raw)] = start + text.indptr[1:]


def fit_scorers(folder, rows, at, ratings, quick):
    """Linear models of the text of the rows `at` (of `rows` in all, with these ratings): coefficients (3, columns) and intercepts
    (3,), in the order of TEXT_SCORES. The text is read here, from its file: it is far too large to be sent to each worker."""
    text = load_text(folder, rows)[at]

    def logistic(label):
        if label.all() or not label.any():
            return np.zeros((1, text.shape[1])), np.zeros(1)
        model = LogisticRegression(C=1, solver="liblinear", dual=True, random_state=0, max_iter=50 if quick else 1000)
        model.fit(text, label)
        return model.coef_, model.intercept_
    rating = Ridge(alpha=2, solver="sparse_cg", tol=1e-3).fit(text, ratings.astype(np.float32))
    fits = [logistic(ratings == 5), logistic(ratings == 1), (rating.coef_[None], np.atleast_1d(rating.intercept_))]
    return np.vstack([coef for coef, _ in fits]).astype(np.float32), np.concatenate([b for _, b in fits]).astype(np.float32)


def write_features(staging, rows, slices, transformer, entries):
    """rows.parquet and the arrays of Features, filled in parallel slice by slice; text scores follow in `add_scores`."""
    folder = staging / "features"
    rows.to_parquet(folder / "rows.parquet")
    shapes = {"metadata": ((len(rows), len(transformer.settings["metadata_columns"])), np.float32),
              "text_scores": ((len(rows), len(TEXT_SCORES)), np.float32), "text_values": ((sum(entries),), np.float32),
              "text_indices": ((sum(entries),), np.int32), "text_indptr": ((len(rows) + 1,), np.int64)}
    for name, (shape, dtype) in shapes.items():
        np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
    first_row = np.cumsum([0] + [part[2] for part in slices])
    first_entry = np.cumsum([0] + entries)
    compute([dask.delayed(write_slice)(transformer, staging, i, int(first_row[i]), int(first_entry[i]))
             for i in range(len(slices))], "writing features")


def fit_all_scorers(folder, rows, workers, quick):
    """`fit_scorers` on train without each fold in turn, and on the whole train split: FOLDS + 1 fits with joblib."""
    ratings = rows["rating"].to_numpy()
    train, fold = np.flatnonzero(rows["split"] == "train"), rows["fold"].to_numpy()
    fits = [train[fold[train] != k] for k in range(FOLDS)] + [train]
    work = (delayed(fit_scorers)(folder, len(rows), at, ratings[at], quick) for at in fits)
    # On Dask's processes, which are up already. No threads: liblinear draws from one generator a process, so that they would
    # disturb each other's draws.
    with parallel_config(backend="dask" if workers > 1 else "sequential"):
        running = Parallel(n_jobs=workers, return_as="generator")(work)
        return list(tqdm(running, total=len(fits), desc="text scorers", delay=2, leave=False))


def add_scores(folder, rows, transformer, fitted):
    """Text scores: out of fold on train rows; by the scorers of the whole train split, which are kept, elsewhere."""
    text, scores = load_text(folder, len(rows)), np.load(folder / "text_scores.npy", mmap_mode="r+")
    for k, (coef, intercept) in enumerate(fitted):
        transformer.arrays |= {"coef": coef, "intercept": intercept}
        at = np.flatnonzero(rows["fold"] == k if k < FOLDS else rows["split"] != "train")
        scores[at] = transformer.scores(text[at])


def compare(staging, slices, masks, counted, rows, fitted, quick, metrics):
    """Time the two dear parts in one process, one slice and one fit after the other; AssertionError unless they agree."""
    elsewhere = staging / "serial"
    elsewhere.mkdir()
    with timed() as counting:
        serial = [count(s, t, elsewhere, i) for i, (s, t) in enumerate(zip(slices, masks))]
    with timed() as scoring:
        again = fit_all_scorers(staging / "features", rows, 1, quick)
    for ours, plain in (*zip(counted, serial), *zip(fitted, again)):
        np.testing.assert_allclose(ours[0], plain[0], rtol=1e-3, atol=1e-5)
    for part, t in (("ngrams", counting), ("text_scores", scoring)):
        metrics.add("features.seconds", t.seconds, "s", variant="serial", part=part, workers=1)


def build(staging, slices, metrics, workers, args):
    """Make everything under features/ and keep its times; returns (rows, selection scores, train masks by slice, counts, scorers)."""
    (staging / "features").mkdir()
    seconds = {}

    @contextmanager
    def part(name):
        with timed() as t:
            yield
        seconds[name] = t.seconds
    with part("all"), peak_memory() as memory:
        with part("split"):
            keys = split(pd.concat(compute([dask.delayed(keys_of)(s) for s in slices], "split"), ignore_index=True))
        train, five_star = (keys["split"] == "train").to_numpy(), (keys["rating"] == 5).to_numpy()
        if keys["rating"][train].nunique() < 2 or len(keys) < 100:
            raise InputError(f"{len(keys)} reviews with {keys['rating'].nunique()} different ratings are too few to learn from: load more")
        with part("ngrams"):
            masks = np.split(train, np.cumsum([rows for _, _, rows in slices])[:-1])
            counted = compute([dask.delayed(count)(s, t, staging, i) for i, (s, t) in enumerate(zip(slices, masks))], "n-grams")
        with part("fit"):
            raw = pd.concat([pd.read_parquet(p) for p in sorted(staging.glob("raw-*.parquet"))], ignore_index=True)
            settings, scores = fit_metadata(raw[train].reset_index(drop=True), five_star[train], args.seed, workers)
            frequency = sum(df.astype(np.int64) for df, _ in counted)
            transformer = Transformer(settings, {"idf": (np.log((1 + train.sum()) / (1 + frequency)) + 1).astype(np.float32)})
        rows = keys[["review_id", "rating", "split", "fold", "unseen_text"]]
        with part("write"):
            write_features(staging, rows, slices, transformer, [int(n) for _, n in counted])
        with part("text_scores"):
            fitted = fit_all_scorers(staging / "features", rows, workers, args.quick)
            add_scores(staging / "features", rows, transformer, fitted)
        scores.to_parquet(staging / "features/scores.parquet", index=False)
        transformer.save(staging / "features")
    for name, value in seconds.items():
        metrics.add("features.seconds", value, "s", variant="parallel", part=name, workers=workers)
    metrics.add("features.peak_rss_bytes", memory.bytes, "bytes", workers=workers)
    for name, size in {**rows["split"].value_counts(), "unseen_text": rows["unseen_text"].sum()}.items():
        metrics.add("features.rows", size, "rows", split=name)
    return rows, scores, masks, counted, fitted


def main(argv):
    parser = cli.parser(__doc__, "--workers", "--scheduler", "--seed", "--quick", "--compare", "--profile")
    args = parser.parse_args(argv)
    workers = args.workers or cli.cores()
    manifest = read_json(args.data_dir, "manifest.json")
    slices = review_slices(args.data_dir)
    metrics = Metrics("03_features", manifest["data"], args.seed, manifest["loaded"])
    with dask_client(workers, args.scheduler), publishing(args.data_dir, "features", "metrics/03_features.jsonl") as staging:
        with profiled(args.profile, args.data_dir, "03_features", [fit_metadata, fit_all_scorers, add_scores]):
            rows, scores, masks, counted, fitted = build(staging, slices, metrics, workers, args)
        if args.compare:  # outside the profile, which would slow the serial way alone: the parallel one runs in the workers
            compare(staging, slices, masks, counted, rows, fitted, args.quick, metrics)
        metrics.write(staging)
    report(rows, scores, metrics)


def report(rows, scores, metrics):
    seconds = next(row["value"] for row in metrics.rows if row["labels"].get("part") == "all")
    sizes = ", ".join(f"{n:,} {name}" for name, n in rows["split"].value_counts().items())
    print(f"{sizes}; {scores['kept'].sum()} of {len(scores)} metadata features kept in {seconds:.1f} s. Most informative:")
    print(scores.head(5).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    cli.run(main)
