"""Peak memory against the number of tokens: each size in a process of its own.

    python -m bench.memory --tokens 100000        one size, as JSON; random token ids

Only ids (4 bytes per token) and the first pass's norms (4 bytes) are held for the whole sample.
Activations, codes and losses are in memory for a shard or two, the model's own tensors for a batch,
and the ledger for one row group, so that what a sample adds is those 8 bytes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from bench.own import tokens_to_ledger
from bench.peak import peak_bytes
from bench.subjects import load_subject, random_ids
from semdim.forward.spec import EngineSpec
from semdim.forward.split import SplitModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--probe", "--model", default="tiny-shape")
    parser.add_argument("--root", default=".")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--shard", type=int, default=64)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--ledger", help="keep the ledger at this path")
    chosen = parser.parse_args()
    device = EngineSpec(chosen.dtype, chosen.device, n_threads=chosen.threads).start()
    subject = load_subject(
        chosen.probe, Path(chosen.root), getattr(torch, chosen.dtype), device, chosen.context
    )
    n_sequences = -(-chosen.tokens // chosen.context)
    ids = random_ids(n_sequences, chosen.context, subject.model.cfg.d_vocab)
    ids[:, 0] = subject.bos_token_id
    split = SplitModel(subject.model, subject.hook_name)
    loaded, start = peak_bytes(), time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        tokens_to_ledger(
            subject, split, ids, Path(scratch),
            batch_sequences=chosen.batch, shard_sequences=chosen.shard,
        )  # fmt: skip
        if chosen.ledger:
            Path(chosen.ledger).write_bytes((Path(scratch) / "ledger.parquet").read_bytes())
    result = {
        "n_tokens": ids.numel(),
        "seconds": time.perf_counter() - start,
        "peak_bytes": peak_bytes(),
        "peak_bytes_when_loaded": loaded,
    }
    if device == "cuda":
        result["device_peak_bytes"] = torch.cuda.max_memory_allocated()
    print(json.dumps(result))


def against_n(
    sizes: Sequence[int],
    options: Sequence[str],
    say: Callable[[str], object],
    ledger: Path | None = None,
) -> dict[str, Any]:
    """Peak memory at each size.

    Args:
        sizes: N in tokens, ascending.
        options: of `main`: probe, dtype and so on.
        ledger: where the ledger of the largest size is kept, for other measurements.

    Raises:
        RuntimeError: a process failed; the message is its last line.
    """
    rows = []
    for size in sizes:
        keep = ["--ledger", str(ledger)] if ledger is not None and size == sizes[-1] else []
        done = subprocess.run(
            [sys.executable, "-m", "bench.memory", "--tokens", str(size), *options, *keep],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{size} tokens: {done.stderr.strip().splitlines()[-1]}")
        rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
        say(f"{size} tokens: {rows[-1]['peak_bytes'] / 1e6:.0f} MB, {rows[-1]['seconds']:.0f} s")
    result: dict[str, Any] = {"options": list(options), "sizes": rows}
    if len(rows) > 1:
        result["ratio_of_last_two"] = rows[-1]["peak_bytes"] / rows[-2]["peak_bytes"]
    return result


if __name__ == "__main__":
    main()
