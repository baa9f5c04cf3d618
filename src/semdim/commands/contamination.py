"""`semdim contamination`: a model's losses on documents that are younger than it, and on others."""

from pathlib import Path
from typing import Annotated

import typer

from semdim.commands.refusal import guarded


def contamination(
    younger: Annotated[
        Path, typer.Argument(help="ledger of documents published after the model was frozen")
    ],
    older: Annotated[Path, typer.Argument(help="ledger of other documents of the same kind")],
    failure_prob: Annotated[float, typer.Option(help="δ in (0, 1)")] = 0.05,
    smoothing: Annotated[float, typer.Option(help="α in (0, 1), of the losses")] = 0.5,
) -> None:
    """Estimate what a model gains on text that it may have seen, with an interval.

    Both are folders that `semdim certify` wrote with --date-column, the second with --older only.
    """
    from semdim.certificate.contamination import contamination as compare
    from semdim.certificate.verify import read_ledger_at

    first = guarded(lambda: read_ledger_at(younger))
    second = guarded(lambda: read_ledger_at(older))
    found = guarded(lambda: compare(first, second, failure_prob=failure_prob, smoothing=smoothing))
    print(found)
