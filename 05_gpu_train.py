"""Train NetflixNet, on the metadata and on the text, on one rank or many: CPU or GPU, DDP or FSDP, and measure each.

    python 05_gpu_train.py --data-dir data                                          # after 03_features.py; one rank
    python 05_gpu_train.py --data-dir data --quick                                  # seconds: 3 epochs on at most 10,000 reviews
    torchrun --nproc-per-node 2 05_gpu_train.py --data-dir data --strategy ddp      # whole net on each rank, gradients averaged
    torchrun --nproc-per-node 2 05_gpu_train.py --data-dir data --strategy fsdp     # each rank holds its part of the net
    python 05_gpu_train.py --data-dir data --model text --device cpu --threads 1    # one core: beside it two ranks of one thread

100,000 reviews take about 20 seconds a launch on two cores. Every launch sees the same global batches, cut into as many
shares as there are ranks, so that its losses can be compared with those of one rank. Fold 0 of the train split chooses the
epoch that is kept; test and future are only predicted. Figures go to metrics/05_gpu_train.<strategy>-<ranks>.jsonl, and a trace
of a few steps, for Perfetto, to profiles/05_gpu_train/<strategy>-<ranks>/; the saved models are the latest launch's.
"""
import json
import time
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.profiler import ProfilerActivity, profile
from tqdm import tqdm

from common import cli
from common.artifacts import InputError, publishing, read_json
from common.features import features_sha256, load_features
from common.measure import Metrics, peak_memory
from common.models import write_card
from common.netflixnet import SIZES, NetflixNet, predict
from common.ranks import STRATEGIES, launched, local
from common.scores import five_star_scores, parts

FEATURES = {"mlp": "metadata", "text": "all"}
INPUTS = {"mlp": "metadata", "text": "metadata+ngrams"}
ADAM = {"mlp": {"lr": 0.02}, "text": {"lr": 0.01, "weight_decay": 3e-4}}  # chosen on fold 0; the rate falls to 0 over the epochs
BATCH, EPOCHS = 2048, 8
QUICK_BATCH, QUICK_EPOCHS, QUICK_ROWS = 512, 3, 10_000
RECORDED_STEPS = 20  # global batches whose losses are kept, for comparing launches
PROFILED_STEPS = 4


class Data:
    """The features, the labels (n,) float32, and the row numbers to fit on, to validate on and to predict."""

    def __init__(self, data_dir, seed, quick):
        self.rows, self.features = load_features(data_dir)
        self.five_star = (self.rows["rating"] == 5).to_numpy()
        self.labels = torch.from_numpy(self.five_star.astype(np.float32))
        train, fold = (self.rows["split"] == "train").to_numpy(), self.rows["fold"].to_numpy()
        self.fit, self.validation, self.rest = (np.flatnonzero(part) for part in (train & (fold != 0), train & (fold == 0), ~train))
        if quick:
            self.fit = np.random.default_rng(seed).permutation(self.fit)[:QUICK_ROWS]
        for name, at in (("fit", self.fit), ("validation", self.validation)):
            if len(np.unique(self.five_star[at])) < 2:
                raise InputError(f"the {len(at)} {name} rows under {data_dir}/features lack five-star reviews or others: load more reviews")


Epoch = namedtuple("Epoch", "losses loss seconds data_seconds")  # loss of each global batch, mean a row (nats), seconds, of them making inputs


@dataclass
class Run:
    """What training one model gave: its epochs, the scores and number (from 1) of the kept one, and the most that a rank held."""
    epochs: list
    validation: dict
    kept_epoch: int
    state_bytes: float
    rss_bytes: float


class Trainer:
    """One model on its way through training: the net as the strategy wraps it, the optimizer, and a step on a global batch."""

    def __init__(self, model, data, ranks, batch, epochs, seed):
        torch.manual_seed(seed)  # all ranks begin with the same weights
        self.data, self.ranks, self.size, self.epochs, self.seed = data, ranks, batch, epochs, seed
        self.net = NetflixNet(data.features.metadata.shape[1], **SIZES[model])
        self.wrapped = ranks.wrap(self.net)
        self.optimizer = torch.optim.Adam(self.net.parameters(), fused=True, **ADAM[model])
        self.steps = epochs * -(-len(data.fit) // batch)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: max(0.0, 1 - step / self.steps))
        self.data_seconds = 0.0

    def batches(self, epoch):
        """The global batches of an epoch: row numbers, the same for any number of ranks; the last may be small."""
        order = np.random.default_rng((self.seed, epoch)).permutation(self.data.fit)
        return [order[start:start + self.size] for start in range(0, len(order), self.size)]

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
        batches = self.batches(number)
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
        self.backward(self.batches(0)[0])  # warm-up: DDP and FSDP set themselves up; the weights stay
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
        """(torch profile, seconds) of a few steps, to be taken after everything else: they change the weights."""
        activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (self.ranks.device.type == "cuda")
        with profile(activities=activities) as profiled:
            start = time.perf_counter()
            for batch in self.batches(self.epochs)[:PROFILED_STEPS]:
                self.step(batch)
            self.ranks.synchronize()
            seconds = time.perf_counter() - start
        return profiled, seconds


def communication_share(profiled, seconds):
    """Share of the profiled time in which this rank had a gloo or NCCL operation under way; None without one."""
    spans = sorted((e.time_range.start, e.time_range.end) for e in profiled.events() if e.name.startswith(("gloo:", "nccl")))
    busy, until = 0.0, float("-inf")
    for start, end in spans:
        busy, until = busy + max(0.0, end - max(start, until)), max(until, end)
    return busy / 1e6 / seconds if spans else None


def top_operators(profiled, count=30):
    """[{operator, calls, self_cpu_ms, total_cpu_ms}] with self_device_ms where a GPU took part, most own time first."""
    table = []
    for event in profiled.key_averages():
        row = {"operator": event.key, "calls": event.count, "self_cpu_ms": event.self_cpu_time_total / 1000, "total_cpu_ms": event.cpu_time_total / 1000}
        if event.self_device_time_total:
            row["self_device_ms"] = event.self_device_time_total / 1000
        table.append(row)
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
    found = {split: five_star_scores(data.five_star[mask], predicted[mask]) for split, mask in parts(data.rows).items()}
    sizes = {"validation": len(data.validation), **{split: int(mask.sum()) for split, mask in parts(data.rows).items()}}
    for split, scores in {"validation": run.validation, **found}.items():
        for name, value in scores.items():
            metrics.add(f"train.{name}", value, "nats" if name == "log_loss" else "1", rows=sizes[split], split=split, **labels)
    return found


def save(folder, card, state, predicted):
    """Write one model folder: model.safetensors, card.json and predictions.npy."""
    folder.mkdir(parents=True)
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "model.safetensors")
    write_card(folder, card, folder / "model.safetensors")
    np.save(folder / "predictions.npy", predicted.astype(np.float32))


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


