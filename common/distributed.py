"""The Dask client (a local cluster of single-threaded worker processes, or an existing one) and work on it."""
import logging
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Client, LocalCluster, as_completed
from tqdm import tqdm

from common.artifacts import InputError
from common.cli import cores


@contextmanager
def dask_client(workers=None, scheduler=None):
    """Yield a distributed.Client and close what was started.

    `workers` processes (default: one per core) of one thread each: parsing and n-grams hold Python's lock, so threads would
    queue. With `scheduler` ("tcp://host:8786") the work goes to that cluster, which is left running.
    Raises InputError when no scheduler answers there, or when the cluster cannot import this project.
    """
    if scheduler:
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what fails is raised, and is one line there
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, ValueError) as error:
            raise InputError(f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`") from None
        with client:
            try:
                client.run_on_scheduler(exec, "import common.reviews")
                client.run(exec, "import common.reviews")
            except ImportError as error:
                raise InputError(f"the Dask cluster at {scheduler} cannot import this project ({error}): start its scheduler and its "
                                 f"workers with PYTHONPATH={Path(__file__).parent.parent}") from None
            yield client
        return
    # Dask would have workers hand freed memory back at once; with a page fault for each new array, that makes reading CSV 1.3x as long.
    keep_freed_memory = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
    with dask.config.set(keep_freed_memory):
        cluster = LocalCluster(
            n_workers=workers or cores(), threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=logging.CRITICAL)
    with cluster, Client(cluster) as client:
        client.run(exec, "import common.reviews")  # a worker is up when it has loaded what it needs
        yield client


def compute(tasks, title):
    """Results of a list of delayed tasks, in order, on the active scheduler; with a progress bar on a distributed client.

    The bar shows after two seconds. A failing task raises here at once, and the others are cancelled.
    """
    client = getattr(dask.base.get_scheduler(), "__self__", None)
    if not isinstance(client, Client):  # threads, processes or synchronous, as dask.config says
        return list(dask.compute(*tasks))
    futures = client.compute(list(tasks))
    try:
        for future in tqdm(as_completed(futures), total=len(futures), desc=title, delay=2, leave=False):
            if future.status == "error":
                future.result()
        return client.gather(futures)
    finally:
        client.cancel([future for future in futures if not future.done()])
