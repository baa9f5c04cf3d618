"""`semdim bound`: the bounds as a calculator that needs no model, or a computed one explained.

Starts without torch, pandas or scipy.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from semdim.bounds.calculator import Line, Question, quantities
from semdim.bounds.family import kinds
from semdim.bounds.words import LABELS
from semdim.commands.explain import explain
from semdim.commands.given import Asked
from semdim.commands.given import losses as of_one
from semdim.commands.given import paired as of_two
from semdim.commands.screen import Screen
from semdim.errors import ConfigError

REQUIRED = ("vocab_size", "smoothing", "n_active", "dict_size", "n_tokens", "failure_prob")


def bound(
    vocab_size: Annotated[
        int | None, typer.Option(help="V, number of tokens in the vocabulary")
    ] = None,
    smoothing: Annotated[float | None, typer.Option(help="α in (0, 1)")] = None,
    n_active: Annotated[float | None, typer.Option(help="k, active atoms per token")] = None,
    dict_size: Annotated[
        int | None, typer.Option(help="m, number of atoms in the dictionary")
    ] = None,
    n_tokens: Annotated[
        int | None,
        typer.Option(help="N, number of tokens in the sample; with --from: the row to explain"),
    ] = None,
    failure_prob: Annotated[float | None, typer.Option(help="δ in (0, 1)")] = None,
    proxy_risk: Annotated[
        float | None, typer.Option(help="mean smoothed loss of the proxy, bits per token")
    ] = None,
    gap: Annotated[
        float | None, typer.Option(help="mean |loss gap| per sequence, bits per token")
    ] = None,
    model_risk: Annotated[
        float | None, typer.Option(help="mean smoothed loss of the model, bits per token")
    ] = None,
    n_documents: Annotated[
        int | None,
        typer.Option(help="number of independent documents, for the certificate (family 4)"),
    ] = None,
    from_results: Annotated[
        Path | None, typer.Option("--from", help="explain a computed bound: results/probes/<probe>")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="with --from: the family to explain term by term")
    ] = None,
    losses: Annotated[
        Path | None,
        typer.Option(help="a CSV file of your own: bound the mean of a column from above"),
    ] = None,
    paired: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="two CSV files: an interval for the mean of the second minus the first"),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="with --losses, --paired: the column that holds the values")
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="the column that names the independent unit, such as the document"),
    ] = None,
    ceiling: Annotated[float | None, typer.Option(help="the largest possible value")] = None,
    floor: Annotated[
        float | None, typer.Option(help="the smallest possible value; 0 if omitted")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="betting (the default), hoeffding, maurer_pontil or exact")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """Print a bound term by term: the paper's formula, a computed one, or one of your own numbers.

    semdim bound --vocab-size 50257 --smoothing 0.5 --n-active 100 --dict-size 100000
    --n-tokens 1000000 --failure-prob 0.05 [--proxy-risk 6.5 --gap 0.25] [--json]

    semdim bound --from results/probes/<probe>

    semdim bound --losses losses.csv --column loss --unit document --ceiling 16.6

    semdim bound --paired without.csv with.csv --column correct --unit question --ceiling 1
    """
    own = {
        "column": column, "unit": unit, "ceiling": ceiling, "floor": floor, "method": method,
    }  # fmt: skip
    given = {
        "vocab_size": vocab_size,
        "smoothing": smoothing,
        "n_active": n_active,
        "dict_size": dict_size,
        "n_tokens": n_tokens,
        "failure_prob": failure_prob,
    }
    more = {
        "proxy_risk": proxy_risk,
        "gap": gap,
        "model_risk": model_risk,
        "n_documents": n_documents,
    }
    if losses is not None or paired is not None:
        rest = {**given, **more, "failure_prob": None, "family": family, "from": from_results}
        if losses is not None and paired is not None:
            raise ConfigError("--losses and --paired exclude each other.")
        _refuse_ignored(rest, "another use of this command; drop --losses and --paired, or")
        asked = Asked(
            ceiling=ceiling,
            floor=0.0 if floor is None else floor,
            column=column,
            unit=unit,
            method=method or "betting",
            failure_prob=0.05 if failure_prob is None else failure_prob,
            as_json=as_json,
        )
        if paired is not None:
            return of_two(paired[0], paired[1], asked)
        assert losses is not None
        return of_one(losses, asked)
    _refuse_ignored(own, "--losses or --paired; give one of these, or")
    if from_results is not None:
        _refuse_ignored({**given, **more, "n_tokens": None}, "the calculator; drop --from, or")
        return explain(from_results, n_tokens, family, as_json)
    _refuse_ignored({"family": family}, "--from results/probes/…; give that, or")
    missing = [f"--{name.replace('_', '-')}" for name in REQUIRED if given[name] is None]
    if missing:
        raise ConfigError(f"semdim bound needs {', '.join(missing)}, or --from results/probes/….")
    question = Question(
        **given,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )
    _calculate(question, as_json)


def _refuse_ignored(options: Mapping[str, Any], of: str) -> None:
    """Refuse options that this use of the command would not look at."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(f"{', '.join(given)} belongs to {of} leave it out.")


def _calculate(question: Question, as_json: bool) -> None:
    given = quantities(question)
    answers = [
        (kind, kind.calculation.title, kind.calculation.lines(question))
        # The paper's own bounds come first, what is proved after them.
        for kind in sorted(kinds().values(), key=lambda kind: kind.is_certificate)
        if kind.calculation is not None
    ]
    answers = [answer for answer in answers if answer[2]]
    if as_json:
        content = {"input": question.__dict__, "quantities": _values(given)} | {
            kind.name: _values(lines) | {"is_certificate": kind.is_certificate}
            for kind, _, lines in answers
        }
        print(json.dumps(content, indent=2))
        return
    console = Screen()
    console.print("quantities", style="bold", soft_wrap=True)
    console.print(_lines_table(given))
    for kind, title, lines in answers:
        worth = LABELS[kind.is_certificate]
        worth += " (documents independent)" if kind.is_certificate else ""
        heading = f"family {kind.number}, {title}: {worth}"
        console.print(heading, style="bold", soft_wrap=True)
        console.print(_lines_table(lines))
    if question.n_documents is None:
        hint = "--n-documents adds the certificate that needs no proxy (family 4)."
        console.print(hint, style="dim")


def _values(lines: Sequence[Line]) -> dict[str, Any]:
    return {line.name: line.value for line in lines}


def _lines_table(lines: Sequence[Line]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        value = f"{line.value:,.0f}" if line.unit == "tokens" else f"{line.value:.6f}"
        table.add_row(line.name, value, line.unit, line.words)
    return table
