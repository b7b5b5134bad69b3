"""What more workers or ranks bring: laws fitted to measured times, and a cost model of a training step that predicts them.

Amdahl's law (AFIPS 1967): T(n) / T(1) = s + (1 - s) / n, with the serial share s. The Universal Scalability Law (Gunther,
"Guerrilla Capacity Planning", 2007): speed-up C(n) = n / (1 + c (n - 1) + k n (n - 1)), with contention c and coherency k.
"""

import math

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from common.metrics import amdahl_serial_share

MOST_RANKS = 64
NETWORKS = {  # assumptions, not measurements: bytes a second in one direction, seconds before the first byte arrives
    "NVLink 4 (450 GB/s, 10 us)": (450e9, 10e-6),
    "InfiniBand NDR (50 GB/s, 20 us)": (50e9, 20e-6),
    "25 Gbit/s Ethernet (3.1 GB/s, 50 us)": (3.1e9, 50e-6),
}
WORTHWHILE = (
    0.9  # doubling the ranks pays while the step takes at most this share of its time before
)
DRAWS = 200
LAUNCH = [
    "model",
    "strategy",
    "ranks",
    "threads_per_rank",
    "device",
    "precision",
    "global_batch",
]  # labels that tell launches apart


def universal_scalability(seconds):
    """(contention, coherency), neither below 0, of least squares in n / C(n) - 1 = c (n - 1) + k n (n - 1). seconds: {n: T(n)}, with
    n = 1 and at least two more, else NaNs: one point cannot tell the two apart."""
    n, t = (np.array(values, float) for values in zip(*sorted(seconds.items())))
    if n[0] != 1 or len(n) < 3:
        return np.nan, np.nan
    return tuple(
        nnls(np.stack([n - 1, n * (n - 1)], axis=1)[1:], (n * t / t[0] - 1)[1:])[0].tolist()
    )


def laws(runs, seed=0):
    """A row per law fitted: model, strategy, threads_per_rank, global_batch, ranks (those measured), serial_share with its 95% interval (serial_low,
    serial_high), contention, coherency, and best_ranks, where USL's speed-up is largest.

    runs: `epochs` of the metrics. Intervals come from drawing each point's epochs anew, with replacement, 200 times.
    """
    found, rng = [], np.random.default_rng(seed)
    for (model, threads, device, batch), own in runs[runs["precision"] == "float32"].groupby(
        ["model", "threads_per_rank", "device", "global_batch"]
    ):
        base = own[own["ranks"] == 1]
        for strategy, more in own[own["ranks"] > 1].groupby("strategy"):
            points = {1: base["seconds"].to_numpy()} | {
                int(n): part["seconds"].to_numpy() for n, part in more.groupby("ranks")
            }
            if not len(points[1]):
                continue
            shares = [
                amdahl_serial_share(
                    {n: np.median(rng.choice(values, len(values))) for n, values in points.items()}
                )
                for _ in range(DRAWS)
            ]
            middle = {n: float(np.median(values)) for n, values in points.items()}
            contention, coherency = universal_scalability(middle)
            found.append(
                {
                    "model": model,
                    "strategy": strategy,
                    "threads_per_rank": threads,
                    "global_batch": batch,
                    "ranks": ", ".join(map(str, sorted(points))),
                    "serial_share": amdahl_serial_share(middle),
                    "serial_low": np.percentile(shares, 2.5),
                    "serial_high": np.percentile(shares, 97.5),
                    "contention": contention,
                    "coherency": coherency,
                    "best_ranks": math.sqrt((1 - contention) / coherency)
                    if coherency > 0 and contention < 1
                    else np.nan,
                }
            )
    return pd.DataFrame(found)


def speed_ups(runs, model, strategy, threads, batch):
    """Measured speed-up of a strategy's ranks beside one rank, all of one model, threads a rank and global batch: ranks, speed_up
    (of median epochs), low, high (of the fastest and slowest epoch)."""
    own = runs[
        (runs["model"] == model)
        & (runs["threads_per_rank"] == threads)
        & (runs["global_batch"] == batch)
        & (runs["precision"] == "float32")
        & runs["strategy"].isin(["none", strategy])
    ]
    seconds = own.groupby("ranks")["seconds"].agg(["median", "min", "max"])
    one = seconds["median"].get(1, np.nan)
    return pd.DataFrame(
        {
            "ranks": seconds.index.astype(int),
            "speed_up": one / seconds["median"].to_numpy(),
            "low": one / seconds["max"].to_numpy(),
            "high": one / seconds["min"].to_numpy(),
        }
    )


