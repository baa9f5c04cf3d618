"""A certificate recomputed from its ledger, without model or autoencoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.certificate.certificate import AGAIN, Certificate
from semdim.certificate.certify import certificate_of
from semdim.errors import ArtifactError
from semdim.reading import JSON_BYTES, is_there, read_text
from semdim.records import to_plain

if TYPE_CHECKING:
    from semdim.ledger.memory import Ledger

TOLERANCE = 1e-9
"""Relative: what another version of numpy may add up differently; digits that are printed differ by
far more."""


@dataclass(frozen=True)
class Finding:
    """One value of a certificate against the one that was recomputed."""

    where: str
    """Its place in the JSON file, such as ``numbers.kl.upper``."""
    said: Any
    """What the certificate says."""
    found: Any
    """What the ledger gives."""

    @property
    def is_equal(self) -> bool:
        """Whether the two agree; numbers to within `TOLERANCE`."""
        return _agree(self.said, self.found)

    def __str__(self) -> str:
        if self.is_equal:
            return f"{self.where}: equal"
        numeric = isinstance(self.said, int | float) and isinstance(self.found, int | float)
        off = f", off by {self.said - self.found:.3g}" if numeric else ""
        return f"{self.where}: the certificate says {self.said!r}, the ledger {self.found!r}{off}"


def verify(certificate: Certificate, ledger: "Ledger") -> list[Finding]:
    """Every value of a certificate, recomputed; nothing is left out.

    Raises:
        DataError: the ledger allows no certificate with these settings.
    """
    recomputed = certificate_of(ledger.rows, ledger.facts, certificate.settings)
    said, found = _flat(to_plain(certificate)), _flat(to_plain(recomputed))
    return [
        Finding(where, said.get(where, "nothing"), found.get(where, "nothing"))
        for where in dict.fromkeys((*said, *found))
    ]


def read_certificate(path: Path) -> Certificate:
    """The certificate of a file, or of a folder that holds certificate.json.

    Raises:
        ArtifactError: there is none, or it is of another schema.
    """
    file = path / "certificate.json" if path.is_dir() else path
    if not is_there(file):
        raise ArtifactError(f"There is no certificate at {file}; `semdim certify` writes one.")
    text = read_text(file, "a certificate", limit=JSON_BYTES, advice=AGAIN)
    return Certificate.from_json(text, str(file))


def read_ledger_at(path: Path) -> "Ledger":
    """The ledger of a file, or of a folder that holds ledger.parquet or one Parquet file.

    Raises:
        ArtifactError: there is none, or several.
    """
    from semdim.ledger.memory import Ledger

    if path.is_dir():
        files = sorted(path.glob("ledger.parquet")) or sorted(path.glob("*.parquet"))
        if len(files) != 1:
            found = ", ".join(file.name for file in files) or "none"
            raise ArtifactError(
                f"{path} should hold one ledger (Parquet), but holds {found}: name the file."
            )
        path = files[0]
    return Ledger.read(path)


def _flat(value: Any, where: str = "") -> dict[str, Any]:
    """Every leaf by its place; entries of a list that have a name are found by it."""
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        names = [
            entry.get("name", index) if isinstance(entry, dict) else index
            for index, entry in enumerate(value)
        ]
        entries = list(zip(names, value, strict=True))
        if len(set(names)) < len(names):
            entries = list(enumerate(value))
    else:
        return {where: value}
    if not entries:
        return {where: value}
    flat: dict[str, Any] = {}
    for name, entry in entries:
        flat |= _flat(entry, f"{where}.{name}" if where else str(name))
    return flat


def _agree(said: Any, found: Any) -> bool:
    if isinstance(said, float) and isinstance(found, int | float) and not isinstance(found, bool):
        return abs(said - found) <= TOLERANCE * max(1e-6, abs(said), abs(found))
    return bool(said == found and type(said) is type(found))
