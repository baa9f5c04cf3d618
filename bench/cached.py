"""What one more N and one more k cost, once the losses are in the ledger."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench.monitor import spread
from semdim.bounds.assemble import BoundFacts, assemble_ledger
from semdim.bounds.spec import BoundSpec
from semdim.ledger.table import LOSS_PREFIX, read_table

_FACTS = BoundFacts(vocab_size=49_152, dict_size=9_216)
_EXTRA = 8


def extra_costs(path: Path, n_rounds: int) -> dict[str, Any]:
    """Milliseconds per further N and per further k, in turns with the grids that lack them.

    ``path`` holds a ledger with losses of ``model`` and ``sae``; the columns of other k are copies
    of the latter, since only time is measured. ``point`` is a grid of one N: what a point of a
    sweep costs.
    """
    ledger, _ = read_table(path)
    ks = tuple(range(8, 8 * (_EXTRA + 2), 8))
    for k in ks:
        ledger[f"{LOSS_PREFIX}topk_{k}"] = ledger[f"{LOSS_PREFIX}sae"]
    largest = len(ledger)
    sizes = tuple(largest * (i + 1) // (_EXTRA + 1) for i in range(_EXTRA + 1))
    one = BoundSpec(n_tokens=sizes[-1:], topk_grid=ks[:1], sparsity_bins=0)
    specs = {
        "point": one,
        "more_n": replace(one, n_tokens=sizes),
        "more_k": replace(one, topk_grid=ks),
    }
    times: dict[str, list[float]] = {name: [] for name in specs}
    for number in range(-1, n_rounds):
        for name in specs if number % 2 else reversed(specs):
            seconds = _seconds(ledger, specs[name])
            if number >= 0:
                times[name].append(seconds)
    return {
        "n_tokens": largest,
        "point_milliseconds": spread([1e3 * seconds for seconds in times["point"]]),
        "extra_n_milliseconds": spread(_differences(times["more_n"], times["point"])),
        "extra_k_milliseconds": spread(_differences(times["more_k"], times["point"])),
    }


def _seconds(ledger: pd.DataFrame, spec: BoundSpec) -> float:
    start = time.perf_counter()
    assemble_ledger(ledger, _FACTS, spec)
    return time.perf_counter() - start


def _differences(more: Sequence[float], one: Sequence[float]) -> list[float]:
    return [1e3 * (m - o) / _EXTRA for m, o in zip(more, one, strict=True)]
