"""The command line. Commands import what they need when they run, so that --help is instant."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semdim.commands.bound import bound
from semdim.commands.compare import EPILOG as COMPARE_EPILOG
from semdim.commands.compare import compare
from semdim.commands.monitor import EPILOG, monitor
from semdim.errors import SemdimError

if TYPE_CHECKING:
    from semdim.plan import Step

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What a sparse autoencoder says, and does not say, about a language model's risk. "
    "The pipeline itself runs with `dvc repro`; these commands look at it.",
)
app.command("bound")(bound)
app.command("monitor", epilog=EPILOG)(monitor)
app.command("compare", epilog=COMPARE_EPILOG)(compare)


@app.command()
def plan(
    params: Annotated[
        Path, typer.Option(help="The composed configuration.", dir_okay=False)
    ] = Path("params.yaml"),
) -> None:
    """Say what the pipeline will compute, how large it will be and roughly how long it takes."""
    from rich.console import Console
    from rich.table import Table

    from semdim.paths import Paths
    from semdim.plan import measured_rate, other_way, seconds, steps

    settings = _settings(params)
    todo = list(steps(settings, Paths()))
    open_steps = [step for step in todo if not step.is_there]
    console = Console()
    if not todo:
        console.print(
            "No model is exported yet, so sizes are not known: run `dvc repro prepare_model "
            "prepare_sae` first."
        )
        return
    if not open_steps:
        console.print("Every activation, code and loss is there; `dvc repro` checks them.")
        return
    dtype = settings.engine.compute_dtype
    rate = measured_rate(dtype)
    table = Table(title=f"To compute ({dtype}, {rate:.0f} GFLOP/s measured on this machine)")
    for heading in ("stage", "unit", "tokens", "TFLOP", "on disk", "about"):
        table.add_column(heading, justify="left" if heading in ("stage", "unit") else "right")
    total = 0.0
    for step in open_steps:
        duration = seconds(step, rate, dtype)
        total += duration
        table.add_row(
            step.stage, step.unit, f"{step.n_tokens:,}", f"{step.gflop / 1e3:.1f}",
            f"{step.bytes / 1e6:.0f} MB", f"{duration:.0f} s",
        )  # fmt: skip
    console.print(table)
    size = sum(step.bytes for step in open_steps) / 1e6
    console.print(f"{size:.0f} MB to write; about {total / 60:.0f} minutes, and one for the rest.")
    other = list(steps(other_way(settings), Paths()))
    console.print(
        f"The whole run takes {_size(todo)}; with engine.store_activations="
        f"{str(not settings.engine.store_activations).lower()} it would take {_size(other)} and "
        f"{_gflop(other) / _gflop(todo):.2f} times the arithmetic."
    )


def _size(planned: "list[Step]") -> str:
    size = sum(step.bytes for step in planned)
    return f"{size / 1e9:.1f} GB of disk" if size >= 1e9 else f"{size / 1e6:.0f} MB of disk"


def _gflop(planned: "list[Step]") -> float:
    return sum(step.gflop for step in planned)


@app.command()
def summary(
    results: Annotated[Path, typer.Argument(help="The folder of results.")] = Path("results"),
) -> None:
    """Print the numbers of the last run, and where its report is."""
    import json

    from rich.console import Console

    console = Console(soft_wrap=True)
    found = sorted(results.glob("models/*/bound.json"))
    if not found:
        raise _refusal(f"{results} holds no results; compute them with `make repro`.")
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
            f"{numbers['holdout_betting_total']:.2f} bits (holdout), and the SAE changes the loss "
            f"by ≤ {numbers['faithfulness_sae_total']:.2f} bits (faithfulness)"
        )
    console.print(f"The whole story: {results / 'report.html'}")


def _level(path: Path) -> str:
    import csv

    with (path.parent / "bounds.csv").open(encoding="utf-8") as stream:
        failure_prob = float(next(csv.DictReader(stream))["failure_prob"])
    return f"{1 - failure_prob:.0%}"


def _settings(params: Path) -> Any:
    import yaml

    from semdim.settings import read_settings

    if not params.exists():
        raise _refusal(f"{params} is missing; write it with `make params`.")
    return _guarded(lambda: read_settings(yaml.safe_load(params.read_text(encoding="utf-8"))))


def _guarded(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except SemdimError as error:
        raise _refusal(str(error)) from error


def _refusal(message: str) -> typer.Exit:
    print(f"error: {message}", file=sys.stderr)
    return typer.Exit(1)


if __name__ == "__main__":
    app()