def law_curves(law, ranks):
    """What a row of `laws` says of these numbers of ranks: ranks, law, speed_up, low, high (Amdahl's 95% interval; NaN for the others)."""
    n = np.asarray(ranks, float)

    def amdahl(share):
        return 1 / (share + (1 - share) / n)

    found = {
        "ideal": (n, np.nan, np.nan),
        "Amdahl": (
            amdahl(law["serial_share"]),
            amdahl(max(law["serial_high"], 0)),
            amdahl(max(law["serial_low"], 0)),
        ),
    }
    if not np.isnan(law["contention"]):
        found["Universal Scalability Law"] = (
            n / (1 + law["contention"] * (n - 1) + law["coherency"] * n * (n - 1)),
            np.nan,
            np.nan,
        )
    return pd.concat(
        [
            pd.DataFrame(
                {"ranks": n.astype(int), "law": name, "speed_up": speed, "low": low, "high": high}
            )
            for name, (speed, low, high) in found.items()
        ],
        ignore_index=True,
    )


def epochs(metrics):
    """A row per measured epoch of NetflixNet: the labels of LAUNCH, rows, seconds. A launch's
    first epoch, which touches the features for the first time, is left out where there are more."""
    rows = metrics[(metrics["name"] == "train.epoch_seconds")]
    if not len(rows):
        return pd.DataFrame(columns=[*LAUNCH, "rows", "seconds"])
    table = (
        rows.reindex(columns=[f"label.{name}" for name in LAUNCH])
        .set_axis(LAUNCH, axis=1)
        .assign(rows=rows["rows"], seconds=rows["value"], repeat=rows["repeat"])
    )
    table = table[table["strategy"] != "original"]
    return table[
        (table["repeat"] > 0) | (table.groupby(LAUNCH)["repeat"].transform("max") == 0)
    ].drop(columns="repeat")


