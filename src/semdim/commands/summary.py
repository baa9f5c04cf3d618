"""`semdim summary`: the numbers of the last run, and where its report is."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from semdim.commands.refusal import refusal


def summary(
    results: Annotated[Path, typer.Argument(help="The folder of results.")] = Path("results"),
) -> None:
    """Print the numbers of the last run, and where its report is.

    The probes are those of the params.yaml beside the results; others that lie there are named.
    """
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True)
    found = {path.parent.name: path for path in sorted(results.glob("probes/*/bound.json"))}
    if not found:
        raise refusal(f"{results} holds no results; compute them with `make repro`.")
    of_run = _probes_of_run(results.absolute().parent / "params.yaml")
    chosen = found if of_run is None else {name: found[name] for name in of_run if name in found}
    for name, path in chosen.items():
        console.print(f"[bold]{escape(name)}[/bold]  {escape(_setup(path))}")
        for line in _numbers(path):
            console.print(f"  {escape(line)}")
    if of_run is not None:
        _tell_the_others(console, of_run, found)
    console.print(f"The whole story: {escape(str(results / 'report.html'))}")


def _tell_the_others(console: Any, of_run: list[str], found: dict[str, Path]) -> None:
    """What this run has no results of yet, and what lies there of earlier ones."""
    if missing := [name for name in of_run if name not in found]:
        console.print(f"Not computed yet: {', '.join(missing)} (`dvc repro`).")
    if others := [name for name in found if name not in of_run]:
        console.print(f"Of earlier runs, not of this one: {', '.join(others)}.")


def _numbers(path: Path) -> list[str]:
    numbers: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    crossing = numbers["as_published_crossing_n_tokens"]
    where = (
        "never"
        if crossing is None
        else f"from N = {crossing:,.0f} tokens on, at the k and the gap of the largest sample"
    )
    return [
        f"the paper's bound (not a certificate): {numbers['as_published_total']:.2f} bits at N = "
        f"{numbers['n_tokens']:,}; below log2 V = {numbers['baseline']:.2f} bits {where}",
        f"certified with probability {_level(path)}: risk ≤ "
        f"{numbers['holdout_betting_total']:.2f} bits (holdout), and the SAE changes the mean "
        f"loss of {_text(path)} by ≤ {numbers['faithfulness_sae_total']:.2f} bits per token on "
        "average (faithfulness)",
    ]


def _probes_of_run(params: Path) -> list[str] | None:
    """The probes that params.yaml names; None where there is none that does."""
    import yaml

    try:
        content = yaml.safe_load(params.read_text(encoding="utf-8"))
        probes = content["grid"]["probe"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
        return None
    return [str(name) for name in probes] if isinstance(probes, list) else None


def _read_setup(path: Path) -> dict[str, Any]:
    setup = path.parent / "setup.json"
    found: dict[str, Any] = json.loads(setup.read_text("utf-8")) if setup.is_file() else {}
    return found


def _setup(path: Path) -> str:
    """The model and where the SAE reads it, where the set-up tells."""
    setup = _read_setup(path)
    if "model" not in setup or "sae" not in setup:
        return ""
    sae = setup["sae"]
    return f"{setup['model']['name']}, {sae['dict_size']:,} atoms at {sae['hook_point']}"


def _text(path: Path) -> str:
    """A text of the sample, with its number of predictions where the set-up tells the context."""
    context = _read_setup(path).get("context")
    return "a text" if context is None else f"a {context - 1}-token text"


def _level(path: Path) -> str:
    import csv

    with (path.parent / "bounds.csv").open(encoding="utf-8") as stream:
        failure_prob = float(next(csv.DictReader(stream))["failure_prob"])
    return f"{1 - failure_prob:.0%}"
