"""Measure semdim against the plain procedure, SAELens and the machine's arithmetic.

    python -m bench                                smollm2-135m_layer15, 10 minutes on two cores
    python -m bench --only speed                   a part: speed, back_ends, memory or cached
    python -m bench --probe gpt2-small-shape --device cuda --batch 256 --shard 256
    python -m bench --document                     write docs/performance.md from what was measured

Results go to docs/performance/<probe>_<device>.json; parts that are measured again replace their
own entry. What is compared runs in turns, and a ratio is formed within a turn.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench import back_ends
from bench.cached import extra_costs
from bench.contenders import Settings
from bench.document import document
from bench.features import features, told
from bench.figure import subject_of
from bench.memory import against_n
from bench.monitor import export_tiny
from bench.speed import contenders, measure
from bench.subjects import RANDOM_SHAPES
from semdim.artifacts.shards import write_json
from semdim.errors import ArtifactError, SemdimError
from semdim.forward.dtype import has_bfloat16
from semdim.forward.spec import DEVICES, EngineSpec
from semdim.paths import Paths
from semdim.processor import cpu_name

PARTS = ("speed", "back_ends", "memory", "cached")
FOLDER = Path("docs/performance")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be repeated")
    parser.add_argument("--document", action="store_true", help="write docs/performance.md, only")
    parser.add_argument(
        "--probe", "--model", default="smollm2-135m_layer15",
        help=f"one that the pipeline exported, tiny, or {', '.join(RANDOM_SHAPES)}",
    )  # fmt: skip
    parser.add_argument("--root", default=".", help="where outputs/ lies")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")
    parser.add_argument("--device", default="auto", choices=DEVICES)
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16, help="sequences in a forward pass")
    parser.add_argument("--shard", type=int, default=64, help="sequences in a shard")
    parser.add_argument("--threads", type=int, help="of torch; default: its own choice")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain", type=int, default=4, help="sequences of the plain procedure")
    parser.add_argument("--sequences", type=int, default=64, help="sequences of semdim")
    parser.add_argument(
        "--tokens", type=int, nargs="+", default=[10_000, 100_000, 1_000_000],
        help="sizes for the peak memory",
    )  # fmt: skip
    parser.add_argument(
        "--large", action="store_true",
        help="peak memory with the probe itself, not with the shape of a tiny one",
    )  # fmt: skip
    return parser.parse_args()


def machine(device: str) -> dict[str, Any]:
    """What the numbers were measured on."""
    used = features()
    limited = f", limited to {used['limited_to'].upper()}" if used["limited_to"] else ""
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else cpu_name() + limited,
        "processor": cpu_name(),
        "features": used,
        "device_kind": device,
        "n_cores": os.cpu_count(),
        "n_threads": torch.get_num_threads(),
        "system": platform.system(),
        "versions": {
            name: version(name)
            for name in ("semdim", "torch", "transformer-lens", "sae-lens", "transformers")
        },
    }


def say(message: str) -> None:
    """One line for the person who waits."""
    print(message, flush=True)


def run(chosen: argparse.Namespace, root: Path) -> Path:
    """Measure the parts that were asked for; returns the file of results."""
    device = EngineSpec(device=chosen.device, n_threads=chosen.threads).start()
    if chosen.probe not in RANDOM_SHAPES and not Paths(root).sae(chosen.probe).exists():
        raise ArtifactError(
            f"The probe {chosen.probe!r} is not exported under {root}; run `dvc repro "
            f"prepare_model prepare_sae`, or choose one of {', '.join(RANDOM_SHAPES)}."
        )
    found = features()
    say(f"{cpu_name()}: {told(found)}")
    limited = f"-{found['limited_to']}" if found["limited_to"] else ""
    path = chosen.out / f"{chosen.probe}_{device}{limited}.json"
    # Emulated, bfloat16 takes a hundred times as long as float32.
    dtypes = ("float32", "bfloat16") if has_bfloat16(device) else ("float32",)
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    settings = Settings(
        chosen.probe, str(root), device, chosen.context, chosen.batch, chosen.shard, chosen.threads
    )
    parts = chosen.only or PARTS
    result["probe"] = chosen.probe
    if set(parts) != {"back_ends"} or "machine" not in result:
        result["machine"] = machine(device)
    with tempfile.TemporaryDirectory() as scratch:
        ledger = Path(scratch) / "ledger.parquet"
        if "speed" in parts:
            result["speed"] = {
                "context": chosen.context,
                "batch_sequences": chosen.batch,
                "shard_sequences": chosen.shard,
                **measure(
                    contenders(chosen.plain, chosen.sequences, dtypes),
                    settings,
                    chosen.rounds,
                    say,
                ),
            }
            write_json(path, result)
        if "back_ends" in parts:
            field = back_ends.contenders(chosen.plain, chosen.sequences, dtypes)
            result["back_ends"] = {
                "context": chosen.context,
                "batch_sequences": chosen.batch,
                "machine": machine(device),
                **measure(field, settings, chosen.rounds, say),
            }
            write_json(path, result)
        if "memory" in parts:
            name, dtype = (chosen.probe, dtypes[-1]) if chosen.large else ("tiny-shape", "float32")
            options = [
                "--probe", name, "--dtype", dtype, "--root", str(root), "--device", device,
                "--batch", str(chosen.batch), "--shard", str(chosen.shard),
                "--context", str(chosen.context),
            ]  # fmt: skip
            result["memory_large" if chosen.large else "memory"] = {
                "probe": name,
                "dtype": dtype,
                **against_n(chosen.tokens, options, say),
            }
            write_json(path, result)
        if "cached" in parts:
            against_n([100_000], ["--device", "cpu"], say, ledger)
            result["cached"] = extra_costs(ledger, max(chosen.rounds, 5))
            write_json(path, result)
    return path


def main() -> None:
    chosen = arguments()
    try:
        if chosen.document:
            return say(f"{document(chosen.out)}")
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(chosen.root)
            if chosen.probe == "tiny" and not Paths(root).sae("tiny").exists():
                root = Path(scratch)
                export_tiny(root)
            path = run(chosen, root)
        result = json.loads(path.read_text(encoding="utf-8"))
        for line in headline(result):
            say(line)
        say(f"-> {path}")
    except (SemdimError, RuntimeError) as error:
        sys.exit(f"error: {error}")


def headline(result: dict[str, Any]) -> list[str]:
    """The numbers that matter, a line each."""
    lines = []

    def three(values: dict[str, float], digits: int = 2) -> str:
        return " – ".join(f"{values[name]:.{digits}f}" for name in ("min", "median", "max"))

    for name, entry in result.get("speed", {}).get("contenders", {}).items():
        line = (
            f"{name}: {three(entry['tokens_per_second'], 0)} tokens/s, "
            f"{three(entry['ratio_to_plain'])} times the plain procedure"
        )
        if "fraction_of_limit" in entry:
            line += f", {three(entry['fraction_of_limit'])} of the arithmetic limit"
        lines.append(line)
        for proxy, difference in entry.get("bits_from_plain", {}).items():
            lines.append(
                f"  {proxy}: {difference['mean']:+.2g} bits from the plain procedure on average, "
                f"{difference['max_absolute']:.2g} at most"
            )
    for dtype, rate in result.get("speed", {}).get("gflop_per_second", {}).items():
        lines.append(f"matrix products in {dtype}: {three(rate, 0)} GFLOP/s")
    for part in ("memory", "memory_large"):
        if "ratio_of_last_two" in result.get(part, {}):
            lines.append(
                f"peak memory ({subject_of(result[part])}) at the largest N over that at the one "
                f"before: {result[part]['ratio_of_last_two']:.3f}"
            )
    if "cached" in result:
        for what in ("n", "k"):
            shown = three(result["cached"][f"extra_{what}_milliseconds"], 1)
            lines.append(f"one more {what.upper() if what == 'n' else what}: {shown} ms")
    return lines


if __name__ == "__main__":
    main()
