"""The files of a certificate, written together or not at all."""

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from semdim.artifacts.shards import write_atomically
from semdim.certificate.certificate import Certificate
from semdim.errors import ArtifactError

if TYPE_CHECKING:
    from semdim.ledger.memory import Ledger

FILES = ("certificate.json", "certificate.html", "CARD.md", "saebench.json")


def contents(certificate: Certificate) -> dict[str, str]:
    """The text of each file, by its name."""
    evaluation = json.dumps(certificate.to_saebench(), indent=2, ensure_ascii=False)
    return dict(
        zip(
            FILES,
            (
                certificate.to_json(),
                certificate.to_html(),
                certificate.to_markdown(),
                evaluation + "\n",
            ),
            strict=True,
        )
    )


def write_certificate(certificate: Certificate, folder: Path) -> None:
    """Write the files into a folder; what stands there under their names is replaced."""
    for name, text in contents(certificate).items():
        write_atomically(folder / name, text)


def write_new(certificate: Certificate, ledger: "Ledger", folder: Path) -> None:
    """Write the files and ledger.parquet to a new folder, all of them or none.

    Raises:
        ArtifactError: the folder exists and is not empty.
    """
    check_free(folder)
    temporary = folder.with_name(f".{folder.name}.tmp{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        write_certificate(certificate, temporary)
        ledger.write(temporary / "ledger.parquet")
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_free(folder: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        ArtifactError: it does, or it is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtifactError(
            f"{folder} already exists and is not empty: name another folder with --out."
        )
