"""Ranks: the processes of one launch, what they tell each other, and what DDP and FSDP do to a net.

The same code serves CPU ranks, which talk over gloo, and GPU ranks, which talk over NCCL.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    FSDPModule,
    MixedPrecisionPolicy,
    OffloadPolicy,
    fully_shard,
)
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from common.store import InputError, locked

GROUP_BYTES = 16 << 20  # of a layer that FSDP gathers by itself


@dataclass(frozen=True)
class Ranks:
    """One rank's view of a launch: its number, how many there are, strategy, device, CPU threads a
    rank."""

    rank: int
    count: int
    strategy: str
    device: torch.device
    threads: int

    def shard(self, batch: slice) -> slice:
        """This rank's contiguous part of a slice of rows; sizes differ by at most 1, and may be
        0."""
        size = batch.stop - batch.start
        return slice(
            batch.start + size * self.rank // self.count,
            batch.start + size * (self.rank + 1) // self.count,
        )

    def all_reduce_sum(self, tensor: Tensor) -> Tensor:
        """The tensor, summed over the ranks in place."""
        if self.strategy != "none":
            dist.all_reduce(tensor)
        return tensor

    def all_reduce_max(self, value: float) -> float:
        """The largest of the ranks' numbers."""
        largest = torch.tensor(value, dtype=torch.float64, device=self.device)
        if self.strategy != "none":
            dist.all_reduce(largest, dist.ReduceOp.MAX)
        return largest.item()

    def gather(self, value: Any) -> list:
        """The ranks' values (anything that pickles) on rank 0, an empty list on the others; every
        rank must call this."""
        if self.strategy == "none":
            return [value]
        values = [None] * self.count if self.rank == 0 else None
        dist.gather_object(value, values)
        return values or []

    def synchronize(self) -> None:
        """Wait for the device, so that a clock read next tells of finished work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def barrier(self) -> None:
        """Wait until every rank is here."""
        if self.strategy != "none":
            dist.barrier()

    @contextmanager
    def locking(self, data_dir: Path) -> Iterator[None]:
        """Rank 0 locks the data directory; every rank must call this. InputError on each of them
        when another run has it."""
        with ExitStack() as stack:
            refused = None
            if self.rank == 0:
                try:
                    stack.enter_context(locked(data_dir))
                except (InputError, OSError) as error:
                    refused = error
            if self.all_reduce_max(refused is not None):
                raise refused or InputError(f"rank 0 cannot lock {data_dir}: see what it says")
            yield

    @property
    def shards(self) -> bool:
        """Whether FSDP divides the net among the ranks."""
        return self.strategy.startswith("fsdp")

    def wrap(self, net: nn.Module, parts: list[nn.Module], bf16: bool, offload: bool) -> nn.Module:
        """The net to train with: itself, in DDP, or sharded in place by FSDP2: each large part is
        a group, and so is all the rest: a collective of its own costs a small layer more than it
        saves.

        DDP sends one bucket. Under FSDP `bf16` computes in bfloat16 and reduces gradients in
        float32 (elsewhere autocast does it), and `offload` keeps the shards in the host's memory;
        "fsdp" keeps what a forward pass gathered for the backward one, "fsdp_reshard" frees it
        between them. Activations are kept: a row has some hundred, the net half a million
        parameters.
        """
        net.to(self.device)
        if self.strategy == "ddp":  # gradients would lie in memory twice without the view
            size = sum(parameter.nbytes for parameter in net.parameters())
            return DistributedDataParallel(
                net,
                gradient_as_bucket_view=True,
                static_graph=True,
                bucket_cap_mb=size / 2**20 + 1,
            )
        if self.shards:
            mesh = init_device_mesh(self.device.type, (self.count,))
            dtypes = (torch.bfloat16, torch.float32) if bf16 else ()
            large = [
                part
                for part in parts
                if sum(parameter.nbytes for parameter in part.parameters()) >= GROUP_BYTES
            ]
            for module in (*large, net):
                fully_shard(
                    module,
                    mesh=mesh,
                    reshard_after_forward=self.strategy == "fsdp_reshard",
                    mp_policy=MixedPrecisionPolicy(*dtypes),
                    offload_policy=CPUOffloadPolicy() if offload else OffloadPolicy(),
                )
            for name, parameter in net.named_parameters():
                assert isinstance(parameter, DTensor), f"{name} is not sharded"
                most = -(-len(parameter) // self.count)
                assert len(parameter.to_local()) <= most, f"{name} is not cut into {self.count}"
        return net

    def reshard(self, net: nn.Module) -> None:
        """Let FSDP free what a forward pass without a backward one has gathered."""
        for module in net.modules():
            if isinstance(module, FSDPModule):
                module.reshard()


def local(tensor: Tensor) -> Tensor:
    """This rank's shard of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole_state(net: nn.Module) -> dict[str, np.ndarray]:
    """A copy of the unsharded net's tensors on rank 0; every rank must call this."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(net, options=options)
    return {name: tensor.numpy().copy() for name, tensor in state.items()}
