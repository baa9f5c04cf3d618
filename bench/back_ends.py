"""The two back ends against each other: the same steps from tokens to the ledger, in turns."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.contenders import Contender

NAMES = {"semdim": "transformer_lens", "transformers": "transformers"}
"""A contender's kind to ``engine.backend``."""


def contenders(
    n_plain: int, n_own: int, dtypes: Sequence[str] = ("float32", "bfloat16")
) -> list[Contender]:
    """The plain procedure, and semdim on each back end in each dtype."""
    own = [Contender(kind, dtype, n_own) for dtype in dtypes for kind in NAMES]
    return [Contender("plain", "float32", n_plain), *own]


def section(part: dict[str, Any]) -> Iterator[str]:
    """Lines about what `bench.speed.summarise` made of these contenders.

    ``times transformer_lens``: of the rates in the same turn and dtype.
    """
    machine = part["machine"]
    processor = f"{machine['processor']}, " if machine["device_kind"] == "cuda" else ""
    yield (
        f"Back ends on {machine['device']} ({processor}{machine['n_threads']} "
        f"threads; torch {machine['versions']['torch']}, transformers "
        f"{machine['versions']['transformers']}), sequences of {part['context']} tokens, "
        f"{part['batch_sequences']} in a batch, {part['n_rounds']} rounds:"
    )
    yield ""
    yield (
        "| `engine.backend` | tokens/s | times transformer_lens | "
        "largest difference from the plain procedure, bits |"
    )
    yield "|---|---|---|---|"
    for name, entry in _ordered(part["contenders"]).items():
        kind, dtype = name.split(" ", 1)
        ratio = entry.get("ratio_to_transformer_lens")
        gap = entry.get("bits_from_plain")
        cells = [
            f"{NAMES[kind]}, {dtype}",
            _three(entry["tokens_per_second"], 0),
            _three(ratio, 2) if ratio else "1",
            ", ".join(f"`{proxy}` {found['max_absolute']:.1g}" for proxy, found in gap.items())
            if gap
            else "not compared: other random weights",
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _ordered(contenders: dict[str, Any]) -> dict[str, Any]:
    names = [f"{kind} {dtype}" for dtype in ("float32", "bfloat16") for kind in NAMES]
    return {name: contenders[name] for name in names if name in contenders}


def _three(values: dict[str, float], digits: int) -> str:
    return " – ".join(f"{values[name]:,.{digits}f}" for name in ("min", "median", "max"))
