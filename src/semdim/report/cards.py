"""The numbers at the head of the page."""

from typing import Any

from semdim.plots.families import main_certificate, published
from semdim.plots.selections.proxy_rows import base_name, faithfulness_rows
from semdim.report.wording import confidence, num, say, text_words
from semdim.results.read import ProbeResults

BOUNDS = "bounds.csv"


def cards(probes: list[ProbeResults]) -> list[dict[str, Any]]:
    """The numbers at the head of the page, for each probe."""
    found = []
    for probe in probes:
        main, certificate = published(probe), main_certificate(probe)
        entries: list[dict[str, object]] = []
        if main is not None:
            entries.append(
                {
                    "label": "random guess, log₂V",
                    "value": num(main.last["baseline"], 2, BOUNDS),
                    "unit": "bits per token",
                }
            )
            entries.append(
                {
                    "label": "bound as published (no certificate)",
                    "value": num(main.last["total"], 2, BOUNDS),
                    "unit": say("bits at N = {n} tokens", n=num(main.last["n_tokens"], 0, BOUNDS)),
                }
            )
        if certificate is not None:
            entries.append(
                {
                    "label": "certified risk of the model (holdout)",
                    "value": num(certificate.last["total"], 2, BOUNDS),
                    "unit": say(
                        "bits, mean over {unit}s, with probability {p}",
                        unit=certificate.unit,
                        p=confidence(float(certificate.last["failure_prob"])),
                    ),
                }
            )
        rows = faithfulness_rows(probe)
        sae = rows[rows["proxy"].map(base_name) == "sae"] if len(rows) else rows
        if len(sae):
            entries.append(
                {
                    "label": say(
                        "the SAE changes the mean loss of {text} by at most",
                        text=text_words(probe.setup.get("context")),
                    ),
                    "value": num(sae.iloc[0]["total"], 2, BOUNDS),
                    "unit": say(
                        "bits per token on average, with probability {p}",
                        p=confidence(float(sae.iloc[0]["failure_prob"])),
                    ),
                }
            )
        if entries:
            found.append({"probe": probe.name, "entries": entries})
    return found
