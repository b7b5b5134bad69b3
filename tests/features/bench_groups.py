"""What each group of features is worth: on folds of train, and on its newest part.

    PYTHONPATH=. python tests/features/bench_groups.py --data-dir data --record groups.jsonl

A boosted model with everything a text says is fitted without a group of its form, or with one of
what else a review holds. Text scores of the newest part come from fits that saw older rows alone.
Prints the paired gain that a group brings, with its 95% interval; neither test nor future is read.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from xgboost import XGBClassifier, XGBRegressor

from common.features.scorers import FINAL, OUTPUTS, THRESHOLDS, TRAIN, fit_outputs
from common.features.transformer import Features, Transformer, load_features
from common.metrics import Metrics
from common.scores import five_star_scores, influence, paired_intervals, rating_scores
from common.store import read_json

# Parts of the form, without which a model is fitted; then what is added to it.
WITHOUT = {
    "length": ("log_chars", "log_words", "chars_per_word"),
    "capitals, digits and marks": ("capital", "digit", "mark", "log_excl", "log_quest"),
    "emoji, repeats and lines": ("log_emoji", "log_repeats", "log_lines"),
    "script": ("script", "non_latin"),
}
WITH = {
    "likes": ("log_likes",),
    "version": ("version",),
    "time": ("hour", "weekday", "month", "year", "day_of"),
}
BOOSTING = dict(
    max_depth=5,
    n_estimators=200,
    learning_rate=0.05,
    min_child_weight=10,
    subsample=0.8,
    colsample_bytree=0.5,
    max_bin=64,
    n_jobs=2,
)


def text_scores(data_dir: Path, rows: pd.DataFrame, features: Features) -> np.ndarray:
    """(n, 4): as features have them, but from fits that did not see the newest part of train."""
    older = rows.assign(fold=rows["fold"].where(~rows["newest"], -1))
    older["split"] = older["split"].where(older["fold"] >= 0, "no_text")
    width = features.text.shape[1]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "features").mkdir()
        for name in ("text_bounds.npy", "text_columns.npy"):
            os.symlink(data_dir.resolve() / "features" / name, f"{folder}/features/{name}")
        older.to_parquet(f"{folder}/features/rows.parquet")
        outputs = fit_outputs(np.arange(OUTPUTS), Path(folder), width, 42)
    outputs = outputs.T.reshape(FINAL + 1, len(THRESHOLDS), width + 1)
    text, fit = features.text[:], np.where(older["fold"] >= 0, older["fold"], TRAIN)
    scores = np.stack([text @ one[:, :-1].T + one[:, -1] for one in outputs])
    return scores[fit, np.arange(len(rows))]


def predictions(
    x: np.ndarray, rows: pd.DataFrame, task: str
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """("folds", rows, predictions out of fold of the older part of train), ("newest", ...)."""
    model = XGBClassifier(**BOOSTING) if task == "five_star" else XGBRegressor(**BOOSTING)
    rating, fold = rows["rating"].to_numpy(), rows["fold"].to_numpy()
    y = rating == 5 if task == "five_star" else rating.astype(float)
    newest = rows["newest"].to_numpy()
    older = (fold >= 0) & ~newest

    def fitted(train: np.ndarray, judged: np.ndarray) -> np.ndarray:
        model.fit(x[train], y[train])
        if task == "five_star":
            return model.predict_proba(x[judged])[:, 1]
        return np.clip(model.predict(x[judged]), 1, 5)

    out_of_fold = np.zeros(len(rows))
    for number in range(5):
        judged = older & (fold == number)
        out_of_fold[judged] = fitted(older & (fold != number), judged)
    yield "folds", rating[older], out_of_fold[older]
    yield "newest", rating[newest], fitted(older, newest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="after 03_features.py")
    parser.add_argument("--record", type=Path, help="metrics file to write")
    args = parser.parse_args()
    rows, features = load_features(args.data_dir)
    names = Transformer.load(args.data_dir).settings["metadata_columns"]
    scores = text_scores(args.data_dir, rows, features)
    form = np.arange(len(names)) < features.form
    columns = {"form": form}
    for group, prefixes in (WITHOUT | WITH).items():
        own = np.array([name.startswith(prefixes) for name in names])
        columns[group] = form & ~own if group in WITHOUT else form | own
    matrices = {
        group: np.hstack([features.metadata[:, kept], scores]) for group, kept in columns.items()
    }
    five_alone = np.hstack([features.metadata[:, form], scores[:, 3:]])
    matrices["scores of 2, 3 and 4 stars"] = five_alone
    metrics = Metrics("groups", read_json(args.data_dir, "manifest.json"), 42)
    for task, score, sign in (("five_star", "auc", 1), ("rating", "rmse", -1)):
        judge = five_star_scores if task == "five_star" else rating_scores
        judged = {}
        for group, x in matrices.items():
            for part, rating, predicted in predictions(x, rows, task):
                truth = rating == 5 if task == "five_star" else rating
                value = judge(truth, predicted)[score]
                judged[group, part] = value, influence(rating, predicted, task)[[score]]
        for (group, part), (value, parts) in judged.items():
            figures = {score: value}
            if group != "form":
                better = sign if group in WITH else -sign
                value_of_form, parts_of_form = judged["form", part]
                gain = {score: better * (value - value_of_form)}
                pair = (parts, parts_of_form) if better > 0 else (parts_of_form, parts)
                low, high = paired_intervals(gain, *pair)[score]
                figures = {"gain": gain[score], "gain_low": low, "gain_high": high}
            for figure, number in figures.items():
                labels = dict(group=group, part=part, score=score)
                metrics.add(f"group.{figure}", number, "1", **labels)
            print(f"{group:28} {part:7} {score:5}", *(f"{x:8.4f}" for x in figures.values()))
    if args.record:
        args.record.write_text("".join(json.dumps(row) + "\n" for row in metrics.rows))


if __name__ == "__main__":
    main()
