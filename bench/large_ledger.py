"""A ledger larger than memory: what reading it costs, and which engine reads it best.

    python -m bench.large_ledger write FOLDER --tokens 1e6          a synthetic sample, and a shift
    python -m bench.large_ledger measure FOLDER --write FILE.json   time and memory of both stages
    python -m bench.large_ledger same FOLDER                        are data frames the same?
    python -m bench.large_ledger engines FOLDER --write FILE.json   a query by several engines
    python -m bench.large_ledger document docs                      the numbers of docs/ledger.md

What is measured is what the stages assemble_bound and measure_uncertainty do from the ledger to
their files, each in a process of its own.
"""

import argparse
import filecmp
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.large_ledger_page import PARTS, write_page
from bench.peak import peak_bytes
from bench.synthetic import write_ledger
from semdim.artifacts.shards import write_atomically
from semdim.bounds.assemble import assemble_all
from semdim.bounds.family import BoundFacts
from semdim.bounds.per_token import k_and_loss
from semdim.bounds.spec import BoundSpec
from semdim.bounds.summary import at_largest_n, headline
from semdim.bounds.unigram_crossing import against_unigram
from semdim.ledger.parts import files_of
from semdim.ledger.radii import radii_table
from semdim.ledger.rows import Rows
from semdim.ledger.stream import LedgerStream
from semdim.ledger.table import read_facts, read_ledger
from semdim.rates import processor
from semdim.records import write_record
from semdim.results.write_bounds import write_bounds
from semdim.results.write_sparsity import write_sparsity

SAMPLE, SHIFT = "english", "python"


def assemble(folder: Path, out: Path, *, in_memory: bool = False) -> None:
    """What the stage assemble_bound does with the sample's ledger."""
    path = folder / f"{SAMPLE}.parquet"
    facts = read_facts(path)
    ledger: Rows = read_ledger(path)[0] if in_memory else LedgerStream(path)
    n_tokens = facts.n_tokens
    spec = BoundSpec(
        n_tokens=(n_tokens // 100, n_tokens // 10, n_tokens), topk_grid=(16, 32, 64, 128),
        pool_sizes=(),
    )  # fmt: skip
    found = assemble_all(ledger, BoundFacts.from_mapping(facts), spec)
    summary = headline(found.bounds, spec.smoothing)
    summary |= against_unigram(found.bounds, ledger, spec.smoothing)
    reasons = [str(entry) for entry in found.left_out]
    write_bounds(out, found.bounds, summary, ledger, facts, spec.smoothing, reasons)
    published = at_largest_n(found.bounds, "as_published", spec.smoothing)
    write_record(out / "k_and_loss.json", k_and_loss(ledger, published, seed=spec.seed))


def study(folder: Path, out: Path, *, in_memory: bool = False) -> None:
    """What the stage measure_uncertainty does with the ledgers of the sample and of a shift."""
    from semdim.uncertainty.spec import UncertaintySpec
    from semdim.uncertainty.study import run_study

    paths = {name: folder / f"{name}.parquet" for name in (SAMPLE, SHIFT)}
    ledgers: dict[str, Rows] = {
        name: read_ledger(path)[0] if in_memory else LedgerStream(path)
        for name, path in paths.items()
    }
    facts = read_facts(paths[SAMPLE])
    roles = {SAMPLE: "id", SHIFT: "shifted"}
    found = run_study(ledgers, roles, UncertaintySpec(), 0, vocab_size=facts.vocab_size)
    found.write(out)
    write_sparsity(out, found.sparsity, radii_table(ledgers))


def one(part: str, folder: Path, out: Path, *, in_memory: bool) -> dict[str, float]:
    """Seconds and peak memory of a part, in this process."""
    out.mkdir(parents=True, exist_ok=True)
    loaded, start = peak_bytes(), time.perf_counter()
    {"assemble_bound": assemble, "measure_uncertainty": study}[part](
        folder, out, in_memory=in_memory
    )
    return {
        "seconds": time.perf_counter() - start,
        "peak_bytes": peak_bytes(),
        "peak_bytes_when_loaded": loaded,
    }


def apart(part: str, folder: Path, out: Path, *, in_memory: bool = False) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "bench.large_ledger", part, str(folder), "--out", str(out)]
    done = subprocess.run(
        [*command, *["--in-memory"] * in_memory], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(folder: Path) -> dict[str, Any]:
    """Both parts, and the size of what they read."""
    paths = {name: folder / f"{name}.parquet" for name in (SAMPLE, SHIFT)}
    facts = read_facts(paths[SAMPLE])
    row: dict[str, Any] = {
        "n_tokens": facts.n_tokens,
        "n_documents": facts.n_documents,
        "context": facts.context,
        "n_tokens_of_shift": read_facts(paths[SHIFT]).n_tokens,
        "n_proxies": len(facts.proxies),
        "file_bytes": sum(f.stat().st_size for p in paths.values() for f in files_of(p)),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for part in PARTS:
            row[part] = apart(part, folder, Path(scratch))
    return row


def differing(folder: Path) -> list[str]:
    """The files of results in which streams and data frames differ."""
    with tempfile.TemporaryDirectory() as scratch:
        outs = Path(scratch) / "stream", Path(scratch) / "frame"
        for out, in_memory in zip(outs, (False, True), strict=True):
            for part in PARTS:
                apart(part, folder, out, in_memory=in_memory)
        names = sorted(path.name for path in outs[0].iterdir())
        _, unequal, absent = filecmp.cmpfiles(*outs, names, shallow=False)
        print(f"compared: {', '.join(names)}")
        return [*unequal, *absent]


def record(file: Path, key: str, value: Any) -> None:
    """Put a part into the file of results; sizes are kept apart, by their number of tokens."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if key == "sizes":
        rows = [row for row in known.get("sizes", []) if row["n_tokens"] != value["n_tokens"]]
        value = sorted([*rows, value], key=lambda row: int(row["n_tokens"]))
    known |= {key: value, "processor": processor("cpu"), "n_cores": os.cpu_count()}
    write_atomically(file, json.dumps(known, indent=2, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("what", choices=("write", "measure", "same", "engines", "document", *PARTS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=float, default=1e6)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--write", type=Path, metavar="FILE.json")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--in-memory", action="store_true")
    given = parser.parse_args()
    if given.what in PARTS:
        print(json.dumps(one(given.what, given.folder, given.out, in_memory=given.in_memory)))
    elif given.what == "write":
        for name, share, shift in ((SAMPLE, 1.0, 0.0), (SHIFT, 0.1, 25.0)):
            path = given.folder / f"{name}.parquet"
            n_rows = write_ledger(
                path, int(given.tokens * share), context=given.context, shift=shift
            )
            print(f"{n_rows:,} rows -> {path}", flush=True)
    elif given.what == "document":
        print(f"wrote {write_page(given.folder)}")
    elif given.what == "same":
        found = differing(given.folder)
        print(f"they differ in {', '.join(found)}" if found else "no file differs")
        raise SystemExit(bool(found))
    else:
        from bench.engines import compared

        key = "sizes" if given.what == "measure" else "engines"
        value = measured(given.folder) if key == "sizes" else compared(given.folder)
        print(json.dumps(value, indent=2))
        if given.write:
            record(given.write, key, value)


if __name__ == "__main__":
    main()
