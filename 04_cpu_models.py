"""Train the CPU models: will a review have five stars, and how many stars? Tuned on all cores, judged beside the majority.

    python 04_cpu_models.py --data-dir data             # after 03_features.py; 100,000 reviews: 80 s on two cores
    python 04_cpu_models.py --data-dir data --quick     # searches on 1,000 rows of small grids
    python 04_cpu_models.py --data-dir data --compare   # also the searches in other ways, and fastText (not with --quick)
    python 04_cpu_models.py --data-dir data --compare --search-rows 50000
    python 04_cpu_models.py --data-dir data --model xgboost --model xgboost_rating   # these alone; published models of other names stay

Each model is tuned by grid search on folds of train (the test split is never seen), fitted on the whole train split, scored on
test, future and the unseen_text part of test, and saved with a card. "metadata" is what the original study used; "all" adds the
text: as n-grams for the linear models, as out-of-fold text scores for the others. The blend weighs the models on "all" by their
out-of-fold predictions. A search that was interrupted goes on where it stopped.
"""

import os
import shutil
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, cpu_count, delayed, parallel_config
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from tqdm import tqdm

from common import cli
from common.baselines import models as baselines
from common.compute import dask_client, threads_of
from common.features.transformer import features_sha256, load_features
from common.metrics import Metrics, amdahl_serial_share
from common.models import boosting
from common.models.cards import failures, write_text
from common.models.evaluation import Judge
from common.models.files import INPUTS, logit, write_card, write_model
from common.models.imbalance import compare_imbalance
from common.models.registry import candidates
from common.models.search import SCORING, best_cell, exhaustive, folds_of, nested
from common.profiling import peak_memory, profiled, timed
from common.scores import five_star_scores
from common.store import InputError, locked, publishing, read_json

SEARCH_ROWS, QUICK_ROWS = (
    5_000,
    1_000,
)  # rows of train on which candidates are compared; the winner is fitted on all of train
FITTED_ROWS = {"rbf_svm": 100_000}  # kernel features are dense
PREDICTED_ROWS = 100_000  # at a time
FEWEST = 30  # reviews of the smaller class: folds of folds of them train models, and SMOTE looks for neighbours
ORIGINAL = (
    "logistic_regression",
    "random_forest",
    "xgboost_rating",
)  # the searches that the original study ran


