"""`semdim bound`: the bounds as a calculator that needs no model, or a computed one explained.

Starts without torch, pandas or scipy.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from semdim.bounds.calculator import Line, Question, quantities
from semdim.bounds.family import families, kinds
from semdim.bounds.result import TERMS
from semdim.bounds.words import LABELS, can_be_certificate, in_words, status
from semdim.commands.screen import Screen
from semdim.errors import ConfigError
from semdim.quoting import visible
from semdim.results.bounds_rows import read_bounds

REQUIRED = ("vocab_size", "smoothing", "n_active", "dict_size", "n_tokens", "failure_prob")


def bound(
    vocab_size: Annotated[int | None, typer.Option(help="V, tokens of the vocabulary")] = None,
    smoothing: Annotated[float | None, typer.Option(help="α in (0, 1)")] = None,
    n_active: Annotated[float | None, typer.Option(help="k, active atoms per token")] = None,
    dict_size: Annotated[int | None, typer.Option(help="m, atoms of the dictionary")] = None,
    n_tokens: Annotated[
        int | None, typer.Option(help="N, tokens of the sample; with --from: the row to explain")
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
        int | None, typer.Option(help="independent documents, for the certificate (family 4)")
    ] = None,
    from_results: Annotated[
        Path | None, typer.Option("--from", help="explain a computed bound: results/probes/<probe>")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="with --from: the family to explain term by term")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """Print a bound term by term: the paper's formula as a calculator, or a computed one.

    semdim bound --vocab-size 50257 --smoothing 0.5 --n-active 100 --dict-size 100000
    --n-tokens 1000000 --failure-prob 0.05 [--proxy-risk 6.5 --gap 0.25] [--json]

    semdim bound --from results/probes/smollm2-135m_layer15
    """
    if from_results is not None:
        _explain(from_results, n_tokens, family, as_json)
        return
    given = {
        "vocab_size": vocab_size,
        "smoothing": smoothing,
        "n_active": n_active,
        "dict_size": dict_size,
        "n_tokens": n_tokens,
        "failure_prob": failure_prob,
    }
    missing = [f"--{name.replace('_', '-')}" for name in REQUIRED if given[name] is None]
    if missing:
        raise ConfigError(f"semdim bound needs {', '.join(missing)}, or --from results/probes/….")
    question = Question(
        **given,  # type: ignore[arg-type]
        proxy_risk=proxy_risk,
        gap=gap,
        model_risk=model_risk,
        n_documents=n_documents,
    )
    _calculate(question, as_json)


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


def _explain(folder: Path, n_tokens: int | None, family: str | None, as_json: bool) -> None:
    rows = read_bounds(folder)
    sizes = sorted({_asked(row) for row in rows})
    size = sizes[-1] if n_tokens is None else n_tokens
    if size not in sizes:
        raise ConfigError(
            f"{folder} has no bound at n_tokens = {size}; it has {', '.join(map(str, sizes))}."
        )
    there = list(dict.fromkeys(row["family"] for row in rows))
    if family is not None and family not in there:
        raise ConfigError(f"{folder} has no family '{family}'; it has {', '.join(there)}.")
    if family is not None:
        chosen = [row for row in rows if _asked(row) == size and row["family"] == family]
    else:
        details = {kind.name for kind in kinds().values() if kind.headline == "none"}
        at_largest = {k.name for f in families() if f.at == "largest N" for k in f.kinds}
        here = [row for row in rows if _asked(row) == size or row["family"] in at_largest]
        chosen = [row for row in here if row["family"] not in details]
    if as_json:
        print(json.dumps(chosen, indent=2, ensure_ascii=False))
        return
    console = Screen()
    for row in chosen:
        name = row["family"]
        certified = bool(row["is_certificate"]) and can_be_certificate(name)
        colour = "green" if certified else "yellow"
        title = f"{name}: {status(name, certified, row['unit'])}"
        heading = Text.assemble(
            (visible(title), f"bold {colour}"), "  ", (visible(_describe(row)), "dim")
        )
        console.print(heading, soft_wrap=True)
        console.print(_row_table(row))


def _asked(row: dict[str, Any]) -> int:
    """N of the grid, which rows of different families share; older tables have the N used alone."""
    return int(row.get("n_tokens_asked") or row["n_tokens"])


def _describe(row: dict[str, Any]) -> str:
    keys = ("method", "proxy", "k", "bin", "pool_size", "share_above", "smoothing")
    extras = [
        f"{key} {row[key]:g}" if isinstance(row[key], float) else f"{key} {row[key]}"
        for key in keys
        if row.get(key) is not None
    ]
    return f"{in_words(row['family'])}; {', '.join(extras)}"


def _row_table(row: dict[str, Any]) -> Table:
    total = row["total"]
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for term, words in TERMS.items():
        if row.get(term) is not None:
            table.add_row(term, f"{row[term]:.6f}", "bits", words)
    table.add_row("total", f"{total:.6f}", "bits", str(row.get("subject") or "the bound"))
    if row.get("baseline") is not None:
        slack = row["baseline"] - total
        verdict = "below the uniform guess" if slack > 0 else "says nothing: above log2 V"
        table.add_row("slack", f"{slack:.6f}", "bits", f"log2 V − total: {verdict}")
    table.add_row("N", f"{row['n_tokens']:,}", "tokens", "used, BOS included")
    if row.get("n_units") is not None:
        table.add_row("n", f"{row['n_units']:,}", f"{row['unit']}s", "taken to be independent")
    ledger = row.get("failure_ledger") or ""
    table.add_row("δ", f"{row['failure_prob']:g}", "", f"spent on: {ledger}")
    return table
