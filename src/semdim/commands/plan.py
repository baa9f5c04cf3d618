"""`semdim plan`: what the pipeline will compute, how large it is, roughly how long it takes."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semdim.commands.refusal import guarded, refusal
from semdim.errors import ConfigError

if TYPE_CHECKING:
    from semdim.estimate import Estimate
    from semdim.plan import Step
    from semdim.settings import Settings


def plan(
    params: Annotated[
        Path, typer.Option(help="The composed configuration.", dir_okay=False)
    ] = Path("params.yaml"),
    budget: Annotated[
        float | None,
        typer.Option(
            help="Minutes that the run may take: if it needs more, ask on a terminal, fail "
            "elsewhere.",
            min=0,
        ),
    ] = None,
    tokens: Annotated[
        float | None,
        typer.Option(
            help="Tokens in the sample, such as 1e9: show what a run of this size would cost.",
            min=1,
        ),
    ] = None,
    gpus: Annotated[
        int, typer.Option(help="With --tokens: number of devices that share the work.", min=1)
    ] = 1,
    disk: Annotated[
        float | None,
        typer.Option(
            help="With --tokens: terabytes of disk (default: the free space here).", min=0
        ),
    ] = None,
) -> None:
    """Say what the pipeline will compute, how large it will be and roughly how long it takes.

    Fails where the disk is too small, or the time exceeds --budget and nobody agrees to continue.
    With --tokens it says what the same run costs at another size, on devices that are not here.
    """
    if tokens is not None:
        if budget is not None:
            raise refusal("--budget is for the run as it is configured: leave out --tokens.")
        for name, value in (("--tokens", tokens), ("--disk", disk or 0.0)):
            if not math.isfinite(value):
                raise refusal(f"{name} {value} is no size: give a finite number.")
        return _at_scale(params, int(tokens), gpus, disk)
    if disk is not None or gpus != 1:
        raise refusal("--gpus and --disk are for a run of another size: give --tokens, too.")
    from semdim.extent import in_bytes
    from semdim.forward.dtype import resolved_dtype
    from semdim.forward.emulated import refuse_emulated
    from semdim.paths import Paths
    from semdim.plan import free_bytes, not_exported, other_way, steps

    settings, paths = read_params(params), Paths()
    todo = guarded(lambda: list(steps(settings, paths)))
    open_steps = [step for step in todo if not step.is_there]
    if not todo:
        return print(
            "No model is exported yet, so sizes are not known: run `dvc repro prepare_model "
            "prepare_sae` first."
        )
    if missing := not_exported(settings, paths):
        print(
            f"Not in this plan, because they are not exported yet: {', '.join(missing)}. "
            "`dvc repro prepare_model prepare_sae` exports them."
        )
    if not open_steps:
        return print("Every activation, code and loss is there; `dvc repro` checks them.")
    guarded(lambda: refuse_emulated(settings.engine))
    dtype = resolved_dtype(settings.engine.compute_dtype, settings.engine.device)
    found = _estimates(settings, paths, open_steps, dtype)
    other = list(steps(other_way(settings), paths))
    print(
        f"The whole run takes {_size(todo)}; with engine.store_activations="
        f"{str(not settings.engine.store_activations).lower()} it would take {_size(other)} and "
        f"{_gflop(other) / _gflop(todo):.2f} times the arithmetic."
    )
    minutes, needed = _total(found), sum(step.bytes for step in open_steps)
    print(
        f"Total: about {minutes:.0f} minutes, one of them for everything that runs no model; "
        f"{_size(open_steps)} to write."
    )
    if needed > (free := free_bytes(paths)):
        raise refusal(
            f"The plan writes {in_bytes(needed)}, but {in_bytes(free)} are free in "
            f"{paths.outputs.absolute()}: free some space, or make the run "
            f"smaller with {_smaller(settings)}."
        )
    if budget is not None and minutes > budget:
        _ask(minutes, budget, settings)


def _at_scale(params: Path, n_tokens: int, n_gpus: int, disk: float | None) -> None:
    """The cost of the configured run with another size of its sample."""
    from semdim.paths import Paths
    from semdim.plan import free_bytes
    from semdim.scale.project import project
    from semdim.scale.words import lines

    settings, paths = read_params(params), Paths()
    room = free_bytes(paths) if disk is None else int(disk * 1e12)
    found = guarded(
        lambda: project(settings, paths, n_tokens=n_tokens, n_gpus=n_gpus, disk_bytes=room)
    )
    print("\n".join(lines(found)))


def _estimates(
    settings: "Settings", paths: Any, open_steps: "list[Step]", dtype: str
) -> "list[Estimate]":
    """How long each step takes, told in a table."""
    from rich.table import Table

    from semdim.commands.screen import Screen
    from semdim.estimate import estimates
    from semdim.rates import measured_rate, processor, read_rates

    device = guarded(settings.engine.start)
    name, rate = processor(device, settings.engine.n_threads), measured_rate(dtype, device)
    found = estimates(open_steps, read_rates(paths.rates), dtype, name, rate)
    table = Table(title=f"To compute ({dtype}, {rate:.0f} GFLOP/s measured on {name})")
    for heading in ("stage", "unit", "tokens", "TFLOP", "on disk", "about", ""):
        table.add_column(heading, justify="left" if heading in ("stage", "unit", "") else "right")
    for step, estimate in zip(open_steps, found, strict=True):
        table.add_row(
            step.stage, " · ".join(filter(None, (step.unit, step.proxy))), f"{step.n_tokens:,}",
            f"{step.gflop / 1e3:.1f}", f"{step.bytes / 1e6:.0f} MB", f"{estimate.seconds:.0f} s",
            "measured on the last run" if estimate.is_measured else "estimated",
        )  # fmt: skip
    Screen().print(table)
    return found


def _total(found: "list[Estimate]") -> float:
    """Minutes, with one for all that runs no model."""
    from semdim.estimate import THE_REST

    return (sum(estimate.seconds for estimate in found) + THE_REST) / 60


def _ask(minutes: float, budget: float, settings: "Settings") -> None:
    """Continue only if the person at the terminal says so."""
    over = f"about {minutes:.0f} minutes exceed --budget {budget:g}"
    smaller = f"make it smaller with {_smaller(settings)}"
    if not on_a_terminal():
        raise refusal(f"The run's {over}: {smaller}, or raise --budget.")
    try:
        agreed = typer.confirm(f"The run's {over}; continue?")
    except typer.Abort:
        agreed = False
        print()  # the question's line is still open
    if not agreed:
        raise refusal(f"Stopped, because nobody agreed to continue: {smaller}.")


def on_a_terminal() -> bool:
    """Whether somebody can be asked."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _smaller(settings: "Settings") -> str:
    """The settings by which a run of this kind needs less time and disk."""
    from semdim.forward.dtype import resolved_dtype

    grid, sample = settings.grid, settings.grid.sample
    ways = [f"corpora.{sample}.n_tokens (and bound.n_tokens with it)"]
    ways += [f"corpora.{name}.n_tokens" for name in grid.corpus if name != sample]
    ways += ["grid.sweep (and bound.topk_grid with it)"] if grid.sweep else []
    ways += ["grid.ablation=[]"] if grid.ablation else []
    engine = settings.engine
    if engine.compute_dtype == "float32" and resolved_dtype("auto", engine.device) == "bfloat16":
        ways.append("engine.compute_dtype=bfloat16")
    return ", ".join(ways)


def _size(planned: "list[Step]") -> str:
    from semdim.extent import in_bytes

    return f"{in_bytes(sum(step.bytes for step in planned))} of disk"


def _gflop(planned: "list[Step]") -> float:
    return sum(step.gflop for step in planned)


def read_params(params: Path) -> Any:
    """The settings of a params.yaml; leaves the command with one sentence when they are wrong."""
    from semdim.reading import read_yaml
    from semdim.registry import load_plugins
    from semdim.settings import read_settings

    if not params.exists():
        raise refusal(f"{params} is missing; write it with `make params`.")
    values = guarded(
        lambda: read_yaml(params, advice="write it again with `make params`", kind=ConfigError)
    )
    guarded(lambda: load_plugins(values.get("plugins") or ()))
    return guarded(lambda: read_settings(values))
