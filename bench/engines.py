"""One query by several engines: from tokens to means per sequence to means per document.

    per token → mean per sequence → mean per document, of every column of losses

The engine that semdim uses is Arrow's own reader with NumPy (`semdim.ledger.stream`); the others
are tried where they are installed. Each runs in a process of its own, so that its peak memory is
its own.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.peak import peak_bytes
from semdim.ledger.parts import parts_of
from semdim.ledger.stream import LedgerStream

Answer = dict[str, np.ndarray]


def columns_of(path: Path) -> list[str]:
    """The columns of losses."""
    return [name for name in LedgerStream(path).columns if name.startswith("nll_")]


def by_stream(path: Path) -> Answer:
    """Stretches of whole sequences from Arrow's reader, their means by NumPy."""
    ledger, columns = LedgerStream(path), columns_of(path)
    documents, means = [], {name: list[np.ndarray]() for name in columns}
    for rows in ledger.stretches(["document", *columns]):
        documents.append(rows["document"].to_numpy()[:: ledger.context])
        for name in columns:
            values = rows[name].to_numpy(dtype=np.float64).reshape(-1, ledger.context)
            means[name].append(values[:, :-1].mean(axis=1))
    document = np.concatenate(documents)
    count = np.bincount(document)
    return {
        name: np.bincount(document, weights=np.concatenate(parts)) / count
        for name, parts in means.items()
    }


def by_acero(path: Path) -> Answer:
    """Arrow's own query engine, on a data set that it scans itself."""
    import pyarrow.acero as acero
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    columns = columns_of(path)
    scanned = ds.dataset([str(part) for part in parts_of(path)])
    keys = ["document", "sequence"]
    plan = acero.Declaration.from_sequence(
        [
            acero.Declaration(
                "scan",
                acero.ScanNodeOptions(scanned, columns={n: pc.field(n) for n in keys + columns}),
            ),
            acero.Declaration(
                "project",
                acero.ProjectNodeOptions(
                    [*map(pc.field, keys), *(pc.field(n).cast("double") for n in columns)],
                    [*keys, *columns],
                ),
            ),
            acero.Declaration(
                "aggregate",
                acero.AggregateNodeOptions(
                    [(name, "hash_mean", None, name) for name in columns], keys=keys
                ),
            ),
            acero.Declaration(
                "aggregate",
                acero.AggregateNodeOptions(
                    [(name, "hash_mean", None, name) for name in columns], keys=["document"]
                ),
            ),
        ]
    )
    found = plan.to_table().sort_by("document")
    return {name: found[name].to_numpy() for name in columns}


def by_duckdb(path: Path) -> Answer:
    """DuckDB, in SQL."""
    import duckdb

    columns = columns_of(path)
    inner = ", ".join(f"avg({name}::DOUBLE) AS {name}" for name in columns)
    outer = ", ".join(f"avg({name}) AS {name}" for name in columns)
    files = [str(part) for part in parts_of(path)]
    query = (
        f"SELECT document, {outer} FROM (SELECT document, sequence, {inner} FROM "
        f"read_parquet({files}) GROUP BY document, sequence) GROUP BY document ORDER BY document"
    )
    found = duckdb.sql(query).fetchnumpy()
    return {name: np.asarray(found[name]) for name in columns}


def by_polars(path: Path) -> Answer:
    """Polars' streaming engine."""
    import polars as pl

    columns = columns_of(path)
    found = (
        pl.scan_parquet([str(part) for part in parts_of(path)])
        .group_by("document", "sequence")
        .agg(pl.col(name).cast(pl.Float64).mean() for name in columns)
        .group_by("document")
        .agg(pl.col(name).mean() for name in columns)
        .sort("document")
        .collect(engine="streaming")
    )
    return {name: found[name].to_numpy() for name in columns}


ENGINES: dict[str, tuple[str, Callable[[Path], Answer]]] = {
    "stream": ("pyarrow", by_stream),
    "acero": ("pyarrow", by_acero),
    "duckdb": ("duckdb", by_duckdb),
    "polars": ("polars", by_polars),
}
"""By name: the package, and the query."""


def compared(folder: Path, n_rounds: int = 3) -> dict[str, Any]:
    """Seconds of each engine that is installed, its peak memory, and how far its answer is from
    that of the stream."""
    path = folder / "english.parquet"
    found: dict[str, Any] = {}
    for name, (package, _) in ENGINES.items():
        if find_spec(package) is None:
            continue
        rounds = [_apart(name, path) for _ in range(n_rounds)]
        found[name] = {
            "package": f"{package} {version(package)}",
            "seconds": sorted(each["seconds"] for each in rounds),
            "peak_bytes": max(each["peak_bytes"] for each in rounds),
            "checksum": rounds[0]["checksum"],
        }
    return {"n_tokens": len(LedgerStream(path)), "n_rounds": n_rounds, "found": found}


def _apart(name: str, path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.engines", name, str(path)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("engine", choices=tuple(ENGINES))
    parser.add_argument("ledger", type=Path)
    given = parser.parse_args()
    start = time.perf_counter()
    found = ENGINES[given.engine][1](given.ledger)
    seconds = time.perf_counter() - start
    checksum = {name: float(values.mean()) for name, values in found.items()}
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes(), "checksum": checksum}))


if __name__ == "__main__":
    main()
