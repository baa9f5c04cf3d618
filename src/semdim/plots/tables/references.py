"""The works that this one stands beside, with the question that decides what a bound is worth: was
the sample that it is computed on independent of the model?"""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.families import main_certificate, published
from semdim.plots.tabulate import Table
from semdim.results.read import ProbeResults

HEADER = (
    "work",
    "what is bounded, on which sample",
    "bound (bits per token)",
    "log₂V",
    "is the sample independent of the model?",
    "source",
)
ELSEWHERE = (
    (
        "Lotfi et al. 2023",
        "GPT-2 models trained in a small subspace (SubLoRA); documents of the training set",
        "",
        "",
        "no: it is the training set, and the length of the compressed weights pays for that",
        "https://arxiv.org/abs/2312.17173",
    ),
    (
        "Lotfi et al. 2024",
        "GPT-2 trained in compressed forms, GPT-2 and LLaMA quantised to 2 bits; tokens of the "
        "training set or of a stand-in for it",
        "",
        "",
        "no: it is the training set; a martingale argument treats dependent tokens",
        "https://arxiv.org/abs/2407.18158",
    ),
    (
        "the paper, Figure 1",
        "GPT-2 Small, layer 6, tokens of C4",
        "below log₂V from N ≈ 25,000",
        "15.6",
        "model and SAE are frozen; whether the model saw C4 is not discussed; tokens of one "
        "document depend on each other",
        "section 4.1 of the paper (white paper of arXiv 2602.11388)",
    ),
    (
        "its version of June 2026",
        "GPT-2 Small, layer 6, 10,000 sequences of 32 tokens of C4, through a pool of atoms",
        "10.42; on the model itself 7.36",
        "15.6",
        "the same",
        "https://arxiv.org/abs/2606.18383, tables of its code",
    ),
)
NOTE = (
    "Numbers are quoted only if their source can be opened and was read. An empty cell means that "
    "we quote no number, not that there is none."
)


def reference_table(probes: list[ProbeResults]) -> Table:
    """The works above, then what was measured here."""
    rows = [list(row) for row in ELSEWHERE]
    for probe in probes:
        sample = probe.setup.get("sample") or next(iter(probe.corpora), "the sample")
        for curve, what in ((published(probe), "as published"), (main_certificate(probe), "")):
            if curve is None:
                continue
            last = curve.last
            name = what or f"certificate: {curve.label}"
            rows.append(
                [
                    f"here, {probe.name}",
                    f"{name}; {int(last['n_tokens']):,} tokens of {sample}",
                    f"{float(last['total']):.2f}",
                    f"{float(last['baseline']):.2f}",
                    "model and SAE were frozen before the sample was drawn; whether the model was "
                    "trained on its text is not known",
                    "bounds.csv",
                ]
            )
    data = pd.DataFrame(rows, columns=pd.Index(HEADER))
    return Table("references", "Comparison with other work", list(HEADER), rows, data, note=NOTE)


add_table(
    TableSpec(
        name="references", section="references", position=10, make=reference_table, is_prose=True
    )
)
