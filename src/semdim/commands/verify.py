"""`semdim verify`: a certificate against its ledger, without model or SAE. Starts without torch."""

from pathlib import Path
from typing import Annotated

import typer

from semdim.commands.refusal import guarded


def verify(
    certificate: Annotated[Path, typer.Argument(help="certificate.json, or its folder")],
    ledger: Annotated[Path, typer.Option(help="the ledger, or the folder that holds it")],
    every: Annotated[bool, typer.Option("--all", help="list what is equal, too")] = False,
) -> None:
    """Recompute every value of a certificate from its ledger, and say what differs.

    Exit status: 0 everything is equal, 1 something differs or cannot be read.
    """
    from semdim.certificate.verify import read_certificate, read_ledger_at
    from semdim.certificate.verify import verify as compare

    findings = guarded(lambda: compare(read_certificate(certificate), read_ledger_at(ledger)))
    differing = [finding for finding in findings if not finding.is_equal]
    for finding in findings if every else differing:
        print(finding)
    n_equal = len(findings) - len(differing)
    print(f"{n_equal} of {len(findings)} values are equal to those of the ledger.")
    if differing:
        raise typer.Exit(1)
