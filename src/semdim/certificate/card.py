"""A block for a model card on Hugging Face."""

from semdim.certificate.certificate import Certificate
from semdim.certificate.words import WORTH, figure, heading, interval, promise, unit_of


def card(certificate: Certificate) -> str:
    """Markdown: what was measured, a table of the numbers, and how to check them."""
    of = certificate.subject
    rows = [
        f"| {_safe(number.title)} | {figure(number.estimate, number.unit)}{unit_of(number)} | "
        f"{interval(number)} | {WORTH[number.worth]} | {number.n:,} {number.n_of} |"
        for number in certificate.numbers
    ]
    missing = [
        f"* Not stated: {entry.name}: {_safe(entry.reason)}" for entry in certificate.not_stated
    ]
    assumptions = dict.fromkeys(
        text
        for number in certificate.numbers
        if number.is_certificate
        for text in number.assumptions
    )
    return "\n".join(
        [
            "## Certificate",
            "",
            f"{_safe(heading(certificate))}.",
            "",
            promise(certificate),
            "",
            "| quantity | estimate | interval | worth | from |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            *missing,
            *([""] if missing else []),
            "The certificates assume:",
            "",
            *(f"* {_safe(text)}" for text in assumptions),
            "",
            f"Autoencoder `{of.sae_fingerprint[:16]}`, model `{of.model_fingerprint[:16]}`, tokens "
            f"`{of.tokens_fingerprint[:16]}`, ledger `{of.ledger_fingerprint[:16]}`; semdim "
            f"{certificate.semdim_version}. `semdim verify certificate.json --ledger FOLDER` "
            "recomputes every number.",
            "",
        ]
    )


def _safe(text: str) -> str:
    """Text that no table of Markdown takes for a border."""
    return text.replace("|", "\\|")
