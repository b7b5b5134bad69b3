"""Training a NetflixNet on the ranks of a launch: steps on the same global batches whatever their number, epochs, checkpoints."""

import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import torch
from torch.distributed.checkpoint.state_dict import (
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from common.profiling import peak_rss
from common.scores import SCORES, five_star_scores
from common.training.batches import Shard
from common.training.nets import ADAM, SIZES, NetflixNet, columns, predict, to_device
from common.training.ranks import local
from common.training.step_time import in_data

SCORE_NAMES = SCORES["five_star"]

# What training gave: the loss of each global batch (epochs, batches); {epoch: seconds} and {epoch: seconds spent waiting for inputs}
# of the epochs that this launch trained whole; the scores of the kept epoch, its number (from 1), and the most bytes that a rank held.
Run = namedtuple("Run", "losses seconds data_seconds validation kept_epoch state_bytes rss_bytes")


class Trainer:
    """One model on its way through training: the net as the strategy wraps it, the optimizer, and a step on a global batch."""

    def __init__(self, model, data, ranks, args):
        torch.manual_seed(data.seed)  # all ranks begin with the same weights
        self.data, self.ranks, self.epochs, self.lr = data, ranks, args.epochs, ADAM[model]["lr"]
        self.net = NetflixNet(columns(model, data.features), **SIZES[model])
        self.wrapped = ranks.wrap(self.net, args.precision, args.offload)
        self.forward = torch.compile(self.wrapped, dynamic=True) if args.compile else self.wrapped
        self.autocast = torch.autocast(
            ranks.device.type, torch.bfloat16, args.precision == "bf16" and ranks.strategy != "fsdp"
        )
        self.optimizer = torch.optim.Adam(self.net.parameters(), fused=True, **ADAM[model])
        self.batches = data.batches(args.batch)
        self.shard = Shard(
            self.net, data, [batch[ranks.share(slice(0, len(batch)))] for batch in self.batches]
        )
        self.losses = torch.zeros(
            self.epochs * len(self.batches), device=ranks.device
        )  # of this rank's rows; read at the end
        self.found, self.done = [], 0  # the validation's scores by epoch; steps done
        self.best = {name: value.detach().clone() for name, value in self.net.state_dict().items()}

    def load(self, number, rows=None):
        """(inputs, labels, rows of all ranks) of this rank's share of a global batch, on its device; of its first `rows` rows alone."""
        with in_data():
            inputs, labels = self.shard.batch(number, rows)
            *inputs, labels = to_device([*inputs, labels], self.ranks.device)
        return inputs, labels, rows or len(self.batches[number])

    def loaded(self, numbers):
        """`load` of each batch in turn; for a GPU a thread makes the next while the device works on this one."""
        if self.ranks.device.type != "cuda":
            yield from map(self.load, numbers)
            return
        with ThreadPoolExecutor(1) as pool:
            ahead = None
            for number in chain(numbers, [None]):
                ready, ahead = ahead, pool.submit(self.load, number) if number is not None else None
                if ready:
                    yield ready.result()

    def backward(self, inputs, labels, rows):
        """Gradients of the mean loss over a global batch of `rows`; returns this rank's addend to that loss, on the device.

        DDP and FSDP take the mean of the ranks' gradients: each rank's sum counts `ranks` times over the global size, so that
        the mean is the one-rank gradient even where shares differ in size.
        """
        self.optimizer.zero_grad()
        with self.autocast:
            logits = self.forward(*inputs)[:, 0]
        loss = binary_cross_entropy_with_logits(logits.float(), labels, reduction="sum") / rows
        (loss * self.ranks.count).backward()
        return loss.detach()

    def step(self, inputs, labels, rows):
        loss = self.backward(inputs, labels, rows)
        self.optimizer.step()
        return loss

    def lonely_step(self):
        """A function of rows that does a step on so many rows of this rank's first batch, with a net of its own: the part of a step
        that needs no other rank."""
        net = NetflixNet(**self.net.sizes).to(self.ranks.device)
        optimizer = torch.optim.Adam(net.parameters(), fused=True, lr=self.lr)

        def step(rows):
            inputs, labels, _ = self.load(0, rows)
            optimizer.zero_grad()
            with self.autocast:
                logits = net(*inputs)[:, 0]
            binary_cross_entropy_with_logits(logits.float(), labels).backward()
            optimizer.step()

        return step

    def epoch(self, number, bar, checkpoints, every):
        """Train the steps of an epoch that are not done yet; (seconds, those spent waiting for inputs), checkpoints left out."""
        numbers = self.data.order(len(self.batches), number)[
            self.done - number * len(self.batches) :
        ]
        self.ranks.synchronize()
        start, waited, left_out, loaded = time.perf_counter(), 0.0, 0.0, self.loaded(numbers)
        for _ in numbers:
            before = time.perf_counter()
            made = next(loaded)
            waited += time.perf_counter() - before
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr * (1 - self.done / len(self.losses))
            self.losses[self.done] = self.step(*made)
            self.done += 1
            bar.update()
            if self.done % every == 0:
                self.ranks.synchronize()
                before = time.perf_counter()
                checkpoints.save(self.done, self.state())
                left_out += time.perf_counter() - before
        self.ranks.barrier()
        self.ranks.synchronize()
        return time.perf_counter() - start - left_out, waited

    def state(self):
        """All that training needs to go on, in tensors: a checkpoint's content, and what `Checkpoints.load` fills."""
        scores = torch.full((self.epochs, len(SCORE_NAMES)), torch.nan, dtype=torch.float64)
        for i, found in enumerate(self.found):
            scores[i] = torch.tensor([found[name] for name in SCORE_NAMES])
        return {
            "net": self.net.state_dict(),
            "optimizer": get_optimizer_state_dict(self.net, self.optimizer),
            "best": self.best,
            "losses": self.ranks.total(self.losses.clone()),
            "scores": scores,
        }

    def resume(self, checkpoints):
        """Go on from the newest checkpoint, if there is one; returns the steps done."""
        self.done = checkpoints.newest()
        if self.done:
            self.optimizer.zero_grad()  # only without gradients does torch make the optimizer's state, for the checkpoint to fill
            state = self.state()
            checkpoints.load(self.done, state)
            self.net.load_state_dict(state["net"])
            set_optimizer_state_dict(self.net, self.optimizer, state["optimizer"])
            self.losses = state["losses"] if self.ranks.rank == 0 else torch.zeros_like(self.losses)
            self.found = [
                dict(zip(SCORE_NAMES, row))
                for row in state["scores"].tolist()
                if not np.isnan(row[0])
            ]
        return self.done

    def state_bytes(self):
        """Bytes of parameters, gradients and optimizer state that this rank holds after a step."""
        parameters = list(self.net.parameters())
        state = [value for values in self.optimizer.state.values() for value in values.values()]
        held = [local(tensor) for tensor in [*parameters, *(p.grad for p in parameters), *state]]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def fit(self, title, checkpoints, every):
        """Train all epochs and keep the weights of the one with the least validation loss; returns the Run."""
        data, seconds, waited = self.data, {}, {}
        self.backward(*self.load(0))  # warm-up: DDP and FSDP set themselves up; the weights stay
        done = self.resume(checkpoints)
        if done and self.ranks.rank == 0:
            print(f"{title} goes on after step {done} of {len(self.losses)}", flush=True)
        with tqdm(
            total=len(self.losses), initial=done, desc=title, delay=2, disable=self.ranks.rank > 0
        ) as bar:
            for number in range(len(self.found), self.epochs):
                seconds[number], waited[number] = self.epoch(number, bar, checkpoints, every)
                probability = predict(self.net, data.features, data.validation, self.ranks)
                self.found.append(five_star_scores(data.five_star[data.validation], probability))
                kept = min(range(len(self.found)), key=lambda i: self.found[i]["log_loss"])
                if kept == number:
                    self.best = {
                        name: value.detach().clone()
                        for name, value in self.net.state_dict().items()
                    }
        kept = min(range(self.epochs), key=lambda i: self.found[i]["log_loss"])
        seconds = {
            number: value for number, value in seconds.items() if number * len(self.batches) >= done
        }  # whole ones
        most = self.ranks.largest(self.state_bytes()), self.ranks.largest(peak_rss())
        self.net.load_state_dict(self.best)
        losses = self.ranks.total(self.losses).double().cpu().numpy().reshape(self.epochs, -1)
        return Run(losses, seconds, waited, self.found[kept], kept + 1, *most)
