"""Train the CPU models: will a review have five stars, and how many stars? Tuned on all cores, judged beside the majority.

    python 04_cpu_models.py --data-dir data             # after 03_features.py; 100,000 reviews: 70 s on two cores
    python 04_cpu_models.py --data-dir data --quick     # one candidate per model
    python 04_cpu_models.py --data-dir data --compare   # also run the searches on one core, for the speed-up (not with --quick)

Each model is tuned by grid search (3 folds of train; the test split is never seen), fitted on the whole train split, scored
on test, future and the unseen_text part of test, and saved. "metadata" is what the original study used; "all" adds the text:
as n-grams for the linear models, as out-of-fold text scores for the trees.
"""
from contextlib import contextmanager
from functools import partial

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, delayed, parallel_config
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.svm import LinearSVC
from tqdm import tqdm
from xgboost import XGBClassifier, XGBRegressor

from common import cli
from common.artifacts import publishing, read_json
from common.distributed import dask_client
from common.features import features_sha256, load_features
from common.measure import Metrics, peak_memory, profiled, timed
from common.models import INPUTS, write_model
from common.scores import five_star_scores, parts, rating_scores

SEARCH_ROWS, QUICK_ROWS = 10_000, 1_000  # rows of train on which candidates are compared; the winner is fitted on all of train
FOLDS = 3


def candidates(seed):
    """{model: (estimator, grid, kind, inputs family, task)}. XGBoost's grid runs around the original study's best cells."""
    trees = {"max_depth": [3, 5], "learning_rate": [0.05, 0.1]}
    boost = dict(n_estimators=200, min_child_weight=10, subsample=0.8, random_state=seed, n_jobs=1)
    svm = CalibratedClassifierCV(LinearSVC(max_iter=3000, random_state=seed), cv=FOLDS)
    return {
        "logistic_regression": (
            LogisticRegression(max_iter=200), {"C": [0.1, 1, 3]}, "sklearn", "linear", "five_star"),
        "random_forest": (
            RandomForestClassifier(n_estimators=100, min_samples_leaf=5, random_state=seed),
            {"max_depth": [10, 20], "max_features": ["sqrt", 0.5]}, "sklearn", "trees", "five_star"),
        "linear_svm": (svm, {"estimator__C": [0.03, 0.1, 0.3]}, "sklearn", "linear", "five_star"),
        "xgboost": (XGBClassifier(**boost), trees, "xgboost", "trees", "five_star"),
        "xgboost_rating": (XGBRegressor(**boost), trees, "xgboost", "trees", "rating"),
    }


def search(estimator, grid, x, y, task, seed, workers):
    """(best parameters, {"auc"} or {"rmse"} over the folds, seconds) of a grid search on `workers` cores."""
    scoring = "roc_auc" if task == "five_star" else "neg_root_mean_squared_error"
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    found = GridSearchCV(estimator, grid, scoring=scoring, cv=list(folds.split(x, y)), refit=False, n_jobs=workers)
    with timed() as t:
        found.fit(x, y)
    return found.best_params_, {"auc": found.best_score_} if task == "five_star" else {"rmse": -found.best_score_}, t.seconds


def judge(metrics, rows, predicted, task, **labels):
    """Score predictions of all rows on each part, keep the figures as metrics, and return them by part."""
    truth, found = rows["rating"].to_numpy(), {}
    for split, mask in parts(rows).items():
        found[split] = (five_star_scores(truth[mask] == 5, predicted[mask]) if task == "five_star"
                        else rating_scores(truth[mask], predicted[mask]))
        for name, value in found[split].items():
            metrics.add(f"model.{name}", value, unit_of(name), rows=mask.sum(), split=split, task=task, imbalance="none", **labels)
    return found


def unit_of(name):
    return "stars" if name in ("rmse", "mae") else "nats" if name == "log_loss" else "1"


def baselines(metrics, rows):
    """What a model must beat: the majority class's share, and the mean rating, both taken from train."""
    train = rows["rating"][rows["split"] == "train"]
    for model, task, value in (("majority", "five_star", (train == 5).mean()), ("mean", "rating", train.mean())):
        judge(metrics, rows, np.full(len(rows), value), task, model=model, features="none")


