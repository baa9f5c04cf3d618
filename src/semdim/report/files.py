"""Where the page's numbers lie as files, seen from the page."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ENDINGS = (".csv", ".json", ".yaml", ".md")


@dataclass(frozen=True)
class Files:
    """Files beside the page, as addresses relative to it. Only those that exist are linked."""

    page: Path
    """The page itself."""
    probes: Path
    """The folder that holds a folder for each probe."""

    def table(self, name: str) -> str:
        """The CSV file of a table; empty when it was not written."""
        path = self.page.parent / "tables" / f"{name}.csv"
        return self._address(path) if path.is_file() else ""

    def of_probes(self, names: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """(name, address) of each results file, by probe."""
        return {
            name: [
                (path.name, self._address(path))
                for path in sorted((self.probes / name).glob("*"))
                if path.suffix in ENDINGS
            ]
            for name in names
        }

    def _address(self, path: Path) -> str:
        return quote(Path(os.path.relpath(path, self.page.parent)).as_posix())
