"""Offline before anything is imported, shapes checked at run time, and one seed."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker for each core: threads of their own would wait for one another, at twice the time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"  # honoured only when set before huggingface_hub is imported
os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
os.environ.setdefault("MPLBACKEND", "Agg")

from pathlib import Path

from jaxtyping import install_import_hook


def modules_with_shapes() -> list[str]:
    """Modules that annotate arrays. Checks of each call of all the others, whose types mypy knows,
    took longer than what they check: simulations of bounds ran six times as long."""
    source = Path(__file__).resolve().parents[1] / "src"
    return [
        ".".join(path.relative_to(source).with_suffix("").parts)
        for path in sorted((source / "semdim").rglob("*.py"))
        if "from jaxtyping import" in path.read_text(encoding="utf-8")
    ]


install_import_hook(modules_with_shapes(), "beartype.beartype")

from hypothesis import settings  # noqa: E402 - the import hook comes first

# Speed is measured in bench/, never by a test: a busy machine must not fail the mathematics.
# The same examples on every run, so that a change fails only for what it changes; SEMDIM_FUZZ=1000
# searches at random, with that many examples for each kind of file.
settings.register_profile("semdim", deadline=None, derandomize="SEMDIM_FUZZ" not in os.environ)
settings.load_profile("semdim")

import gc  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402

from tests.scheduling import Stopwatch, is_quick, schedule  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out the files that take seconds")
    parser.addoption("--seconds", action="store_true", help="write tests/seconds.json")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--seconds") and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(Stopwatch())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    left_out = config.getoption("--quick") and not is_quick(collection_path)
    return True if left_out else None


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    schedule(items, pytest.mark.xdist_group)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported stays to the end: without this, Python goes through all of it again and
    again where a test makes many objects (six files of them took a tenth longer)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


REGISTRIES = (
    ("semdim.bounds.family", "FAMILIES"),
    ("semdim.plots.catalogue", "FIGURES"),
    ("semdim.plots.catalogue", "TABLES"),
    ("semdim.proxies.kind", "PROXIES"),
    ("semdim.report.sentences", "READINGS"),
    ("semdim.text.kind", "KINDS"),
    ("semdim.uncertainty.score", "SCORES"),
)


@pytest.fixture(autouse=True, scope="module")
def without_plugins() -> Iterator[None]:
    """What a file's plugins registered is forgotten behind it: the next file runs as if alone."""
    yield
    for module, name in REGISTRIES:
        if module not in sys.modules:
            continue
        registry = getattr(sys.modules[module], name)
        for entry, origin in list(registry._origins.items()):
            if not origin.startswith("semdim."):
                registry._entries.pop(entry, None)
                del registry._origins[entry]
    for module in [name for name in sys.modules if name.startswith("tests.fixtures.")]:
        del sys.modules[module]
