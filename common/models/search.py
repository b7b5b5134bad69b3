"""Grid search in which one fit serves several parameter sets, wherever it gives their scores.

The first n trees of a larger forest or of a longer boosting are the smaller one; a logistic
regression starts from the solution for the next smaller C; all boosting fits of a fold share one
quantised matrix; what precedes a pipeline's last step is fitted once a fold.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import scipy.sparse as sp
import sklearn
import xgboost
from joblib import Parallel, delayed, parallel_config
from numpy import ndarray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from common.models.files import predict_task
from common.models.registry import TASKS
from common.store import replacing

SEARCH_FOLDS = 3
ParameterSet = tuple[tuple[str, Any], ...]  # (parameter, value) pairs, in ParameterGrid's order
Group = list[dict[str, Any]]  # parameter sets that one fit serves, each a dict
Folds = list[tuple[ndarray, ndarray]]  # row indices: (train, validation)


def folds_of(y: ndarray, seed: int) -> Folds:
    """SEARCH_FOLDS stratified folds of rows with labels or ratings y."""
    folds = StratifiedKFold(SEARCH_FOLDS, shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(y)), y))


@dataclass(frozen=True)
class SearchProblem:
    """Which parameters of the grid make an estimator predict best?

    x: (n, k) dense or CSR; y: (n,) labels or ratings; task: key of TASKS.
    """

    estimator: BaseEstimator
    grid: dict[str, list]
    x: ndarray | sp.csr_matrix
    y: ndarray
    task: str
    seed: int

    @cached_property
    def folds(self) -> Folds:
        return folds_of(self.y, self.seed)


@dataclass
class SearchResult:
    """scores: the task's metric on each fold; out_of_fold: predictions (n,) float32.

    resumed: fit tasks that an interrupted run had done.
    """

    task: str
    scores: dict[ParameterSet, list[float]]
    out_of_fold: dict[ParameterSet, ndarray]
    resumed: int = 0

    def mean(self, parameters: ParameterSet) -> float:
        return float(np.mean(self.scores[parameters]))

    @cached_property
    def best(self) -> ParameterSet:
        """The parameter set with the best mean score, the first of equal ones."""
        return max(self.scores, key=lambda one: TASKS[self.task].sign * self.mean(one))


def nested_search(
    problem: SearchProblem, workers: int, journal: Path, title: str = "search"
) -> SearchResult:
    """Score each parameter set, with one fit for several of them.

    journal: a folder that all workers see. The problem goes to them through a file there, and each
    fit task is kept there when it ends: a search of the same problem does not repeat it. The caller
    deletes the folder once it has used the result.
    """
    journal.mkdir(parents=True, exist_ok=True)
    folds = problem.folds  # from here on they are kept with the problem, for all workers
    key = joblib.hash([problem, xgboost.__version__])
    tasks = [
        (fold, group, journal / f"{key}-{fold}-{number:03d}.npz")
        for fold in range(SEARCH_FOLDS)
        for number, group in enumerate(parameter_groups(problem))
    ]
    result = SearchResult(problem.task, {}, {}, sum(file.exists() for *_, file in tasks))
    problem_file = journal / f"{key}.joblib"
    joblib.dump(problem, problem_file)
    running = Parallel(workers, return_as="generator")(
        delayed(_run_fit_task)(problem_file, *task) for task in tasks
    )
    bar = tqdm(running, title, len(tasks), delay=2, leave=False, unit="fit")
    for predictions, (fold, group, _) in zip(bar, tasks):
        validation = folds[fold][1]
        for parameters, predicted in zip(group, predictions):
            name = tuple(parameters.items())
            score = float(TASKS[problem.task].score(problem.y[validation], predicted))
            result.scores.setdefault(name, []).append(score)  # tasks come fold by fold
            whole = np.full(len(problem.y), np.nan, np.float32)
            result.out_of_fold.setdefault(name, whole)[validation] = predicted
    problem_file.unlink()
    return result


def _shared_parameter(estimator: BaseEstimator) -> str:
    """The parameter of which one fit serves all values; "" if there is none."""
    prefix, last = "", estimator
    if isinstance(estimator, Pipeline):
        prefix, last = f"{estimator.steps[-1][0]}__", estimator[-1]
    if isinstance(last, LogisticRegression):
        return f"{prefix}C"
    if isinstance(last, RandomForestClassifier) or isinstance(estimator, xgboost.XGBModel):
        return f"{prefix}n_estimators"
    return ""


def parameter_groups(problem: SearchProblem) -> list[Group]:
    """The grid's parameter sets, in groups that one fit serves, each in ascending order."""
    shared = _shared_parameter(problem.estimator)
    groups: dict[ParameterSet, Group] = defaultdict(list)
    for parameters in ParameterGrid(problem.grid):
        groups[tuple(pair for pair in parameters.items() if pair[0] != shared)].append(parameters)
    return [sorted(group, key=lambda one: one.get(shared, 0)) for group in groups.values()]