def _line(x, y):
    """(a, b), neither below 0, of y = a + b x, by least squares of the relative error."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    return tuple(nnls(np.stack([1 / y, x / y], axis=1), np.ones(len(y)))[0])


class StepCost:
    """Seconds of a training step of one model: what a rank computes for its rows, and what its strategy communicates.

    Compute: a + b rows, fitted to train.step_seconds of as many ranks, which compute at the same time but need nothing of each other:
    they share the machine's memory and caches. A collective: latency + bytes / bandwidth, fitted to train.collective_seconds of as
    many ranks.
    """

    def __init__(self, metrics, model, device, threads=1, ranks=1):
        own = metrics[metrics["label.device"] == device] if "label.device" in metrics else metrics
        steps = own[
            (own["name"] == "train.step_seconds")
            & (own.get("label.model") == model)
            & (own.get("label.threads_per_rank") == threads)
            & (own.get("label.ranks") == ranks)
        ]
        self.fixed, self.per_row = (
            _line(steps["rows"], steps["value"]) if len(steps) > 1 else (np.nan, np.nan)
        )
        state = own[
            (own["name"] == "train.state_bytes_per_rank")
            & (own.get("label.model") == model)
            & own.get("label.strategy").isin(["none", "ddp"])
        ]
        self.bytes = (
            state["value"].median() / 4 if len(state) else np.nan
        )  # parameters, gradients, and two of Adam
        collectives = own[own["name"] == "train.collective_seconds"]
        self.lines = (
            {
                (operation, int(n)): _line(part["label.bytes"], part["value"])
                for (operation, n), part in collectives.groupby(["label.operation", "label.ranks"])
            }
            if len(collectives)
            else {}
        )

    def communication(self, strategy, ranks, network=None):
        """Seconds a step: DDP sums all gradients once; FSDP gathers the parameters for the forward and for the backward pass and
        scatters the gradients, each for three layers. `network`: (bytes a second, latency) in place of what was measured, for rings:
        n - 1 latencies, and (n - 1) / n of the bytes, twice for a sum."""
        if ranks == 1:
            return 0.0
        if network:
            bandwidth, latency = network
            once = (ranks - 1) * latency, (ranks - 1) / ranks / bandwidth
            lines = {
                "all_gather": once,
                "reduce_scatter": once,
                "all_reduce": (2 * once[0], 2 * once[1]),
            }
        else:
            lines = {
                operation: self.lines.get((operation, ranks), (np.nan, np.nan))
                for operation in ("all_reduce", "all_gather", "reduce_scatter")
            }
        if strategy == "ddp":
            return lines["all_reduce"][0] + lines["all_reduce"][1] * self.bytes
        (gather, gather_byte), (scatter, scatter_byte) = (
            lines["all_gather"],
            lines["reduce_scatter"],
        )
        return 3 * (2 * gather + scatter) + (2 * gather_byte + scatter_byte) * self.bytes

    def compute(self, rows):
        return self.fixed + self.per_row * rows


def sharding(metrics):
    """What FSDP saves and costs beside DDP, for the same net on as many ranks: model, ranks, ddp_state and fsdp_state (bytes of parameters,
    gradients and Adam state a rank), share (fsdp / ddp; 1 / ranks is the least), ddp_rss and fsdp_rss (peak bytes a rank), slower (seconds
    of an epoch, fsdp / ddp), and pays: whether what is saved is at least a twentieth of the memory that a rank of DDP takes."""
    figures = metrics[
        metrics["name"].isin(
            ["train.state_bytes_per_rank", "train.peak_rss_bytes_per_rank", "train.epoch_seconds"]
        )
    ]
    figures = (
        figures[
            figures["label.strategy"].isin(["ddp", "fsdp"])
            & (figures["label.precision"] == "float32")
        ]
        if len(figures)
        else figures
    )
    found = []
    for (model, ranks, *_), own in (
        figures.groupby(
            [
                "label.model",
                "label.ranks",
                "label.threads_per_rank",
                "label.device",
                "label.global_batch",
            ]
        )
        if len(figures)
        else ()
    ):
        value = (
            own.groupby(["label.strategy", own["name"].str.removeprefix("train.")])["value"]
            .median()
            .unstack()
        )
        if len(value) == 2:
            ddp, fsdp = value.loc["ddp"], value.loc["fsdp"]
            found.append(
                {
                    "model": model,
                    "ranks": ranks,
                    "ddp_state": ddp["state_bytes_per_rank"],
                    "fsdp_state": fsdp["state_bytes_per_rank"],
                    "share": fsdp["state_bytes_per_rank"] / ddp["state_bytes_per_rank"],
                    "ddp_rss": ddp["peak_rss_bytes_per_rank"],
                    "fsdp_rss": fsdp["peak_rss_bytes_per_rank"],
                    "slower": fsdp["epoch_seconds"] / ddp["epoch_seconds"],
                    "pays": ddp["state_bytes_per_rank"] - fsdp["state_bytes_per_rank"]
                    >= 0.05 * ddp["peak_rss_bytes_per_rank"],
                }
            )
    return pd.DataFrame(found)


def predictions(metrics):
    """Measured steps of several ranks of one thread, beside the cost model: model, strategy, ranks, rows (of a step), measured_ms (median),
    predicted_ms, compute_ms, communication_ms, error (of the prediction; 0.1 is 10% too long)."""
    found = []
    for (model, strategy, ranks, threads, device, precision, batch), own in epochs(metrics).groupby(
        LAUNCH
    ):
        cost = StepCost(metrics, model, device, threads, ranks)
        if ranks > 1 and precision == "float32" and not np.isnan(cost.fixed):
            rows = int(own["rows"].iloc[0])
            batches = math.ceil(rows / batch)
            compute, communication = (
                cost.compute(rows / batches / ranks),
                cost.communication(strategy, int(ranks)),
            )
            measured = own["seconds"].median() / batches
            found.append(
                {
                    "model": model,
                    "strategy": strategy,
                    "ranks": ranks,
                    "rows": batch,
                    "measured_ms": 1e3 * measured,
                    "predicted_ms": 1e3 * (compute + communication),
                    "compute_ms": 1e3 * compute,
                    "communication_ms": 1e3 * communication,
                    "error": (compute + communication) / measured - 1,
                }
            )
    return pd.DataFrame(found)


def beyond(metrics):
    """What DDP would take to train the text net on faster networks, with this CPU's compute: network, ranks (1 to 64), step_ms, speed_up, efficiency, and
    pays: whether doubling the ranks to this number cuts the step to at most 90%."""
    runs = epochs(metrics)
    if not len(runs):
        return pd.DataFrame()
    cost, found, batch = StepCost(metrics, "text", "cpu"), [], runs["global_batch"].median()
    if np.isnan(cost.fixed):
        return pd.DataFrame()
    for name, network in NETWORKS.items():
        before = one = cost.compute(batch)
        for ranks in (2**k for k in range(int(math.log2(MOST_RANKS)) + 1)):
            step = cost.compute(batch / ranks) + cost.communication("ddp", ranks, network)
            found.append(
                {
                    "network": name,
                    "ranks": ranks,
                    "step_ms": 1e3 * step,
                    "speed_up": one / step,
                    "efficiency": one / step / ranks,
                    "pays": ranks == 1 or step <= WORTHWHILE * before,
                }
            )
            before = step
    return pd.DataFrame(found)
