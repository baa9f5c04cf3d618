"""Two models side by side, for README."""

from typing import Any

from semdim.plots.families import main_rows
from semdim.results.pages import Repository, part, table
from semdim.results.parts.ood import CORPORA, of_corpora
from semdim.results.read import ProbeResults

RUN = "docs/two_models"
NAMES = {"smollm2-135m_layer15": "SmolLM2-135M", "gemma-3-270m_layer9": "Gemma 3 270M"}
"""In the order of the table."""


def _first(probes: list[ProbeResults]) -> ProbeResults | None:
    """The probe whose published bound is below log₂V first; None: none is."""
    found = [p for p in probes if p.headline.get("as_published_crossing_n_tokens") is not None]
    return min(found, key=lambda p: p.headline["as_published_crossing_n_tokens"], default=None)


def _measured_change(probe: ProbeResults) -> float:
    """The mean that the certificate of faithfulness bounds."""
    rows: Any = main_rows(probe)
    rows = rows[(rows["family"] == "faithfulness") & (rows["proxy"] == "sae")]
    return float(rows.loc[rows["n_tokens_asked"].idxmax(), "gap"])


@part("two_models")
def two_models(repository: Repository) -> str:
    """Bounds, certificates, gap and k of both."""
    probes = _both(repository)
    heads = [probe.headline for probe in probes]
    sizes = sorted({f"{head['n_tokens']:,}" for head in heads})
    k = [_mean_k(probe) for probe in probes]
    gaps = [_measured_change(probe) for probe in probes]
    shifts = [corpus for corpus in k[0] if corpus in k[-1]]
    context = probes[0].setup["context"]
    rows = [
        ["log₂V", *(f"{head['baseline']:.2f}" for head in heads)],
        [f"the paper's bound at N = {' and '.join(sizes)} (not a certificate)",
         *(f"{head['as_published_total']:.2f}" for head in heads)],
        ["N from which on it is below log₂V",
         *(_tokens(head["as_published_crossing_n_tokens"]) for head in heads)],
        ["holdout (betting), certified",
         *(f"{head['holdout_betting_total']:.2f}" for head in heads)],
        [f"the SAE changes the mean loss of a {context - 1}-token text by at most, certified",
         *(f"{head['faithfulness_sae_total']:.2f}" for head in heads)],
        ["the same, measured over the same documents", *(f"{gap:.2f}" for gap in gaps)],
        [f"mean k on {' / '.join(CORPORA.get(c, c) for c in shifts)} (position 0 left out)",
         *(" / ".join(f"{of[corpus]:.0f}" for corpus in shifts) for of in k)],
    ]  # fmt: skip
    return table(["bits per token", *(NAMES.get(p.name, p.name) for p in probes)], rows)


@part("two_models_sample")
def sample(repository: Repository) -> str:
    """How much text, and in which arithmetic."""
    probes = _both(repository)
    parts = []
    for probe in probes:
        corpora = probe.setup["corpora"]
        sizes = [
            f"{facts['n_tokens']:,}{'' if place else ' tokens'} of {CORPORA.get(name, name)}"
            for place, (name, facts) in enumerate(corpora.items())
        ]
        dtype = probe.setup["engine"]["compute_dtype"]
        parts.append(f"{NAMES.get(probe.name, probe.name)}: {', '.join(sizes)}, in {dtype}.")
    first = _first(probes)
    if first is not None:
        name = NAMES.get(first.name, first.name)
        parts.append(f"The paper's bound falls below log₂V first for {name}.")
    return " ".join(parts)


def _both(repository: Repository) -> list[ProbeResults]:
    """The probes of the run, the known ones in the order of `NAMES`."""
    order = list(NAMES)
    found = repository.probes(RUN)
    return sorted(found, key=lambda p: order.index(p.name) if p.name in order else len(order))


def _mean_k(probe: ProbeResults) -> dict[str, float]:
    found = of_corpora(probe, "without_bos")
    return {corpus: float(row["mean"]) for corpus, row in found.items()}


def _tokens(value: float | None) -> str:
    return "none" if value is None else f"{value:,.0f}"
