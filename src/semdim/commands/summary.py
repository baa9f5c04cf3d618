"""`semdim summary`: the numbers of the last run, and where its report is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from semdim.commands.refusal import refusal


def summary(
    results: Annotated[Path, typer.Argument(help="The folder of results.")] = Path("results"),
) -> None:
    """Print the numbers of the last run, and where its report is."""
    import json

    from rich.console import Console

    console = Console(soft_wrap=True)
    found = sorted(results.glob("probes/*/bound.json"))
    if not found:
        raise refusal(f"{results} holds no results; compute them with `make repro`.")
    for path in found:
        numbers: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        crossing = numbers["as_published_crossing_n_tokens"]
        where = (
            "never"
            if crossing is None
            else f"from N = {crossing:,.0f} tokens on, at the k and the gap of the largest sample"
        )
        console.print(f"[bold]{path.parent.name}[/bold]  log2 V = {numbers['baseline']:.2f} bits")
        console.print(
            f"  the paper's bound (not a certificate): {numbers['as_published_total']:.2f} bits at "
            f"N = {numbers['n_tokens']:,}; below log2 V {where}"
        )
        console.print(
            f"  certified with probability {_level(path)}: risk ≤ "
            f"{numbers['holdout_betting_total']:.2f} bits (holdout), and the SAE changes the mean "
            f"loss of {_text(path)} by ≤ {numbers['faithfulness_sae_total']:.2f} bits per token on "
            "average (faithfulness)"
        )
    console.print(f"The whole story: {results / 'report.html'}")


def _text(path: Path) -> str:
    """A text of the sample, with its number of predictions where the set-up tells the context."""
    import json

    setup = path.parent / "setup.json"
    context = json.loads(setup.read_text("utf-8")).get("context") if setup.is_file() else None
    return "a text" if context is None else f"a {context - 1}-token text"


def _level(path: Path) -> str:
    import csv

    with (path.parent / "bounds.csv").open(encoding="utf-8") as stream:
        failure_prob = float(next(csv.DictReader(stream))["failure_prob"])
    return f"{1 - failure_prob:.0%}"
