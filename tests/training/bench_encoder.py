"""What the encoder adds to the default models on the newest part of train, over three seeds.

    PYTHONPATH=.:tests/features python tests/training/bench_encoder.py --data-dir data

Both are fitted on the older part of train alone, text scorers too. Prints AUC and RMSE of the
encoder, of boosting, and of both weighed at several weights, and the paired 95% interval of the
blend's gain; neither test nor future is read.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from bench_groups import predictions, text_scores
from scipy.special import expit

from common.features.transformer import load_features
from common.metrics import Metrics
from common.models.files import logit, read_cards
from common.models.mixing import ENCODER_WEIGHT
from common.scores import five_star_scores, influence, paired_intervals, rating_scores
from common.store import read_json
from common.training.batches import Data
from common.training.checkpoints import Checkpoints
from common.training.encoder import bf16_is_fast, read_pretrained
from common.training.nets import NETS, predict
from common.training.ranks import Ranks
from common.training.trainer import Settings, Trainer

FIRST = {"five_star": "auc", "rating": "rmse"}
WEIGHTS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def boosted(data_dir: Path) -> dict[str, np.ndarray]:
    """{task: predictions of the newest part of train}, by boosting as 04 tunes it."""
    rows, features = load_features(data_dir)
    features.text_scores = text_scores(data_dir, rows, features)
    x = features.matrix("form+scores")
    found = {}
    for task in FIRST:
        *_, (_, _, found[task]) = predictions(x, rows, task)
    return found


def encoded(data_dir: Path, seed: int, folder: Path | None, **changes: float) -> np.ndarray:
    """(n, 4) what the encoder, fitted on the older part, says of the newest part of train."""
    data = Data(data_dir, seed)
    newest = data.rows["newest"].to_numpy()
    judged = np.flatnonzero(newest)
    data.fit, data.validation = (part[~newest[part]] for part in (data.fit, data.validation))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ranks = Ranks(0, 1, "none", device, torch.get_num_threads())
    design = NETS["encoder"]
    NETS["encoder"] = design._replace(
        adam=design.adam | {key: value for key, value in changes.items() if key in design.adam}
    )
    settings = Settings(
        "encoder",
        int(changes.get("batch", design.batch or 32)),
        int(changes.get("epochs", design.epochs)),
        "bf16" if bf16_is_fast(device) else "float32",
        False,
        False,
    )
    trainer = Trainer(settings, data, ranks, read_pretrained(folder))
    trainer.fit(Checkpoints(data_dir, f"bench-{seed}", {"seed": seed}, ranks), 10**9)
    NETS["encoder"] = design
    return predict(trainer.net, data.features, judged, ranks)


def compare(
    rating: np.ndarray, default: dict[str, np.ndarray], own: np.ndarray, weight: float
) -> dict[str, dict]:
    """{task: {"value": of the blend, "default": value, "gain": paired interval}}."""
    found = {}
    for task, first in FIRST.items():
        if task == "five_star":
            odds = weight * logit(own[:, -1]) + (1 - weight) * logit(default[task])
            blend, scores = expit(odds), lambda p: five_star_scores(rating == 5, p)
        else:
            blend = weight * (1 + own.sum(axis=1)) + (1 - weight) * default[task]
            scores = lambda p: rating_scores(rating, p)  # noqa: E731
        sign = 1 if task == "five_star" else -1
        value, base = scores(blend)[first], scores(default[task])[first]
        parts = [influence(rating, one, task)[[first]] for one in (blend, default[task])]
        ends = paired_intervals({first: sign * (value - base)}, *parts)
        found[task] = {"value": value, "default": base, "gain": ends[first]}
    return found


def record(metrics: Metrics, seed: int, found: dict[str, dict], rows: int) -> None:
    for task, first in FIRST.items():
        low, high = found[task]["gain"]
        figures = {"value": found[task]["value"], "default": found[task]["default"]}
        for name, value in {**figures, "low": low, "high": high}.items():
            metrics.add(f"encoder.{name}", value, "1", rows=rows, seed=seed, score=first)


def record_cards(metrics: Metrics, cards: dict[str, dict]) -> None:
    """What the cards of the encoder, its blends and the defaults say of test and future."""
    slow = {name: card for name, card in cards.items() if card.get("slow")}
    parts = {part for card in slow.values() for part in card.get("parts", ())}
    for name, card in cards.items():
        if name in slow or name in parts:
            score = FIRST[card["task"]]
            low, high = card["intervals"]["test"][score]
            figures = {"value": card["test"][score], "future": card["future"][score]}
            for figure, value in {**figures, "low": low, "high": high}.items():
                metrics.add(f"card.{figure}", value, "1", rows=0, model=name, score=score)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--record", type=Path, help="append what is delivered")
    parser.add_argument("--change", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    changes = {key: float(value) for key, value in (one.split("=") for one in args.change)}
    rows, _ = load_features(args.data_dir)
    rating = rows["rating"].to_numpy()[rows["newest"].to_numpy()]
    saved = args.data_dir / "boosted.npz"
    default = dict(np.load(saved)) if saved.exists() else boosted(args.data_dir)
    np.savez(saved, **default)
    metrics = Metrics("bench_encoder", read_json(args.data_dir, "manifest.json"), 42)
    for seed in range(42, 42 + args.seeds):
        own = encoded(args.data_dir, seed, args.encoder, **changes)
        for weight in WEIGHTS:
            found = compare(rating, default, own, weight)
            print(json.dumps({"seed": seed, "weight": weight, **changes, **found}), flush=True)
            if weight == ENCODER_WEIGHT:
                record(metrics, seed, found, len(rating))
    print(f"the delivered weight is {ENCODER_WEIGHT}")
    if args.record:
        record_cards(metrics, read_cards(args.data_dir))
        with open(args.record, "a") as file:
            file.writelines(json.dumps(row) + "\n" for row in metrics.rows)


if __name__ == "__main__":
    main()
