"""Put the page together: numbers, readings, figures and tables into one self-contained file."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from semdim.errors import ArtifactError
from semdim.plots.catalogue import FIGURES, FigureSpec
from semdim.plots.families import main_certificate, published
from semdim.plots.proxies import base_name, faithfulness_rows
from semdim.plots.tables import Table, all_tables
from semdim.report import bounds, certified, compared, proxies, setup, sparsity, uncertainty
from semdim.report.wording import confidence, num, say
from semdim.results.read import ProbeResults, read_results


def _embed(path: Path) -> str:
    """A figure as a data URI. SVG, because it stays sharp; in an <img>, because the ids inside two
    SVGs of one page would collide. Raises ArtifactError when the figure was not drawn."""
    if not path.is_file():
        raise ArtifactError(
            f"{path} is missing although its data is there; run the stage plot before the report."
        )
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _figures(models: list[ProbeResults], folder: Path) -> dict[str, dict[str, Any]]:
    """Every figure of the catalogue by name: number and image, or what it lacks."""
    figures: dict[str, dict[str, Any]] = {}
    drawn = 0
    for spec in FIGURES:
        entry: dict[str, Any] = {"spec": spec, "number": None, "lacking": spec.lacking(models)}
        if spec.can_draw(models):
            drawn += 1
            entry |= {"number": drawn, "image": _embed(folder / f"{spec.name}.svg")}
        figures[spec.name] = entry
    return figures


def _absent(figures: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What was not computed: whole figures, and models missing from one."""
    rows = []
    for entry in figures.values():
        spec: FigureSpec = entry["spec"]
        if entry["number"] is None and spec.is_extra:
            continue
        if entry["number"] is None:
            rows.append({"title": spec.title, "models": [], "how": spec.how})
        elif entry["lacking"]:
            rows.append({"title": spec.title, "models": entry["lacking"], "how": spec.how})
    return rows


def _cards(models: list[ProbeResults]) -> list[dict[str, Any]]:
    """The numbers at the head of the page, for each model."""
    cards = []
    for model in models:
        main, certificate = published(model), main_certificate(model)
        entries: list[dict[str, object]] = []
        if main is not None:
            entries.append(
                {
                    "label": "random guess, log₂V",
                    "value": num(main.last["baseline"], 2, bounds.BOUNDS),
                    "unit": "bits per token",
                }
            )
            entries.append(
                {
                    "label": "bound as published (no certificate)",
                    "value": num(main.last["total"], 2, bounds.BOUNDS),
                    "unit": say(
                        "bits at N = {n} tokens", n=num(main.last["n_tokens"], 0, bounds.BOUNDS)
                    ),
                }
            )
        if certificate is not None:
            entries.append(
                {
                    "label": "certified risk of the model (holdout)",
                    "value": num(certificate.last["total"], 2, bounds.BOUNDS),
                    "unit": say(
                        "bits, with probability {p}",
                        p=confidence(float(certificate.last["failure_prob"])),
                    ),
                }
            )
        rows = faithfulness_rows(model)
        sae = rows[rows["proxy"].map(base_name) == "sae"] if len(rows) else rows
        if len(sae):
            entries.append(
                {
                    "label": "the SAE changes the loss by at most",
                    "value": num(sae.iloc[0]["total"], 2, bounds.BOUNDS),
                    "unit": say(
                        "bits, with probability {p}",
                        p=confidence(float(sae.iloc[0]["failure_prob"])),
                    ),
                }
            )
        if entries:
            cards.append({"model": model.name, "entries": entries})
    return cards


def _readings(models: list[ProbeResults]) -> dict[str, list[Markup]]:
    """Every generated sentence, by the place in the page where it stands."""
    together = certified.all_at_once(models)
    return {
        "figure1": bounds.figure1(models),
        "certified": certified.certified(models) + ([together] if together is not None else []),
        "sample_sizes": bounds.sample_sizes(models),
        "mean_k": bounds.mean_k(models),
        "dudley": bounds.dudley(models),
        "counted": sparsity.counted(models),
        "position_zero": sparsity.position_zero(models),
        "code": sparsity.code_against_english(models),
        "bins": sparsity.binned_risk(models),
        "faithful": proxies.faithful(models),
        "ablated": proxies.ablated(models),
        "spliced": proxies.spliced(models),
        "signed_gap": proxies.signed_gap(models),
        "frontier": proxies.frontier(models),
        "pools": proxies.pools(models),
        "separated": uncertainty.separated(models),
        "trivial": [
            *uncertainty.standing(models),
            *uncertainty.against_trivial(models),
            *uncertainty.fitted(models),
        ],
        "guarded": uncertainty.guarded(models),
        "fixed_rule": uncertainty.fixed_rule(models),
        "notes": uncertainty.notes(models),
        "compared": compared.first_to_cross(models),
        "layered": compared.by_layer(models),
    }


def render(models: list[ProbeResults], figure_folder: Path) -> str:
    """The page as text. Raises ArtifactError when a figure that can be drawn was not."""
    from semdim.ledger.table import COLUMNS, LOSS_PREFIX, SCHEMA_VERSION

    environment = Environment(
        loader=PackageLoader("semdim", "report"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = _figures(models, figure_folder)
    tables: dict[str, Table] = {table.name: table for table in all_tables(models)}
    style, _, _ = environment.loader.get_source(environment, "report.css")  # type: ignore[union-attr]
    return environment.get_template("report.html").render(
        models=models,
        names=[model.name for model in models],
        style=Markup(style),
        cards=_cards(models),
        figures=figures,
        absent=_absent(figures),
        tables=tables,
        read=_readings(models),
        facts_rows=setup.facts_rows(models),
        corpus_rows=setup.corpus_rows(models),
        account_rows=setup.account_rows(models),
        splices=sorted({proxies.default_splice(model) for model in models}),
        ledger={**COLUMNS, f"{LOSS_PREFIX}<proxy>": "−log₂ p of the next token, bits, unsmoothed"},
        ledger_version=SCHEMA_VERSION,
    )


def write_report(results_dir: Path, out: Path, only: Sequence[str] | None = None) -> Path:
    """Write the page to the file `out`; figures are taken from the folder `figures` beside it.

    results_dir: holds a folder per model (or a folder `models` with them). only: names of the
    models to tell of; None: all of them. Raises ArtifactError
    when there are no results, damaged ones, or a figure is missing that the stage plot should have
    drawn.
    """
    out = Path(out)
    text = render(read_results(Path(results_dir), only), out.parent / "figures")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    return out
