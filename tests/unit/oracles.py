"""Other people's implementations, for tests that compare."""

import importlib
import sys
import types
from importlib.metadata import distribution
from pathlib import Path
from typing import Any


def pytorch_ood(name: str) -> Any:
    """A detector's module of pytorch-ood.

    Its top-level package imports torchvision, which no detector needs and we do not install: that
    package and its list of detectors are stood in for by empty ones, so that just the module loads.
    """
    root = Path(str(distribution("pytorch-ood").locate_file("pytorch_ood")))
    for package, folder in (("pytorch_ood", root), ("pytorch_ood.detector", root / "detector")):
        if package not in sys.modules:
            module = types.ModuleType(package)
            module.__path__ = [str(folder)]
            sys.modules[package] = module
    return importlib.import_module(f"pytorch_ood.detector.{name}")
