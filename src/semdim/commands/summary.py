"""`semdim summary`: the numbers of the last run, and where its report is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from semdim.errors import ArtifactError
from semdim.reading import is_there, mapping, number, number_or_null, read_json, taken

ADVICE = "`make repro` computes it anew"


def summary(
    results: Annotated[Path, typer.Argument(help="The folder of results.")] = Path("results"),
) -> None:
    """Print the numbers of the last run, and where its report is."""
    from rich.text import Text

    from semdim.commands.screen import Screen
    from semdim.quoting import visible

    screen = Screen(soft_wrap=True)
    found = sorted(results.glob("probes/*/bound.json")) if results.is_dir() else []
    if not found:
        raise ArtifactError(f"{results} holds no results; compute them with `make repro`.")
    # All is read before the first line is printed.
    told = [(path.parent.name, *_lines(path)) for path in found]
    for name, baseline, lines in told:
        screen.print(Text.assemble((visible(name), "bold"), f"  log2 V = {baseline:.2f} bits"))
        for line in lines:
            screen.print(f"  {line}")
    screen.print(f"The whole story: {results / 'report.html'}")


def _lines(path: Path) -> tuple[float, list[str]]:
    """log2 V, and what one probe's bound.json says: a line for each kind of bound that it has."""
    numbers = read_json(path, "the numbers of a probe", advice=ADVICE)

    def value(name: str) -> float:
        return taken(numbers, name, number, path, ADVICE)

    lines = []
    if "as_published_total" in numbers:
        crossing = taken(numbers, "as_published_crossing_n_tokens", number_or_null, path, ADVICE)
        where = (
            "never"
            if crossing is None
            else f"from N = {crossing:,.0f} tokens on, at the k and the gap of the largest sample"
        )
        lines.append(
            f"the paper's bound (not a certificate): {value('as_published_total'):.2f} bits at "
            f"N = {value('n_tokens'):,.0f}; below log2 V {where}"
        )
    certified = []
    if "holdout_betting_total" in numbers:
        certified.append(f"risk ≤ {value('holdout_betting_total'):.2f} bits (holdout)")
    if "faithfulness_sae_total" in numbers:
        certified.append(
            f"the SAE changes the mean loss of {_text(path)} by ≤ "
            f"{value('faithfulness_sae_total'):.2f} bits per token on average (faithfulness)"
        )
    if certified:
        lines.append(f"certified with probability {_level(path)}: {', and '.join(certified)}")
    return value("baseline"), lines


def _text(path: Path) -> str:
    """A text of the sample, with its number of predictions where the set-up tells the context."""
    setup = path.parent / "setup.json"
    context = _context(setup) if is_there(setup) else None
    return "a text" if context is None else f"a {context - 1:.0f}-token text"


def _context(setup: Path) -> float | None:
    content: Mapping[str, Any] = mapping(read_json(setup, "the set-up of a probe", advice=ADVICE))
    return taken({"context": None, **content}, "context", number_or_null, setup, ADVICE)


def _level(path: Path) -> str:
    from semdim.reading import read_rows, refused

    table = path.parent / "bounds.csv"
    rows = read_rows(table, "a table of bounds", advice=ADVICE)
    text = (rows[0].get("failure_prob") if rows else "") or ""
    try:
        failure_prob = float(text)
        if not 0 < failure_prob < 1:
            raise ValueError(text)
    except ValueError:
        wrong = f"its first row has {text[:40]!r} as failure_prob, expected a number in (0, 1)"
        raise refused(table, "a table of bounds", wrong, ADVICE) from None
    return f"{1 - failure_prob:.0%}"
