"""04's searches in other ways, and text classifiers that anyone would try first."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV
from tqdm import tqdm

from common.baselines import models as baselines
from common.models.fitting import Fitter
from common.models.registry import TASKS, ModelName
from common.models.search import SEARCH_FOLDS, SearchProblem, SearchResult, nested_search
from common.profiling import interleave, timed
from common.schema import read_reviews

# The searches that the original study ran.
ORIGINAL = ("logistic_regression", "random_forest", "xgboost_rating")


def exhaustive_search(problem: SearchProblem, workers: int) -> SearchResult:
    """Fit and score each parameter set on each fold by itself; keeps no predictions."""
    task, result = TASKS[problem.task], SearchResult(problem.task, {}, {})
    search = GridSearchCV(
        problem.estimator,
        problem.grid,
        scoring=task.scoring,
        cv=problem.folds,
        refit=False,
        n_jobs=workers,
    ).fit(problem.x, problem.y)
    columns = [search.cv_results_[f"split{fold}_test_score"] for fold in range(SEARCH_FOLDS)]
    for parameters, row in zip(search.cv_results_["params"], np.stack(columns, axis=1)):
        result.scores[tuple(parameters.items())] = (task.sign * row).tolist()
    return result


def search_afresh(problem: SearchProblem, workers: int) -> None:
    """As 04 searches, with no journal to go on from."""
    with tempfile.TemporaryDirectory() as journal:
        nested_search(problem, workers, Path(journal))


def compare_searches(fitter: Fitter) -> None:
    """Search the study's grids as 04 does, on other numbers of workers, and as scikit-learn does;
    keep the seconds."""
    most = fitter.workers
    counts = sorted({2**power for power in range(most.bit_length())} | {most}, reverse=True)
    models = list(filter(fitter.candidates.get, ORIGINAL))
    for model in tqdm(models, desc="comparing searches", delay=2, leave=False):
        name = ModelName(model, "all")
        problem = fitter.data.problem(fitter.candidates[model], name.features)
        add = partial(fitter.judge.add, name, len(problem.y))
        names = {n: {most: "parallel", 1: "serial"}.get(n, f"{n} workers") for n in counts}
        ways: dict[str, Callable] = {
            names[workers]: partial(search_afresh, problem, workers) for workers in counts
        }
        ways["exhaustive"] = partial(exhaustive_search, problem, most)
        cores = {name: workers for workers, name in names.items()}
        for way, repeat, value in interleave(ways):
            workers = cores.get(way, most)
            add({"search_seconds": value}, n_jobs=workers, variant=way, repeat=repeat)


def compare_original_searches(fitter: Fitter) -> None:
    """Search as the original study did, on the same rows; keep the seconds and the best scores."""
    x = baselines.original_columns(fitter.data.data_dir, fitter.data.searched)
    for model in filter(fitter.candidates.get, ORIGINAL):
        problem = fitter.data.problem(fitter.candidates[model], "metadata")
        estimator, prefix = baselines.original_search(model, problem.seed)
        grid = {prefix + key.split("__")[-1]: values for key, values in problem.grid.items()}
        problem = replace(problem, estimator=estimator, grid=grid, x=x)
        add = partial(fitter.judge.add, ModelName(model, "original"), len(x))
        with timed() as t:
            result = exhaustive_search(problem, fitter.workers)
        add({"search_seconds": t.seconds}, n_jobs=fitter.workers, variant="original")
        best = {TASKS[problem.task].metric: result.mean(result.best)}
        add(best, split="validation", task=problem.task)


def compare_text_classifiers(fitter: Fitter) -> None:
    """Judge classifiers of the text alone, where the packages that they need are installed."""
    data = fitter.data
    paths = sorted(Path(data.data_dir, "reviews").glob("*.parquet"))
    parts = [read_reviews(path, ["review_text"])["review_text"].to_numpy() for path in paths]
    texts = np.concatenate(parts)
    truth = data.labels("five_star", data.train)
    for model, predict in baselines.TEXT_CLASSIFIERS.items():
        predicted = np.full(len(data.rows), np.nan)
        try:
            predicted[data.held_out] = predict(texts[data.train], truth, texts[data.held_out])
        except ImportError as error:
            print(f"not compared with {model}: {error}; pip install -r requirements-compare.txt")
        else:
            fitter.judge.score(ModelName(model, "text"), "five_star", predicted)


COMPARISONS = (compare_searches, compare_original_searches, compare_text_classifiers)
