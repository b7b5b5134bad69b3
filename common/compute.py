"""The Dask client, of a local cluster or an existing one, and work on it.

Dask is imported where it is used: ranks of 05 and most pages have nothing for it to do.
"""

from __future__ import annotations

import logging
import pickle
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblib import cpu_count
from tqdm import tqdm

from common.store import InputError

if TYPE_CHECKING:
    from distributed import Client

# Run by each worker before work begins: it says whether a worker can import this project, and keeps
# what loading imports out of the times of the first tasks.
WARM_UP = "import common.loading.loader"


def dask_client(
    workers: int | None = None, scheduler: str | None = None
) -> AbstractContextManager[Client]:
    """A client to be entered, whose exit closes what was started.

    `workers` processes (default: one per core) of one thread each: parsing and n-grams hold
    Python's lock, so threads would queue. With `scheduler` ("tcp://host:8786") the work goes to
    that cluster, which is left running. Raises InputError when no scheduler answers there, when it
    has no workers, or when these cannot import this project.
    """
    return _connected(scheduler) if scheduler else _local(workers)


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    from distributed import Client

    # What fails is raised here, and is one line: no log.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=60)
            client.run_on_scheduler(exec, WARM_UP)
            client.run(exec, WARM_UP)
        except ImportError as error:
            raise InputError(
                f"the Dask cluster at {scheduler} cannot import this project ({error}): start its "
                f"scheduler and its workers with PYTHONPATH={Path(__file__).parent.parent}"
            ) from None
        except TimeoutError:
            raise InputError(
                f"the Dask scheduler at {scheduler} has no workers: start some with "
                f"`dask worker {scheduler}`"
            ) from None
        yield client


@contextmanager
def _local(workers: int | None) -> Iterator[Client]:
    import dask
    from distributed import Client, LocalCluster
    from distributed.gc import disable_gc_diagnosis

    # Dask would have workers hand freed memory back at once; with a page fault for each new array,
    # that makes reading CSV 1.3x as long.
    keep_freed_memory = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
    with dask.config.set(keep_freed_memory):
        cluster = LocalCluster(
            n_workers=workers or cpu_count(),
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
    disable_gc_diagnosis(force=True)  # a Ctrl-C within its callback would be lost
    with cluster, Client(cluster) as client:
        client.run(exec, WARM_UP)
        yield client


def threads_of(client: Client) -> int:
    """How many tasks a client's cluster runs at once."""
    return sum(client.nthreads().values())


def active_client() -> Client | None:
    """The distributed client that Dask uses now; None on threads, processes or synchronously."""
    import dask
    from distributed import Client

    client = getattr(dask.base.get_scheduler(), "__self__", None)
    return client if isinstance(client, Client) else None


def compute(tasks: Sequence[Any], title: str) -> list[Any]:
    """Results of delayed tasks, in order, on the active scheduler.

    On a distributed client a progress bar shows after two seconds; a failing task raises at once,
    and the others are cancelled.
    """
    import dask
    from distributed import as_completed

    client = active_client()
    if client is None:
        return list(dask.compute(*tasks))
    futures = client.compute(list(tasks))
    try:
        done = as_completed(futures)
        for future in tqdm(done, total=len(futures), desc=title, delay=2, leave=False):
            if future.status == "error":
                future.result()
        return client.gather(futures)
    finally:
        client.cancel([future for future in futures if not future.done()])


def compute_each(
    title: str, function: Callable, items: Iterable[Any], folder: Path, *args: Any
) -> Iterator[Any]:
    """Results of function(item, *args) of each item, in order; nothing runs before the first.

    They come as files in `folder`, under the data directory, and are read one at a time: those that
    grow with the rows would pass the scheduler otherwise, and fill the memory.
    """
    import dask

    tasks = [dask.delayed(_to_file)(folder, function, item, *args) for item in items]
    for path in compute(tasks, title):
        yield pickle.loads(path.read_bytes())
        path.unlink()


def _to_file(folder: Path, function: Callable, *args: Any) -> Path:
    # A name of its own for each try: the task of a worker that died is run again.
    path = folder / f"{uuid.uuid4().hex}.result"
    path.write_bytes(pickle.dumps(function(*args)))
    return path
