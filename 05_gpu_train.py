"""Train NetflixNet, on the metadata and on the text, on one rank or many: CPU or GPU, DDP or FSDP,
and measure each.

    python 05_gpu_train.py --data-dir data                 # after 03_features.py; one rank
    python 05_gpu_train.py --data-dir data --quick         # seconds: 3 epochs of 10,000 reviews
    python 05_gpu_train.py --data-dir data --model text --device cpu --threads 1

    torchrun --nproc-per-node 2 05_gpu_train.py --data-dir data --strategy ddp
    torchrun --nproc-per-node 2 05_gpu_train.py --data-dir data --strategy fsdp
    torchrun --nproc-per-node 2 --max-restarts 3 05_gpu_train.py --data-dir data

DDP keeps the whole net on each rank and averages gradients; FSDP gives each rank its shard of the
net. One rank with --threads 1 is the baseline of two ranks that have a thread each. With
--max-restarts a launch goes on after a rank was killed.

100,000 reviews take 10 to 20 seconds a launch on two cores. Every launch sees the same global
batches, cut into as many shards as there are ranks, so that its losses can be compared with those
of one rank. Fold 0 of the train split chooses the epoch that is kept; test and future are only
predicted. A launch that was interrupted goes on at its newest checkpoint, on any number of ranks.
Figures go to metrics/05_gpu_train.<launch>.jsonl, and each rank's trace of a few steps, for
Perfetto, to profiles/05_gpu_train/<launch>/, where <launch> is like ddp-2x1-cpu: strategy, ranks x
threads, device. The saved models are those of the latest process's first launch; its others only
measure, as all do with --repeat N, for scaling studies, under <launch>.N.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from common import cli
from common.store import InputError, read_json

if TYPE_CHECKING:
    from numpy import ndarray

    from common.metrics import Metrics
    from common.training.batches import Data
    from common.training.checkpoints import Checkpoints
    from common.training.encoder import Pretrained
    from common.training.ranks import Ranks
    from common.training.trainer import Run, Settings, Trainer

STEP = "05_gpu_train"
FLAGS = "strategy device epochs batch threads precision offload compile checkpoint-steps repeat"
SMALLEST_BATCH, LARGEST_BATCH, STEPS_AN_EPOCH = 2048, 32768, 20
QUICK_BATCH, QUICK_EPOCHS, QUICK_ROWS, QUICK_ENCODER_ROWS = 512, 3, 10_000, 1_000
MODELS = ("mlp", "text")


@dataclass
class Trained:
    """A model that was trained, and what there is to publish of it."""

    run: Run
    card: dict
    state: dict  # the unsharded net's arrays, on rank 0
    probabilities: ndarray  # (n, outputs) of all rows, NaN on those of the train split
    profiles: dict[str, bytes]
    checkpoints: Checkpoints


def train(
    model: str,
    data: Data,
    ranks: Ranks,
    metrics: Metrics,
    args: Namespace,
    pretrained: Pretrained | None,
) -> Trained:
    """Train, judge and profile one model on all ranks."""
    from common.features.transformer import features_sha256
    from common.training.checkpoints import Checkpoints
    from common.training.nets import NETS
    from common.training.ranks import whole_state
    from common.training.recording import add_run, measure_steps
    from common.training.trainer import Trainer

    net, settings = NETS[model], settings_of(model, args, len(data.fit), ranks)
    trained_with = dict(
        strategy=ranks.strategy,
        ranks=ranks.count,
        device=ranks.device.type,
        global_batch=settings.batch,
        precision=settings.precision,
    )
    add = partial(metrics.add, model=model, threads_per_rank=ranks.threads, **trained_with)
    identity = {
        "features_sha256": features_sha256(args.data_dir),
        "data": metrics.common["data"],
        "seed": args.seed,
    }
    decisive = identity | asdict(settings) | net._asdict()
    decisive |= {"rows": len(data.fit), "repeat": args.repeat}
    checkpoints = Checkpoints(args.data_dir, model, decisive, ranks)
    trainer = Trainer(settings, data, ranks, pretrained)
    run = trainer.fit(checkpoints, args.checkpoint_steps)
    add_run(add, run, trainer)

    probabilities, scores = judge(trainer, add)
    trained_with |= {"epochs": settings.epochs, "kept_epoch": run.kept_epoch} | net.adam
    card = {
        "name": f"netflixnet_{model}-{net.features}",
        "kind": "encoder" if pretrained else "netflixnet",
        "slow": bool(pretrained),
        "task": "five_star",
        "features": net.features,
        "inputs": net.inputs,
        "params": trainer.net.sizes,
        "rows": len(data.fit),
        "validation": run.validation,
        **scores,
        **identity,
        "trained_with": trained_with,
    }
    state = whole_state(trainer.net)
    if pretrained:
        card["origin"], state = pretrained.origin, trainer.net.arrays(state)
    return Trained(run, card, state, probabilities, measure_steps(add, trainer), checkpoints)


def judge(trainer: Trainer, add: Callable) -> tuple[ndarray, dict]:
    """(probabilities (n, outputs) of all rows, NaN on those of train; what a card says of them)."""
    import numpy as np

    from common.features.splits import held_out_masks
    from common.models.cards import judged
    from common.training.nets import predict
    from common.training.recording import add_scores

    data, net, ranks = trainer.data, trainer.net, trainer.ranks
    probabilities = np.full((len(data.rows), len(net.thresholds)), np.nan)
    probabilities[data.rest] = predict(net, data.features, data.rest, ranks, ranks.rank == 0)
    scores = judged(data.rows, probabilities[:, -1], "five_star")
    for split, mask in held_out_masks(data.rows).items():
        add_scores(add, split, scores[split], mask.sum())
    return probabilities, scores


def publish(
    args: Namespace,
    launch: str,
    metrics: Metrics,
    results: Sequence[Trained],
    data: Data,
    saves: bool,
) -> None:
    """Write the metrics and the profiles of a launch, and, where it saves them, its models: all of
    them or none."""
    from common.models.files import write_card, write_model, write_predictions
    from common.models.mixing import defaults, mixed

    folder, saved = f"profiles/{STEP}/{launch}", results if saves else []
    slow = any(trained.card["slow"] for trained in saved)
    others = defaults(args.data_dir) if slow else {}
    models = [f"models/{name}" for name in [*(one.card["name"] for one in saved), *others]]
    with metrics.publishing(args.data_dir, *models, folder) as staging:

        def save(card: dict, state: dict[str, Any], predicted: ndarray) -> dict:
            place = staging / f"models/{card['name']}"
            write_predictions(place, predicted)
            card |= write_model(place, card["kind"], state)
            write_card(place, card)
            return card

        for trained in saved:
            card = save(trained.card, trained.state, trained.probabilities[:, -1])
            for other in others.values() if card["slow"] else ():
                save(*mixed(data, other, card, trained.probabilities))
        (staging / folder).mkdir(parents=True)
        for trained in results:
            for name, content in trained.profiles.items():
                (staging / folder / name).write_bytes(content)


def report(data: Data, results: Sequence[Trained]) -> None:
    """Print what each model reached on test beside the majority class, its seconds an epoch and its
    bytes a rank."""
    import numpy as np

    test = data.five_star[(data.rows["split"] == "test").to_numpy()]
    majority = data.five_star[data.fit].mean() > 0.5
    print(f"majority class: test accuracy {np.mean(test == majority):.4f}")
    for trained in results:
        run, scores = trained.run, trained.card["test"]
        seconds = f"{np.median([*run.seconds.values()]):.3f} s an epoch; " if run.seconds else ""
        print(
            f"{trained.card['name']}: test accuracy {scores['accuracy']:.4f}, "
            f"AUC {scores.get('auc', np.nan):.4f}; {seconds}{run.state_bytes / 1e6:.2f} MB of "
            "parameters, gradients and Adam state a rank"
        )


def arguments(argv: Sequence[str]) -> Namespace:
    flags = (f"--{flag}" for flag in FLAGS.split())
    trained = "05 --model", "--encoder", "--fit-rows"
    return cli.parser(__doc__, "--seed", "--quick", "--compare", *flags, *trained).parse_args(argv)


def batch_size(rows: int) -> int:
    """Rows of a global batch for so many training rows: more rows allow larger batches, whose
    communication costs less a row; a few are cut into four."""
    smallest = max(min(SMALLEST_BATCH, rows // 4), 1)
    return min(LARGEST_BATCH, max(smallest, 2 ** int(math.log2(rows / STEPS_AN_EPOCH))))


def settings_of(model: str, args: Namespace, rows: int, ranks: Ranks) -> Settings:
    """What was asked for, or what suits the model, so many rows, and the device."""
    from common.training.encoder import bf16_is_fast
    from common.training.nets import NETS
    from common.training.trainer import Settings

    design, quick = NETS[model], args.quick and model != "encoder"
    default = min(QUICK_BATCH, rows // 4) if quick else design.batch or batch_size(rows)
    half = model == "encoder" and bf16_is_fast(ranks.device)
    return Settings(
        model,
        args.batch or default,
        args.epochs or (QUICK_EPOCHS if quick else design.epochs),
        args.precision or ("bf16" if half else "float32"),
        args.offload,
        args.compile,
    )


def launch(args: Namespace, ranks: Ranks, first: bool) -> None:
    """Train, measure and publish on the ranks of one launch, the first of this process or not."""
    from common.metrics import Metrics
    from common.training.batches import Data

    if args.offload and not (ranks.shards and ranks.device.type == "cuda"):
        raise InputError(
            "--offload is for FSDP on GPUs, and this launch is "
            f"{ranks.strategy} on {ranks.device.type}: leave it out"
        )
    manifest = read_json(args.data_dir, "manifest.json")
    pretrained = None
    if args.model == "encoder":
        from common.training.encoder import read_pretrained

        pretrained = read_pretrained(args.encoder)
    quick_rows = QUICK_ENCODER_ROWS if pretrained else QUICK_ROWS
    data = Data(args.data_dir, args.seed, args.fit_rows or (quick_rows if args.quick else None))
    name = f"{ranks.strategy}-{ranks.count}x{ranks.threads}-{ranks.device.type}"
    if args.repeat:
        name += f".{args.repeat}"
    metrics = Metrics(f"{STEP}.{name}", manifest, args.seed)
    models = MODELS if args.model == "both" else (args.model,)
    results = [train(model, data, ranks, metrics, args, pretrained) for model in models]
    if ranks.rank == 0:
        publish(args, name, metrics, results, data, first and not args.repeat)
        for trained in results:
            trained.checkpoints.remove()
        report(data, results)


def measure_original(args: Namespace, threads: int) -> None:
    """Train the original study's network."""
    from common.baselines import network
    from common.metrics import Metrics
    from common.training.batches import Data

    data = Data(args.data_dir, args.seed, QUICK_ROWS if args.quick else None)
    metrics = Metrics(f"{STEP}.original", read_json(args.data_dir, "manifest.json"), args.seed)
    network.measure_original(args.data_dir, data, metrics, threads)
    metrics.publish(args.data_dir)


def compare(args: Namespace, workers: int) -> None:
    """Measure one rank with `args.threads`, as one of several has them, and `measure_original`."""
    from common.training.launch import launched

    words = ["--data-dir", str(args.data_dir), "--seed", str(args.seed)]
    alone = arguments([*words, "--quick"] if args.quick else words)
    for threads in args.threads or ():
        with launched("none", alone.device, threads) as ranks:
            launch(alone, ranks, first=False)
    measure_original(args, workers)


def main(argv: Sequence[str]) -> None:
    args = arguments(argv)

    from common.training.launch import launched

    plans = product(args.strategy or [None], args.threads or [None])
    for number, (strategy, threads) in enumerate(plans):
        with launched(strategy, args.device, threads) as ranks, ranks.locking(args.data_dir):
            launch(args, ranks, number == 0)
            if args.compare and number == 0 and ranks.count == 1:
                measure_original(args, ranks.threads)


if __name__ == "__main__":
    with cli.ending_at_once():
        cli.run(main)
