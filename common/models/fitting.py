"""A candidate becomes a saved model: its parameters tuned, fitted on the train rows, judged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import sklearn
from distributed import Client
from joblib import Parallel, delayed, parallel_config
from sklearn.linear_model import LogisticRegression

from common.compute import threads_of
from common.models.boosting import fit_spread
from common.models.evaluation import Judge
from common.models.files import predict_task, write_model
from common.models.registry import TASKS, Candidate, ModelName
from common.models.search import SearchResult, nested_search
from common.profiling import timed

PREDICTED_ROWS = 100_000  # at a time
JOURNAL = ".search"  # under the data directory, see common.store


class Fitter:
    """Tunes candidates on all cores, or on the Dask cluster of `client`, fits and saves them.

    models: the folder for their folders. spread_xgboost: the cluster's workers fit boosting, too.
    searches: {name: SearchResult} of those tuned; seconds: of those that ran whole and here.
    """

    def __init__(
        self,
        judge: Judge,
        candidates: dict[str, Candidate],
        models: Path,
        workers: int,
        client: Client | None = None,
        spread_xgboost: bool = False,
    ) -> None:
        self.judge, self.data = judge, judge.data
        self.candidates, self.models, self.workers = candidates, models, workers
        self.client, self.spread_xgboost = client, spread_xgboost
        self.searches: dict[ModelName, SearchResult] = {}
        self.seconds: dict[ModelName, float] = {}
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
        labels, journal = name._asdict(), Path(self.data.data_dir, JOURNAL)
        with self.searching() as workers, timed() as t:
            result = nested_search(problem, workers, journal, str(name))
        if not result.resumed:
            self.judge.add(
                "search_seconds",
                t.seconds,
                len(problem.y),
                n_jobs=workers,
                variant="parallel",
                **labels,
            )
            if not self.client:
                self.seconds[name] = t.seconds
        figure = f"cell_{TASKS[problem.task].metric}"
        for parameters, scores in result.scores.items():
            labels["cell"] = ", ".join(f"{key.split('__')[-1]}={x}" for key, x in parameters)
            for fold, score in enumerate(scores):
                self.judge.add(figure, score, len(problem.y), repeat=fold, **labels)
        self.searches[name] = result
        return result

    def fit(self, name: ModelName) -> None:
        """Tune a model, fit it on the train rows, save it, and have it judged."""
        candidate, result = self.candidates[name.model], self.tune(name)
        folder, inputs = self.models / str(name), candidate.inputs(name.features)
        task, rows, matrix = candidate.task, self.data.train, self.data.features.matrix
        if candidate.most_rows and len(rows) > candidate.most_rows:
            rng = np.random.default_rng(self.data.seed)
            rows = np.sort(rng.choice(rows, candidate.most_rows, replace=False))
        parameters = dict(result.best)
        if "estimator__alpha" in parameters:
            # It weighs the penalty against the mean loss, where C weighs it against the sum.
            parameters["estimator__alpha"] *= len(self.data.searched) / len(rows)
        model = sklearn.clone(candidate.estimator).set_params(**parameters)
        # With n-grams each worker would hold some of its own.
        if "n_jobs" in model.get_params() and candidate.text != "ngrams":
            model.set_params(n_jobs=self.workers)
        with timed() as t:
            if self.spread_xgboost and candidate.kind == "xgboost":
                fit_spread(self.client, model, self.data.data_dir, inputs, task)
            else:
                model.fit(matrix(inputs, rows), self.data.labels(task, rows))
        self.judge.add("fit_seconds", t.seconds, len(rows), n_jobs=self.workers, **name._asdict())
        card = {
            "kind": candidate.kind,
            "task": task,
            "inputs": inputs,
            "params": parameters,
            "rows": len(rows),
            "validation": {TASKS[task].metric: result.mean(result.best)},
            **write_model(folder, candidate.kind, model),
        }
        predicted = self.predict_held_out(
            name, lambda batch: predict_task(model, matrix(inputs, batch), task)
        )
        self.judge.keep(name, folder, card, predicted)

    def predict_held_out(
        self, name: ModelName, predict: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Predictions (n,) of all rows, NaN on train; keeps how fast they come.

        predict: positions of rows -> their predictions.
        """
        predicted, rows = np.full(len(self.data.rows), np.nan), self.data.held_out
        with timed() as t:
            for start in range(0, len(rows), PREDICTED_ROWS):
                batch = rows[start : start + PREDICTED_ROWS]
                predicted[batch] = predict(batch)
        labels = dict(n_jobs=self.workers, **name._asdict())
        self.judge.add("predict_rows_per_second", len(rows) / t.seconds, len(rows), **labels)
        return predicted
