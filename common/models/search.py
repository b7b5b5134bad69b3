"""Grid search in two variants that give the same score for each cell: exhaustive, which fits every cell of every fold, and
nested, where one fit serves several cells.

Nested: the first n trees of a larger forest or of a longer boosting are the smaller one; a logistic regression starts from
the solution for the next smaller C; all boosting cells of a fold share one quantised matrix; what precedes a pipeline's last
step is fitted once a fold.
"""

import hashlib
import itertools
import json
from pathlib import Path

import joblib
import numpy as np
import sklearn
import xgboost
from joblib import Parallel, delayed, parallel_config
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from tqdm import tqdm

FOLDS = 3
SCORING = {"five_star": ("auc", "roc_auc"), "rating": ("rmse", "neg_root_mean_squared_error")}
_quantised: dict = {}  # the last fold's matrix in this process


def folds_of(y, seed):
    """[(train, validation)] row indices of FOLDS stratified folds; y: labels or ratings."""
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(y)), y))


def exhaustive(estimator, grid, x, y, task, seed, workers):
    """{cell: [score of each fold]} by scikit-learn's GridSearchCV. A cell is a tuple of sorted (parameter, value) pairs."""
    found = GridSearchCV(
        estimator, grid, scoring=SCORING[task][1], cv=folds_of(y, seed), refit=False, n_jobs=workers
    ).fit(x, y)
    sign = 1 if task == "five_star" else -1
    scores = np.stack(
        [sign * found.cv_results_[f"split{k}_test_score"] for k in range(FOLDS)], axis=1
    )
    return {
        tuple(sorted(params.items())): row.tolist()
        for params, row in zip(found.cv_results_["params"], scores)
    }


def nested(estimator, grid, x, y, task, seed, workers, journal=None, title="search"):
    """({cell: [score of each fold]}, {cell: out-of-fold predictions (n,) float32}, units that an interrupted run had done).

    x: (n, k) dense or CSR; y: (n,) labels or ratings. With the folder `journal`, which all workers see, these go to them through a file
    there. Each unit of work is written there when it ends, and is
    not done again by a search of the same things; the caller deletes the folder once it has used the result.
    """
    folds, units = folds_of(y, seed), _units(estimator, grid)
    work = [(k, unit) for k in range(FOLDS) for unit in units]
    identity = json.dumps(
        [
            str(estimator.get_params()),
            sorted(grid.items()),
            task,
            seed,
            len(y),
            float(np.sum(y * np.arange(len(y)))),
            float(x.sum()),
            sklearn.__version__,
            xgboost.__version__,
        ],
        default=str,
    )
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    files = [Path(journal) / f"{key}-{i:03d}.npz" for i in range(len(work))] if journal else []
    done = {i: list(np.load(file).values()) for i, file in enumerate(files) if file.exists()}
    todo = [i for i in range(len(work)) if i not in done]
    problem = x, y, folds
    if journal:
        Path(journal).mkdir(parents=True, exist_ok=True)
        problem = Path(journal) / f"{key}.joblib"
        joblib.dump((x, y, folds), problem)
    running = Parallel(workers, return_as="generator_unordered", max_nbytes="1M")(
        delayed(_fit_unit)(i, estimator, work[i][1], problem, work[i][0], f"{key}-{work[i][0]}")
        for i in todo
    )
    with tqdm(
        running, total=len(work), initial=len(done), desc=title, delay=2, leave=False, unit="fit"
    ) as bar:
        for i, predictions in bar:
            done[i] = predictions
            if journal:
                np.savez(files[i].with_suffix(".part.npz"), *predictions)
                files[i].with_suffix(".part.npz").replace(files[i])
    if journal:
        problem.unlink()
    scores, out_of_fold = {}, {}
    for i, (k, unit) in enumerate(work):
        validation = folds[k][1]
        for cell, predicted in zip(unit, done[i]):
            name = tuple(sorted(cell.items()))
            score = (
                roc_auc_score(y[validation], predicted)
                if task == "five_star"
                else root_mean_squared_error(y[validation], predicted)
            )
            scores.setdefault(name, [None] * FOLDS)[k] = float(score)
            out_of_fold.setdefault(name, np.full(len(y), np.nan, np.float32))[validation] = (
                predicted
            )
    return scores, out_of_fold, len(work) - len(todo)