def _run_fit_task(problem_file: Path, fold: int, group: Group, file: Path) -> list[ndarray]:
    """What each parameter set predicts for the fold's validation rows; `file` keeps it."""
    if not file.exists():
        problem = joblib.load(problem_file, mmap_mode="r")
        model = sklearn.clone(problem.estimator).set_params(**group[-1])
        # A Dask worker would send the parts of a fit back to the cluster.
        with parallel_config(backend="sequential"):
            if isinstance(model, xgboost.XGBModel):
                predictions = _boost(problem_file, fold, model, group)
            else:
                predictions = _fit_group(problem, fold, model, group)
        with replacing(file) as partial, partial.open("wb") as opened:
            np.savez(opened, *predictions)
    return list(np.load(file).values())


def _fit_group(
    problem: SearchProblem, fold: int, model: BaseEstimator, group: Group
) -> list[ndarray]:
    train, validation = problem.folds[fold]
    x, y, x_validation, last = problem.x[train], problem.y[train], problem.x[validation], model
    if isinstance(model, Pipeline):
        last = model[-1]
        x, x_validation = model[:-1].fit_transform(x, y), model[:-1].transform(x_validation)
    if isinstance(last, RandomForestClassifier):
        trees, shared = last.fit(x, y).estimators_, _shared_parameter(model)
        sums = list(itertools.accumulate(t.predict_proba(x_validation)[:, 1] for t in trees))
        counts = [parameters.get(shared, len(trees)) for parameters in group]
        return [sums[count - 1] / count for count in counts]
    if isinstance(last, LogisticRegression):
        last.set_params(warm_start=True)
    predictions = []
    for parameters in group:
        model.set_params(**parameters)
        predictions.append(predict_task(last.fit(x, y), x_validation, problem.task))
    return predictions


def _boost(problem_file: Path, fold: int, model: xgboost.XGBModel, group: Group) -> list[ndarray]:
    matrix, x_validation = _quantised(problem_file, fold, model.max_bin, model.n_jobs)
    rounds = model.get_num_boosting_rounds()
    booster = xgboost.train(model.get_xgb_params(), matrix, num_boost_round=rounds)
    ends = [parameters.get("n_estimators", rounds) for parameters in group]
    return [booster.inplace_predict(x_validation, iteration_range=(0, end)) for end in ends]


@lru_cache(maxsize=1)
def _quantised(
    problem_file: Path, fold: int, max_bin: int, threads: int
) -> tuple[xgboost.QuantileDMatrix, ndarray]:
    """A fold's train rows as this process's boosting fits share them, and its validation rows."""
    problem = joblib.load(problem_file, mmap_mode="r")
    train, validation = problem.folds[fold]
    matrix = xgboost.QuantileDMatrix(
        problem.x[train], problem.y[train], nthread=threads, max_bin=max_bin
    )
    return matrix, problem.x[validation]
