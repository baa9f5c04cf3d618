"""Weights & Biases, for the stages that produce numbers and for training: one way in and out.

A run that is tracked never fails because of that: without a key or a network it continues offline,
when wandb fails later it continues untracked, and both say how to upload what was written. Starting
and ending a run takes seconds, so stages whose numbers are in the ledger anyway are not tracked one
by one.
"""

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.fields import check, setting

if TYPE_CHECKING:
    import pandas as pd

MODES = ("offline", "online", "disabled")
STEP = "n_tokens"
"""x-axis of every curve over the sample size."""
PATIENCE = 20
"""Seconds to wait for the server before the run continues offline."""
UPLOAD_PATIENCE = 60
"""Seconds that the end of an online run waits for its uploads; what is left stays on disk."""


@dataclass(frozen=True)
class TrackingSpec:
    """The ``tracking`` group."""

    mode: str = setting("disabled", choices=MODES)
    """offline: on this machine only; online: needs a key; disabled: nothing is logged."""
    project: str = setting("semdim", not_empty=True)
    """The project of Weights & Biases that the runs are logged to."""
    group: str | None = setting(None, not_empty=True)
    """What belongs together; None: the DVC experiment, or `repro` outside of one."""

    def __post_init__(self) -> None:
        check(self, "tracking")


class Tracked:
    """One tracked run of a stage; every method does nothing when tracking is disabled.

    None of them raises: whatever goes wrong in wandb is told once, and the run continues untracked.
    """

    def __init__(
        self, run: Any, say: Callable[[str], None], lock: Mapping[str, str] | None = None
    ) -> None:
        """lock: DVC's hashes by path, from `lock_hashes`."""
        self.run = run
        self._say = say
        self._lock = lock or {}
        self._failed = False

    def curves(self, table: "pd.DataFrame", prefix: str) -> None:
        """A column of `table` for each curve over N, drawn against N and not against a step."""

        def send(run: Any) -> None:
            run.define_metric(STEP, hidden=True)
            run.define_metric(f"{prefix}/*", step_metric=STEP)
            for row in table.to_dict("records"):
                values = {f"{prefix}/{k}": v for k, v in row.items() if k != STEP and v == v}
                run.log({STEP: int(row[STEP]), **values})

        self._try(send)

    def table(self, name: str, table: "pd.DataFrame") -> None:
        """A table to sort and filter."""

        def send(run: Any) -> None:
            import wandb

            plain = table.astype(object).where(table.notna(), None)
            run.log({name: wandb.Table(dataframe=plain)})

        self._try(send)

    def numbers(self, values: Mapping[str, Any]) -> None:
        """The numbers by which runs are compared."""
        there = {k: v for k, v in values.items() if v is not None}
        self._try(lambda run: run.summary.update(there))

    def figures(self, paths: Iterable[Path]) -> None:
        """Figures (png), by name."""

        def send(run: Any) -> None:
            import wandb

            run.log({f"figures/{path.stem}": wandb.Image(str(path)) for path in paths})

        self._try(send)

    def files(self, name: str, kind: str, paths: Iterable[Path]) -> None:
        """References to files that DVC keeps: nothing is uploaded but place, size and hash."""

        def send(run: Any) -> None:
            import wandb

            there = [path for path in paths if path.is_file()]
            hashes = {path.as_posix(): self._lock.get(path.as_posix()) for path in there}
            artifact = wandb.Artifact(name, kind, metadata={"dvc": hashes})
            for path in there:
                artifact.add_reference(path.resolve().as_uri(), name=path.as_posix())
            run.log_artifact(artifact)

        self._try(send)

    def log(self, record: Mapping[str, float], *, step: int) -> None:
        """Numbers at a step of a training run."""
        self._try(lambda run: run.log(dict(record), step=step))

    def finish(self) -> None:
        """End the run; when it was offline, or wandb failed, say how to upload it."""
        if self.run is None:
            return
        offline, folder = self.run.settings.mode == "offline", Path(self.run.settings.sync_dir)
        self._try(lambda run: run.finish(), even_if_failed=True)
        with suppress(ValueError):
            folder = folder.relative_to(Path.cwd())
        if self._failed:
            self._say(f"to upload what was tracked so far: wandb sync {folder}")
        elif offline:
            self._say(f"tracked offline; to upload it: wandb sync {folder}")

    def _try(self, send: Callable[[Any], Any], *, even_if_failed: bool = False) -> None:
        if self.run is None or (self._failed and not even_if_failed):
            return
        try:
            send(self.run)
        except Exception as error:  # wandb's own, of its service, of the network: it documents none
            if not self._failed:
                self._say(f"wandb failed ({_reason(error)}); the run continues untracked")
            self._failed = True


def _reason(error: Exception) -> str:
    """The first line of what an error says, or its name when it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def start(
    spec: TrackingSpec,
    *,
    job_type: str,
    config: Mapping[str, Any],
    say: Callable[[str], None],
    name: str | None = None,
    folder: Path | None = None,
    lock: Mapping[str, str] | None = None,
) -> Tracked:
    """Begin a tracked run.

    The environment variable WANDB_MODE=disabled turns it off. config: the composed parameters.
    folder: where offline runs are written; None: $WANDB_DIR or here. lock: what `Tracked` needs.
    """
    if spec.mode == "disabled" or os.environ.get("WANDB_MODE") == "disabled":
        return Tracked(None, say)
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its last network look-up
    import wandb

    settings: dict[str, Any] = {
        "console": "off",
        "silent": True,
        "init_timeout": PATIENCE,
        "login_timeout": PATIENCE,
        "finish_timeout": UPLOAD_PATIENCE,
        "finish_timeout_raises": True,
        "x_disable_stats": True,  # no thread that watches the machine
    }
    arguments: dict[str, Any] = {
        "project": spec.project,
        "group": spec.group or os.environ.get("DVC_EXP_NAME") or "repro",
        "job_type": job_type,
        "name": name,
        "config": dict(config),
        "dir": folder,
        "settings": wandb.Settings(**settings),
    }
    for mode in ("online", "offline") if spec.mode == "online" else ("offline",):
        try:
            return Tracked(wandb.init(mode=mode, **arguments), say, lock)
        except Exception as error:  # as in Tracked: a run does not fail because of its tracking
            follows = "is tracked offline" if mode == "online" else "is not tracked"
            say(f"wandb cannot be used {mode} ({_reason(error)}); the run continues and {follows}")
    return Tracked(None, say)


def git_commit() -> str | None:
    """The commit that is checked out; None outside of git."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def lock_hashes(lock: Path) -> dict[str, str]:
    """DVC's hash of everything that the stages read and wrote, by path; {} without dvc.lock."""
    import yaml

    if not lock.exists():
        return {}
    # Ten thousand lines: with the parser in C a tenth of a second, without it more than one.
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = safe(lock.read_text(encoding="utf-8"))
    try:
        stages = (loader.get_single_data() or {}).get("stages", {})
    finally:
        loader.dispose()
    entries = [
        entry
        for stage in stages.values()
        for entry in (*stage.get("deps", ()), *stage.get("outs", ()))
    ]
    return {entry["path"]: entry["md5"] for entry in entries if "md5" in entry}
