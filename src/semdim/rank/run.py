"""From the names of a model, autoencoders and a text to a value for each document."""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.certificate.fingerprints import sample_fingerprint
from semdim.certificate.run import exported_model, sample_of
from semdim.errors import ArtifactError, SemdimError
from semdim.progress import progress_bar
from semdim.rank.candidates import Candidate
from semdim.rank.measured import Measured, Skipped, Subject
from semdim.rank.ranking import rank_table
from semdim.rank.request import RankRequest
from semdim.rank.table import RankTable
from semdim.records import read_record, to_plain, write_record

if TYPE_CHECKING:
    from semdim.forward.backend import Backend
    from semdim.rank.hook import HookPoint
    from semdim.saes.memory import Probe

SAES = "saes"
"""The folder of one file per autoencoder, by which a ranking resumes."""


@dataclass
class Measurements:
    """What was measured, in the order in which it was asked for."""

    measured: list[Measured] = field(default_factory=list)
    """One for each autoencoder that could be loaded."""
    skipped: list[Skipped] = field(default_factory=list)
    """The others, with the reason."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of ``prefix`` and ``model losses``, summed over hook points."""
    fresh: list[str] = field(default_factory=list)
    """Of those measured, the ones that no earlier run had left."""
    wall: float = 0.0
    """Seconds from there to the last result, loading of model and autoencoders included."""
    model: str = ""
    """Name of the model."""
    model_fingerprint: str = ""
    """sha256 over its weights."""
    tokens_fingerprint: str = ""
    """sha256 over the tokens and their documents."""
    compute_dtype: str = ""
    """dtype of the forward passes."""

    def table(self, request: RankRequest) -> RankTable:
        """The ranking.

        Raises:
            DataError: nothing was measured.
        """
        first = self.measured[0] if self.measured else None
        subject = Subject(
            model=self.model,
            model_fingerprint=self.model_fingerprint,
            corpus=request.text,
            tokens_fingerprint=self.tokens_fingerprint,
            n_tokens=first.n_tokens if first else 0,
            n_tokens_counted=first.n_tokens_counted if first else 0,
            context=request.context,
            windows_per_document=first.windows_per_document if first else 0,
            compute_dtype=self.compute_dtype,
            backend=request.backend,
        )
        return rank_table(self.measured, request.ranking, subject=subject, skipped=self.skipped)

    def timings(self) -> list[str]:
        """What this run took, in lines; nothing where it computed nothing."""
        if not self.seconds:
            return []
        shared = sum(self.seconds.values())
        new = [one for one in self.measured if one.name in self.fresh]
        each = sum(one.encode_seconds + one.loss_seconds for one in new)
        return [
            f"once       {shared:.0f} s: "
            + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items()),
            f"per SAE    {each / max(len(self.fresh), 1):.0f} s of encoding and losses",
            f"all of it  {self.wall:.0f} s, {self.wall / (shared + each):.2f} of their sum",
        ]


def measure_all(
    request: RankRequest,
    candidates: Sequence[Candidate],
    out: Path,
    *,
    say: Callable[[str], object] = print,
) -> Measurements:
    """Measure each autoencoder, and write its result to ``out`` as soon as it is there.

    Results of an earlier run of the same model, tokens, settings and weights are taken. Candidates
    are measured hook point by hook point: the model runs up to each once.

    Raises:
        SemdimError: the model or the text cannot be used. An autoencoder that cannot be loaded is
            listed instead.
    """
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="semdim-")))
        session = Session(request, candidates, out, work, say)
        done: dict[str, Measured | Skipped] = {}
        start, n_hooks = time.perf_counter(), len({candidate.hook for candidate in candidates})
        passes = 2 * n_hooks + 2 * len(candidates)  # there and to the end; codes and losses
        total = request.n_windows * request.context * passes
        with progress_bar(total=total, desc="ranking") as bar:
            session.update = bar.update
            for candidate in sorted(candidates, key=lambda candidate: candidate.hook):
                done[candidate.name] = session.result(candidate)
        session.found.wall = time.perf_counter() - start
    found = session.found
    for candidate in candidates:
        result = done[candidate.name]
        if isinstance(result, Measured):
            found.measured.append(result)
        else:
            found.skipped.append(result)
    return found