class Trainer:
    """What all models of one run share: the features, the labels, the rows searched and the metrics."""

    def __init__(self, data_dir, metrics, seed, workers, quick):
        self.rows, self.features = load_features(data_dir)
        self.identity = {"features_sha256": features_sha256(data_dir), **{k: metrics.common[k] for k in ("data", "seed")}}
        self.metrics, self.seed, self.workers, self.quick = metrics, seed, workers, quick
        self.train = np.flatnonzero(self.rows["split"] == "train")
        self.rest = np.flatnonzero(self.rows["split"] != "train")
        shuffled = np.random.default_rng(seed).permutation(self.train)
        self.searched = np.sort(shuffled[:QUICK_ROWS if quick else SEARCH_ROWS])

    def labels(self, task, at):
        rating = self.rows["rating"].to_numpy()[at]
        return (rating == 5).astype(int) if task == "five_star" else rating.astype(np.float32)

    def tune(self, name, features, workers):
        """(best parameters, their validation score) of one model on one kind of features; its time is kept."""
        estimator, grid, _, family, task = candidates(self.seed)[name]
        x, y = self.features.matrix(INPUTS[family][features], self.searched), self.labels(task, self.searched)
        grid = {key: [values[len(values) // 2]] for key, values in grid.items()} if self.quick else grid
        params, validation, seconds = search(estimator, grid, x, y, task, self.seed, workers)
        self.metrics.add("model.search_seconds", seconds, "s", rows=len(y), n_jobs=workers, model=name, features=features,
                         variant="serial" if workers == 1 else "parallel")
        return params, validation

    def fit(self, name, features, folder):
        """Tune, fit, score and save one model on one kind of features, and keep its figures."""
        estimator, _, kind, family, task = candidates(self.seed)[name]
        inputs, labels = INPUTS[family][features], dict(model=name, features=features)
        params, validation = self.tune(name, features, self.workers)
        (metric, value), = validation.items()
        self.metrics.add(f"model.{metric}", value, unit_of(metric), rows=len(self.searched), split="validation", task=task, **labels)
        model = sklearn.clone(estimator).set_params(**params)
        if name != "logistic_regression":  # its solver is serial, and scikit-learn warns when told otherwise
            model.set_params(n_jobs=self.workers)
        with timed() as t:
            model.fit(self.features.matrix(inputs, self.train), self.labels(task, self.train))
        self.metrics.add("model.fit_seconds", t.seconds, "s", rows=len(self.train), n_jobs=self.workers, **labels)
        x = self.features.matrix(inputs, self.rest)
        with timed() as t:
            found = model.predict_proba(x)[:, 1] if task == "five_star" else np.clip(model.predict(x), 1, 5)
        self.metrics.add("model.predict_rows_per_second", len(found) / t.seconds, "rows/s", rows=len(found), n_jobs=self.workers, **labels)
        predicted = np.full(len(self.rows), np.nan)
        predicted[self.rest] = found
        scores = judge(self.metrics, self.rows, predicted, task, **labels)
        card = {"name": f"{name}-{features}", "kind": kind, "task": task, "features": features, "inputs": inputs,
                "params": params, "rows": len(self.train), "validation": validation, **scores, **self.identity}
        write_model(folder, card, model)
        np.save(folder / "predictions.npy", predicted.astype(np.float32))


def main(argv):
    parser = cli.parser(__doc__, "--workers", "--scheduler", "--seed", "--quick", "--profile", "--compare")
    args = parser.parse_args(argv)
    workers = args.workers or cli.cores()
    manifest = read_json(args.data_dir, "manifest.json")
    metrics = Metrics("04_cpu_models", manifest["data"], args.seed, manifest["loaded"])
    trainer = Trainer(args.data_dir, metrics, args.seed, workers, args.quick)
    names = [(name, features) for name in candidates(args.seed) for features in ("metadata", "all")]
    bar = partial(tqdm, names, delay=2, leave=False)
    with publishing(args.data_dir, *(f"models/{name}-{features}" for name, features in names), "metrics/04_cpu_models.jsonl") as staging, \
            backend(args.scheduler):
        with profiled(args.profile, args.data_dir, "04_cpu_models", [search, judge]), timed() as whole, peak_memory() as memory:
            baselines(metrics, trainer.rows)
            # Starts the workers and their imports, which are no part of a search.
            Parallel(workers)(delayed(sklearn.clone)(LogisticRegression()) for _ in range(workers))
            for name, features in bar(desc="models"):
                trainer.fit(name, features, staging / "models" / f"{name}-{features}")
        # Quick searches have one candidate: a second of work, whose parallel time is mostly start-up.
        for name, features in bar(desc="one core, to compare") if args.compare and workers > 1 and not args.quick else ():
            trainer.tune(name, features, 1)
        metrics.add("models.seconds", whole.seconds, "s", n_jobs=workers)
        metrics.add("models.peak_rss_bytes", memory.bytes, "bytes", n_jobs=workers)
        metrics.write(staging)
    report(metrics)


@contextmanager
def backend(scheduler):
    """Where joblib sends the fits: processes on this machine, or an existing Dask cluster."""
    if not scheduler:
        yield
        return
    with dask_client(scheduler=scheduler), parallel_config(backend="dask"):
        yield


def report(metrics):
    """Print the test scores, baselines first."""
    for task, wanted in (("five_star", ["accuracy", "auc", "f1_macro"]), ("rating", ["rmse", "mae", "qwk"])):
        table = {}
        for row in metrics.rows:
            labels, name = row["labels"], row["name"].removeprefix("model.")
            if labels.get("task") == task and labels.get("split") == "test" and name in wanted:
                table.setdefault((labels["model"], labels["features"]), {})[name] = row["value"]
        print(f"\n{task}, test split:")
        print(pd.DataFrame.from_dict(table, orient="index")[wanted].to_string(float_format="%.4f"))


if __name__ == "__main__":
    cli.run(main)
