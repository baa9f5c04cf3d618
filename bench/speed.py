"""Everybody's speed, in turns: ratios of runs that followed each other on the same machine."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from bench.back_ends import NAMES as BACK_ENDS
from bench.contenders import Contender, Reading, Settings, Worker
from bench.flops import Shapes, flop_per_token, limit_seconds
from bench.monitor import spread

BASELINE = "plain float32"


def contenders(
    n_plain: int, n_own: int, dtypes: Sequence[str] = ("float32", "bfloat16")
) -> list[Contender]:
    """Who runs, with how many sequences each; the slow ones get few, so that turns are short."""
    return [
        *(Contender("rate", dtype, 0) for dtype in dtypes),
        Contender("plain", "float32", n_plain),
        Contender("saelens", "float32", 2 * n_plain),
        *(Contender(kind, dtype, n_own) for dtype in dtypes for kind in BACK_ENDS),
        *(
            Contender(kind, dtype, n_own)
            for kind in ("unstored", "memory")
            for dtype in dtypes[-1:]
        ),
    ]


def measure(
    field: Sequence[Contender], settings: Settings, n_rounds: int, say: Callable[[str], object]
) -> dict[str, Any]:
    """Everybody runs once untimed, then ``n_rounds`` times in turns, every other round backwards.

    SAELens, which is not ours to mend, is left out with a message where its first run fails.

    Returns what `summarise` makes of it.

    Raises:
        RuntimeError: another contender failed.
    """
    rounds: list[dict[str, Reading]] = []
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(contender, settings)) for contender in field]
        for number in range(-1, n_rounds):
            turn: dict[str, Reading] = {}
            for worker in list(workers if number % 2 else workers[::-1]):
                try:
                    turn[worker.contender.name] = worker.run()
                except RuntimeError as error:
                    if worker.contender.kind != "saelens" or number >= 0:
                        raise
                    say(f"{error}\n{worker.contender.name} is left out")
                    workers.remove(worker)
            shown = ", ".join(
                f"{name} {turn[name].tokens_per_second:.0f}" for name in turn if turn[name].n_tokens
            )
            say(f"{'warm-up' if number < 0 else f'round {number + 1} of {n_rounds}'}: {shown}")
            if number >= 0:
                rounds.append(turn)
    return summarise(rounds, [worker.contender for worker in workers])


def summarise(rounds: Sequence[dict[str, Reading]], field: Sequence[Contender]) -> dict[str, Any]:
    """Minimum, median and maximum over the rounds; a ratio is formed within a round."""
    shapes = next(turn.shapes for turn in rounds[0].values() if turn.shapes is not None)
    result: dict[str, Any] = {
        "flop_per_token": flop_per_token(shapes),
        "n_rounds": len(rounds),
        "contenders": {},
        "gflop_per_second": {},
    }
    for contender in field:
        name = contender.name
        turns = [turn[name] for turn in rounds]
        if contender.kind == "rate":
            rates = [_mean_rate(shapes, turn.facts) for turn in turns]
            result["gflop_per_second"][contender.dtype] = spread([rate / 1e9 for rate in rates])
            continue
        entry: dict[str, Any] = {
            "n_tokens": turns[0].n_tokens,
            "tokens_per_second": spread([turn.tokens_per_second for turn in turns]),
            "ratio_to_plain": spread(
                [turn[name].tokens_per_second / turn[BASELINE].tokens_per_second for turn in rounds]
            ),
        }
        if contender.kind == "transformers" and f"semdim {contender.dtype}" in rounds[0]:
            entry["ratio_to_transformer_lens"] = spread(
                [
                    turn[name].tokens_per_second
                    / turn[f"semdim {contender.dtype}"].tokens_per_second
                    for turn in rounds
                ]
            )
        peaks = [turn.device_peak_bytes for turn in turns if turn.device_peak_bytes is not None]
        if peaks:
            entry["device_peak_bytes"] = max(peaks)
        if len(turns[0].seconds) > 1:
            entry["microseconds_per_token"] = {
                step: spread([1e6 * turn.seconds[step] / turn.n_tokens for turn in turns])
                for step in turns[0].seconds
            }
        if f"rate {contender.dtype}" in rounds[0]:
            entry["fraction_of_limit"] = spread(
                [
                    _limit(shapes, turn, contender.dtype) * turn[name].tokens_per_second
                    for turn in rounds
                ]
            )
        if turns[0].losses and name != BASELINE:
            entry["bits_from_plain"] = {
                proxy: differences(losses, rounds[0][BASELINE].losses[proxy])
                for proxy, losses in turns[0].losses.items()
            }
        result["contenders"][name] = entry
    return result


def differences(ours: np.ndarray, plain: np.ndarray) -> dict[str, float]:
    """How two tables of losses differ on the sequences that both have, bits per token."""
    n_sequences = min(len(ours), len(plain))
    difference = ours[:n_sequences].astype(np.float64) - plain[:n_sequences]
    return {
        "n_tokens": float(difference.size),
        "mean": float(difference.mean()),
        "mean_absolute": float(np.abs(difference).mean()),
        "max_absolute": float(np.abs(difference).max()),
    }


def _limit(shapes: Shapes, turn: dict[str, Reading], dtype: str) -> float:
    float32 = turn.get("rate float32", turn[f"rate {dtype}"]).facts
    return limit_seconds(shapes, turn[f"rate {dtype}"].facts, float32["encoder"])


def _mean_rate(shapes: Shapes, rates: dict[str, float]) -> float:
    return flop_per_token(shapes) / limit_seconds(shapes, rates, rates["encoder"])
