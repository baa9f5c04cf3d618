"""`semdim plan`: what the pipeline will compute, how large it is, roughly how long it takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semdim.commands.refusal import guarded, refusal

if TYPE_CHECKING:
    from semdim.plan import Step


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

    settings = read_params(params)
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


def read_params(params: Path) -> Any:
    """The settings of a params.yaml; leaves the command with one sentence when they are wrong."""
    import yaml

    from semdim.registry import load_plugins
    from semdim.settings import read_settings

    if not params.exists():
        raise refusal(f"{params} is missing; write it with `make params`.")
    values = yaml.safe_load(params.read_text(encoding="utf-8"))
    guarded(lambda: load_plugins(values.get("plugins") or ()))
    return guarded(lambda: read_settings(values))
