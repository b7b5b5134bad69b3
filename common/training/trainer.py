"""Training a net on the ranks of a launch: steps on the same global batches whatever their
number, epochs, checkpoints."""

import math
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributed.checkpoint.state_dict import (
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from common.profiling import peak_rss, timed
from common.scores import Scores, five_star_scores
from common.training.batches import Data, Shard
from common.training.checkpoints import Checkpoints
from common.training.encoder import Pretrained
from common.training.nets import NETS, build_net, predict, to_device
from common.training.ranks import Ranks, local
from common.training.step_profile import in_data


@dataclass(frozen=True)
class Settings:
    """How a model is trained, whatever the ranks."""

    model: str  # a name in NETS
    batch: int  # rows of a global batch
    epochs: int
    precision: str  # "float32" or "bf16"
    offload: bool  # FSDP on GPUs: keep the shards in the host's memory
    compile: bool


class Batch(NamedTuple):
    """A rank's shard of a global batch, on its device."""

    inputs: list[Tensor]  # what the net's forward takes
    labels: Tensor  # (n, outputs)
    rows: int  # of all ranks


class Run(NamedTuple):
    """What training gave."""

    losses: np.ndarray  # (epochs, batches): the loss of each global batch
    seconds: dict[int, float]  # of the epochs that this launch trained whole
    data_seconds: dict[int, float]  # those of them that were spent waiting for inputs
    validation: Scores  # the scores of the kept epoch
    kept_epoch: int  # from 1
    state_bytes: int  # the most that a rank held of parameters, gradients and optimizer state
    rss_bytes: int  # the peak RSS of a rank


class Trainer:
    """One model on its way through training: the net as the strategy wraps it, the optimizer, and a
    step on a global batch."""

    def __init__(
        self, settings: Settings, data: Data, ranks: Ranks, pretrained: Pretrained | None = None
    ):
        torch.manual_seed(data.seed)  # all ranks begin with the same weights
        self.settings, self.data, self.ranks = settings, data, ranks
        self.design, bf16 = NETS[settings.model], settings.precision == "bf16"
        self.net = build_net(settings.model, data.features, pretrained)
        wrapped = ranks.wrap(self.net, self.net.parts(), bf16, settings.offload)
        self.forward = torch.compile(wrapped, dynamic=True) if settings.compile else wrapped
        self.autocast = torch.autocast(ranks.device.type, torch.bfloat16, bf16 and not ranks.shards)
        adam = self.design.adam
        self.optimizer = torch.optim.Adam(self.net.groups(adam["lr"]), fused=True, **adam)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        lengths = None if self.net.dense else self.net.entries(data.features, data.fit)
        self.batches = data.batches(settings.batch, lengths)
        shards = [batch[ranks.shard(slice(0, len(batch)))] for batch in self.batches]
        self.shard = Shard(self.net, data, shards)
        # Of this rank's rows; they stay on the device until the end.
        self.losses = torch.zeros(settings.epochs * len(self.batches), device=ranks.device)
        self.scores: list[Scores] = []  # of the validation rows, by epoch
        self.steps_done = 0
        self.best = deepcopy(self.net.state_dict())

    def load(self, number: int) -> Batch:
        """This rank's shard of a global batch, on its device."""
        with in_data():
            inputs, labels = self.shard.batch(number)
            *tensors, target = to_device([*inputs, labels], self.ranks.device)
        return Batch(tensors, target, len(self.batches[number]))

    def loaded(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """`load` of each batch in turn; for a GPU a thread makes the next while the device works on
        this one."""
        if self.ranks.device.type != "cuda":
            yield from map(self.load, numbers)
            return
        with ThreadPoolExecutor(1) as pool:
            ahead = None
            for number in chain(numbers, [None]):
                ready, ahead = ahead, None if number is None else pool.submit(self.load, number)
                if ready:
                    yield ready.result()

    def backward(self, batch: Batch) -> Tensor:
        """Gradients of the mean loss over a global batch; returns this rank's addend to that loss,
        on the device.

        DDP and FSDP take the mean of the ranks' gradients: each rank's sum counts `ranks` times
        over the global size, so that the mean is the one-rank gradient even where shards differ in
        size.
        """
        self.optimizer.zero_grad()
        with self.autocast:
            logits = self.forward(*batch.inputs).float()
        loss = binary_cross_entropy_with_logits(logits, batch.labels, reduction="sum")
        loss = loss / (batch.rows * logits.shape[1])
        (loss * self.ranks.count).backward()
        return loss.detach()

    def step(self, batch: Batch) -> Tensor:
        loss = self.backward(batch)
        if self.design.clip < math.inf:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.design.clip)
        self.optimizer.step()
        return loss

    def epoch(
        self, number: int, bar: tqdm, checkpoints: Checkpoints, every: int
    ) -> tuple[float, float]:
        """Train the steps of an epoch that are not done yet; (seconds, those spent waiting for
        inputs), checkpoints left out."""
        first = self.steps_done - number * len(self.batches)
        numbers = self.data.order(len(self.batches), number)[first:]
        self.ranks.synchronize()
        start, waited, left_out, batches = time.perf_counter(), 0.0, 0.0, self.loaded(numbers)
        for _ in numbers:
            with timed() as waiting:
                batch = next(batches)
            waited += waiting.seconds
            for group, rate in zip(self.optimizer.param_groups, self.rates):
                group["lr"] = rate * self.share_of_rate()
            self.losses[self.steps_done] = self.step(batch)
            self.steps_done += 1
            bar.update()
            if self.steps_done % every == 0:
                self.ranks.synchronize()
                with timed() as saving:
                    checkpoints.save(self.steps_done, self.state())
                left_out += saving.seconds
        self.ranks.barrier()
        self.ranks.synchronize()
        return time.perf_counter() - start - left_out, waited

    def share_of_rate(self) -> float:
        """The share of the learning rate in the next step: rising at first, then falling to 0."""
        steps, done = len(self.losses), self.steps_done
        rising = int(self.design.warm_up * steps)
        return (done + 1) / rising if done < rising else (steps - done) / (steps - rising)

    def state(self) -> dict:
        """All that training needs to go on: a checkpoint's content, and what `Checkpoints.load`
        fills."""
        return {
            "net": self.net.state_dict(),
            "optimizer": get_optimizer_state_dict(self.net, self.optimizer),
            "best": self.best,
            "losses": self.ranks.all_reduce_sum(self.losses.clone()),
            "scores": tuple(self.scores),  # a list's length would have to be known to load it
        }

    def resume(self, checkpoints: Checkpoints) -> int:
        """Go on from the newest checkpoint, if there is one; returns the steps done."""
        self.steps_done = checkpoints.newest()
        if self.steps_done:
            # torch makes the optimizer's state, for the checkpoint to fill, without gradients only.
            self.optimizer.zero_grad()
            state = self.state()
            checkpoints.load(self.steps_done, state)
            self.net.load_state_dict(state["net"])
            set_optimizer_state_dict(self.net, self.optimizer, state["optimizer"])
            self.losses = state["losses"] if self.ranks.rank == 0 else torch.zeros_like(self.losses)
            self.scores = list(state["scores"])
        return self.steps_done

    def state_bytes(self) -> int:
        """Bytes of parameters, gradients and optimizer state that this rank holds after a step."""
        tensors = list(self.net.parameters())
        tensors += [parameter.grad for parameter in tensors]
        for values in self.optimizer.state.values():
            tensors += values.values()
        return sum(local(tensor).nbytes for tensor in tensors)

    def kept_epoch(self) -> int:
        """The epoch, from 0, with the least validation loss so far."""
        return min(range(len(self.scores)), key=lambda epoch: self.scores[epoch]["log_loss"])

    def fit(self, checkpoints: Checkpoints, every: int) -> Run:
        """Train all epochs, with a checkpoint every so many steps, and keep the weights of the
        epoch with the least validation loss."""
        data, ranks, seconds, waited = self.data, self.ranks, {}, {}
        title = f"{self.settings.model} steps"
        self.backward(self.load(0))  # warm-up: DDP and FSDP set themselves up; the weights stay
        resumed = self.resume(checkpoints)
        if resumed and ranks.rank == 0:
            print(f"{title} goes on after step {resumed} of {len(self.losses)}", flush=True)
        with tqdm(
            total=len(self.losses), initial=resumed, desc=title, delay=2, disable=ranks.rank > 0
        ) as bar:
            for number in range(len(self.scores), self.settings.epochs):
                whole = number * len(self.batches) >= resumed
                times = self.epoch(number, bar, checkpoints, every)
                if whole:
                    seconds[number], waited[number] = times
                predicted = predict(self.net, data.features, data.validation, ranks)[:, -1]
                self.scores.append(five_star_scores(data.five_star[data.validation], predicted))
                if self.kept_epoch() == number:
                    self.best = deepcopy(self.net.state_dict())
        kept = self.kept_epoch()
        state_bytes = ranks.all_reduce_max(self.state_bytes())
        rss_bytes = ranks.all_reduce_max(peak_rss())
        self.net.load_state_dict(self.best)
        losses = ranks.all_reduce_sum(self.losses).double().cpu().numpy()
        return Run(
            losses.reshape(self.settings.epochs, -1),
            seconds,
            waited,
            self.scores[kept],
            kept + 1,
            int(state_bytes),
            int(rss_bytes),
        )
