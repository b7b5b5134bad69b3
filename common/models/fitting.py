"""A candidate becomes a saved model: its parameters tuned, fitted on the train rows, judged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sklearn
from joblib import Parallel, delayed, parallel_config
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_limits

from common.compute import threads_of
from common.models.batched import fit_in_batches
from common.models.evaluation import Judge
from common.models.files import Card, logit, predict_task, write_model, write_predictions
from common.models.registry import TASKS, Candidate, ModelName
from common.models.search import SearchResult, folds_of, nested_search
from common.profiling import timed

if TYPE_CHECKING:
    from distributed import Client

PREDICTED_ROWS = 100_000  # at a time
BLEND = ModelName("blend", "all")  # a logistic regression of the others' log-odds
JOURNAL = ".search"  # under the data directory, see common.store


class Fit(NamedTuple):
    """What was fitted, as `write_model` takes it, on how many rows, in which time."""

    model: Any
    rows: int
    seconds: float = math.nan


@dataclass
class Fitter:
    """Tunes candidates on all cores or on the cluster of `client`, fits and publishes them."""

    judge: Judge
    candidates: dict[str, Candidate]
    workers: int
    client: Client | None = None
    spread_xgboost: bool = False  # the cluster's workers fit boosting, too
    refit: bool = True  # after a model was judged, on all rows
    out_of_fold: dict[ModelName, np.ndarray] = field(default_factory=dict)  # by the best parameters

    def __post_init__(self) -> None:
        self.data = self.judge.data
        with self.searching() as count:  # starting processes and imports is no part of a search
            Parallel(count)(delayed(sklearn.clone)(LogisticRegression()) for _ in range(count))

    @contextmanager
    def searching(self) -> Iterator[int]:
        """Send joblib's fits to the cluster where there is one; yields how many run at once.

        What is not a search stays on this machine, or all its rows would pass the scheduler.
        """
        if not self.client:
            yield self.workers
            return
        with parallel_config(backend="dask"):
            yield threads_of(self.client)

    def tune(self, name: ModelName) -> SearchResult:
        """Find the best parameters by nested search; keeps its time and all scores."""
        problem = self.data.problem(self.candidates[name.model], name.features)
        rows, journal = len(problem.y), Path(self.data.data_dir, JOURNAL)
        with self.searching() as workers, timed() as t:
            result = nested_search(problem, workers, journal, str(name))
        if not result.resumed:
            labels = dict(n_jobs=workers, variant="parallel")
            self.judge.add(name, rows, {"search_seconds": t.seconds}, **labels)
        figure = f"cell_{TASKS[problem.task].metric}"
        for parameters, scores in result.scores.items():
            cell = ", ".join(f"{key.split('__')[-1]}={value}" for key, value in parameters)
            for fold, score in enumerate(scores):
                self.judge.add(name, rows, {figure: score}, cell=cell, repeat=fold)
        self.out_of_fold[name] = result.out_of_fold[result.best]
        return result

    def fit(self, name: ModelName) -> None:
        """Tune a model, fit it on the train rows, have it judged, fit it on all rows, save both."""
        candidate, result = self.candidates[name.model], self.tune(name)
        task, inputs = candidate.task, candidate.inputs(name.features)
        parameters, data = dict(result.best), self.data
        fits = [data.train, data.with_text] if self.refit else [data.train]
        at_once = 1 if self.spread_xgboost else min(self.workers, len(fits))
        threads = self.workers // at_once
        with threadpool_limits(threads):
            (model, rows, seconds), *final = Parallel(at_once, prefer="threads")(
                delayed(self.fitted)(candidate, inputs, parameters, of, threads) for of in fits
            )
        self.judge.add(name, rows, {"fit_seconds": seconds}, n_jobs=threads)
        card = {
            "kind": candidate.kind,
            "task": task,
            "inputs": inputs,
            "params": parameters,
            "rows": rows,
            "train_rows": len(data.train),
            "validation": {TASKS[task].metric: result.mean(result.best)},
        }
        self.save(
            name,
            card,
            model,
            lambda batch: predict_task(model, data.features.matrix(inputs, batch), task),
            final[0] if final else None,
        )

    def fitted(
        self,
        candidate: Candidate,
        inputs: str,
        parameters: dict[str, Any],
        rows: np.ndarray,
        threads: int,
    ) -> Fit:
        """A candidate with these parameters fitted on rows, or on as many of them as it takes."""
        start = time.perf_counter()
        data, task = self.data, candidate.task
        is_too_many = len(rows) > (candidate.most_rows or len(rows))
        in_batches = is_too_many and inputs == "form+ngrams"
        if is_too_many and not in_batches:
            rng = np.random.default_rng(data.seed)
            rows = np.sort(rng.choice(rows, candidate.most_rows, replace=False))
        if "estimator__alpha" in parameters:
            # It weighs the penalty against the mean loss, where C weighs it against the sum.
            alpha = parameters["estimator__alpha"] * len(data.searched) / len(rows)
            parameters = parameters | {"estimator__alpha": alpha}
        y = data.labels(task, rows)
        model = sklearn.clone(candidate.estimator).set_params(**parameters)
        # With n-grams each worker would hold some of its own.
        if "n_jobs" in model.get_params() and candidate.text != "ngrams":
            model.set_params(n_jobs=threads)
        if self.spread_xgboost and candidate.kind == "xgboost":
            from common.models.boosting import fit_spread  # and Dask's arrays

            final = len(rows) > len(data.train)
            fit_spread(self.client, model, data.data_dir, inputs, task, final)
        elif in_batches:
            read = partial(data.features.matrix, inputs)
            model = fit_in_batches(model, lambda part: read(rows[part]), y, data.seed)
        else:
            model.fit(data.features.matrix(inputs, rows), y)
        return Fit(model, len(rows), time.perf_counter() - start)

    def fit_blend(self) -> None:
        """Fit the blend on the out-of-fold predictions of all classifiers on "all" features."""
        data, cards = self.data, self.judge.cards
        parts = [
            name
            for name, card in cards.items()
            if card["task"] == "five_star" and name.features == "all"
        ]
        x = logit(np.column_stack([self.out_of_fold[name] for name in parts]))
        y = data.labels("five_star", data.searched)
        out_of_fold = cross_val_predict(
            LogisticRegression(), x, y, cv=folds_of(y, data.seed), method="predict_proba"
        )[:, 1]
        model = LogisticRegression().fit(x, y)
        card = {
            "kind": "blend",
            "task": "five_star",
            "inputs": "models",
            "rows": len(y),
            "validation": {"auc": roc_auc_score(y, out_of_fold)},
            "params": dict(zip(map(str, parts), model.coef_[0].round(4).tolist())),
            "parts": {str(name): cards[name]["sha256"] for name in parts},
        }
        held_out = data.with_text[data.rows["fold"].to_numpy()[data.with_text] < 0]
        odds = logit(np.column_stack([self.judge.predicted["five_star"][name] for name in parts]))
        final = None
        if self.refit:  # on all that the parts predicted without having seen it
            x = np.vstack([x, odds[held_out]])
            y = np.append(y, data.labels("five_star", held_out))
            final = Fit(weights_of(LogisticRegression().fit(x, y)), len(y))
        self.save(
            BLEND,
            card,
            weights_of(model),
            lambda batch: model.predict_proba(odds[batch])[:, 1],
            final,
        )

    def save(
        self,
        name: ModelName,
        card: Card,
        model: Any,
        predict: Callable,
        final: Fit | None,
    ) -> None:
        """Predict all rows but train's, have that judged, publish the model and all figures so far.

        predict: positions of rows -> their predictions; card and model: as for `write_model`;
        final: the model fitted on all rows.
        """
        predicted, rows = np.full(len(self.data.rows), np.nan), self.data.held_out
        for batch in np.split(rows, range(PREDICTED_ROWS, len(rows), PREDICTED_ROWS)):
            predicted[batch] = predict(batch)
        folder = f"models/{name}"
        with self.judge.metrics.publishing(self.data.data_dir, folder) as staging:
            write_predictions(staging / folder, predicted)
            card |= write_model(staging / folder, card["kind"], model)
            if final:
                file = write_model(staging / folder, card["kind"], final.model, "final")
                card["final"] = {"rows": final.rows, **file}
            self.judge.keep(name, card, predicted)
            self.judge.write_card(staging, name)


def weights_of(model: LogisticRegression) -> dict[str, np.ndarray]:
    """A blend's state, as `write_model` takes it."""
    return {"coef": model.coef_[0].copy(), "intercept": model.intercept_}