class Trainer:
    """What all models of one run share: the features, the labels, the rows searched, the cards, and the metrics."""

    def __init__(self, data_dir, metrics, args, workers):
        self.rows, self.features = load_features(data_dir)
        self.identity = {
            "features_sha256": features_sha256(data_dir),
            **{k: metrics.common[k] for k in ("data", "seed")},
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self.data_dir, self.metrics, self.seed, self.workers, self.quick = (
            data_dir,
            metrics,
            args.seed,
            workers,
            args.quick,
        )
        self.client, self.spread = None, args.spread_xgboost
        self.train = np.flatnonzero(self.rows["split"] == "train")
        self.rest = np.flatnonzero(self.rows["split"] != "train")
        shuffled = np.random.default_rng(args.seed).permutation(self.train)
        self.searched = np.sort(
            shuffled[: args.search_rows or (QUICK_ROWS if args.quick else SEARCH_ROWS)]
        )
        fewest = np.bincount(self.labels("five_star", self.searched), minlength=2).min()
        if fewest < FEWEST:
            raise InputError(
                f"of {len(self.searched)} training reviews only {fewest} are of the smaller class (five stars or not), which is too few "
                "to search on: load more reviews"
            )
        self.judge = Judge(self.rows, metrics, args.seed)
        self.candidates = {
            name: found
            for name, found in candidates(args.seed).items()
            if name in (args.model or [name])
        }
        self.cards, self.out_of_fold, self.seconds = {}, {}, {}

    def labels(self, task, at):
        return boosting.labels(self.rows["rating"].to_numpy()[at], task)

    @contextmanager
    def searching(self):
        """Send joblib's fits to the Dask cluster where there is one, else to processes on this machine; yields how many run at once.
        What is not a search stays on this machine, or all its rows would pass the scheduler."""
        if not self.client:
            yield self.workers
            return
        with parallel_config(backend="dask"):
            yield threads_of(self.client)

    def problem(self, name, features):
        """(estimator, grid, x, y, task) of a search."""
        estimator, grid, _, family, task = self.candidates[name]
        grid = {key: values[-2:] for key, values in grid.items()} if self.quick else grid
        return (
            estimator,
            grid,
            self.features.matrix(INPUTS[family][features], self.searched),
            self.labels(task, self.searched),
            task,
        )

    def search_seconds(self, seconds, name, features, variant, workers):
        self.metrics.add(
            "model.search_seconds",
            seconds,
            "s",
            rows=len(self.searched),
            n_jobs=workers,
            model=name,
            features=features,
            variant=variant,
        )

    def tune(self, name, features):
        """Best parameters by nested search; keeps its time, the score of each cell, and the best cell's out-of-fold predictions."""
        *_, task = problem = self.problem(name, features)
        with self.searching() as workers, timed() as t:
            scores, out_of_fold, resumed = nested(
                *problem, self.seed, workers, Path(self.data_dir) / ".search", f"{name}, {features}"
            )
        if not resumed:
            self.search_seconds(t.seconds, name, features, "parallel", workers)
            self.seconds |= (
                {} if self.client else {(name, features): t.seconds}
            )  # what else is compared runs on this machine
        for cell, folds in scores.items():
            for fold, value in enumerate(folds):
                self.judge.add(
                    f"cell_{SCORING[task][0]}",
                    value,
                    len(self.searched),
                    repeat=fold,
                    model=name,
                    features=features,
                    cell=", ".join(f"{key.split('__')[-1]}={value}" for key, value in cell),
                )
        params, value = best_cell(scores, task)
        self.out_of_fold[f"{name}-{features}"] = out_of_fold[tuple(sorted(params.items()))]
        return params, {SCORING[task][0]: value}

    def fit(self, name, features, folder):
        """Tune, fit, score and save one model on one kind of features, and keep its figures."""
        estimator, _, kind, family, task = self.candidates[name]
        inputs, labels = INPUTS[family][features], dict(model=name, features=features)
        params, validation = self.tune(name, features)
        at = self.train
        if len(at) > FITTED_ROWS.get(name, len(at)):
            at = np.sort(
                np.random.default_rng(self.seed).choice(at, FITTED_ROWS[name], replace=False)
            )
        if (
            "estimator__alpha" in params
        ):  # weighs the penalty against the mean loss, where C weighs it against the sum
            params["estimator__alpha"] *= len(self.searched) / len(at)
        model = sklearn.clone(estimator).set_params(**params)
        if (
            "n_jobs" in model.get_params() and family != "linear"
        ):  # each worker would hold n-grams of its own
            model.set_params(n_jobs=self.workers)
        with timed() as t:
            if self.spread and kind == "xgboost":
                boosting.fit_spread(self.client, model, self.data_dir, inputs, task)
            else:
                model.fit(self.features.matrix(inputs, at), self.labels(task, at))
        self.metrics.add(
            "model.fit_seconds", t.seconds, "s", rows=len(at), n_jobs=self.workers, **labels
        )

        def predict(rows):
            x = self.features.matrix(inputs, rows)
            return (
                model.predict_proba(x)[:, 1]
                if task == "five_star"
                else np.clip(model.predict(x), 1, 5)
            )

        card = {
            "kind": kind,
            "task": task,
            "inputs": inputs,
            "params": params,
            "rows": len(at),
            "validation": validation,
        }
        self.keep(
            folder,
            card | write_model(folder, kind, model),
            self.predict_rest(predict, labels),
            **labels,
        )

    def keep(self, folder, card, predicted, model, features):
        """Judge a saved model, and keep its card and its predictions of all rows outside train."""
        scores, intervals = self.judge.score(
            predicted, card["task"], model=model, features=features
        )
        for score, value in card["validation"].items():
            self.judge.add(
                score,
                value,
                len(self.searched),
                split="validation",
                task=card["task"],
                imbalance="none",
                model=model,
                features=features,
            )
        self.cards[f"{model}-{features}"] = {
            "name": f"{model}-{features}",
            "features": features,
            **card,
            **scores,
            "intervals": intervals,
            "failures": failures(self.rows, predicted, card["task"]),
            **self.identity,
        }
        np.save(folder / "predictions.npy", predicted.astype(np.float32))

    def predict_rest(self, predict, labels):
        """Predictions (n,) of all rows outside train, NaN on train."""
        predicted = np.full(len(self.rows), np.nan)
        with timed() as t:
            for start in range(0, len(self.rest), PREDICTED_ROWS):
                at = self.rest[start : start + PREDICTED_ROWS]
                predicted[at] = predict(at)
        self.metrics.add(
            "model.predict_rows_per_second",
            len(self.rest) / t.seconds,
            "rows/s",
            rows=len(self.rest),
            n_jobs=self.workers,
            **labels,
        )
        return predicted

    def baselines(self):
        """What a model must beat: the majority class's share, and the mean rating, both taken from train."""
        train = self.rows["rating"].to_numpy()[self.train]
        for model, task, value in (
            ("majority", "five_star", (train == 5).mean()),
            ("mean", "rating", train.mean()),
        ):
            self.judge.score(np.full(len(self.rows), value), task, model=model, features="none")

    def blend(self, folder):
        """A logistic regression of the log-odds of all classifiers on all features, fitted on their out-of-fold predictions."""
        names = [
            name
            for name, card in self.cards.items()
            if card["task"] == "five_star" and card["features"] == "all"
        ]
        x, y = (
            logit(np.column_stack([self.out_of_fold[name] for name in names])),
            self.labels("five_star", self.searched),
        )
        found = cross_val_predict(
            LogisticRegression(), x, y, cv=folds_of(y, self.seed), method="predict_proba"
        )[:, 1]
        model, labels = LogisticRegression().fit(x, y), dict(model="blend", features="all")
        card = {
            "kind": "blend",
            "task": "five_star",
            "inputs": "models",
            "rows": len(y),
            "validation": {"auc": five_star_scores(y == 1, found)["auc"]},
            "params": dict(zip(names, model.coef_[0].round(4).tolist())),
            "parts": {name: self.cards[name]["sha256"] for name in names},
        }
        card |= write_model(folder / "blend-all", "blend", model)
        predicted = logit(
            np.column_stack([np.load(folder / name / "predictions.npy") for name in names])
        )
        self.keep(
            folder / "blend-all",
            card,
            self.predict_rest(lambda at: model.predict_proba(predicted[at])[:, 1], labels),
            **labels,
        )

    def imbalance(self):
        """Keep what each answer to the unequal classes is worth for a linear and for a boosted model, on the rows searched."""
        x, y = (
            self.features.matrix("metadata+scores", self.searched),
            self.labels("five_star", self.searched),
        )
        for name in ("logistic_regression", "xgboost"):
            model = sklearn.clone(self.candidates[name][0]).set_params(
                **self.cards[f"{name}-all"]["params"]
            )
            with self.searching() as workers:
                found = compare_imbalance(model, x, y, self.seed, workers)
            for way, scores in found.items():
                for score, value in scores.items():
                    self.judge.add(
                        score,
                        value,
                        len(y),
                        model=name,
                        features="metadata+scores",
                        split="out_of_fold",
                        imbalance=way,
                    )

    def compare(self, counts):
        """The searches in other ways, on the same rows: each cell and fold by itself, on other numbers of workers, as the original
        study did; and two text classifiers that anyone would try first."""
        rating, five_star = (
            self.labels("rating", self.searched),
            self.labels("five_star", self.searched),
        )
        original = baselines.original_columns(self.data_dir, self.searched)
        for name in tqdm(self.candidates, desc="comparing searches", delay=2, leave=False):
            *_, task = problem = self.problem(name, "all")
            seconds = (
                {self.workers: self.seconds[name, "all"]} if (name, "all") in self.seconds else {}
            )
            for workers in counts - seconds.keys():
                with timed() as t:
                    nested(*problem, self.seed, workers)
                seconds[workers] = t.seconds
                self.search_seconds(
                    t.seconds,
                    name,
                    "all",
                    "serial" if workers == 1 else f"{workers} workers",
                    workers,
                )
            self.metrics.add(
                "model.serial_share",
                amdahl_serial_share(seconds),
                "1",
                rows=len(rating),
                model=name,
                features="all",
                points=len(seconds),
            )
            with timed() as t:
                exhaustive(*problem, self.seed, self.workers)
            self.search_seconds(t.seconds, name, "all", "exhaustive", self.workers)
            if name in ORIGINAL:
                estimator, step = baselines.original_search(name, self.seed)
                grid = {
                    step + key.split("__")[-1]: values
                    for key, values in self.candidates[name][1].items()
                }
                with timed() as t:
                    scores = exhaustive(
                        estimator,
                        grid,
                        original,
                        five_star if task == "five_star" else rating,
                        task,
                        self.seed,
                        self.workers,
                    )
                self.search_seconds(t.seconds, name, "original", "original", self.workers)
                self.judge.add(
                    SCORING[task][0],
                    best_cell(scores, task)[1],
                    len(rating),
                    model=name,
                    features="original",
                    split="validation",
                    task=task,
                )
        texts, truth = baselines.all_texts(self.data_dir), self.labels("five_star", self.train)
        for model, predict in baselines.TEXT_CLASSIFIERS.items():
            try:
                predicted = np.full(len(self.rows), np.nan)
                predicted[self.rest] = predict(texts[self.train], truth, texts[self.rest])
            except ImportError as error:
                print(
                    f"not compared with {model}: {error}; pip install -r requirements-compare.txt"
                )
            else:
                self.judge.score(predicted, "five_star", model=model, features="text")


def main(argv):
    parser = cli.parser(
        __doc__, "--workers", "--scheduler", "--seed", "--quick", "--profile", "--compare"
    )
    parser.add_argument(
        "--search-rows",
        type=cli.positive,
        metavar="N",
        help=f"rows of train to search on (default: {SEARCH_ROWS})",
    )
    parser.add_argument(
        "--model",
        action="append",
        choices=list(candidates(0)),
        metavar="NAME",
        help=f"train this one alone, without the blend; repeat the flag for several: {', '.join(candidates(0))}",
    )
    parser.add_argument(
        "--spread-xgboost",
        action="store_true",
        help="with --scheduler: each worker reads and boosts its own part of the rows, "
        "for matrices that one machine cannot hold",
    )
    args = parser.parse_args(argv)
    if args.spread_xgboost and not args.scheduler:
        raise InputError(
            "--spread-xgboost trains on the workers of a Dask cluster: name it with --scheduler"
        )
    with locked(args.data_dir):
        run(args)


def run(args):
    workers = args.workers or cpu_count()
    # The original study's solver stops unfinished, as it did there; worker processes take warning filters from here only.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:The max_iter was reached:UserWarning")
    manifest = read_json(args.data_dir, "manifest.json")
    metrics = Metrics("04_cpu_models", manifest["data"], args.seed, manifest["loaded"])
    trainer = Trainer(args.data_dir, metrics, args, workers)
    names = [(name, features) for name in trainer.candidates for features in ("metadata", "all")]
    folders = [
        f"models/{name}-{features}"
        for name, features in names + ([] if args.model else [("blend", "all")])
    ]
    with (
        publishing(args.data_dir, *folders, "metrics/04_cpu_models.jsonl") as staging,
        ExitStack() as stack,
    ):
        folder = staging / "models"
        if args.scheduler:
            trainer.client = stack.enter_context(dask_client(scheduler=args.scheduler))
        with (
            trainer.searching() as count
        ):  # starts the workers and their imports, which are no part of a search
            Parallel(count)(delayed(sklearn.clone)(LogisticRegression()) for _ in range(count))
        with (
            profiled(args.profile, args.data_dir, "04_cpu_models", [nested, compare_imbalance]),
            timed() as whole,
            peak_memory() as memory,
        ):
            trainer.baselines()
            for name, features in tqdm(names, desc="models", delay=2, leave=False):
                trainer.fit(name, features, folder / f"{name}-{features}")
            if not args.model:
                trainer.blend(folder)
                trainer.imbalance()
        if (
            args.compare and not args.quick
        ):  # quick searches are a second of work, whose parallel time is mostly start-up
            trainer.compare({2**k for k in range(workers.bit_length())} | {workers})
        trainer.judge.behind_best(trainer.cards)
        for name, card in trainer.cards.items():
            write_card(folder / name, card)
            write_text(folder / name, card, manifest)
        metrics.add("models.seconds", whole.seconds, "s", n_jobs=workers)
        metrics.add("models.peak_rss_bytes", memory.bytes, "bytes", n_jobs=workers)
        metrics.write(staging)
    shutil.rmtree(Path(args.data_dir) / ".search", ignore_errors=True)
    report(metrics)


def report(metrics):
    """Print the test scores, baselines first."""
    for task, wanted in (
        ("five_star", ["accuracy", "auc", "f1_macro", "ece"]),
        ("rating", ["rmse", "mae", "qwk"]),
    ):
        table = {}
        for row in metrics.rows:
            labels, name = row["labels"], row["name"].removeprefix("model.")
            if labels.get("task") == task and labels.get("split") == "test" and name in wanted:
                table.setdefault((labels["model"], labels["features"]), {})[name] = row["value"]
        print(f"\n{task}, test split:")
        print(pd.DataFrame.from_dict(table, orient="index")[wanted].to_string(float_format="%.4f"))


if __name__ == "__main__":
    cli.run(main)
