"""The run-time monitor: k of every token of a text, or of a continuation as it is generated.

    with SparsityMonitor.load(model="smollm2-135m") as monitor:
        reading = monitor.score("Some text.")
        for token in monitor.generate("Once upon a time", n_tokens=50):
            print(token.text, token.n_active, token.flagged)

A risk_thresholds.json in place of the guardrail says which tokens are let through, and with which
certified risk. `watch` puts the same in front of a plain Hugging Face `generate`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semdim.monitor.huggingface import watch
    from semdim.monitor.live import Stream
    from semdim.monitor.monitor import SparsityMonitor
    from semdim.monitor.reading import Reading, SequenceReading, Token
    from semdim.monitor.selection import Selection, read_selection
    from semdim.monitor.threshold import Threshold, read_threshold
    from semdim.monitor.verdict_words import as_dict

_HOMES = {
    "SparsityMonitor": "monitor",
    "Stream": "live",
    "Reading": "reading",
    "SequenceReading": "reading",
    "Token": "reading",
    "Selection": "selection",
    "read_selection": "selection",
    "Threshold": "threshold",
    "read_threshold": "threshold",
    "as_dict": "verdict_words",
    "watch": "huggingface",
}

__all__ = [
    "Reading",
    "Selection",
    "SequenceReading",
    "SparsityMonitor",
    "Stream",
    "Threshold",
    "Token",
    "as_dict",
    "read_selection",
    "read_threshold",
    "watch",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that `semdim --help` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
