"""Train NetflixNet, on the metadata and on the text, on one rank or many: CPU or GPU, DDP or FSDP, and measure each.

    python 05_gpu_train.py --data-dir data                                          # after 03_features.py; one rank
    python 05_gpu_train.py --data-dir data --quick                                  # seconds: 3 epochs on at most 10,000 reviews
    torchrun --nproc-per-node 2 05_gpu_train.py --data-dir data --strategy ddp      # whole net on each rank, gradients averaged
    torchrun --nproc-per-node 2 05_gpu_train.py --data-dir data --strategy fsdp     # each rank holds its part of the net
    python 05_gpu_train.py --data-dir data --model text --device cpu --threads 1    # one core: beside it two ranks of one thread

100,000 reviews take 10 to 20 seconds a launch on two cores. Every launch sees the same global batches, cut into as many
shares as there are ranks, so that its losses can be compared with those of one rank. Fold 0 of the train split chooses the
epoch that is kept; test and future are only predicted. Figures go to metrics/05_gpu_train.<launch>.jsonl, and a trace of a
few steps, for Perfetto, to profiles/05_gpu_train/<launch>/, where <launch> is like ddp-2x1-cpu: strategy, ranks x threads, device.
The saved models are the latest launch's.
"""
import json
import os
import time
from collections import namedtuple
from contextlib import nullcontext

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.profiler import ProfilerActivity, profile
from tqdm import tqdm

from common import cli
from common.artifacts import publishing, read_json
from common.features import features_sha256
from common.measure import Metrics, peak_memory
from common.netflixnet import ADAM, FEATURES, INPUTS, SIZES, Data, NetflixNet, predict, save
from common.ranks import STRATEGIES, ending_at_once, launched, local, whole_state
from common.scores import five_star_scores
from common.splits import parts

BATCH, EPOCHS = 2048, 8
QUICK_BATCH, QUICK_EPOCHS, QUICK_ROWS = 512, 3, 10_000
RECORDED_STEPS = 20  # global batches whose losses are kept, for comparing launches
PROFILED_STEPS = 4

# An epoch: the loss of each global batch and their mean a row (nats), its seconds, and those spent on making inputs.
Epoch = namedtuple("Epoch", "losses loss seconds data_seconds")
# What training gave: the epochs, the scores and the number (from 1) of the kept one, and the most bytes that a rank held.
Run = namedtuple("Run", "epochs validation kept_epoch state_bytes rss_bytes")