def best_cell(scores, task):
    """(parameters, mean score) of the best cell; the first of equal ones."""
    choose = max if task == "five_star" else min
    cell = choose(scores, key=lambda name: np.mean(scores[name]))
    return dict(cell), float(np.mean(scores[cell]))


def _units(estimator, grid):
    """The grid's cells in groups that one fit serves: [[cell, ...], ...], each cell a dict of parameters."""
    cells = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
    _, last, prefix = _last_step(estimator)
    together = prefix + ("C" if isinstance(last, LogisticRegression) else "n_estimators")
    groups = {}
    for cell in cells:
        groups.setdefault(
            tuple((name, value) for name, value in cell.items() if name != together), []
        ).append(cell)
    return [sorted(group, key=lambda cell: cell.get(together, 0)) for group in groups.values()]


def _last_step(estimator):
    """(what precedes a pipeline's last step or None, the last step, the prefix of its parameters)."""
    return (
        (estimator[:-1], estimator[-1], f"{estimator.steps[-1][0]}__")
        if isinstance(estimator, Pipeline)
        else (None, estimator, "")
    )


def _fit_unit(index, estimator, unit, problem, fold, fold_key):
    """(index, [predictions (validation rows,) of each cell]) of one group of cells on one fold."""
    x, y, folds = joblib.load(problem, mmap_mode="r") if isinstance(problem, Path) else problem
    with parallel_config(
        backend="sequential"
    ):  # a Dask worker would send the parts of a fit back to the cluster
        return index, _predictions(estimator, unit, x, y, *folds[fold], fold_key)


def _predictions(estimator, unit, x, y, train, validation, fold_key):
    model = sklearn.clone(estimator).set_params(**unit[-1])
    if isinstance(model, xgboost.XGBModel):
        return _boosted(model, unit, x, y, train, validation, fold_key)
    x_train, x_validation = x[train], x[validation]
    before, model, prefix = _last_step(model)
    if before is not None:
        x_train, x_validation = (
            before.fit_transform(x_train, y[train]),
            before.transform(x_validation),
        )
    if isinstance(model, LogisticRegression) and len(unit) > 1:
        model.set_params(warm_start=True)
        cells = [
            {name.removeprefix(prefix): value for name, value in cell.items()} for cell in unit
        ]
        found = [
            model.set_params(**cell).fit(x_train, y[train]).predict_proba(x_validation)[:, 1]
            for cell in cells
        ]
    elif "n_estimators" in unit[-1]:
        model.fit(x_train, y[train])
        total, found, wanted = 0, [], [cell["n_estimators"] for cell in unit]
        for count, tree in enumerate(model.estimators_, 1):
            total = total + tree.predict_proba(x_validation)[:, 1]
            found += [total / count] * wanted.count(count)
    else:
        found = [model.fit(x_train, y[train]).predict_proba(x_validation)[:, 1]]
    return found


def _boosted(model, unit, x, y, train, validation, fold_key):
    matrix = _quantised.get(fold_key)
    if matrix is None:
        matrix = xgboost.QuantileDMatrix(
            x[train], y[train], nthread=model.n_jobs, max_bin=model.max_bin
        )
        _quantised.clear()
        _quantised[fold_key] = matrix
    params = model.get_xgb_params()
    booster = xgboost.train(params, matrix, num_boost_round=model.get_num_boosting_rounds())
    return [
        booster.inplace_predict(x[validation], iteration_range=(0, cell["n_estimators"]))
        for cell in unit
    ]
