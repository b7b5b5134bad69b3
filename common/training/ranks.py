"""Ranks: the processes of one launch, the device of each, and what DDP and FSDP do to a net.

`torchrun` starts and numbers the ranks; plain `python` is one rank. The same code serves CPU ranks, which talk over gloo, and
GPU ranks, which talk over NCCL.
"""

import os
import sys
import threading
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from joblib import cpu_count
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    MixedPrecisionPolicy,
    OffloadPolicy,
    fully_shard,
)
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from common.store import InputError, locked

STRATEGIES = ("none", "ddp", "fsdp")
MEETING_SECONDS = 300
GRACE_SECONDS = (
    5  # between rank 0's report of an error and another rank's: torchrun ends that rank meanwhile
)


@dataclass(frozen=True)
class Ranks:
    """One rank's view of a launch: its number, how many there are, strategy, device, CPU threads a rank."""

    rank: int
    count: int
    strategy: str
    device: torch.device
    threads: int

    def share(self, batch):
        """This rank's contiguous part of a slice of rows; sizes differ by at most 1, and may be 0."""
        size = batch.stop - batch.start
        return slice(
            batch.start + size * self.rank // self.count,
            batch.start + size * (self.rank + 1) // self.count,
        )

    def total(self, tensor):
        """The tensor, summed over the ranks in place."""
        if self.strategy != "none":
            dist.all_reduce(tensor)
        return tensor

    def largest(self, value):
        """The largest of the ranks' numbers, as a float; of lists of numbers, place by place, as a list."""
        held = torch.tensor(value, dtype=torch.float64, device=self.device)
        if self.strategy != "none":
            dist.all_reduce(held, dist.ReduceOp.MAX)
        return held.tolist()

    def gather(self, value):
        """The ranks' values (anything that pickles) as a list on rank 0, None on the others; every rank must call this."""
        if self.strategy == "none":
            return [value]
        found = [None] * self.count if self.rank == 0 else None
        dist.gather_object(value, found)
        return found

    def synchronize(self):
        """Wait for the device, so that a clock read next tells of finished work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def barrier(self):
        """Wait until every rank is here."""
        if self.strategy != "none":
            dist.barrier()

    @contextmanager
    def holding(self, data_dir):
        """Rank 0 holds the data directory; every rank must call this. InputError on each of them when another run has it."""
        with ExitStack() as stack:
            refused = None
            if self.rank == 0:
                try:
                    stack.enter_context(locked(data_dir))
                except (InputError, OSError) as error:
                    refused = error
            if self.largest(refused is not None):
                raise refused or InputError(f"rank 0 cannot hold {data_dir}: see what it says")
            yield

    def wrap(self, net, precision="float32", offload=False):
        """The net to train with: itself, in DDP, or sharded in place by FSDP2, each layer and then the root.

        Under FSDP "bf16" computes in bfloat16 and reduces gradients in float32 (elsewhere autocast does it), and `offload` keeps
        the shards in the host's memory. Activations are kept: a row has some hundred, and the net half a million parameters.
        """
        net.to(self.device)
        if self.strategy == "ddp":
            return DistributedDataParallel(
                net, gradient_as_bucket_view=True
            )  # else gradients are held twice
        if self.strategy == "fsdp":
            mesh = init_device_mesh(self.device.type, (self.count,))
            mixed = (
                MixedPrecisionPolicy(torch.bfloat16, torch.float32)
                if precision == "bf16"
                else MixedPrecisionPolicy()
            )
            for module in (*net.children(), net):
                fully_shard(
                    module,
                    mesh=mesh,
                    mp_policy=mixed,
                    offload_policy=CPUOffloadPolicy() if offload else OffloadPolicy(),
                )
            for name, parameter in net.named_parameters():
                assert isinstance(parameter, DTensor), f"{name} is not sharded"
                assert len(parameter.to_local()) <= -(-len(parameter) // self.count), (
                    f"{name} is not cut into {self.count}"
                )
        return net


def local(tensor):
    """The part of a tensor that this rank holds."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole_state(net):
    """{name: tensor} of the unsharded net, copied to the CPU, on rank 0; every rank must call this."""
    state = get_model_state_dict(
        net, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
    )
    return {name: tensor.clone() for name, tensor in state.items()}


