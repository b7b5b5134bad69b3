"""Train the CPU models: will a review have five stars, and how many stars?

    python 04_cpu_models.py --data-dir data              # 100,000 reviews: 80 s on two cores
    python 04_cpu_models.py --data-dir data --quick      # searches on 1,000 rows of small grids
    python 04_cpu_models.py --data-dir data --compare    # also the searches in other ways, and
                                                         # fastText (not with --quick)
    python 04_cpu_models.py --data-dir data --compare --search-rows 50000
    python 04_cpu_models.py --data-dir data --model xgboost --model xgboost_rating
                                    # these alone; published models of other names stay
    # names: logistic_regression, random_forest, linear_svm, rbf_svm, xgboost, xgboost_rating

After 03_features.py. Each model is tuned by grid search on folds of train (the test split is never
seen), fitted on the whole train split, scored on test, future and the unseen_text part of test
beside the majority class, and saved with a card. "metadata" is what the original study used; "all"
adds the text: as n-grams for the linear models, as out-of-fold text scores for the others. The
blend weighs the models on "all" by their out-of-fold predictions. Each model is published when it
is finished. A search that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from common import cli
from common.store import InputError, locked, read_json

if TYPE_CHECKING:
    from common.models.evaluation import Judge
    from common.models.fitting import Fitter
    from common.models.registry import Candidate

STEP = "04_cpu_models"
# Rows of train on which parameter sets are compared; the best one is fitted on all of train. On the
# Netflix reviews 3,000 choose what 5,000 do, or what is as good on later months.
SEARCH_ROWS, QUICK_ROWS = 3_000, 1_000


def main(argv: Sequence[str]) -> None:
    flags = "--workers", "--scheduler", "--seed", "--quick", "--profile", "--compare"
    trained = "--search-rows", "04 --model", "--no-refit", "--spread-xgboost"
    args = cli.parser(__doc__, *flags, *trained).parse_args(argv)
    if args.spread_xgboost and not args.scheduler:
        raise InputError(
            "--spread-xgboost trains on the workers of a Dask cluster: name it with --scheduler"
        )
    with locked(args.data_dir):
        train_models(args)


def chosen_candidates(args: argparse.Namespace, rows: int) -> dict[str, Candidate]:
    """The candidates that --model names, or all, with small grids where it is --quick, for so many
    training rows. InputError for a name that none has."""
    from common.models.registry import candidates

    chosen, there = {}, candidates(args.seed, rows)
    for name in args.model or ():
        if name not in there:
            raise InputError(f"no model is named {name}; there are: {', '.join(there)}")
    for name, candidate in there.items():
        if args.quick:
            small = {key: values[-2:] for key, values in candidate.grid.items()}
            candidate = candidate._replace(grid=small)
        if name in (args.model or [name]):
            chosen[name] = candidate
    return chosen


def judging(args: argparse.Namespace, beside: Path | None = None) -> Judge:
    """Who judges the models of the published features; beside: as for Metrics."""
    from common.metrics import Metrics
    from common.models.data import ModelData
    from common.models.evaluation import Judge

    # The original study's solver stops unfinished, as it did there, and of few rows scikit-learn
    # warns at each fit; worker processes take warning filters from here only.
    os.environ.setdefault("PYTHONWARNINGS", "ignore::UserWarning")
    manifest = read_json(args.data_dir, "manifest.json")
    search_rows = args.search_rows or (QUICK_ROWS if args.quick else SEARCH_ROWS)
    data = ModelData(args.data_dir, search_rows, args.seed)
    return Judge(data, Metrics(STEP, manifest, args.seed, beside), manifest)


def train_models(args: argparse.Namespace) -> None:
    from joblib import cpu_count
    from tqdm import tqdm

    from common.compute import dask_client
    from common.models.fitting import JOURNAL, Fitter
    from common.models.imbalance import compare_imbalance
    from common.models.registry import ModelName
    from common.models.search import nested_search
    from common.profiling import measured

    workers, judge = args.workers or cpu_count(), judging(args)
    chosen = chosen_candidates(args, len(judge.data.train))
    names = [ModelName(model, features) for model in chosen for features in ("metadata", "all")]
    metrics = judge.metrics

    cluster = dask_client(scheduler=args.scheduler) if args.scheduler else nullcontext()
    with cluster as client:
        fitter = Fitter(judge, chosen, workers, client, args.spread_xgboost, not args.no_refit)
        with measured(
            args.profile, args.data_dir, STEP, [nested_search, compare_imbalance]
        ) as whole:
            judge.score_trivial()
            for name in tqdm(names, desc="models", delay=2, leave=False):
                fitter.fit(name)
            if not args.model:
                fitter.fit_blend()
                judge_imbalance(fitter)
        metrics.add("models.seconds", whole.seconds, "s", n_jobs=workers)
        metrics.add("models.peak_rss_bytes", whole.peak_bytes, "bytes", n_jobs=workers)
        judge.compare_with_best()
    shutil.rmtree(Path(args.data_dir, JOURNAL), ignore_errors=True)
    print_scores(judge)
    if args.compare:
        compare(args, workers)


def compare(args: argparse.Namespace, workers: int) -> None:
    """Search in other ways, and judge text classifiers beside the published models."""
    from common.baselines import searches
    from common.models.fitting import Fitter

    if args.quick:  # a second of work, whose parallel time is mostly start-up
        return
    judge = judging(args, args.data_dir)
    judge.recall()
    fitter = Fitter(judge, chosen_candidates(args, len(judge.data.train)), workers)
    for way in searches.COMPARISONS:
        with judge.metrics.optional(way.__name__.replace("_", " ")):
            way(fitter)
    judge.compare_with_best()


def judge_imbalance(fitter: Fitter) -> None:
    """Keep what each answer to class imbalance is worth for a linear and for a boosted model."""
    import sklearn

    from common.models.imbalance import compare_imbalance
    from common.models.registry import ModelName

    data, features = fitter.data, "form+scores"
    x = data.features.matrix(features, data.searched)
    y = data.labels("five_star", data.searched)
    for name in ("logistic_regression", "xgboost"):
        parameters = fitter.judge.cards[ModelName(name, "all")]["params"]
        model = sklearn.clone(fitter.candidates[name].estimator).set_params(**parameters)
        with fitter.searching() as workers:
            optional = fitter.judge.metrics.optional
            ways = compare_imbalance(model, x, y, data.seed, workers, optional)
        for way, scores in ways.items():
            labels = dict(imbalance=way, split="out_of_fold")
            fitter.judge.add(ModelName(name, features), len(y), scores, **labels)


def print_scores(judge: Judge) -> None:
    """Print the test scores, baselines first."""
    import pandas as pd

    for task, columns in (
        ("five_star", ["accuracy", "auc", "f1_macro", "ece"]),
        ("rating", ["rmse", "mae", "qwk"]),
    ):
        scores = pd.DataFrame(
            {name: scores["test"] for name, scores in judge.scores[task].items()}, columns
        ).T
        print(f"\n{task}, test split:\n{scores.to_string(float_format='%.4f')}")


if __name__ == "__main__":
    cli.run(main)
