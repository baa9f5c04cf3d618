"""From one worker to 1,024: measured times of shards, and a simulation of many workers.

    python -m bench.scale --shards docs/scale/shards.json      measure the times of shards
    python -m bench.scale --document docs/scale                simulate, draw, and write the page

A shard is timed from its tokens to its rows of the ledger, every artifact written, on the tiny
model; what counts is how the times vary around their median.
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from semdim.artifacts.shards import write_atomically
from semdim.plots.style import INK, MUTED, atoms_axis, house_style, legend_below, panels, save
from semdim.rates import processor
from semdim.scale.simulate import Cluster, simulate

WORKERS = tuple(2**power for power in range(11))
N_SEEDS = 5
N_SHARDS, SHARD_SECONDS = 12_208, 5.0
"""10⁸ tokens in shards of 64 sequences of 128, and a median time as of a model of 2·10⁹ weights on
an H100."""


@dataclass(frozen=True)
class Case:
    """What befalls the workers."""

    label: str
    cluster: Cluster


SLOW = Cluster(1, straggler_share=0.1, straggler_factor=2.0)
CASES = (
    Case("as measured", Cluster(1)),
    Case("a tenth of the workers twice as slow", SLOW),
    Case("and each fails once in 24 hours", replace(SLOW, hours_between_failures=24.0)),
    Case("and each fails once an hour", replace(SLOW, hours_between_failures=1.0)),
)


def shard_seconds(n_shards: int, n_sequences: int = 64, context: int = 128) -> list[float]:
    """Seconds from tokens to the ledger, shard by shard."""
    import torch

    from bench.own import tokens_to_ledger
    from bench.subjects import load_subject, random_ids
    from semdim.forward.split import SplitModel

    subject = load_subject("tiny-shape", Path(), torch.float32, "cpu", context)
    split = SplitModel(subject.model, subject.hook_name)
    seconds = []
    for _ in range(n_shards + 3):
        ids = random_ids(n_sequences, context, subject.model.cfg.d_vocab)
        ids[:, 0] = subject.bos_token_id
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            tokens_to_ledger(
                subject, split, ids, Path(scratch), batch_sequences=16, shard_sequences=n_sequences
            )
        seconds.append(time.perf_counter() - start)
    return seconds[3:]  # the first ones warm up


def simulated(factors: tuple[float, ...]) -> dict[str, list[dict[str, Any]]]:
    """By case, a row per number of workers: medians over seeds."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in CASES:
        for n_workers in WORKERS:
            cluster = replace(case.cluster, n_workers=n_workers)
            runs = [
                simulate(N_SHARDS, SHARD_SECONDS, factors, cluster, seed) for seed in range(N_SEEDS)
            ]
            medians = {
                name: float(np.median([asdict(run)[name] for run in runs]))
                for name in ("makespan", "efficiency", "n_failures")
            }
            found.setdefault(case.label, []).append({"n_workers": n_workers, **medians})
    return found


def factors_of(shards: dict[str, Any]) -> tuple[float, ...]:
    """Times over their median."""
    seconds = np.array(shards["seconds"])
    return tuple((seconds / np.median(seconds)).tolist())


def page(shards: dict[str, Any], found: dict[str, list[dict[str, Any]]]) -> str:
    """docs/scale/README.md."""
    factors = factors_of(shards)
    low, high = np.quantile(factors, [0.05, 0.95])
    lines = [
        "# From one worker to 1,024",
        "",
        f"Written by `python -m bench.scale --document`. The times of {len(factors)} shards, from "
        "tokens to the ledger of the tiny model, were measured on "
        f"{shards['processor']}: nine in ten lie between {low:.2f} and {high:.2f} of their "
        f"median, the slowest took {max(factors):.2f}. In the simulation a shard takes "
        f"{SHARD_SECONDS:g} s times a factor that is drawn from these; there are {N_SHARDS:,} "
        "shards (10⁸ tokens) in one queue. A worker needs a minute to start. When it fails, the "
        "shard at hand is computed again, and the worker starts anew. Medians of "
        f"{N_SEEDS} runs. Efficiency is the work at the median time over the time that all workers "
        "had.",
        "",
        "![Makespan and efficiency](makespan.png)",
        "",
        "| workers | " + " | ".join(f"{label}: minutes (efficiency)" for label in found) + " |",
        "|---|" + "---|" * len(found),
    ]
    for index, n_workers in enumerate(WORKERS):
        cells = [
            f"{rows[index]['makespan'] / 60:,.1f} ({rows[index]['efficiency']:.2f})"
            for rows in found.values()
        ]
        lines.append(f"| {n_workers:,} | {' | '.join(cells)} |")
    lines += [
        "",
        "What is not simulated: the file system that all workers write to, and the driver that "
        "publishes.",
    ]
    return "\n".join(lines) + "\n"


@house_style
def draw(found: dict[str, list[dict[str, Any]]]) -> Figure:
    """Makespan and efficiency against the number of workers."""
    figure, ((left, right),) = panels(1, 2, legend_rows=3)
    ideal = [N_SHARDS * SHARD_SECONDS / n / 60 for n in WORKERS]
    left.plot(WORKERS, ideal, color=MUTED, linewidth=0.8, label="no start, no waiting")
    for (label, rows), style in zip(found.items(), ("-", "--", "-.", ":"), strict=True):
        minutes = [row["makespan"] / 60 for row in rows]
        left.plot(WORKERS, minutes, style, color=INK, label=label)
        right.plot(WORKERS, [row["efficiency"] for row in rows], style, color=INK)
    for axis in (left, right):
        atoms_axis(axis, WORKERS[::2], "workers")
    left.set_yscale("log")
    left.set_ylabel("makespan, minutes")
    right.set_ylabel("efficiency")
    right.set_ylim(0, 1.05)
    legend_below(figure, *left.get_legend_handles_labels())
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--shards", type=Path, metavar="FILE.json")
    parser.add_argument("--n-shards", type=int, default=60)
    parser.add_argument("--document", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    if given.shards:
        content = {"processor": processor("cpu"), "seconds": shard_seconds(given.n_shards)}
        write_atomically(given.shards, json.dumps(content, indent=2) + "\n")
    if given.document:
        folder: Path = given.document
        shards = json.loads((folder / "shards.json").read_text(encoding="utf-8"))
        found = simulated(factors_of(shards))
        write_atomically(folder / "makespan.json", json.dumps(found, indent=2) + "\n")
        save(draw(found), folder, "makespan")
        write_atomically(folder / "README.md", page(shards, found))


if __name__ == "__main__":
    main()
