"""A probe's guardrail.json as the typed value that it was written from."""

from semdim.records import from_content
from semdim.results.read import ProbeResults
from semdim.uncertainty.guardrail import Guardrail


def guardrail_of(probe: ProbeResults) -> Guardrail | None:
    """The probe's guardrail; None where there is no file.

    Raises ArtifactError when it is of another version, or damaged.
    """
    if not probe.guardrail:
        return None
    return from_content(probe.guardrail, Guardrail, f"The guardrail.json of {probe.name}")
