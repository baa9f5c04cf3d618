"""`semdim verify`: a certificate against its ledger, and the ledger against model and SAE.

Starts without torch, and needs neither unless ``--model`` is given.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from semdim.commands.refusal import guarded
from semdim.errors import ConfigError


def verify(
    certificate: Annotated[Path, typer.Argument(help="certificate.json, or its folder")],
    ledger: Annotated[Path, typer.Option(help="the ledger, or the folder that holds it")],
    model: Annotated[
        str | None, typer.Option(help="measure some windows again with this model, as in certify")
    ] = None,
    sae: Annotated[str | None, typer.Option(help="with --model: the SAE, as in certify")] = None,
    share: Annotated[
        float | None,
        typer.Option(help="with --model: the share of windows to measure; default 0.01"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="with --model: seed for choosing windows; default: new ones each time"),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto | cpu | cuda | mps")] = None,
    every: Annotated[bool, typer.Option("--all", help="also list values that are equal")] = False,
) -> None:
    """Recompute every value of a certificate from its ledger, and say what differs.

    With --model and --sae, one window in a hundred of the ledger is measured again, too.

    Exit status: 0 everything is equal, 1 something differs or cannot be read.
    """
    from semdim.certificate.verify import read_certificate, read_ledger_at
    from semdim.certificate.verify import verify as compare

    again: dict[str, Any] = {
        "model": model,
        "sae": sae,
        "share": share,
        "seed": seed,
        "device": device,
    }
    given = {name: value for name, value in again.items() if value is not None}
    guarded(lambda: _check_given(given))
    measured = guarded(lambda: read_ledger_at(ledger))
    findings = guarded(lambda: compare(read_certificate(certificate), measured))
    differing = [finding for finding in findings if not finding.is_equal]
    for finding in findings if every else differing:
        print(finding)
    n_equal = len(findings) - len(differing)
    print(f"{n_equal} of {len(findings)} values equal those in the ledger.")
    is_equal = not differing
    if given:
        from semdim.certificate.remeasure import Again, remeasure

        def tell(line: str) -> None:
            print(line, file=sys.stderr)

        for comparison in guarded(lambda: remeasure(measured, Again(**given), say=tell)):
            is_equal &= comparison.is_equal
            print(comparison)
    if not is_equal:
        raise typer.Exit(1)


def _check_given(given: dict[str, Any]) -> None:
    if given and not {"model", "sae"} <= set(given):
        raise ConfigError(
            f"{', '.join(f'--{name}' for name in given)} alone cannot measure anything again: "
            "give both --model and --sae."
        )