def plan(strategy, device, threads):
    """The Ranks of this process, from what torchrun put into the environment; without `strategy`, ddp under torchrun.

    Raises InputError for a launch that cannot work as asked.
    """
    rank, count, here = (
        int(os.environ.get(name, alone))
        for name, alone in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_WORLD_SIZE", 1))
    )
    strategy = strategy or ("ddp" if "RANK" in os.environ else "none")
    if strategy == "none" and count > 1:
        raise InputError(
            f"--strategy none trains on one rank, and there are {count}: choose ddp or fsdp, or run plain `python`"
        )
    gpus = torch.cuda.device_count()
    if device == "cuda" and here > gpus:
        raise InputError(
            f"--device cuda needs a GPU for each rank, and this host has {here} ranks and {gpus} GPUs: choose --device cpu"
        )
    if strategy == "fsdp" and count == 1:
        print(
            "FSDP at one rank: there is nothing to shard; training unsharded, recorded as strategy none",
            flush=True,
        )
        strategy = "none"
    use_gpu = device == "cuda" or (device == "auto" and gpus >= here)
    chosen = (
        torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        if use_gpu
        else torch.device("cpu")
    )
    return Ranks(rank, count, strategy, chosen, threads or max(1, cpu_count() // here))


def own_store(rank, count):
    """torchrun's store under a prefix that only these processes have.

    The store outlives them: after a restart it still holds where the ranks of before could be reached, and the new ones would wait
    for those. So rank 0 collects what each process says of itself until all have agreed to the same list of each other.
    """
    store, *_ = next(dist.rendezvous("env://"))
    me, until = uuid.uuid4().hex, time.monotonic() + MEETING_SECONDS
    store.set(f"member/{rank}", me)
    while time.monotonic() < until:
        if rank == 0:
            store.set(
                "members", ",".join(store.get(f"member/{other}").decode() for other in range(count))
            )
        members = store.get("members").decode()
        if me in members:
            store.set(f"agreed/{rank}/{members}", "yes")
            if rank == 0 and store.check([f"agreed/{other}/{members}" for other in range(count)]):
                store.set(f"complete/{members}", "yes")
            if store.check([f"complete/{members}"]):
                return dist.PrefixStore(members, store)
        time.sleep(0.02)
    raise TimeoutError(f"rank {rank} of {count} waited {MEETING_SECONDS} s for the others")


def end_with_agent():
    """End this process when torchrun's is gone: it would wait for ranks that nobody starts again, and keep the data directory meanwhile."""
    agent = os.getppid()

    def watch():
        while os.getppid() == agent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def launched(strategy, device, threads):
    """Yield this process's Ranks with its threads set and its process group open; both are put back at the end."""
    before, clean = torch.get_num_threads(), False
    try:
        if "RANK" in os.environ:
            end_with_agent()
        ranks = plan(strategy, device, threads)
        torch.set_num_threads(
            ranks.threads
        )  # torchrun sets OMP_NUM_THREADS=1 whatever the host has
        if ranks.device.type == "cuda":
            torch.cuda.set_device(ranks.device)
        if ranks.strategy != "none":
            store = own_store(ranks.rank, ranks.count) if "RANK" in os.environ else dist.HashStore()
            dist.init_process_group(
                "nccl" if ranks.device.type == "cuda" else "gloo",
                store=store,
                rank=ranks.rank,
                world_size=ranks.count,
            )
        yield ranks
        clean = True
    except InputError:
        if int(os.environ.get("RANK", 0)):
            time.sleep(
                GRACE_SECONDS
            )  # rank 0 meets the same error as a rule, and one report is enough
        raise
    except RuntimeError as error:
        if "peer" not in str(error):  # as gloo and NCCL say it
            raise
        print(
            f"rank {os.environ.get('RANK', 0)} lost another rank, or its host: start the launch again, and it goes on at its newest checkpoint",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    finally:
        # After an error NCCL's teardown would wait for the other ranks; this process's end makes torchrun end them.
        if dist.is_initialized() and (clean or dist.get_backend() == "gloo"):
            dist.destroy_process_group()
        torch.set_num_threads(before)


@contextmanager
def ending_at_once():
    """Around a script's main: end a rank that torchrun started as soon as its work has an exit status.

    A thread of torch that lets go of a Python object while the interpreter shuts down aborts the process (about one launch in
    fifteen on a busy machine), and torchrun would then call a finished launch failed.
    """
    try:
        yield
    except SystemExit as end:
        if "RANK" not in os.environ:
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)
