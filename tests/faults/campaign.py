"""What is done to the stages, one after the other, and whether they survive it.

Every trial ends with the same question: after a plain run of the same stage, are all files what
they are after a run that nobody disturbed, byte for byte, and is nothing else left?
"""

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stages.support.declared import Declared
from tests.faults import child
from tests.faults.damage import flips
from tests.faults.rows import Outcome, Rows
from tests.faults.workspace import below, contents, flip, make, remove

SAMPLE = "english"
#: Bytes that a file may grow to where the disk is full: none, a part of most files, of the largest.
DISKS = (0, 700, 20_000)

#: What is done to each stage: methods of `Campaign`.
TRIALS = ("damage", "kills", "kills_of_a_replacement", "full", "read_only")


@dataclass
class Campaign:
    """A workspace in which stages run one after the other, each after it was tried."""

    folder: Path
    stride: int = 1
    """Of the crash points every so many-th."""
    only: tuple[str, ...] = ()
    """Stages that are tried; none: all."""
    trials: tuple[str, ...] = TRIALS
    """What is done to each, by the names of the methods below."""
    rows: Rows = field(default_factory=Rows)

    def start(self) -> list[Declared]:
        """Make the workspace, and import what the stages import."""
        stages = make(self.folder)
        child.warm_up(stages)
        return stages

    def run(self) -> None:
        """Every trial at every stage, in the order of the pipeline."""
        stages = self.start()
        wanted = [at for at, stage in enumerate(stages) if self._is_tried(stage)]
        for stage in stages[: wanted[-1] + 1]:
            before = contents(self.folder)
            done = child.run(stage, self.folder)
            if done.status != 0:
                raise RuntimeError(f"{stage} fails by itself: {done.said}")
            after = contents(self.folder)
            if self._is_tried(stage):
                print(f"{stage} …", file=sys.stderr, flush=True)
                for trial in self.trials:
                    self.rows.take(getattr(self, trial)(stage, before, after))

    def _is_tried(self, stage: Declared) -> bool:
        other = any(f"corpus={name}" in word for word in stage.overrides for name in OTHERS)
        return not other and (not self.only or stage.name in self.only)

    def damage(
        self, stage: Declared, before: dict[str, str], after: dict[str, str]
    ) -> Iterator[Outcome]:
        """A flipped byte in everything that the stage reads."""
        yield from flips(stage, self.folder, after, self.stride)
        self._settle(stage, after)

    def kills(
        self, stage: Declared, before: dict[str, str], after: dict[str, str]
    ) -> Iterator[Outcome]:
        """SIGKILL at each change of a file, where nothing was there before."""
        yield from self._killed(stage, after, "SIGKILL at a write, rename, removal or fsync", None)

    def kills_of_a_replacement(
        self, stage: Declared, before: dict[str, str], after: dict[str, str]
    ) -> Iterator[Outcome]:
        """The same where an older result is replaced: old or new is there at every moment."""
        with_old = self.folder.parent / "old"
        shutil.rmtree(with_old, ignore_errors=True)
        for out in stage.outs:
            _copy(self.folder / out, with_old / out)
            for path in [p for p in _files(with_old / out) if p.stat().st_size]:
                flip(path)
        what = "SIGKILL while an older result is replaced"
        yield from self._killed(stage, after, what, with_old)
        self._reset(stage, None)
        self._settle(stage, after)

    def _killed(
        self, stage: Declared, after: dict[str, str], what: str, old: Path | None
    ) -> Iterator[Outcome]:
        at = 1 + hash_of(stage) % self.stride
        while True:
            self._reset(stage, old)
            earlier = contents(self.folder)
            done = child.run(stage, self.folder, child.Killer(self.folder, at))
            if done.status == 0:
                return
            where = f"{stage}, change {at}"
            if done.status != -signal.SIGKILL:
                yield what, f"{where}: it ended with {done.status}: {done.said[-300:]}"
            elif old is not None and (lost := self._lost(stage, earlier, after)):
                yield what, f"{where}: {lost}"
            else:
                yield what, self._settle(stage, after, where)
            at += self.stride

    def _lost(self, stage: Declared, old: dict[str, str], new: dict[str, str]) -> str | None:
        """What is neither whole and old nor whole and new; results are files of their own."""
        now = contents(self.folder)
        for out in stage.outs:
            there = below(now, out)
            if out.startswith("results/"):
                both = {**below(old, out), **below(new, out)}
                wrong = [n for n in both if there.get(n) not in (old.get(n), new.get(n))]
                if wrong:
                    return f"{wrong[0]} is neither the old nor the new one"
            elif there not in (below(old, out), below(new, out)):
                if stage.name in KEEPS and set(there) == set(below(new, out)):
                    continue  # a folder of several artifacts, each replaced by itself
                return f"{out} is neither the old nor the new one"
        return None

    def full(
        self, stage: Declared, before: dict[str, str], after: dict[str, str]
    ) -> Iterator[Outcome]:
        """No file grows beyond some bytes, as on a full disk."""
        for n_bytes in DISKS if self.stride == 1 else DISKS[hash_of(stage) % 3 :][:1]:
            self._reset(stage, None)
            done = child.run(stage, self.folder, child.small_disk(n_bytes))
            if done.status == 0:
                continue
            settled = self._settle(stage, after, f"{stage}, full disk")
            yield "the disk is full", settled or _sentence(stage, done)

    def read_only(
        self, stage: Declared, before: dict[str, str], after: dict[str, str]
    ) -> Iterator[Outcome]:
        """Nothing can be written below outputs and results."""
        self._reset(stage, None)
        folders = [path for part in ("outputs", "results") for path in _folders(self.folder / part)]
        earlier = contents(self.folder)
        for path in folders:
            path.chmod(0o555)
        done = child.run(stage, self.folder, child.without_privileges)
        for path in folders:
            path.chmod(0o755)
        failure = None
        if done.status == 0:
            failure = f"{stage}: it says that it succeeded"
        elif contents(self.folder) != earlier:
            failure = f"{stage}: it changed something"
        else:
            failure = _sentence(stage, done)
        settled = self._settle(stage, after, f"{stage}, read-only")
        yield "outputs are read-only", settled or failure

    def _reset(self, stage: Declared, old: Path | None) -> None:
        remove(self.folder, stage.outs)
        if old is not None:
            for out in stage.outs:
                _copy(old / out, self.folder / out)

    def _settle(self, stage: Declared, after: dict[str, str], where: str = "") -> str | None:
        """Run the stage plainly; None if all is as it should be, else what is not."""
        done = child.run(stage, self.folder)
        if done.status != 0:
            return f"{where}: it does not run again: {done.said[-300:]}"
        now = contents(self.folder)
        if now == after:
            return None
        differing = sorted(
            name for name in set(now) | set(after) if now.get(name) != after.get(name)
        )
        self._repair(stage, after)
        return f"{where}: {', '.join(differing[:3])} differ"

    def _repair(self, stage: Declared, after: dict[str, str]) -> None:
        """Bring the workspace back, so that the next trial is judged by itself."""
        for name in set(contents(self.folder)) - set(after):
            (self.folder / name).unlink()
        self._reset(stage, None)
        shutil.rmtree(self.folder / "outputs/partial", ignore_errors=True)
        child.run(stage, self.folder)


OTHERS = ("python", "random")
KEEPS = ("compute_losses", "further_losses")


def hash_of(stage: Declared) -> int:
    """A number that differs between stages, so that a stride does not always meet the same step."""
    return sum(map(ord, str(stage)))


def _sentence(stage: Declared, done: child.Ended) -> str | None:
    """What is wrong with how a stage said that it cannot go on; None: it did, in a sentence."""
    if "Traceback" in done.said:
        return f"{stage}: a traceback in place of a sentence: {done.said.splitlines()[-1]}"
    return None if "error: " in done.said else f"{stage}: no sentence: {done.said[-200:]!r}"


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]


def _folders(path: Path) -> list[Path]:
    return [path, *(item for item in path.rglob("*") if item.is_dir())] if path.exists() else []


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copy: Callable[[Path, Path], object] = shutil.copytree if source.is_dir() else shutil.copyfile
    copy(source, target)
