"""`semdim summary`: the numbers of the last run, and where its report is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from semdim.errors import ArtifactError, SemdimError
from semdim.reading import (
    is_there,
    mapping,
    number,
    number_or_null,
    read_json,
    read_yaml,
    taken,
)

ADVICE = "`make repro` computes it again"


def summary(
    results: Annotated[Path, typer.Argument(help="The results folder.")] = Path("results"),
) -> None:
    """Print the numbers of the last run, and where its report is.

    The probes are those of the params.yaml beside the results; others that lie there are named.
    """
    from rich.text import Text

    from semdim.commands.screen import Screen
    from semdim.quoting import visible

    screen = Screen(soft_wrap=True)
    paths = sorted(results.glob("probes/*/bound.json")) if results.is_dir() else []
    found = {path.parent.name: path for path in paths}
    if not found:
        raise ArtifactError(f"{results} holds no results; compute them with `make repro`.")
    of_run = _probes_of_run(results.absolute().parent / "params.yaml")
    chosen = found if of_run is None else {name: found[name] for name in of_run if name in found}
    # All is read before the first line is printed.
    told = [(name, _setup(path), _lines(path)) for name, path in chosen.items()]
    for name, where, lines in told:
        screen.print(Text.assemble((visible(name), "bold"), f"  {visible(where)}"))
        for line in lines:
            screen.print(f"  {line}")
    if of_run is not None:
        _tell_the_others(screen, of_run, found)
    screen.print(f"Full report: {results / 'report.html'}")


def _tell_the_others(screen: Any, of_run: list[str], found: dict[str, Path]) -> None:
    """What this run has no results of yet, and what lies there of earlier ones."""
    if missing := [name for name in of_run if name not in found]:
        screen.print(f"Not computed yet: {', '.join(missing)} (`dvc repro`).")
    if others := [name for name in found if name not in of_run]:
        screen.print(f"From earlier runs, not from this one: {', '.join(others)}.")


def _probes_of_run(params: Path) -> list[str] | None:
    """The probes that params.yaml names; None where there is none that does."""
    try:
        probes = read_yaml(params)["grid"]["probe"]
    except (SemdimError, KeyError, TypeError):
        return None
    return [str(name) for name in probes] if isinstance(probes, list) else None


def _lines(path: Path) -> list[str]:
    """What one probe's bound.json says: a line for each kind of bound that it has."""
    numbers = read_json(path, "the numbers of a probe", advice=ADVICE)

    def value(name: str) -> float:
        return taken(numbers, name, number, path, ADVICE)

    baseline, lines = value("baseline"), []
    if "as_published_total" in numbers:
        crossing = taken(numbers, "as_published_crossing_n_tokens", number_or_null, path, ADVICE)
        where = (
            "never"
            if crossing is None
            else f"from N = {crossing:,.0f} tokens on, with k and gap of the largest sample"
        )
        lines.append(
            f"the paper's bound (not a certificate): {value('as_published_total'):.2f} bits at "
            f"N = {value('n_tokens'):,.0f}; below log2 V = {baseline:.2f} bits {where}"
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
    return lines


def _read_setup(path: Path) -> Mapping[str, Any]:
    setup = path.parent / "setup.json"
    return read_json(setup, "the set-up of a probe", advice=ADVICE) if is_there(setup) else {}


def _setup(path: Path) -> str:
    """The model and where the SAE reads it, where the set-up tells."""
    content, where = _read_setup(path), path.parent / "setup.json"
    if "model" not in content or "sae" not in content:
        return ""
    model = taken(content, "model", mapping, where, ADVICE)
    sae = taken(content, "sae", mapping, where, ADVICE)
    atoms = taken(sae, "dict_size", number, where, ADVICE)
    return f"{model.get('name')}, {atoms:,.0f} atoms at {sae.get('hook_point')}"


def _text(path: Path) -> str:
    """A text of the sample, with its number of predictions where the set-up tells the context."""
    where = path.parent / "setup.json"
    content = {"context": None, **_read_setup(path)}
    context = taken(content, "context", number_or_null, where, ADVICE)
    return "a text" if context is None else f"a {context - 1:.0f}-token text"


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
