"""The figures of docs/errors.md: k, and every other score, against the model's own errors."""

import math
from typing import Any

from semdim.plots.selections.error_rows import OUTCOMES, best_direction, error_words
from semdim.plots.tabulate import number
from semdim.report.readings.knows_errors import (
    cells,
    certified_risk,
    knows_errors,
    share_of,
    variance_of_k,
)
from semdim.results.pages import Repository, part, table
from semdim.results.parts.two_models import NAMES
from semdim.results.read import ProbeResults

RUN = "docs/errors"


def _probes(repository: Repository) -> list[ProbeResults]:
    """Those of the table of models first, in its order."""
    order = list(NAMES)
    return sorted(
        repository.probes(RUN),
        key=lambda probe: order.index(probe.name) if probe.name in order else len(order),
    )


def _bullets(sentences: list[Any]) -> str:
    return "\n".join(f"* {sentence.striptags()}" for sentence in sentences)


def _named(text: str) -> str:
    for name, words in NAMES.items():
        text = text.replace(name, words)
    return text


@part("errors_sample")
def sample(repository: Repository) -> str:
    """How much text."""
    said = []
    for probe in _probes(repository):
        found = probe.errors
        assert found is not None
        means = ", ".join(
            f"{value:.1%} of them wrong".replace("%", " %")
            if outcome == "top1_error"
            else f"mean loss {value:.2f} bits"
            for outcome, value in found.means.items()
        )
        said.append(
            f"{NAMES.get(probe.name, probe.name)}: the results cover {found.n_tokens:,} tokens of "
            f"{found.n_documents} documents ({means}); {found.n_fit_documents} other documents "
            "were used for fitting."
        )
    return " ".join(said)


@part("errors_verdict")
def verdict(repository: Repository) -> str:
    """The verdict in words, as in the report."""
    return _named(_bullets(knows_errors(_probes(repository))))


@part("errors_scores")
def scores(repository: Repository) -> str:
    """Every score against every outcome, in the direction that the fit documents show."""
    header = [
        "model", "outcome", "score", "AUROC", "inside documents", "AURC", "rank correlation",
        "inside documents", "partial (95 %)", "Holm p",
    ]  # fmt: skip
    rows = []
    for probe in _probes(repository):
        errors = probe.table("errors")
        for outcome, mine in errors.groupby("outcome", sort=False):
            expected = mine[mine["direction"] == "expected"].set_index("score")
            for entry in best_direction(mine).to_dict("records"):
                name = str(entry["score"])
                tested = name in expected.index and name != "oracle"
                partial = ""
                if tested and math.isfinite(entry["partial"]):
                    low, high = (number(entry[f"partial_{end}"], 3) for end in ("low", "high"))
                    partial = f"{number(entry['partial'], 3)} ({low} to {high})"
                rows.append(
                    [
                        NAMES.get(probe.name, probe.name),
                        OUTCOMES[str(outcome)],
                        error_words(name, str(entry["direction"])),
                        *(number(entry[key], 3) for key in ("auroc", "auroc_within", "aurc")),
                        *(number(entry[key], 3) for key in ("spearman", "spearman_within")),
                        partial,
                        number(expected["partial_p_holm"][name], 3) if tested else "",
                    ]
                )
    return table(header, rows)


@part("errors_variance")
def variance(repository: Repository) -> str:
    """Shares of the variance of k and of its logarithm."""
    probes = _probes(repository)
    found = [probe.errors.variance for probe in probes if probe.errors is not None]
    factors = dict.fromkeys(share.factors for shares in found for share in shares)
    kinds = ("n_active", "log2(1 + n_active)")
    header = ["explained by"] + [
        f"{NAMES.get(probe.name, probe.name)}, {'k' if of == 'n_active' else 'log₂(1 + k)'}"
        for probe in probes
        for of in kinds
    ]
    rows = []
    for names in factors:
        cells_of_row = []
        for probe in probes:
            assert probe.errors is not None
            for of in kinds:
                share = share_of(probe.errors, of, *names)
                cells_of_row.append("" if share is None else f"{100 * share:.1f} %")
        rows.append([" + ".join(names), *cells_of_row])
    said = _named(_bullets(variance_of_k(probes)))
    return f"{table(header, rows)}\n\n{said}"


@part("errors_cells")
def guardrail_cells(repository: Repository) -> str:
    """False alarms and detection, before and after."""
    return _named(_bullets(cells(_probes(repository))))


@part("errors_certified")
def certified(repository: Repository) -> str:
    """Targets, thresholds, and what is certified to be let through."""
    probes = _probes(repository)
    rows = []
    for probe in probes:
        for entry in probe.table("selective_risk").to_dict("records"):
            if not entry["is_certified"]:
                continue
            rows.append(
                [
                    NAMES.get(probe.name, probe.name),
                    OUTCOMES[str(entry["outcome"])],
                    error_words(str(entry["score"]), str(entry["direction"])),
                    f"{entry['target_risk']:.3f}",
                    f"{100 * entry['coverage']:.0f} %",
                    f"{entry['measured_risk']:.3f}",
                    f"{100 * entry['measured_coverage']:.0f} %",
                ]
            )
    header = [
        "model", "outcome", "score", "certified risk ≤", "certified share ≥", "measured risk",
        "measured share",
    ]  # fmt: skip
    return f"{table(header, rows)}\n\n{_named(_bullets(certified_risk(probes)))}"
