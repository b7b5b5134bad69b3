"""Saved models: written with a card, loaded by hash, asked for predictions.

This is the one place that knows their formats.

models/<name>/ holds card.json, predictions.npy and model files in a format that holds data only
(XGBoost's UBJSON, safetensors) or that loads from a short list of trusted types (skops): the model
that was judged, fitted on the train split, and "final", the same fitted again on all rows, which
scores new reviews. The card names the files' sha256, which are checked before a file is opened, and
the features that the model was trained on, which must be the published ones.

Each format's library is imported where it is used: they take seconds, and the report and most pages
read cards only.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import numpy as np
from numpy import ndarray
from safetensors.numpy import load_file, save_file
from scipy import special

from common.features.transformer import Features, features_sha256
from common.store import InputError, read_json, require

Card = dict[str, Any]  # the content of card.json
FILES = {
    "sklearn": "model.skops",
    "xgboost": "model.ubj",
    "blend": "model.safetensors",
    "netflixnet": "model.safetensors",
    "encoder": "model.safetensors",
}
# What skops may build beside its own safe types. Trees follow their node numbers without looking:
# `_check_trees` looks.
TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
]


def logit(probability: ndarray) -> ndarray:
    """Log-odds of probabilities, which are kept a millionth away from 0 and 1."""
    return special.logit(np.clip(probability, 1e-6, 1 - 1e-6))


def predict_task(estimator: Any, x: ndarray, task: str) -> ndarray:
    """(n,) P(five stars), or the rating (1 to 5), by an estimator with scikit-learn's methods."""
    if task == "five_star":
        return estimator.predict_proba(x)[:, 1]
    return np.clip(estimator.predict(x), 1, 5)


def write_predictions(folder: Path, predicted: ndarray) -> None:
    """Write what a model that is judged predicts of all rows (n,), NaN on train rows."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "predictions.npy", predicted.astype(np.float32))


def write_model(folder: Path, kind: str, model: Any, stem: str = "model") -> Card:
    """Write a model of a kind of FILES; returns what its card says of the file.

    model: an estimator, or for "blend" and nets the state {name: array}; stem: "model" of
    the one that is judged, "final" of the one fitted on all rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILES[kind].replace("model", stem)
    if kind == "sklearn":
        import skops.io

        skops.io.dump(model, file, compression=ZIP_DEFLATED)
    elif kind == "xgboost":
        model.get_booster().save_model(file)
    else:
        save_file(model, file)
    return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def write_card(folder: Path, card: Card) -> None:
    (folder / "card.json").write_text(json.dumps(card, indent=1), encoding="utf-8")


def rank(card: Card) -> tuple[str, bool, float]:
    """By which cards are sorted: best validation first within each task, then what is slow."""
    validation = card["validation"]
    score = -validation["auc"] if "auc" in validation else validation.get("rmse", 0.0)
    return card["task"], card.get("slow", False), score


def read_cards(data_dir: Path) -> dict[str, Card]:
    """{name: card} of all saved models, the default first within each task (see rank).

    Missing and damaged cards raise InputError.
    """
    names = sorted(folder.name for folder in Path(data_dir, "models").glob("*"))
    cards = {name: read_json(data_dir, f"models/{name}/card.json") for name in names}
    return dict(sorted(cards.items(), key=lambda named: rank(named[1])))


@dataclass
class Model:
    """A loaded model; `card["task"]` says whether it predicts P(five stars) or the rating.

    final: whether it has seen all rows, and takes text scores of scorers that have, too.
    """

    card: Card
    estimator: Any
    final: bool = False

    def predict(self, features: Features, task: str | None = None) -> ndarray:
        """(n,) float64: the probability of five stars, or the rating (stars, within 1 to 5).

        task: an encoder knows both; default: its card's.
        """
        five_star = (task or self.card["task"]) == "five_star"
        if self.final and features.final_scores is not None:
            features = replace(features, text_scores=features.final_scores, final_scores=None)
        if self.card["kind"] in ("netflixnet", "encoder"):
            from common.training.nets import predict

            found = predict(self.estimator, features)
            return found[:, -1] if five_star else 1 + found.sum(axis=1)
        if self.card["kind"] == "blend":
            parts, weights = self.estimator
            x = np.column_stack([part.predict(features, self.card["task"]) for part in parts])
            found = (logit(x) if five_star else x) @ weights["coef"] + weights["intercept"]
            return special.expit(found) if five_star else found
        x = features.matrix(self.card["inputs"])
        return predict_task(self.estimator, x, self.card["task"]).astype(float)


