"""How long many workers take for many shards, when some are slow and some fail.

A discrete simulation. Shards wait in one queue; a worker that is free takes the next. A shard takes
the median time, times a factor that is drawn from measured ones. Workers fail at random, at the
same rate at any time; the shard at hand is lost and computed again, and the worker is back after a
restart, which loads the model anew as the start did.
"""

import heapq
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cluster:
    """The workers and what befalls them."""

    n_workers: int
    start_seconds: float = 60.0
    """Until a worker has loaded the model, at first and after a failure."""
    hours_between_failures: float = float("inf")
    """Of one worker, on average."""
    straggler_share: float = 0.0
    """Of the workers, those that are slow throughout."""
    straggler_factor: float = 1.0
    """How many times as long a shard takes on one of these."""


@dataclass(frozen=True)
class Outcome:
    """What a simulated run took."""

    makespan: float
    """Seconds from the start to the last shard."""
    efficiency: float
    """Work at the median time, over what all workers had time for."""
    n_failures: int
    """Shards that were lost and computed again."""


def simulate(
    n_shards: int,
    shard_seconds: float,
    factors: tuple[float, ...],
    cluster: Cluster,
    seed: int = 0,
) -> Outcome:
    """Run the queue empty once.

    Args:
        n_shards: at least one.
        shard_seconds: median time of a shard.
        factors: measured times of shards, over their median.
        cluster: the workers.
        seed: of every draw.
    """
    rng = np.random.default_rng(seed)
    n_slow = round(cluster.n_workers * cluster.straggler_share)
    slow = np.ones(cluster.n_workers)
    slow[:n_slow] = cluster.straggler_factor
    mean_life = cluster.hours_between_failures * 3600.0
    fails_at = [_life(rng, mean_life) for _ in range(cluster.n_workers)]
    free = [(cluster.start_seconds, worker) for worker in range(cluster.n_workers)]
    heapq.heapify(free)
    draws, n_left, n_failures, end = np.asarray(factors), n_shards, 0, 0.0
    block: list[float] = []
    while n_left:
        now, worker = heapq.heappop(free)
        if not block:
            block = rng.choice(draws, size=4096).tolist()
        done = now + shard_seconds * block.pop() * float(slow[worker])
        if done > fails_at[worker]:
            back = max(fails_at[worker], now) + cluster.start_seconds
            fails_at[worker] = back + _life(rng, mean_life)
            n_failures += 1
            heapq.heappush(free, (back, worker))
            continue
        n_left -= 1
        end = max(end, done)
        heapq.heappush(free, (done, worker))
    work = n_shards * shard_seconds
    return Outcome(end, work / (cluster.n_workers * end), n_failures)


def _life(rng: np.random.Generator, mean: float) -> float:
    """Seconds until a worker fails."""
    return float(rng.exponential(mean)) if np.isfinite(mean) else float("inf")
