"""What watching costs: tokens per second with and without the monitor, in interleaved pairs.

    python -m bench.monitor                                 the tiny model, in a temporary folder
    python -m bench.monitor --probe smollm2-135m_layer15    a probe that the pipeline exported

Two engines are measured: semdim's own (TransformerLens, with which k is the pipeline's to the bit
but for the rounding of single rows) and `generate` of transformers with the hook of `watch`. Each
pair generates the same tokens twice, with and without the monitor, in alternating order, so that
whatever else the machine does falls on both. The ratio is time with ÷ time without; that of the
processor's time tells the same on a machine that is busy with other work.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch

from semdim.artifacts.shards import write_json
from semdim.models.tokenizer import load_tokenizer
from semdim.monitor import SparsityMonitor, watch
from semdim.monitor.exports import read_hook
from semdim.paths import Paths

# Gets ready, with the monitor or without, and yields what generates and returns how many tokens.
Engine = Callable[[bool], AbstractContextManager[Callable[[], int]]]

PROMPT = "The history of the city begins"


def spread(values: list[float]) -> dict[str, float]:
    """Smallest, median and largest."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def pairs(engine: Engine, n_pairs: int) -> dict[str, Any]:
    """Generate twice for each pair; getting ready (loading the SAE, setting hooks) is not timed."""
    for is_watched in (True, False):
        with engine(is_watched) as generate:
            generate()
    ratios: list[float] = []
    processor_ratios: list[float] = []
    speed: dict[bool, list[float]] = {True: [], False: []}
    for number in range(n_pairs):
        seconds: dict[bool, float] = {}
        processor: dict[bool, float] = {}
        for is_watched in (True, False) if number % 2 else (False, True):
            with engine(is_watched) as generate:
                start, start_processor = time.perf_counter(), time.process_time()
                n_tokens = generate()
                seconds[is_watched] = time.perf_counter() - start
                processor[is_watched] = time.process_time() - start_processor
            speed[is_watched].append(n_tokens / seconds[is_watched])
        ratios.append(seconds[True] / seconds[False])
        processor_ratios.append(processor[True] / processor[False])
    return {
        "n_pairs": n_pairs,
        "time_ratio": spread(ratios),
        "processor_time_ratio": spread(processor_ratios),
        "tokens_per_second_watched": spread(speed[True]),
        "tokens_per_second_alone": spread(speed[False]),
    }


def own(monitor: SparsityMonitor, n_tokens: int) -> Engine:
    """Generation by semdim."""

    @contextmanager
    def engine(is_watched: bool) -> Iterator[Callable[[], int]]:
        def generate() -> int:
            stream = monitor.generate(PROMPT, n_tokens, stop_at_eos=False, watch=is_watched)
            return sum(token.is_generated for token in stream.finish().tokens)

        yield generate

    return engine


def transformers(model_folder: Path, sae: Path, dtype: str, n_tokens: int) -> Engine:
    """Generation by transformers, with the hook or without."""
    from transformers import AutoModelForCausalLM

    folder = model_folder.absolute()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    tokenizer = load_tokenizer(folder)
    ids = tokenizer(PROMPT, add_special_tokens=False)["input_ids"]
    prompt = torch.tensor([[tokenizer.bos_token_id, *ids]])

    def generate() -> int:
        torch.manual_seed(0)
        out = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=n_tokens, top_k=0,
            do_sample=True, pad_token_id=tokenizer.bos_token_id, eos_token_id=None,
        )  # fmt: skip
        return int(out.shape[1] - prompt.shape[1])

    @contextmanager
    def engine(is_watched: bool) -> Iterator[Callable[[], int]]:
        if is_watched:
            with watch(model, tokenizer, sae, facts=folder):
                yield generate
        else:
            yield generate

    return engine


def export_tiny(root: Path) -> None:
    """The model and the probe of the smoke run, both called tiny."""
    import yaml

    from semdim.models.export import export_model
    from semdim.saes.export import export_sae
    from semdim.settings import read_settings
    from stages.support.configuration import composed

    settings, paths = read_settings(yaml.safe_load(composed(["experiment=smoke"]))), Paths(root)
    export_model(settings.models["tiny"], paths.model("tiny"))
    facts = export_sae(settings.probes["tiny"].sae, paths.sae("tiny"))
    processing = facts.processing.as_dict()
    hook = {"model": "tiny", "hook_name": facts.hook_name, "processing": processing}
    write_json(paths.hook("tiny"), hook)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probe", "--model", default="tiny", help="one that was exported")
    parser.add_argument("--root", default=".", help="the project's folder")
    parser.add_argument("--tokens", type=int, default=100, help="generated in each run")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, help="of torch; default: torch's own choice")
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(chosen.root)
        if chosen.probe == "tiny" and not Paths(root).sae("tiny").exists():
            root = Path(scratch)
            export_tiny(root)
        paths = Paths(root)
        model = paths.model(read_hook(paths.hook(chosen.probe)).model)
        sae = paths.sae(chosen.probe)
        with SparsityMonitor.load(model=model, sae=sae, dtype=chosen.dtype) as monitor:
            result: dict[str, Any] = {
                "probe": chosen.probe,
                "dict_size": monitor.watched.dict_size,
                "dtype": chosen.dtype,
                "n_tokens": chosen.tokens,
                "n_threads": torch.get_num_threads(),
                "semdim": pairs(own(monitor, chosen.tokens), chosen.pairs),
            }
        other = transformers(model, sae, chosen.dtype, chosen.tokens)
        result["transformers"] = pairs(other, chosen.pairs)
    print(json.dumps(result, indent=2))
    for engine in ("semdim", "transformers"):
        ratio = result[engine]["time_ratio"]
        processor = result[engine]["processor_time_ratio"]["median"]
        speed = {
            kind: result[engine][f"tokens_per_second_{kind}"]["median"]
            for kind in ("watched", "alone")
        }
        print(
            f"{engine}: time with ÷ without {ratio['min']:.3f} – {ratio['median']:.3f} – "
            f"{ratio['max']:.3f} (min – median – max of {chosen.pairs} pairs), "
            f"processor's time {processor:.3f}; "
            f"{speed['watched']:.1f} tokens/s with, {speed['alone']:.1f} without"
        )


if __name__ == "__main__":
    main()
