"""The Dask client (a local cluster of single-threaded worker processes, or an existing one) and work on it."""

import logging
import pickle
import uuid
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Client, LocalCluster, as_completed
from joblib import cpu_count
from tqdm import tqdm

from common.store import InputError


@contextmanager
def dask_client(workers=None, scheduler=None):
    """Yield a distributed.Client and close what was started.

    `workers` processes (default: one per core) of one thread each: parsing and n-grams hold Python's lock, so threads would
    queue. With `scheduler` ("tcp://host:8786") the work goes to that cluster, which is left running.
    Raises InputError when no scheduler answers there, when it has no workers, or when these cannot import this project.
    """
    if scheduler:
        logging.getLogger("distributed.client").setLevel(
            logging.CRITICAL
        )  # what fails is raised, and is one line there
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`"
            ) from None
        with client:
            try:
                client.wait_for_workers(1, timeout=60)
                client.run_on_scheduler(exec, "import common.loading.loader")
                client.run(exec, "import common.loading.loader")
            except ImportError as error:
                raise InputError(
                    f"the Dask cluster at {scheduler} cannot import this project ({error}): start its scheduler and its "
                    f"workers with PYTHONPATH={Path(__file__).parent.parent}"
                ) from None
            except TimeoutError:
                raise InputError(
                    f"the Dask scheduler at {scheduler} has no workers: start some with `dask worker {scheduler}`"
                ) from None
            yield client
        return
    # Dask would have workers hand freed memory back at once; with a page fault for each new array, that makes reading CSV 1.3x as long.
    keep_freed_memory = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
    with dask.config.set(keep_freed_memory):
        cluster = LocalCluster(
            n_workers=workers or cpu_count(),
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
    with cluster, Client(cluster) as client:
        client.run(
            exec, "import common.loading.loader"
        )  # a worker is up when it has loaded what it needs
        yield client


def threads_of(client):
    """How many tasks a client's cluster runs at once."""
    return sum(client.nthreads().values())


def compute(tasks, title, folder=None):
    """Results of a list of delayed tasks, in order, on the active scheduler; with a progress bar on a distributed client.

    With `folder`, under the data directory, results come as files there: those that grow with the rows would pass the scheduler
    otherwise. The bar shows after two seconds. A failing task raises here at once, and the others are cancelled.
    """
    if folder:
        return [
            _unfile(path)
            for path in compute([dask.delayed(_file)(task, folder) for task in tasks], title)
        ]
    client = getattr(dask.base.get_scheduler(), "__self__", None)
    if not isinstance(client, Client):  # threads, processes or synchronous, as dask.config says
        return list(dask.compute(*tasks))
    futures = client.compute(list(tasks))
    try:
        for future in tqdm(
            as_completed(futures), total=len(futures), desc=title, delay=2, leave=False
        ):
            if future.status == "error":
                future.result()
        return client.gather(futures)
    finally:
        client.cancel([future for future in futures if not future.done()])


def _file(result, folder):
    path = (
        Path(folder) / f"{uuid.uuid4().hex}.result"
    )  # the task of a worker that died is run again, under another name
    path.write_bytes(pickle.dumps(result))
    return path


def _unfile(path):
    content = path.read_bytes()
    path.unlink()
    return pickle.loads(content)
