"""Train NetflixNet, on the metadata and on the text, on one rank or many: CPU or GPU, DDP or FSDP, and measure each.

    python 05_gpu_train.py --data-dir data                                          # after 03_features.py; one rank
    python 05_gpu_train.py --data-dir data --quick                                  # seconds: 3 epochs on at most 10,000 reviews
    torchrun --nproc-per-node 2 05_gpu_train.py --data-dir data --strategy ddp      # whole net on each rank, gradients averaged
    torchrun --nproc-per-node 2 05_gpu_train.py --data-dir data --strategy fsdp     # each rank holds its part of the net
    python 05_gpu_train.py --data-dir data --model text --device cpu --threads 1    # one core: beside it two ranks of one thread
    torchrun --nproc-per-node 2 --max-restarts 3 05_gpu_train.py --data-dir data    # goes on after a rank was killed

100,000 reviews take 10 to 20 seconds a launch on two cores. Every launch sees the same global batches, cut into as many
shares as there are ranks, so that its losses can be compared with those of one rank. Fold 0 of the train split chooses the
epoch that is kept; test and future are only predicted. A launch that was interrupted goes on at its newest checkpoint, on any
number of ranks. Figures go to metrics/05_gpu_train.<launch>.jsonl, and each rank's trace of a few steps, for Perfetto, to
profiles/05_gpu_train/<launch>/, where <launch> is like ddp-2x1-cpu: strategy, ranks x threads, device. The saved models are
the latest launch's; with --repeat N, for scaling studies, a launch only measures, under <launch>.N.
"""

import json
import math
import os

import numpy as np

os.environ.setdefault(
    "TORCH_CPP_LOG_LEVEL", "ERROR"
)  # before torch is there: its profiler warns of memory that is older than a profile

import torch

from common import cli
from common.features.splits import held_out_masks
from common.features.transformer import features_sha256
from common.metrics import Metrics
from common.models.files import write_network
from common.scores import five_star_scores
from common.store import InputError, publishing, read_json
from common.training.batches import Data
from common.training.checkpoints import Checkpoints
from common.training.nets import (
    ADAM,
    FEATURES,
    INPUTS,
    SIZES,
    NetflixNet,
    columns,
    predict,
    to_device,
)
from common.training.ranks import STRATEGIES, ending_at_once, launched, whole_state
from common.training.step_time import collective_seconds, profile_steps, step_seconds
from common.training.trainer import Trainer

SMALLEST_BATCH, LARGEST_BATCH, STEPS_AN_EPOCH, EPOCHS = 2048, 32768, 20, 8
QUICK_BATCH, QUICK_EPOCHS, QUICK_ROWS = 512, 3, 10_000
CHECKPOINT_STEPS = 200
RECORDED_STEPS = 20  # global batches whose losses are kept, for comparing launches
PARTS_OF_A_SHARE = (1, 2, 4, 8)
ORIGINAL_ROWS, GRADIENT_ROWS = 50_000, 16_384


def record(metrics, run, data, predicted, labels):
    """Keep the figures of one model; returns its scores by part of the rows."""
    rows = len(data.fit)
    for epoch, seconds in run.seconds.items():
        for name, value, unit in (
            ("epoch_seconds", seconds, "s"),
            ("samples_per_second", rows / seconds, "rows/s"),
            ("data_share", run.data_seconds[epoch] / seconds, "1"),
        ):
            metrics.add(f"train.{name}", value, unit, repeat=epoch, rows=rows, **labels)
    sizes = np.array([len(batch) for batch in data.batches(labels["global_batch"])])
    for epoch, losses in enumerate(run.losses):
        weights = sizes[data.order(len(sizes), epoch)]
        metrics.add(
            "train.loss",
            np.average(losses, weights=weights),
            "nats",
            repeat=epoch,
            rows=rows,
            **labels,
        )
    for number, loss in enumerate(run.losses.ravel()[:RECORDED_STEPS]):
        metrics.add("train.step_loss", loss, "nats", rows=rows, step=number, **labels)
    metrics.add("train.state_bytes_per_rank", run.state_bytes, "bytes", **labels)
    metrics.add("train.peak_rss_bytes_per_rank", run.rss_bytes, "bytes", **labels)
    masks = held_out_masks(data.rows)
    scores = {
        split: five_star_scores(data.five_star[mask], predicted[mask])
        for split, mask in masks.items()
    }
    for split, found in {"validation": run.validation, **scores}.items():
        judged = masks[split].sum() if split in masks else len(data.validation)
        for name, value in found.items():
            metrics.add(
                f"train.{name}",
                value,
                "nats" if name == "log_loss" else "1",
                rows=judged,
                split=split,
                **labels,
            )
    return scores


