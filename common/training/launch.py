"""A launch: how a process becomes one of its ranks, and how it ends.

`torchrun` starts and numbers the ranks; plain `python` is one rank.
"""

import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from joblib import cpu_count

from common.store import InputError
from common.training.ranks import Ranks

MEETING_SECONDS = 300
# Between rank 0's report of an error and another rank's: torchrun ends that rank meanwhile.
GRACE_SECONDS = 5


def plan(strategy: str | None, device: str, threads: int | None) -> Ranks:
    """The Ranks of this process, from what torchrun put into the environment; without `strategy`,
    ddp under torchrun.

    Raises InputError for a launch that cannot work as asked.
    """
    environment = os.environ
    rank, count = int(environment.get("RANK", 0)), int(environment.get("WORLD_SIZE", 1))
    here = int(environment.get("LOCAL_WORLD_SIZE", 1))
    strategy = strategy or ("ddp" if "RANK" in environment else "none")
    if strategy == "none" and count > 1:
        raise InputError(
            f"--strategy none trains on one rank, and there are {count}: choose ddp or fsdp, or "
            "run plain `python`"
        )
    gpus = torch.cuda.device_count()
    if device == "cuda" and here > gpus:
        raise InputError(
            f"--device cuda needs a GPU for each rank, and this host has {here} ranks and {gpus} "
            "GPUs: choose --device cpu"
        )
    if strategy.startswith("fsdp") and count == 1:
        print(
            "FSDP at one rank: there is nothing to shard; training unsharded, recorded as strategy "
            "none",
            flush=True,
        )
        strategy = "none"
    chosen = torch.device("cpu")
    if device == "cuda" or (device == "auto" and gpus >= here):
        chosen = torch.device("cuda", int(environment.get("LOCAL_RANK", 0)))
    return Ranks(rank, count, strategy, chosen, threads or max(1, cpu_count() // here))


def fresh_store(rank: int, count: int) -> dist.Store:
    """torchrun's store under a prefix that only these processes have.

    The store outlives them: after a restart it still holds where the ranks of before could be
    reached, and the new ones would wait for those. So rank 0 collects what each process says of
    itself until all have agreed to the same list of each other.
    """
    store, *_ = next(dist.rendezvous("env://"))
    me, until = uuid.uuid4().hex, time.monotonic() + MEETING_SECONDS
    store.set(f"member/{rank}", me)
    while time.monotonic() < until:
        if rank == 0:
            everyone = [store.get(f"member/{other}").decode() for other in range(count)]
            store.set("members", ",".join(everyone))
        members = store.get("members").decode()
        if me in members:
            store.set(f"agreed/{rank}/{members}", "yes")
            if rank == 0 and store.check([f"agreed/{other}/{members}" for other in range(count)]):
                store.set(f"complete/{members}", "yes")
            if store.check([f"complete/{members}"]):
                return dist.PrefixStore(members, store)
        time.sleep(0.02)
    raise TimeoutError(f"rank {rank} of {count} waited {MEETING_SECONDS} s for the others")


def end_with_agent() -> None:
    """End this process when torchrun's is gone: it would wait for ranks that nobody starts again,
    and keep the data directory locked meanwhile."""
    agent = os.getppid()

    def watch() -> None:
        while os.getppid() == agent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def launched(strategy: str | None, device: str, threads: int | None) -> Iterator[Ranks]:
    """Yield this process's Ranks with its threads set and its process group open; both are put back
    at the end."""
    threads_before, clean = torch.get_num_threads(), False
    under_torchrun = "RANK" in os.environ
    try:
        if under_torchrun:
            end_with_agent()
        ranks = plan(strategy, device, threads)
        # torchrun sets OMP_NUM_THREADS=1 whatever the host has.
        torch.set_num_threads(ranks.threads)
        if ranks.device.type == "cuda":
            torch.cuda.set_device(ranks.device)
            torch.backends.cuda.enable_cudnn_sdp(False)  # it plans anew for every length of texts
        if ranks.strategy != "none":
            dist.init_process_group(
                "nccl" if ranks.device.type == "cuda" else "gloo",
                store=fresh_store(ranks.rank, ranks.count) if under_torchrun else dist.HashStore(),
                rank=ranks.rank,
                world_size=ranks.count,
            )
        yield ranks
        clean = True
    except InputError:
        if int(os.environ.get("RANK", 0)):
            time.sleep(GRACE_SECONDS)  # rank 0 meets the same error as a rule: one report is enough
        raise
    except RuntimeError as error:
        if "peer" not in str(error):  # as gloo and NCCL say it
            raise
        print(
            f"rank {os.environ.get('RANK', 0)} lost another rank, or its host: start the launch "
            "again, and it goes on at its newest checkpoint",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    finally:
        # After an error NCCL's teardown would wait for the other ranks; this process's end makes
        # torchrun end them.
        if dist.is_initialized() and (clean or dist.get_backend() == "gloo"):
            dist.destroy_process_group()
        torch.set_num_threads(threads_before)