class Trainer:
    """One model on its way through training: the net as the strategy wraps it, the optimizer, and a step on a global batch."""

    def __init__(self, model, data, ranks, batch, epochs):
        torch.manual_seed(data.seed)  # all ranks begin with the same weights
        self.data, self.ranks, self.size, self.epochs = data, ranks, batch, epochs
        self.net = NetflixNet(data.features.metadata.shape[1], **SIZES[model])
        self.wrapped = ranks.wrap(self.net)
        self.optimizer = torch.optim.Adam(self.net.parameters(), fused=True, **ADAM[model])
        self.steps = epochs * -(-len(data.fit) // batch)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: max(0.0, 1 - step / self.steps))
        self.data_seconds = 0.0

    def backward(self, batch):
        """Gradients of the mean loss over a global batch; returns this rank's addend to that loss, on the device.

        DDP and FSDP take the mean of the ranks' gradients: each rank's sum counts `ranks` times over the global size, so that
        the mean is the one-rank gradient even where shares differ in size.
        """
        start, device = time.perf_counter(), self.ranks.device
        at = batch[self.ranks.share(slice(0, len(batch)))]
        inputs, labels = self.net.inputs(self.data.features, at, device), self.data.labels[at].to(device, non_blocking=True)
        self.data_seconds += time.perf_counter() - start
        self.optimizer.zero_grad()
        loss = binary_cross_entropy_with_logits(self.wrapped(*inputs)[:, 0], labels, reduction="sum") / len(batch)
        (loss * self.ranks.count).backward()
        return loss.detach()

    def step(self, batch):
        loss = self.backward(batch)
        self.optimizer.step()
        return loss

    def epoch(self, number, bar):
        """Train one epoch; the Epoch of all ranks together."""
        self.ranks.synchronize()
        start, self.data_seconds = time.perf_counter(), 0.0
        batches = self.data.batches(self.size, number)
        losses = torch.zeros(len(batches), device=self.ranks.device)  # read at the end: reading one waits for its step
        for i, batch in enumerate(batches):
            losses[i] = self.step(batch)
            self.schedule.step()
            bar.update()
        losses = self.ranks.total(losses).double().cpu().numpy()
        seconds = time.perf_counter() - start
        return Epoch(losses, np.average(losses, weights=[len(batch) for batch in batches]), seconds, self.data_seconds)

    def state_bytes(self):
        """Bytes of parameters, gradients and optimizer state that this rank holds after a step."""
        parameters = list(self.net.parameters())
        state = [value for values in self.optimizer.state.values() for value in values.values()]
        held = [local(tensor) for tensor in [*parameters, *(p.grad for p in parameters), *state]]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def fit(self, title):
        """Train all epochs and keep the weights of the one with the least validation loss; returns the Run."""
        data, epochs, found = self.data, [], []
        self.backward(self.data.batches(self.size, 0)[0])  # warm-up: DDP and FSDP set themselves up; the weights stay
        with peak_memory() as memory, tqdm(total=self.steps, desc=title, delay=2, disable=self.ranks.rank > 0) as bar:
            for number in range(self.epochs):
                epochs.append(self.epoch(number, bar))
                probability = predict(self.net, data.features, data.validation, self.ranks)
                found.append(five_star_scores(data.five_star[data.validation], probability))
                kept = min(range(len(found)), key=lambda i: found[i]["log_loss"])
                if kept == number:
                    best = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        most = self.ranks.largest(self.state_bytes()), self.ranks.largest(memory.bytes)
        self.net.load_state_dict(best)
        return Run(epochs, found[kept], kept + 1, *most)

    def profile(self):
        """(torch profile, None but on rank 0; seconds) of a few steps, to be taken last: they go on from the kept weights."""
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler tells of its starts and stops on stderr
        activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (self.ranks.device.type == "cuda")
        with profile(activities=activities) if self.ranks.rank == 0 else nullcontext() as profiled:
            start = time.perf_counter()
            for batch in self.data.batches(self.size, self.epochs)[:PROFILED_STEPS]:
                self.step(batch)
            self.ranks.synchronize()
            seconds = time.perf_counter() - start
        return profiled, seconds


def communication_share(profiled, seconds):
    """Share of the profiled time in which this rank had a gloo or NCCL operation under way; None if it had none."""
    spans = sorted((e.time_range.start, e.time_range.end) for e in profiled.events() if e.name.startswith(("gloo:", "nccl")))
    busy, until = 0.0, 0.0
    for start, end in spans:  # operations overlap: count each moment once
        busy, until = busy + max(0.0, end - max(start, until)), max(until, end)
    return busy / 1e6 / seconds if spans else None


def top_operators(profiled, count=30):
    """[{operator, calls, self_cpu_ms, total_cpu_ms}], with self_device_ms where a GPU took part, most own time first."""
    table = []
    for e in profiled.key_averages():
        row = {"operator": e.key, "calls": e.count, "self_cpu_ms": e.self_cpu_time_total / 1e3, "total_cpu_ms": e.cpu_time_total / 1e3}
        table.append(row | ({"self_device_ms": e.self_device_time_total / 1e3} if e.self_device_time_total else {}))
    return sorted(table, key=lambda row: -row["self_cpu_ms"] - row.get("self_device_ms", 0))[:count]


def record(metrics, run, data, predicted, labels):
    """Keep the figures of one model; returns its scores by part of the rows."""
    rows = len(data.fit)
    for number, epoch in enumerate(run.epochs):
        for name, value, unit in (("epoch_seconds", epoch.seconds, "s"), ("samples_per_second", rows / epoch.seconds, "rows/s"),
                                  ("loss", epoch.loss, "nats"), ("data_share", epoch.data_seconds / epoch.seconds, "1")):
            metrics.add(f"train.{name}", value, unit, repeat=number, rows=rows, **labels)
    for number, loss in enumerate(np.concatenate([epoch.losses for epoch in run.epochs])[:RECORDED_STEPS]):
        metrics.add("train.step_loss", loss, "nats", rows=rows, step=number, **labels)
    metrics.add("train.state_bytes_per_rank", run.state_bytes, "bytes", **labels)
    metrics.add("train.peak_rss_bytes_per_rank", run.rss_bytes, "bytes", **labels)
    masks = parts(data.rows)
    scores = {split: five_star_scores(data.five_star[mask], predicted[mask]) for split, mask in masks.items()}
    for split, found in {"validation": run.validation, **scores}.items():
        judged = masks[split].sum() if split in masks else len(data.validation)
        for name, value in found.items():
            metrics.add(f"train.{name}", value, "nats" if name == "log_loss" else "1", rows=judged, split=split, **labels)
    return scores


def arguments(argv):
    parser = cli.parser(__doc__, "--seed", "--quick")
    parser.add_argument("--model", choices=("mlp", "text", "both"), default="both", help="which NetflixNet (default: both)")
    parser.add_argument("--strategy", choices=STRATEGIES, help="how ranks share the work (default: ddp under torchrun, else none)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU where there is one for each rank")
    parser.add_argument("--epochs", type=cli.positive, metavar="N", help=f"default: {EPOCHS}")
    parser.add_argument("--batch", type=cli.positive, metavar="ROWS", help=f"rows of a global batch, over all ranks (default: {BATCH})")
    parser.add_argument("--threads", type=cli.positive, metavar="N", help="CPU threads of each rank (default: its part of the cores)")
    args = parser.parse_args(argv)
    args.batch = args.batch or (QUICK_BATCH if args.quick else BATCH)
    args.epochs = args.epochs or (QUICK_EPOCHS if args.quick else EPOCHS)
    return args


def train(model, data, ranks, metrics, args, identity):
    """Train, judge and profile one model on all ranks; returns (run, card, whole state, predictions, profile)."""
    labels = dict(model=model, strategy=ranks.strategy, ranks=ranks.count, threads_per_rank=ranks.threads, device=ranks.device.type,
                  global_batch=args.batch)
    trainer = Trainer(model, data, ranks, args.batch, args.epochs)
    run = trainer.fit(f"{model} steps")
    predicted = np.full(len(data.rows), np.nan)
    predicted[data.rest] = predict(trainer.net, data.features, data.rest, ranks)
    scores = record(metrics, run, data, predicted, labels)
    trained_with = {"strategy": ranks.strategy, "ranks": ranks.count, "device": ranks.device.type, "epochs": args.epochs,
                    "kept_epoch": run.kept_epoch, "global_batch": args.batch, **ADAM[model]}
    card = {"name": f"netflixnet_{model}-{FEATURES[model]}", "kind": "netflixnet", "task": "five_star", "features": FEATURES[model],
            "inputs": INPUTS[model], "params": trainer.net.sizes, "rows": len(data.fit), "validation": run.validation, **scores,
            **identity, "trained_with": trained_with}
    state = whole_state(trainer.net)
    profiled, seconds = trainer.profile()
    share = communication_share(profiled, seconds) if profiled else None
    if share is not None:
        metrics.add("train.communication_share", share, "1", **labels)
    return run, card, state, predicted, profiled


def publish(data_dir, launch, metrics, results):
    """Write the models, the metrics and the last model's profile of a launch: all of them or none."""
    folder, metrics_name = f"profiles/05_gpu_train/{launch}", f"metrics/{metrics.step}.jsonl"
    models = [f"models/{card['name']}" for _, card, *_ in results]
    with publishing(data_dir, *models, folder, metrics_name) as staging:
        for _, card, state, predicted, profiled in results:
            save(staging / "models" / card["name"], card, state, predicted)
        (staging / folder).mkdir(parents=True)
        profiled.export_chrome_trace(str(staging / folder / "trace.json.gz"))
        (staging / folder / "top_operators.json").write_text(json.dumps(top_operators(profiled), indent=1), encoding="utf-8")
        metrics.write(staging)


def report(data, results):
    """Print what each model reached on test beside the majority class, its seconds an epoch and its bytes a rank."""
    test = data.five_star[(data.rows["split"] == "test").to_numpy()]
    print(f"majority class: test accuracy {np.mean(test == (data.five_star[data.fit].mean() > 0.5)):.4f}")
    for run, card, *_ in results:
        seconds = np.median([epoch.seconds for epoch in run.epochs])
        print(f"{card['name']}: test accuracy {card['test']['accuracy']:.4f}, AUC {card['test'].get('auc', np.nan):.4f}; {seconds:.3f} s "
              f"an epoch; {run.state_bytes / 1e6:.2f} MB of parameters, gradients and Adam state a rank")


def main(argv):
    args = arguments(argv)
    with launched(args.strategy, args.device, args.threads) as ranks:
        manifest = read_json(args.data_dir, "manifest.json")
        data = Data(args.data_dir, args.seed, QUICK_ROWS if args.quick else None)
        launch = f"{ranks.strategy}-{ranks.count}x{ranks.threads}-{ranks.device.type}"
        metrics = Metrics(f"05_gpu_train.{launch}", manifest["data"], args.seed, manifest["loaded"])
        identity = {"features_sha256": features_sha256(args.data_dir), "data": manifest["data"], "seed": args.seed}
        models = FEATURES if args.model == "both" else [args.model]
        results = [train(model, data, ranks, metrics, args, identity) for model in models]
    if ranks.rank == 0:
        publish(args.data_dir, launch, metrics, results)
        report(data, results)


if __name__ == "__main__":
    with ending_at_once():
        cli.run(main)
