"""Put the page together: numbers, readings, figures and tables into one self-contained file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from semdim.artifacts.shards import write_atomically
from semdim.failures import attempt
from semdim.ledger.table import COLUMNS, LOSS_PREFIX, SCHEMA_VERSION
from semdim.plots.catalogue import made_tables
from semdim.plots.sections import SECTIONS
from semdim.plots.selections.proxy_rows import default_splice
from semdim.report import setup_rows
from semdim.report.facts import header_facts
from semdim.report.files import Files
from semdim.report.made import Made
from semdim.report.pieces import absent, bounds_left_out, figure_entries, places
from semdim.report.sentences import Reading, readings
from semdim.report.spoken import spoken
from semdim.report.verdict import verdicts
from semdim.results.answers import TROUBLE, score_rows
from semdim.results.read import ProbeResults, probes_folder, read_results

ALWAYS = frozenset({"verdict", "claim", "reproduce", "setup", "absent"})
"""Sections that have something to say on every page; another one needs a figure, a table or a
sentence of its own."""


def render(probes: list[ProbeResults], files: Files, made: Made) -> str:
    """The page as text. Raises ArtifactError when a figure that can be drawn was not."""
    environment = Environment(
        loader=PackageLoader("semdim", "report"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    left_out: dict[str, str] = {}
    names = [probe.name for probe in probes]
    written = {entry.name: spoken(_written(entry, probes, left_out), names) for entry in readings()}
    tables = made_tables(probes, left_out)
    entries = figure_entries(probes, files.page.parent / "figures", written)
    found = places(tables, entries, written, files)
    sections = {name: SECTIONS[name] for name in SECTIONS if name in ALWAYS or found[name]}
    style, _, _ = environment.loader.get_source(environment, "report.css")  # type: ignore[union-attr]
    return environment.get_template("report.html").render(
        probes=probes,
        names=names,
        style=Markup(style),
        facts=header_facts(probes, made),
        verdicts=verdicts(probes),
        sections=sections,
        places=found,
        figures=entries,
        absent=absent(entries),
        left_out=[*bounds_left_out(probes), *left_out.items()],
        read=written,
        files=files.of_probes(names),
        answer_heads=list(TROUBLE.values()),
        answer_rows=score_rows,
        facts_rows=setup_rows.facts_rows(probes),
        corpus_rows=setup_rows.corpus_rows(probes),
        account_rows=setup_rows.account_rows(probes),
        splices=sorted({default_splice(probe) for probe in probes}),
        ledger={**COLUMNS, f"{LOSS_PREFIX}<proxy>": "−log₂ p of the next token, bits, unsmoothed"},
        ledger_version=SCHEMA_VERSION,
    )


def _written(entry: Reading, probes: list[ProbeResults], left_out: dict[str, str]) -> list[Markup]:
    """The sentences of a reading; none of one that fails, whose reason `left_out` is given."""
    sentences, reason = attempt(entry.write, probes)
    if reason:
        left_out[entry.name] = reason
    return sentences or []


def write_report(
    results_dir: Path,
    out: Path,
    only: Sequence[str] | None = None,
    made: Made | None = None,
    *,
    questions: Sequence[str] | None = None,
) -> Path:
    """Write the page to the file `out`; figures are taken from the folder `figures` beside it.

    results_dir: holds a folder per probe (or a folder `probes` with them). only: names of the
    probes to tell of; None: all of them. made: what the page says about when and from which code
    it was written; None: nothing, so that the same results give the same page. questions: sets
    whose answers the page tells of; None: all that are there, of earlier runs, too.

    Raises ArtifactError when there are no results, damaged ones, or a figure is missing that the
    stage plot should have drawn.
    """
    out = Path(out)
    probes = [_only(probe, questions) for probe in read_results(Path(results_dir), only)]
    text = render(probes, Files(out, probes_folder(Path(results_dir))), made or Made())
    write_atomically(out, text)
    return out


def _only(probe: ProbeResults, questions: Sequence[str] | None) -> ProbeResults:
    """The probe with the answers of these sets alone."""
    if questions is None:
        return probe
    kept = {name: found for name, found in probe.answers.items() if name in questions}
    return replace(probe, answers=kept)
