"""Saved models: written with a card, loaded by hash, asked for predictions.

models/<name>/ holds card.json and one model file in a format that holds data only (XGBoost's UBJSON, safetensors) or that
loads from a short list of trusted types (skops). The card names the file's sha256, which is checked before the file is
opened, and the features that the model was trained on, which must be the published ones.

Each format's library is imported where it is used: they take seconds, and the report and most pages read cards only.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
from safetensors.numpy import load_file, save_file

from common.features.transformer import features_sha256
from common.store import InputError, read_json, require

# What skops may build beside its own safe types. Trees follow their node numbers without looking: `_check_trees` looks.
TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
]
INPUTS = {  # features label of a model kind -> what Features.matrix gives it
    "linear": {"metadata": "metadata", "all": "metadata+ngrams"},
    "trees": {"metadata": "metadata", "all": "metadata+scores"},
}


def logit(probability):
    """Log-odds of probabilities, which are kept a millionth away from 0 and 1."""
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def write_model(folder, kind, estimator):
    """Write an estimator of a kind ("sklearn", "xgboost" or "blend") to `folder`; what its card says of the file."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    file = (
        folder
        / {"sklearn": "model.skops", "xgboost": "model.ubj", "blend": "model.safetensors"}[kind]
    )
    if kind == "sklearn":
        import skops.io

        skops.io.dump(estimator, file, compression=ZIP_DEFLATED)
    elif kind == "xgboost":
        estimator.get_booster().save_model(file)
    else:
        save_file(
            {"coef": np.ascontiguousarray(estimator.coef_[0]), "intercept": estimator.intercept_},
            file,
        )
    return identity(file)


def write_network(folder, card, state, predicted):
    """Write a NetflixNet's folder: model.safetensors, card.json and predictions.npy.

    state: {name: tensor}, whole and on the CPU; predicted: (n,) of all rows, NaN on train rows.
    `card["params"]` must hold the net's sizes.
    """
    import safetensors.torch

    folder = Path(folder)
    folder.mkdir(parents=True)
    file = folder / "model.safetensors"
    file.write_bytes(safetensors.torch.save(state))
    write_card(folder, card | identity(file))
    np.save(folder / "predictions.npy", predicted.astype(np.float32))


def _open_network(card, path):
    """The NetflixNet of a card, on the CPU."""
    import safetensors.torch

    from common.training.nets import NetflixNet

    net = NetflixNet(**card["params"])
    net.load_state_dict(safetensors.torch.load_file(path))
    return net.eval()


def identity(file):
    """{"file": its name, "sha256": of its content}, by which a card names a model file."""
    return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def write_card(folder, card):
    (Path(folder) / "card.json").write_text(json.dumps(card, indent=1), encoding="utf-8")


def read_cards(data_dir):
    """{name: card} of all saved models, best validation first within each task; missing and damaged cards raise InputError."""
    cards = {}
    for folder in sorted(Path(data_dir, "models").glob("*")):
        cards[folder.name] = read_json(data_dir, f"models/{folder.name}/card.json")

    def rank(item):
        validation = item[1]["validation"]
        return (item[1]["task"], -validation["auc"] if "auc" in validation else validation["rmse"])

    return dict(sorted(cards.items(), key=rank))


@dataclass
class Model:
    """A loaded model; `card["task"]` says whether it predicts P(five stars) or the rating."""

    card: dict
    estimator: object

    def predict(self, features):
        """Features -> (n,) float64: the probability of five stars, or the rating (stars, within 1 to 5)."""
        if self.card["kind"] == "netflixnet":
            from common.training.nets import predict

            return predict(self.estimator, features)
        if self.card["kind"] == "blend":
            parts, weights = self.estimator
            odds = (
                logit(np.column_stack([part.predict(features) for part in parts])) @ weights["coef"]
                + weights["intercept"]
            )
            return 1 / (1 + np.exp(-odds))
        x = features.matrix(self.card["inputs"])
        if self.card["kind"] == "xgboost":
            found = self.estimator.inplace_predict(x).astype(float)
            return np.clip(found, 1, 5) if self.card["task"] == "rating" else found
        return self.estimator.predict_proba(x)[:, 1]


def load_models(data_dir):
    """({name: Model} of all saved models, best validation first within each task, [what is wrong with those that could not be loaded])."""
    loaded, wrong = {}, []
    cards = read_cards(data_dir)
    for name in sorted(cards, key=lambda name: cards[name]["kind"] == "blend"):  # after its parts
        try:
            loaded[name] = load_model(data_dir, name, loaded)
        except InputError as error:
            wrong.append(str(error))
    return {name: loaded[name] for name in cards if name in loaded}, wrong


def load_model(data_dir, name, loaded=None):
    """The Model saved under models/<name>; `loaded`: {name: Model} that a blend may take its parts from.

    Raises InputError when it is not there, when its file's sha256 is not the card's, or when it was trained on other features
    than the published ones.
    """
    cards = read_cards(data_dir)
    if name not in cards:
        known = ", ".join(cards) or "none yet: run 04_cpu_models.py"
        raise InputError(
            f"no model named {name} under {Path(data_dir) / 'models'}; there are: {known}"
        )
    card, path = cards[name], require(data_dir, f"models/{name}/{cards[name]['file']}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
        raise InputError(f"{path} is not the file that its card names: train the model again")
    if card["features_sha256"] != features_sha256(data_dir):
        raise InputError(
            f"model {name} was trained on other features than the published ones: train it again"
        )
    return Model(card, _open(card, path, loaded or {}))


def _open_blend(card, path, loaded):
    """([Model of each part], weights); InputError when a part is not the one that the blend was fitted on."""
    parts = [
        loaded.get(name) or load_model(path.parent.parent.parent, name) for name in card["parts"]
    ]
    if any(part.card["sha256"] != sha256 for part, sha256 in zip(parts, card["parts"].values())):
        raise InputError(
            f"{path} weighs models that were trained again since: run `python 04_cpu_models.py` again"
        )
    return parts, load_file(path)


def _open(card, path, loaded):
    if card["kind"] == "blend":
        return _open_blend(card, path, loaded)
    if card["kind"] == "xgboost":
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(path)
        return booster
    if card["kind"] == "sklearn":
        import skops.io

        model = skops.io.load(path, trusted=TRUSTED)
        _check_trees(model, path)
        return model
    return _open_network(card, path)


def _check_trees(model, path):
    """InputError unless each tree's nodes lead to later nodes of the same tree and ask for features that exist."""
    for tree in (estimator.tree_ for estimator in getattr(model, "estimators_", ())):
        number = np.arange(tree.node_count)
        inner = tree.children_left != -1
        for child in (tree.children_left, tree.children_right):
            if (
                not np.array_equal(child != -1, inner)
                or (child[inner] <= number[inner]).any()
                or (child >= tree.node_count).any()
            ):
                raise InputError(
                    f"{path} holds a tree whose nodes lead nowhere: train the model again"
                )
        if (
            (tree.feature[inner] < 0).any()
            or (tree.feature >= model.n_features_in_).any()
            or tree.n_features != model.n_features_in_
        ):
            raise InputError(
                f"{path} holds a tree that asks for features that do not exist: train the model again"
            )