def main(argv):
    args = arguments(argv)
    with launched(args.strategy, args.device, args.threads) as ranks:
        manifest = read_json(args.data_dir, "manifest.json")
        data = Data(args.data_dir, args.seed, args.quick)
        launch = f"{ranks.strategy}-{ranks.count}"
        metrics = Metrics(f"05_gpu_train.{launch}", manifest["data"], args.seed, manifest["loaded"])
        identity = {"features_sha256": features_sha256(args.data_dir), "data": manifest["data"], "seed": args.seed}
        models, results = list(FEATURES) if args.model == "both" else [args.model], {}
        for model in models:
            labels = dict(model=model, strategy=ranks.strategy, ranks=ranks.count, threads_per_rank=ranks.threads,
                          device=ranks.device.type, global_batch=args.batch)
            trainer = Trainer(model, data, ranks, args.batch, args.epochs, args.seed)
            run = trainer.fit(f"{model} steps")
            predicted = np.full(len(data.rows), np.nan)
            predicted[data.rest] = predict(trainer.net, data.features, data.rest, ranks)
            scores = record(metrics, run, data, predicted, labels)
            trained_with = {"strategy": ranks.strategy, "ranks": ranks.count, "device": ranks.device.type, "epochs": args.epochs,
                            "kept_epoch": run.kept_epoch, "global_batch": args.batch, **ADAM[model]}
            card = {"name": f"netflixnet_{model}-{FEATURES[model]}", "kind": "netflixnet", "task": "five_star", "features": FEATURES[model],
                    "inputs": INPUTS[model], "params": trainer.net.sizes, "rows": len(data.fit), "validation": run.validation, **scores,
                    **identity, "trained_with": trained_with}
            results[model] = run, card, ranks.whole_state(trainer.net), predicted
        profiled, seconds = trainer.profile()
        share = communication_share(profiled, seconds)
        if share is not None:
            metrics.add("train.communication_share", share, "1", **labels)
        if ranks.rank == 0:
            publish(args.data_dir, launch, metrics, results, profiled)
    if ranks.rank == 0:
        report(data, results)


def publish(data_dir, launch, metrics, results, profiled):
    """Write the models, the metrics and the profile of a launch: all of them or none."""
    names = [f"models/{card['name']}" for _, card, _, _ in results.values()]
    folder = f"profiles/05_gpu_train/{launch}"
    with publishing(data_dir, *names, folder, f"metrics/{metrics.step}.jsonl") as staging:
        for _, card, state, predicted in results.values():
            save(staging / "models" / card["name"], card, state, predicted)
        (staging / folder).mkdir(parents=True)
        profiled.export_chrome_trace(str(staging / folder / "trace.json.gz"))
        (staging / folder / "top_operators.json").write_text(json.dumps(top_operators(profiled), indent=1), encoding="utf-8")
        metrics.write(staging)


def report(data, results):
    """Print what each model reached on test beside the majority class, its seconds an epoch and its bytes a rank."""
    train, test = data.five_star[data.fit], data.five_star[(data.rows["split"] == "test").to_numpy()]
    print(f"majority class: test accuracy {np.mean(test == (train.mean() > 0.5)):.4f}")
    for model, (run, card, _, _) in results.items():
        seconds = np.median([epoch.seconds for epoch in run.epochs])
        print(f"netflixnet_{model}: test accuracy {card['test']['accuracy']:.4f}, AUC {card['test']['auc']:.4f}; "
              f"{seconds:.3f} s an epoch; {run.state_bytes / 2**20:.2f} MiB of parameters, gradients and Adam state a rank")


if __name__ == "__main__":
    cli.run(main)
