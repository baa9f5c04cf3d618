"""What is done to a whole pipeline: kills at random moments, two at once, damage in DVC's cache.

The pipeline runs by `dvc repro` in a clone of its own, each stage as a process of its own. In the
end everything must be what an undisturbed run leaves, byte for byte.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults import processes
from tests.faults.rows import Outcome
from tests.faults.workspace import contents, flip
from tests.pipeline.conftest import Clone, cloned

#: What is done to it: methods of `WholePipeline`.
WHOLE = ("damaged_cache", "two_at_once", "random_kills")
KILLS = "a whole pipeline is killed at a random moment"
AT_ONCE = "two of one kind at once"
CACHE = "a byte of DVC's cache is flipped"
#: SIGINT to DVC alone does nothing while a stage runs: DVC ignores it.
COMBINATIONS = tuple(
    (target, number)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    for target in ("stage", "group", "dvc")
    if (target, number) != ("dvc", signal.SIGINT)
)
#: Seconds in which everything has ended after a signal: stages take two, or what a write takes.
ENDS_IN = 20.0
FINISHED = "the pipeline ended before it was killed"
LIMIT = 900.0


@dataclass
class WholePipeline:
    """A clone in which the smoke pipeline runs as a whole."""

    folder: Path
    targets: tuple[str, ...] = ()
    """Stages that `dvc repro` is asked for; none: all."""
    seed: int = 0
    """Of the moments."""

    def __post_init__(self) -> None:
        self.clone: Clone = cloned(self.folder, {})
        config = self.folder / "conf/config.yaml"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("experiment: main", "experiment: smoke"), encoding="utf-8")
        self._ran("python", "-m", "stages.check_params", "--write")
        # Of a command in the background a shell has it, and all of its children, ignore SIGINT.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.moments = random.Random(self.seed)
        self.said = self.folder.with_name("said.txt")

    @property
    def repro(self) -> tuple[str, ...]:
        """The command that runs it."""
        return ("dvc", "repro", "--quiet", *self.targets)

    def trials(self, names: Iterable[str] = WHOLE) -> Iterator[Outcome]:
        """Those of these names; yields what was done, and what was wrong, or None."""
        self._ran(*self.repro)
        undisturbed = contents(self.folder)
        for name in names:
            yield from getattr(self, name)(undisturbed)

    def random_kills(self, undisturbed: dict[str, str]) -> Iterator[Outcome]:
        """One run after the other, each killed, until each signal was sent to each process."""
        self._forget()
        survived: list[str] = []
        for target, number in COMBINATIONS:
            name = f"{signal.Signals(number).name} to {target}"
            while (failure := self._kill(target, number)) == FINISHED:
                failed = self._differing(undisturbed)
                yield from ((KILLS, failed and f"{name}: {failed}") for name in survived)
                survived.clear()
                self._forget()
            if failure is None:
                survived.append(name)
            else:
                yield KILLS, f"{name}: {failure}"
        failed = self._differing(undisturbed)
        yield from ((KILLS, failed and f"{name}: {failed}") for name in survived)

    def _kill(self, target: str, number: signal.Signals) -> str | None:
        """Start the pipeline and end it amid one of its stages; what was wrong, or `FINISHED`."""
        with self._started(*self.repro) as dvc:
            stage = self._later_stage(dvc, self.moments.randint(2, 4))
            if stage is None:
                return FINISHED
            time.sleep(self.moments.uniform(0, 3))
            stage = processes.stage_of(dvc.pid) or dvc.pid
            if target == "group":
                os.killpg(dvc.pid, number)
            else:
                os.kill({"stage": stage, "dvc": dvc.pid}[target], number)
            in_time = processes.ended(dvc.pid, ENDS_IN)
            processes.end(dvc.pid)
        return None if in_time else f"it went on for {ENDS_IN:.0f} s"

    def _later_stage(self, dvc: subprocess.Popen[bytes], count: int) -> int | None:
        """The ``count``-th stage that a pipeline starts, once it runs."""
        seen: set[int] = set()
        limit = time.monotonic() + LIMIT
        while dvc.poll() is None and time.monotonic() < limit:
            stage = processes.stage_of(dvc.pid)
            seen |= {stage} if stage is not None else set()
            if stage is not None and len(seen) == count:
                return stage
            time.sleep(0.2)
        return None

    def two_at_once(self, undisturbed: dict[str, str]) -> Iterator[Outcome]:
        """Two pipelines in one clone, and two stages on one unit: none harms the other."""
        for name, outs, command in (
            ("two pipelines", ("outputs/probes",), self.repro),
            ("two stages", ("outputs/probes/tiny/codes/english",), CODES),
        ):
            self.said.unlink(missing_ok=True)
            for out in outs:
                shutil.rmtree(self.folder / out)
            with self._started(*command) as one, self._started(*command) as other:
                ended = sorted(process.wait(LIMIT) for process in (one, other))
            said = self.said.read_text(encoding="utf-8", errors="replace")
            failure = f"a traceback: {said[-300:]}" if "Traceback" in said else None
            if name == "two stages" and ended != [0, 1]:
                failure = f"they ended with {ended}"
            failure = failure or self._differing(undisturbed)
            yield AT_ONCE, None if failure is None else f"{name}: {failure}"

    def damaged_cache(self, undisturbed: dict[str, str]) -> Iterator[Outcome]:
        """A flipped byte in an object of each output; all are found, and computed again."""
        damaged = [path for path in self._objects() if path.stat().st_size]
        for path in damaged:
            flip(path)
        done = self.clone.run("dvc", "repro", *self.targets)
        after = f"it ended with {done.returncode}" if done.returncode else None
        after = after or self._differing(undisturbed)
        for path in damaged:
            name = "".join(path.parts[-2:])
            named = f"{name} in DVC's cache is damaged" in done.stdout
            failure = after or (None if named else "it was not named")
            yield CACHE, None if failure is None else f"{name}: {failure}"

    def _objects(self) -> list[Path]:
        return [path for path in self.folder.glob(".dvc/cache/files/md5/??/*") if path.is_file()]

    def _differing(self, undisturbed: dict[str, str]) -> str | None:
        """What is not as an undisturbed run leaves it, after the pipeline has run once more."""
        done = self.clone.run(*self.repro)
        if done.returncode:
            return f"it does not run again: {done.stderr[-300:]}"
        now = contents(self.folder)
        names = sorted(n for n in {*now, *undisturbed} if now.get(n) != undisturbed.get(n))
        return f"{', '.join(names[:3])} differ" if names else None

    def _forget(self) -> None:
        """Remove all that was computed, DVC's memory of it too."""
        for name in ("outputs", "results", ".dvc/cache", ".dvc/tmp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "dvc.lock").unlink(missing_ok=True)

    def _ran(self, *command: str) -> None:
        done = self.clone.run(*command)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} fails by itself: {done.stdout}{done.stderr}")

    def _started(self, *command: str) -> subprocess.Popen[bytes]:
        environment = os.environ | self.clone.environment
        program = Path(sys.executable).with_name(command[0])
        with self.said.open("ab") as said:
            return subprocess.Popen(
                [program, *command[1:]], cwd=self.folder, env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip


CODES = ("python", "-m", "stages.encode_codes", "unit.probe=tiny", "unit.corpus=english")
