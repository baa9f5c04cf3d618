"""Those who are timed against each other, each in a process of its own that waits for its turn.

A process each, because an allocator's settings, a weight's layout and a thread pool belong to a
process: nobody runs on what another one prepared.
"""

import multiprocessing
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from bench.flops import Shapes, products
from bench.own import PROXIES, losses_of, mean_n_active, tokens_to_ledger
from bench.plain import plain_ledger
from bench.rates import product_rates, synchronize
from bench.subjects import load_subject, sample_ids, transformers_backend
from semdim.artifacts.folder import FolderPlace
from semdim.artifacts.memory import MemoryPlace
from semdim.artifacts.protocols import ShardPlace
from semdim.forward.spec import EngineSpec
from semdim.forward.split import SplitModel

_SAELENS_LOGITS = 2**31  # bytes in float32 of the logits that SAELens may form at once


@dataclass(frozen=True)
class Settings:
    """What all contenders share."""

    probe: str
    root: str
    device: str
    context: int
    batch_sequences: int
    shard_sequences: int
    n_threads: int | None = None


@dataclass(frozen=True)
class Contender:
    """One way to the losses."""

    kind: str
    """plain, saelens, semdim, transformers (semdim on that back end), unstored (semdim without
    stored activations), memory (semdim with all of it in memory, as `semdim.measure` has it) or
    rate."""
    dtype: str
    n_sequences: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.dtype}"


@dataclass
class Reading:
    """What one run of a contender came to."""

    n_tokens: int
    seconds: dict[str, float]
    """By step; their sum is the whole."""
    losses: dict[str, np.ndarray] = field(default_factory=dict)
    """[S, T − 1] bits by proxy, where the contender gives them by token."""
    facts: dict[str, float] = field(default_factory=dict)
    shapes: Shapes | None = None
    """The sizes of what was run, where the contender knows the mean k."""
    device_peak_bytes: int | None = None
    """Most memory that its tensors ever held on a CUDA device, the model included."""

    @property
    def tokens_per_second(self) -> float:
        return self.n_tokens / sum(self.seconds.values())


def build(contender: Contender, settings: Settings) -> Callable[[], Reading]:
    """Load what a contender needs; what is returned runs it once."""
    root, device, dtype = Path(settings.root), settings.device, getattr(torch, contender.dtype)
    if contender.kind in ("semdim", "transformers", "unstored", "memory"):
        EngineSpec(contender.dtype, device, n_threads=settings.n_threads).start()
    elif settings.n_threads:
        torch.set_num_threads(settings.n_threads)
    subject = load_subject(settings.probe, root, dtype, device, settings.context)
    if contender.kind == "rate":  # keeps the sizes, not the model
        return _rate(subject.shapes(settings.context, 1.0), dtype, settings)
    ids = sample_ids(subject, root, contender.n_sequences, settings.context)

    def timed(work: Callable[[], dict[str, Any]]) -> tuple[float, dict[str, Any]]:
        synchronize(device)
        start = time.perf_counter()
        found = work()
        synchronize(device)
        return time.perf_counter() - start, found

    def plain() -> Reading:
        seconds, found = timed(lambda: plain_ledger(subject, ids))
        return Reading(ids.numel(), {"all": seconds}, {name: found[name] for name in PROXIES})

    def saelens() -> Reading:
        from semdim.training.saelens_evals import saelens_measures

        seconds, found = timed(
            lambda: saelens_measures(
                subject.sae,
                subject.model,
                ids.to(device).long(),
                bos_token_id=subject.bos_token_id,
                batch_sequences=min(settings.batch_sequences, most_at_once),
            )
        )
        return Reading(ids.numel(), {"all": seconds}, facts=found)

    # SAELens has the logits of a whole batch in memory, several times over.
    most_at_once = max(1, _SAELENS_LOGITS // (4 * settings.context * subject.model.cfg.d_vocab))
    if contender.kind in ("plain", "saelens"):
        return {"plain": plain, "saelens": saelens}[contender.kind]
    has_its_weights = True
    if contender.kind == "transformers":
        # Not both models on one device: of the other library's the sizes are enough.
        subject = replace(subject, model=SimpleNamespace(cfg=subject.model.cfg))
        model, has_its_weights = transformers_backend(subject, root, dtype, settings.context)
    else:
        model = subject.model
    split = SplitModel(model, subject.hook_name)

    def own() -> Reading:
        with tempfile.TemporaryDirectory() as scratch:
            folder, memory = Path(scratch), contender.kind == "memory"
            place: ShardPlace = MemoryPlace() if memory else FolderPlace(folder)
            seconds = tokens_to_ledger(
                subject, split, ids, folder,
                batch_sequences=settings.batch_sequences,
                shard_sequences=settings.shard_sequences,
                is_stored=contender.kind != "unstored",
                place=place if memory else None,
            )  # fmt: skip
            shapes = subject.shapes(settings.context, mean_n_active(place))
            losses = losses_of(place) if has_its_weights else {}
            return Reading(ids.numel(), seconds, losses, shapes=shapes)

    return own


def _rate(shapes: Shapes, dtype: torch.dtype, settings: Settings) -> Callable[[], Reading]:
    rows = settings.batch_sequences * settings.context

    def rate() -> Reading:
        rates = product_rates(products(shapes), rows, dtype, settings.device)
        return Reading(0, {"all": 1.0}, facts=rates)

    return rate


class Worker:
    """A contender in its own process. Use as a context."""

    def __init__(self, contender: Contender, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")
        self.contender = contender
        self._here, there = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(there, contender, settings), daemon=True
        )
        self._process.start()
        there.close()

    def run(self) -> Reading:
        """Let it run once.

        Raises:
            RuntimeError: it failed; the message is its traceback.
        """
        try:
            self._here.send("run")
            answer = self._here.recv()
        except (EOFError, BrokenPipeError) as error:
            raise RuntimeError(f"{self.contender.name} ended without an answer") from error
        if isinstance(answer, str):
            raise RuntimeError(f"{self.contender.name} failed:\n{answer}")
        return answer

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._here.close()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.terminate()


def _serve(pipe: Connection, contender: Contender, settings: Settings) -> None:
    run: Callable[[], Reading] | None = None
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        try:
            run = run or build(contender, settings)
            reading = run()
            if settings.device == "cuda":
                reading.device_peak_bytes = torch.cuda.max_memory_allocated()
                torch.cuda.empty_cache()  # all contenders live on one device
            pipe.send(reading)
        except Exception:
            pipe.send(traceback.format_exc())
