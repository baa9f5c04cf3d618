"""What Ray's workers cost and gain: one stage by this process and by workers, in turns.

    python -m bench.workers                  measure, write the table of docs/cluster.md
    python -m bench.workers --root FOLDER    of a finished checkout elsewhere
    python -m bench.workers --document       only write the table from what was measured

The stage is `cache_activations` of SmolLM2-135M on the corpus english, a whole process as `dvc
repro` starts it. The cluster stays up meanwhile. Each kind runs twice, in an order that is its own
mirror image, so that a machine that gets slower favours none; all must write the same bytes.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from bench.marks import write_between
from semdim.artifacts.shards import MANIFEST, write_json
from semdim.errors import ArtifactError, SemdimError
from semdim.paths import Paths
from semdim.rates import processor

PAGE, RECORD = Path("docs/cluster.md"), Path("docs/cluster/workers.json")
BEGIN, END = "<!-- workers: begin (python -m bench.workers) -->", "<!-- workers: end -->"
MODEL, HOOK, CORPUS = "smollm2-135m", "blocks.15.hook_resid_pre", "english"
PORT = 6399
LOCAL, ONE, TWO = (
    "this process, two threads",
    "one worker, two threads",
    "two workers, a thread each",
)
KINDS: Mapping[str, Mapping[str, Any]] = {
    LOCAL: {"workers": "local", "n_threads": 2},
    ONE: {"workers": "ray", "n_workers": 1, "n_threads": 2},
    TWO: {"workers": "ray", "n_workers": 2, "n_threads": 1},
}


@dataclass(frozen=True)
class Turn:
    """One run of the stage."""

    kind: str
    seconds: float
    """On the clock, from the start of the process to its end."""


def measure(root: Path) -> dict[str, Any]:
    """Run every kind twice on what a finished checkout holds.

    Raises:
        ArtifactError: a run fails, or writes other bytes than the first.
    """
    load, turns, digests = os.getloadavg()[0], list[Turn](), set[str]()
    with tempfile.TemporaryDirectory(prefix="semdim-bench-") as work, _cluster():
        project = Paths(_project(root.absolute(), Path(work)))
        out = project.activations(MODEL, HOOK, CORPUS)
        for kind in (*KINDS, *reversed(KINDS)):
            turns.append(Turn(kind, round(_run(project, kind), 1)))
            print(f"{kind}: {turns[-1].seconds} s", file=sys.stderr)
            digests.add(_digest(out))
            n_shards = len(json.loads((out / MANIFEST).read_text(encoding="utf-8"))["shards"])
            shutil.rmtree(out)
        if len(digests) > 1:
            raise ArtifactError("the runs wrote different bytes: see which with `cmp`")
    import ray

    return {
        "machine": processor("cpu"), "load": round(load, 1), "ray": ray.__version__,
        "n_shards": n_shards,
        "turns": [asdict(turn) for turn in turns],
    }  # fmt: skip


def _project(root: Path, work: Path) -> Path:
    """A checkout that shares all but the outputs of the stage with another."""
    for name in ("src", "stages", "conf", "models"):
        (work / name).symlink_to(root / name)
    for name in ("dvc.yaml", "dvc.lock", "params.yaml"):
        shutil.copy(root / name, work / name)
    of_model = Path("outputs/models") / MODEL
    (work / of_model).mkdir(parents=True)
    for name in ("export", "tokens"):
        (work / of_model / name).symlink_to(root / of_model / name)
    for name in ("inputs", "params_checked"):
        if (root / "outputs" / name).exists():
            (work / "outputs" / name).symlink_to(root / "outputs" / name)
    written = Path("outputs/partial/written")
    if (root / written).exists():
        shutil.copytree(root / written, work / written)
    return work


def _run(project: Paths, kind: str) -> float:
    """Seconds of the stage, as a process of its own."""
    params = yaml.safe_load((project.root / "params.yaml").read_text(encoding="utf-8"))
    address = {} if kind == LOCAL else {"ray_address": f"127.0.0.1:{PORT}"}
    params["engine"] |= KINDS[kind] | address
    (project.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    environment = os.environ | {"PYTHONPATH": str(project.root / "src")}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "stages.cache_activations", f"unit.model={MODEL}",
         f"unit.hook={HOOK}", f"unit.corpus={CORPUS}"],
        cwd=project.root, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode:
        raise ArtifactError(f"{kind}: {done.stderr.strip().splitlines()[-1]}")
    return seconds


@contextmanager
def _cluster() -> Iterator[None]:
    """Ray on this machine, with two processors."""
    ray = str(Path(sys.executable).with_name("ray"))
    start = [ray, "start", "--head", "--num-cpus=2", f"--port={PORT}", "--include-dashboard=false"]
    os.environ["RAY_AUTH_MODE"] = "token"  # the driver's, too: `ray start` asks for one
    subprocess.run([ray, "get-auth-token", "--generate"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*start, "--disable-usage-stats"], check=True, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        subprocess.run([ray, "stop"], check=False, stdout=subprocess.DEVNULL)


def _digest(folder: Path) -> str:
    """Of every file of an artifact, names included."""
    found = hashlib.blake2b()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def table(content: Mapping[str, Any]) -> str:
    """The rows of the page."""
    by_kind = {
        kind: [turn["seconds"] for turn in content["turns"] if turn["kind"] == kind]
        for kind in KINDS
    }
    base = mean(by_kind[LOCAL])
    rows = [
        f"| {kind} | {' and '.join(f'{one:.1f}' for one in seconds)} "
        f"| {mean(seconds) / base - 1:+.1%} | {base / mean(seconds):.2f} |".replace("-", "−")
        for kind, seconds in by_kind.items()
    ]
    head = ["| who computes | seconds | more time | speed |", "|---|--:|--:|--:|"]
    about = (
        f"{content['n_shards']} shards in float32; {content['machine']}, load of other work "
        f"{content['load']} at the start; Ray {content['ray']}, whose cluster was up. Every run "
        "wrote the same bytes."
    )
    return "\n".join([about, "", *head, *rows])


def document(record: Path = RECORD, page: Path = PAGE) -> None:
    """Write the table from the record.

    Raises:
        ArtifactError: the page lacks the marks.
    """
    write_between(page, BEGIN, END, table(json.loads(record.read_text(encoding="utf-8"))))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.workers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--root", type=Path, default=Path(), help="a finished checkout")
    parser.add_argument("--document", action="store_true", help="measure nothing")
    given = parser.parse_args()
    try:
        if not given.document:
            write_json(RECORD, measure(given.root))
        document()
    except SemdimError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