class Session:
    """A model and a sample, ready to measure autoencoders one after another."""

    def __init__(
        self,
        request: RankRequest,
        candidates: Sequence[Candidate],
        out: Path,
        work: Path,
        say: Callable[[str], object],
    ) -> None:
        corpus = request.corpus(candidate.source.path for candidate in candidates)
        from semdim.forward.spec import EngineSpec
        from semdim.rank.hook import Setting

        self._request, self._out, self._say = request, out, say
        self._engine = EngineSpec(
            compute_dtype=request.compute_dtype, device=request.device, backend=request.backend
        )
        self._device = self._engine.start()
        self._folder, self._model = exported_model(request, work, say=say)
        sample = sample_of(request, corpus, self._folder, self._model, say=say)
        self._setting: Setting = Setting(
            sample=sample,
            model=self._model,
            bos_token_id=self._model.bos_token_id,
            corpus=request.text,
            smoothing=request.ranking.smoothing,
            batch_sequences=request.batch_sequences,
        )
        self.found = Measurements(
            model=self._model.name,
            model_fingerprint=self._model.fingerprint,
            tokens_fingerprint=sample_fingerprint(sample),
            compute_dtype=str(self._engine.dtype).removeprefix("torch."),
        )
        self.update: Callable[[int], object] = lambda _: None
        """Called with the number of tokens that were worked on."""
        self._backend: tuple[Any, Backend] | None = None
        self._hook: tuple[Any, HookPoint] | None = None

    def result(self, candidate: Candidate) -> Measured | Skipped:
        """What an earlier run left, or a new measurement, or why there is none."""
        path = self._out / SAES / candidate.file
        try:
            key = self._key(candidate)
            known = _known(path, key)
            if known is not None:
                self._say(f"{candidate.name}: measured before")
                return known
            probe = self._probe(candidate)
            found = self._at(probe).measure(probe, candidate.name, key)
        except SemdimError as error:
            self._say(f"{candidate.name}: skipped. {error}")
            return Skipped(candidate.name, str(error))
        write_record(path, found)
        self.found.fresh.append(candidate.name)
        self._say(
            f"{candidate.name}: {sum(found.abs_gap) / len(found.abs_gap):.4f} bits, encoded in "
            f"{found.encode_seconds:.0f} s, losses in {found.loss_seconds:.0f} s"
        )
        return found

    def _probe(self, candidate: Candidate) -> "Probe":
        from semdim.saes.check import check_fit
        from semdim.saes.memory import probe_of

        probe = probe_of(candidate.source, device=self._device)
        context = self._setting.sample.context
        check_fit(probe.facts, self._model, context=context, prepend_bos=True)
        return probe

    def _at(self, probe: "Probe") -> "HookPoint":
        """The model cut where an autoencoder reads, with what it wants done to the weights."""
        from semdim.rank.hook import HookPoint

        facts = probe.facts
        place = (facts.processing, facts.hook_name)
        if self._hook is None or self._hook[0] != place:
            self._hook = None  # its activations go before others come
            backend = self._loaded(facts.processing)
            self._say(f"running {self._model.name} up to {facts.hook_name}, and its own losses")
            hook = HookPoint(backend, facts.hook_name, self._setting, self.update)
            for name, seconds in hook.seconds.items():
                self.found.seconds[name] = self.found.seconds.get(name, 0.0) + seconds
            self._hook = (place, hook)
        return self._hook[1]

    def _loaded(self, processing: Any) -> "Backend":
        from semdim.forward.backend import load_backend

        if self._backend is None or self._backend[0] != processing:
            self._backend = None
            loaded = load_backend(
                self._request.backend,
                self._folder,
                dtype=self._engine.dtype,
                device=self._device,
                processing=processing,
            )
            self._backend = (processing, loaded)
        return self._backend[1]

    def _key(self, candidate: Candidate) -> str:
        """Digest of all that a result depends on."""
        from semdim.saes.source import sae_digest

        request = self._request
        content = {
            "sae": to_plain(sae_digest(candidate.source)),
            "release": [candidate.source.release, candidate.source.sae_id],
            "name": candidate.name,
            "model": self._model.fingerprint,
            "tokens": self.found.tokens_fingerprint,
            "dtype": self.found.compute_dtype,
            "backend": request.backend,
            "smoothing": request.ranking.smoothing,
        }
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def _known(path: Path, key: str) -> Measured | None:
    """The result in a file, where it is of the same model, tokens, settings and weights."""
    if not path.is_file():
        return None
    try:
        found = read_record(path, Measured)
    except ArtifactError:
        return None
    return found if found.key == key else None
