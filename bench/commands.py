"""What `semdim certify` and `semdim verify` take, as a user runs them: one process each.

    python -m bench.commands                 measure both, write the table of docs/performance.md
    python -m bench.commands --root FOLDER   of a finished checkout elsewhere

Certify measures 20,000 tokens of a folder of texts with the autoencoder that semdim ships; verify
recomputes the certificate of the default run, 102,656 tokens. Beside the seconds on the clock stand
those of the processors, which other work on the machine changes less.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.marks import write_between
from semdim import __version__
from semdim.artifacts.shards import write_json
from semdim.errors import ArtifactError, SemdimError
from semdim.paths import Paths
from semdim.text.filters import load_documents
from semdim.text.spec import CorpusSpec

PAGE, FOLDER = Path("docs/performance.md"), Path("docs/performance/commands")
BEGIN, END = "<!-- commands: begin (python -m bench.commands) -->", "<!-- commands: end -->"
MODEL, PROBE = "smollm2-135m", "smollm2-135m_layer15"
TOKENS = 20_000


@dataclass(frozen=True)
class Taken:
    """What one command took."""

    command: str
    """As it is written, with the folders of the bench left out."""
    what: str
    """What it worked on."""
    wall_seconds: float
    """On the clock."""
    processor_seconds: float
    """Of all threads together, user and system."""
    peak_bytes: int
    """Largest resident memory."""


def taken(command: str, what: str, *words: str) -> Taken:
    """Run `semdim` with these words.

    Raises:
        ArtifactError: it fails.
    """
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "semdim.commands.app", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    said = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise ArtifactError(f"semdim {words[0]} failed: {said.strip().splitlines()[-1]}")
    unit = 1 if sys.platform == "darwin" else 1024
    processor = usage.ru_utime + usage.ru_stime
    return Taken(command, what, round(wall, 1), round(processor, 1), usage.ru_maxrss * unit)


def write_texts(folder: Path) -> int:
    """The documents of the corpus ``english``, a file each; returns how many."""
    settings = {"kind": "gensim_english", "near_duplicates": 0.5, "min_characters": 500}
    n = 0
    for document in load_documents(CorpusSpec.from_mapping(settings, "english")):
        (folder / f"{n:04d}.txt").write_text(document.text, encoding="utf-8")
        n += 1
    return n


def measure(root: Path) -> list[Taken]:
    """Both commands, on what a finished checkout holds."""
    paths = Paths(root)
    with tempfile.TemporaryDirectory(prefix="semdim-bench-") as work:
        texts = Path(work) / "texts"
        texts.mkdir()
        n = write_texts(texts)
        certify = taken(
            f"semdim certify --sae models/sae/{PROBE} --tokens {TOKENS}",
            f"{TOKENS:,} tokens of a folder of {n} texts",
            "certify", "--model", str(paths.model(MODEL)), "--sae", f"models/sae/{PROBE}",
            "--text", str(texts), "--tokens", str(TOKENS), "--out", str(Path(work) / "out"),
        )  # fmt: skip
    certificate = paths.results(PROBE) / "certificate.json"
    n_tokens = json.loads(certificate.read_text(encoding="utf-8"))["subject"]["n_tokens"]
    verify = taken(
        "semdim verify",
        f"a certificate from {n_tokens:,} tokens",
        "verify", str(certificate), "--ledger", str(paths.ledger(PROBE, "english")),
    )  # fmt: skip
    return [certify, verify]


def table(found: list[Taken], machine: str) -> str:
    """The rows of the page."""
    rows = [
        f"| `{one.command.split()[1]}` | {one.what} | {one.wall_seconds:,.1f} "
        f"| {one.processor_seconds:,.1f} | {one.peak_bytes / 1e9:.1f} |"
        for one in found
    ]
    head = ["| | on | seconds | processor seconds | peak memory, GB |", "|---|---|---|---|---|"]
    return "\n".join([machine, "", *head, *rows])


def document(folder: Path = FOLDER, page: Path = PAGE) -> None:
    """Write the table from the file of the folder.

    Raises:
        ArtifactError: the page lacks the marks.
    """
    content = json.loads((folder / "cpu.json").read_text(encoding="utf-8"))
    found = [Taken(**row) for row in content["commands"]]
    write_between(page, BEGIN, END, table(found, content["machine"]))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.commands",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--root", type=Path, default=Path(), help="where outputs/ and results/ lie")
    given = parser.parse_args()
    try:
        load = os.getloadavg()[0]
        found = measure(given.root)
        machine = (
            f"{platform.machine()}, {os.cpu_count()} threads, float32, semdim {__version__}; "
            f"load of other work {load:.1f} at the start."
        )
        FOLDER.mkdir(parents=True, exist_ok=True)
        rows = [asdict(one) for one in found]
        write_json(FOLDER / "cpu.json", {"machine": machine, "commands": rows})
        document()
        print(table(found, machine))
    except (SemdimError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