def measure_steps(trainer, ranks, metrics, labels):
    """What steps are made of, once the net is trained and its state is kept: profiles {file name: content} of all ranks, on rank 0.
    The ranks also time steps that need no other rank, all at once, on their share of a batch and on parts of it."""

    def step(number):
        trainer.step(*trainer.load(number))
        ranks.synchronize()

    found = ranks.gather(profile_steps(step, len(trainer.batches), ranks.device))
    share = len(trainer.batches[0]) // ranks.count
    sizes = sorted({max(1, share // n) for n in PARTS_OF_A_SHARE})
    for rows, seconds in step_seconds(trainer.lonely_step(), sizes, ranks).items():
        metrics.add("train.step_seconds", seconds, "s", rows=rows, **labels)
    files = {}
    for rank, (summary, trace) in enumerate(found or []):
        for part, share in summary["shares"].items():
            metrics.add("train.step_share", share, "1", rank=rank, part=part, **labels)
        files |= {
            f"{labels['model']}-rank{rank}.json": json.dumps(summary).encode(),
            f"{labels['model']}-rank{rank}.trace.json.gz": trace,
        }
    if found and ranks.count > 1:
        metrics.add(
            "train.communication_share", found[0][0]["shares"]["communication"], "1", **labels
        )
    return files


def train(model, data, ranks, metrics, args, identity):
    """Train, judge and profile one model on all ranks; returns (run, card, whole state, predictions, profiles, checkpoints)."""
    labels = dict(
        model=model,
        strategy=ranks.strategy,
        ranks=ranks.count,
        threads_per_rank=ranks.threads,
        device=ranks.device.type,
        global_batch=args.batch,
        precision=args.precision,
    )
    settings = {
        **identity,
        "net": SIZES[model],
        "adam": ADAM[model],
        "batch": args.batch,
        "epochs": args.epochs,
        "rows": len(data.fit),
        "precision": args.precision,
        "repeat": args.repeat,
    }
    checkpoints = Checkpoints(args.data_dir, model, settings, ranks)
    trainer = Trainer(model, data, ranks, args)
    run = trainer.fit(f"{model} steps", checkpoints, args.checkpoint_steps)
    predicted = np.full(len(data.rows), np.nan)
    predicted[data.rest] = predict(trainer.net, data.features, data.rest, ranks)
    scores = record(metrics, run, data, predicted, labels)
    trained_with = {
        "strategy": ranks.strategy,
        "ranks": ranks.count,
        "device": ranks.device.type,
        "epochs": args.epochs,
        "kept_epoch": run.kept_epoch,
        "global_batch": args.batch,
        "precision": args.precision,
        **ADAM[model],
    }
    card = {
        "name": f"netflixnet_{model}-{FEATURES[model]}",
        "kind": "netflixnet",
        "task": "five_star",
        "features": FEATURES[model],
        "inputs": INPUTS[model],
        "params": trainer.net.sizes,
        "rows": len(data.fit),
        "validation": run.validation,
        **scores,
        **identity,
        "trained_with": trained_with,
    }
    state = whole_state(trainer.net)
    return run, card, state, predicted, measure_steps(trainer, ranks, metrics, labels), checkpoints


def compare(data, metrics, args, ranks):
    """The original study's network and loop, on a slice of the same training rows; judged on test."""
    from common.baselines import models as baselines  # what only this needs

    at, test = np.sort(data.fit[:ORIGINAL_ROWS]), np.flatnonzero(data.rows["split"] == "test")
    columns = baselines.original_columns(args.data_dir, np.concatenate([at, test]))
    seconds, probability = baselines.original_network(
        columns[: len(at)], data.five_star[at], columns[len(at) :], args.seed
    )
    labels = dict(
        model="mlp",
        strategy="original",
        ranks=1,
        threads_per_rank=ranks.threads,
        device="cpu",
        global_batch=64,
        precision="float32",
    )
    for epoch, value in enumerate(seconds):
        metrics.add("train.epoch_seconds", value, "s", repeat=epoch, rows=len(at), **labels)
        metrics.add(
            "train.samples_per_second",
            len(at) / value,
            "rows/s",
            repeat=epoch,
            rows=len(at),
            **labels,
        )
    for name, value in five_star_scores(data.five_star[test], probability).items():
        metrics.add(
            f"train.{name}",
            value,
            "nats" if name == "log_loss" else "1",
            rows=len(test),
            split="test",
            **labels,
        )
    rows = min(len(data.fit), GRADIENT_ROWS)
    for variant, seconds in gradient_seconds(data, rows, ranks).items():
        metrics.add(
            "train.gradient_seconds",
            seconds,
            "s",
            rows=rows,
            model="text",
            variant=variant,
            device="cpu",
        )


def gradient_seconds(data, rows, ranks):
    """{variant: median seconds} of summing the n-gram vectors of so many rows and of their gradient, by torch's EmbeddingBag and by ours."""
    net = NetflixNet(columns("text", data.features), **SIZES["text"])
    _, *ngrams = to_device(net.inputs(data.features, data.fit[:rows]), "cpu")
    plain = torch.nn.EmbeddingBag.from_pretrained(net.bag.weight.detach(), freeze=False, mode="sum")

    def run(bag):
        bag.zero_grad()
        (
            bag(ngrams[0], ngrams[1], per_sample_weights=ngrams[2])
            if bag is plain
            else bag(*ngrams)
        ).sum().backward()

    return {
        name: step_seconds(lambda _: run(bag), [rows], ranks)[rows]
        for name, bag in (("embedding_bag", plain), ("sparse_product", net.bag))
    }


def publish(data_dir, launch, metrics, results, save_models):
    """Write the metrics and the profiles of a launch, and its models: all of them or none."""
    folder, metrics_name = f"profiles/05_gpu_train/{launch}", f"metrics/{metrics.step}.jsonl"
    models = [f"models/{card['name']}" for _, card, *_ in results if save_models]
    with publishing(data_dir, *models, folder, metrics_name) as staging:
        (staging / folder).mkdir(parents=True)
        for _, card, state, predicted, profiles, _ in results:
            if save_models:
                write_network(staging / "models" / card["name"], card, state, predicted)
            for name, content in profiles.items():
                (staging / folder / name).write_bytes(content)
        metrics.write(staging)


def report(data, results):
    """Print what each model reached on test beside the majority class, its seconds an epoch and its bytes a rank."""
    test = data.five_star[(data.rows["split"] == "test").to_numpy()]
    print(
        f"majority class: test accuracy {np.mean(test == (data.five_star[data.fit].mean() > 0.5)):.4f}"
    )
    for run, card, *_ in results:
        seconds = f"{np.median([*run.seconds.values()]):.3f} s an epoch; " if run.seconds else ""
        print(
            f"{card['name']}: test accuracy {card['test']['accuracy']:.4f}, AUC {card['test'].get('auc', np.nan):.4f}; {seconds}"
            f"{run.state_bytes / 1e6:.2f} MB of parameters, gradients and Adam state a rank"
        )


def arguments(argv):
    parser = cli.parser(__doc__, "--seed", "--quick", "--compare")
    parser.add_argument(
        "--model",
        choices=("mlp", "text", "wide", "both"),
        default="both",
        help="which NetflixNet: wide is text with 62.9 million parameters, for measuring memory (default: both mlp and text)",
    )
    parser.add_argument(
        "--strategy",
        choices=STRATEGIES,
        help="how ranks share the work (default: ddp under torchrun, else none)",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="default: a GPU where there is one for each rank",
    )
    parser.add_argument("--epochs", type=cli.positive, metavar="N", help=f"default: {EPOCHS}")
    parser.add_argument(
        "--batch",
        type=cli.positive,
        metavar="ROWS",
        help="rows of a global batch, over all ranks (default: the power of two that gives some "
        f"{STEPS_AN_EPOCH} steps an epoch, {SMALLEST_BATCH} to {LARGEST_BATCH})",
    )
    parser.add_argument(
        "--threads",
        type=cli.positive,
        metavar="N",
        help="CPU threads of each rank (default: its part of the cores)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bf16"),
        default="float32",
        help="bf16: autocast; under FSDP, mixed precision",
    )
    parser.add_argument(
        "--offload", action="store_true", help="FSDP on GPUs: keep the shards in the host's memory"
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the net with torch.compile (needs a C++ compiler on CPUs)",
    )
    parser.add_argument(
        "--checkpoint-steps",
        type=cli.positive,
        metavar="N",
        default=CHECKPOINT_STEPS,
        help=f"default: {CHECKPOINT_STEPS}",
    )
    parser.add_argument(
        "--repeat",
        type=cli.positive,
        metavar="N",
        help="only measure, as repeat N of this launch; no model is saved",
    )
    args = parser.parse_args(argv)
    args.epochs = args.epochs or (QUICK_EPOCHS if args.quick else EPOCHS)
    return args


def batch_size(rows):
    """Rows of a global batch for so many training rows: more rows allow larger batches, whose communication costs less a row."""
    return min(LARGEST_BATCH, max(SMALLEST_BATCH, 2 ** int(math.log2(rows / STEPS_AN_EPOCH))))


def main(argv):
    args = arguments(argv)
    with launched(args.strategy, args.device, args.threads) as ranks, ranks.holding(args.data_dir):
        if args.offload and (ranks.strategy != "fsdp" or ranks.device.type != "cuda"):
            raise InputError(
                f"--offload is for FSDP on GPUs, and this launch is {ranks.strategy} on {ranks.device.type}: leave it out"
            )
        manifest = read_json(args.data_dir, "manifest.json")
        data = Data(args.data_dir, args.seed, QUICK_ROWS if args.quick else None)
        args.batch = args.batch or (QUICK_BATCH if args.quick else batch_size(len(data.fit)))
        launch = f"{ranks.strategy}-{ranks.count}x{ranks.threads}-{ranks.device.type}" + (
            f".{args.repeat}" if args.repeat else ""
        )
        metrics = Metrics(f"05_gpu_train.{launch}", manifest["data"], args.seed, manifest["loaded"])
        identity = {
            "features_sha256": features_sha256(args.data_dir),
            "data": manifest["data"],
            "seed": args.seed,
        }
        models = ("mlp", "text") if args.model == "both" else (args.model,)
        results = [train(model, data, ranks, metrics, args, identity) for model in models]
        if ranks.count > 1:
            for (operation, size), seconds in collective_seconds(ranks).items():
                metrics.add(
                    "train.collective_seconds",
                    seconds,
                    "s",
                    operation=operation,
                    bytes=size,
                    ranks=ranks.count,
                    device=ranks.device.type,
                )
        elif args.compare:
            compare(data, metrics, args, ranks)
        if ranks.rank == 0:
            publish(args.data_dir, launch, metrics, results, save_models=args.repeat is None)
            for *_, checkpoints in results:
                checkpoints.remove()
            report(data, results)


if __name__ == "__main__":
    with ending_at_once():
        cli.run(main)
