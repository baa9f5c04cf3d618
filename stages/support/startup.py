"""How a stage starts: params.yaml through Hydra, and one sentence for a user's mistake."""

import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # our own errors are printed without a traceback

import functools
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from semdim.artifacts.hashing import settings_digest
from semdim.artifacts.lock import locked
from semdim.artifacts.temporary import remove_leftovers
from semdim.errors import SemdimError
from semdim.paths import Paths
from semdim.quoting import escape_what_a_console_lacks
from semdim.registry import load_plugins
from stages import ROOT, imported
from stages.support import intact, points
from stages.support.interrupts import end_at_signals
from stages.support.overrides import refuse_unread
from stages.support.run import Run, Unit
from stages.support.unwritable import unwritable

# Wanted: conf/hydra/launcher sets a launcher's values, and its plugin's schema checks their types.
warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")


def stage(work: Callable[[Run], None]) -> Callable[[], None]:
    """Turn ``work`` into a script: compose, check, run; a `SemdimError` becomes one sentence.

    In a multirun the refused points are told at its end, and the others are computed.
    """

    @functools.wraps(work)
    def task(config: DictConfig) -> None:
        point = points.point_folder()
        try:
            content = OmegaConf.to_container(config, resolve=True)
            assert isinstance(content, dict)
            params = {str(key): value for key, value in content.items()}
            unit = Unit(**params.pop("unit"))
            load_plugins(params.get("plugins") or ())
            run = Run(params, unit, Paths(Path(".")), _module_of(work), point)
            with alone(run), on_intact_inputs(run):
                work(run)
        except Exception as error:
            sentence = str(error) if isinstance(error, SemdimError) else unwritable(error)
            if sentence is None:
                raise
            if point is not None and HydraConfig.get().mode == RunMode.MULTIRUN:
                return points.refuse(point, sentence)
            refuse(sentence)

    main = hydra.main(config_path=str(ROOT / "conf"), config_name="stage", version_base=None)(task)

    @functools.wraps(work)  # `main.__wrapped__` is the stage as a function of its run
    def started() -> None:
        imported()
        end_at_signals()
        escape_what_a_console_lacks()
        try:
            given = sys.argv[1:]
            keys = [override.get_key_element() for override in points.parse(given)]
            refuse_unread(_module_of(work), keys, ROOT)
            sys.argv[1:] = completed(given)
            main()
        except (SemdimError, HydraException, OmegaConfBaseException) as error:
            refuse(str(error).strip())

    return started


@contextmanager
def alone(run: Run) -> Iterator[None]:
    """One process at a time runs a stage of the pipeline on a unit; points of a sweep do not meet.

    Raises:
        ArtifactError: another process is running it.
    """
    if run.point is not None:
        yield
        return
    unit = {key: value for key, value in asdict(run.unit).items() if value is not None}
    what = " ".join([run.module, *(f"unit.{key}={value}" for key, value in unit.items())])
    run.paths.partial.mkdir(parents=True, exist_ok=True)
    remove_leftovers(run.paths.partial)
    with locked(run.paths.partial / f"{settings_digest(what)[:32]}.lock", what):
        yield


@contextmanager
def on_intact_inputs(run: Run) -> Iterator[None]:
    """The inputs that dvc.yaml names are what was written there; so are the outputs noted.

    Raises:
        ArtifactError: one of the inputs is damaged.
    """
    declared = intact.declared(run)
    if declared is not None:
        intact.check(declared.deps, run.paths.root)
    yield
    if declared is not None and run.point is None:
        intact.note(declared.outs, run.paths.root)


def _module_of(work: Callable[[Run], None]) -> str:
    """The stage's module by its own name, also where it is the one that Python runs."""
    spec = getattr(sys.modules.get(work.__module__), "__spec__", None)
    return work.__module__ if spec is None else str(spec.name)


def completed(arguments: list[str]) -> list[str]:
    """The command line; in a multirun with what its points have to know of each other.

    Raises:
        ConfigError: two of its overrides contradict each other.
    """
    overrides = points.parse(arguments)
    points.refuse_contradictions(overrides)
    if not {"-m", "--multirun"} & set(arguments):
        return arguments
    swept = json.dumps(points.swept_values(overrides)).replace("'", "\\'")
    return [*arguments, f"unit.swept='{swept}'"]


def refuse(message: str) -> None:
    """End the process with one sentence."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(1)