def load_models(data_dir: Path) -> tuple[dict[str, Model], list[str]]:
    """All saved models by name, ordered as `read_cards`, and what is wrong with the others."""
    loaded: dict[str, Model] = {}
    wrong = []
    cards = read_cards(data_dir)
    for name in sorted(cards, key=lambda name: cards[name]["kind"] == "blend"):  # after its parts
        try:
            loaded[name] = load_model(data_dir, name, loaded)
        except InputError as error:
            wrong.append(str(error))
    return {name: loaded[name] for name in cards if name in loaded}, wrong


def load_model(
    data_dir: Path, name: str, loaded: dict[str, Model] | None = None, judged: bool = False
) -> Model:
    """The Model saved under models/<name>, the final one unless it is the judged one that is wanted
    or there is no other; `loaded`: models that a blend may take its parts from.

    Raises InputError when it is not there, when its file's sha256 is not the card's, or when it was
    trained on other features than the published ones.
    """
    cards = read_cards(data_dir)
    if name not in cards:
        there = ", ".join(cards) or "none yet: run 04_cpu_models.py"
        raise InputError(f"no model named {name} under {data_dir}/models; there are: {there}")
    card = cards[name]
    final = "final" in card and not judged
    saved = card["final"] if final else card
    path = require(data_dir, f"models/{name}/{saved['file']}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != saved["sha256"]:
        raise InputError(f"{path} is not the file that its card names: train the model again")
    if card["features_sha256"] != features_sha256(data_dir):
        raise InputError(
            f"model {name} was trained on other features than the published ones: train it again"
        )
    if card["kind"] != "blend":
        return Model(card, _open(card, path), final)
    parts = [
        (loaded or {}).get(part) or load_model(data_dir, part, judged=judged)
        for part in card["parts"]
    ]
    if [part.card["sha256"] for part in parts] != list(card["parts"].values()):
        script = "05_gpu_train.py --model encoder" if card.get("slow") else "04_cpu_models.py"
        raise InputError(
            f"{path} weighs models that were trained again since: run `python {script}` again"
        )
    return Model(card, (parts, load_file(path)), any(part.final for part in parts))


def _open(card: Card, path: Path) -> Any:
    if card["kind"] == "xgboost":
        import xgboost

        classifies = card["task"] == "five_star"
        model = xgboost.XGBClassifier() if classifies else xgboost.XGBRegressor()
        model.load_model(path)
        return model
    if card["kind"] == "sklearn":
        import skops.io

        model = skops.io.load(path, trusted=TRUSTED)
        _check_trees(model, path)
        return model
    if card["kind"] == "encoder":
        from common.training.encoder import Encoder

        return Encoder.load(card["params"], load_file(path))
    import safetensors.torch

    from common.training.nets import NetflixNet

    net = NetflixNet(**card["params"])
    net.load_state_dict(safetensors.torch.load_file(path))
    return net.eval()


def _check_trees(model: Any, path: Path) -> None:
    """InputError unless each tree's nodes lead to later ones and ask for features that exist."""
    for tree in (estimator.tree_ for estimator in getattr(model, "estimators_", ())):
        children, nodes = np.stack([tree.children_left, tree.children_right]), tree.node_count
        inner = tree.children_left != -1
        later = (children > np.arange(nodes)) & (children < nodes)
        features = tree.feature[inner]
        exist = (features >= 0) & (features < tree.n_features)
        lead_on = np.where(inner, later, children == -1)
        if not lead_on.all() or not exist.all() or tree.n_features != model.n_features_in_:
            raise InputError(
                f"{path} holds a tree whose nodes or features do not exist: train the model again"
            )
