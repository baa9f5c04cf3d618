"""The monitor of one model and SAE: scores texts, watches generations."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from semdim.codes.encode import Encoder, encode_rows
from semdim.errors import ConfigError, DataError
from semdim.forward.dtype import resolved_dtype
from semdim.forward.spec import EngineSpec
from semdim.forward.split import SplitModel
from semdim.models.facts import ModelFacts
from semdim.models.facts import read_facts as read_model_facts
from semdim.models.load import load_model
from semdim.monitor.exports import find
from semdim.monitor.live import Sampler, Stream
from semdim.monitor.pieces import Detokenizer, cut, token_ids
from semdim.monitor.reading import Reading
from semdim.monitor.recorder import Recorder
from semdim.monitor.selection import Selection, is_selection, read_selection
from semdim.monitor.threshold import Threshold, Watched, check_belongs
from semdim.proxies.names import SPLICES
from semdim.saes.check import check_fit
from semdim.saes.facts import SAEFacts
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.saes.load import load_sae

BATCH_SEQUENCES = 16


class SparsityMonitor:
    """k of every token of a text, against a threshold with a known false-alarm rate.

    Make one with `load`; use it in a ``with`` block, which gives the memory back.
    """

    def __init__(
        self,
        split: SplitModel,
        sae: Encoder,
        tokenizer: Any,
        facts: ModelFacts,
        watched: Watched,
        threshold: Threshold | Selection | None,
    ) -> None:
        """Raises MismatchError when the threshold was calibrated on anything but ``watched``."""
        if threshold is not None:
            check_belongs(threshold.provenance, watched)
        self.watched = watched
        self.selection = threshold if isinstance(threshold, Selection) else None
        self.threshold = None if isinstance(threshold, Selection) else threshold
        self._split: SplitModel | None = split
        self._sae: Encoder | None = sae
        self._tokenizer = tokenizer
        self._facts = facts

    @classmethod
    def load(
        cls,
        probe: str | None = None,
        *,
        model: str | Path | None = None,
        sae: str | Path | None = None,
        threshold: str | Path | Threshold | Selection | None = None,
        with_confidence: bool = False,
        group: str | None = None,
        risk: float | None = None,
        outcome: str | None = None,
        context: int | None = None,
        splice: str = "no_bos",
        dtype: str | None = None,
        device: str = "auto",
        root: str | Path = ".",
    ) -> "SparsityMonitor":
        """Load a model and its SAE as the pipeline exported them, and a threshold if there is one.

        Args:
            probe: name of a probe, an SAE at a hook point of a model. None: the only exported one,
                of ``model`` if that is given.
            model: a name in the configuration, or the folder of an export.
            sae: beside a model and in place of a probe: the folder of an export.
            threshold: a guardrail.json, which raises alarms; or a risk_thresholds.json, which says
                what is let through. None: the probe's own guardrail.json in results/, if it is
                there. Without one, k is shown and nothing is called an alarm.
            with_confidence: use the larger thresholds, which keep to the false-alarm rate in a
                stated share of calibrations and not only on average.
            group: use the thresholds of this group of documents.
            risk: of a risk_thresholds.json: what the risk of what is let through may be at most.
            outcome: of a risk_thresholds.json: top1_error or loss; None: the first that it has.
            context: tokens of a sequence, BOS included. None: the threshold's; without one, the
                longest that model and SAE take.
            splice: which positions the threshold must have been calibrated on.
            dtype: float32, bfloat16 or auto, of the forward pass. None: the threshold's, or
                float32.
            device: auto, cpu, cuda or mps.
            root: the project's folder, where outputs/ and results/ are.

        Raises:
            ArtifactError: an export or the threshold is missing or damaged, or several probes are
                possible.
            MismatchError: model, SAE and threshold do not belong together.
            ConfigError: a context, dtype or device that is not possible, or thresholds that the
                guardrail does not have.
        """
        if isinstance(threshold, (str, Path)) and is_selection(threshold):
            threshold = read_selection(threshold, risk=risk, outcome=outcome)
        elif risk is not None or outcome is not None:
            raise ConfigError(
                "--risk and --outcome choose among the thresholds of a risk_thresholds.json: give "
                "one with --threshold (results/probes/<probe>/risk_thresholds.json)."
            )
        found = find(probe, model, sae, threshold, root)
        limit = found.threshold
        if with_confidence or group is not None:
            if not isinstance(limit, Threshold):
                raise ConfigError(
                    "There is no guardrail.json, so there are no such thresholds to choose from: "
                    "leave out --confident and --group, or give a guardrail.json with --threshold."
                )
            limit = replace(limit, with_confidence=with_confidence, group=group)
        facts, sae_facts = read_model_facts(found.model), read_sae_facts(found.sae)
        if dtype is None:
            dtype = "float32" if limit is None else limit.provenance.compute_dtype
        engine = EngineSpec(compute_dtype=dtype, device=device)
        dtype = resolved_dtype(dtype, device)
        if context is None:
            longest = min(facts.n_context, sae_facts.context_size or facts.n_context)
            context = longest if limit is None else limit.provenance.context
        watched = describe(facts, sae_facts, context=context, splice=splice, dtype=dtype)
        if limit is not None:
            check_belongs(limit.provenance, watched)  # before the weights are loaded
        where = engine.start()
        hooked = load_model(
            found.model, dtype=engine.dtype, device=where, processing=found.processing
        )
        return cls(
            SplitModel(hooked, sae_facts.hook_name),
            load_sae(found.sae, device=where),
            hooked.tokenizer,
            facts,
            watched,
            limit,
        )

    def __enter__(self) -> "SparsityMonitor":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the model and the SAE go."""
        self._split = self._sae = None

    @torch.inference_mode()
    def score(self, text: str) -> Reading:
        """k of every token of ``text``.

        A text longer than the context is cut into sequences of the context, BOS before each, as
        the pipeline cuts a document; the rest is a last, shorter sequence.

        Raises DataError when the text is empty.
        """
        split, sae = self._loaded()
        ids = token_ids(text, self._tokenizer, "text")
        bos = self._facts.bos_token_id
        recorder, pieces = self._recorder(), Detokenizer(self._tokenizer)
        bos_text = self._tokenizer.decode([bos])
        for batch in _batches(cut(ids, self.watched.context, bos)):
            activation = split.prefix(torch.tensor(batch))
            codes = encode_rows(sae, activation.flatten(0, 1), len(batch) * len(batch[0]))
            counts = codes.n_active.view(len(batch), -1).tolist()
            scores = self._scores(split, activation, batch)
            for sequence, n_active, score in zip(batch, counts, scores, strict=True):
                recorder.start_sequence()
                recorder.add(bos, n_active[0], bos_text)
                for at, token_id in enumerate(sequence[1:], start=1):
                    recorder.add(token_id, n_active[at], pieces.add(token_id), score=score[at])
        recorder.complete_text(pieces.rest())
        return recorder.reading(self.watched)

    def generate(
        self,
        prompt: str,
        n_tokens: int = 100,
        *,
        temperature: float | int = 1.0,
        seed: int = 0,
        stop_on_alarm: bool = False,
        stop_at_eos: bool = True,
        watch: bool = True,
    ) -> Stream:
        """Continue ``prompt`` by ``n_tokens``, and look at every token while it is generated.

        Iterate over what is returned to get tokens as they come; ``.finish()`` gives the reading.

        Args:
            prompt: text; BOS is put before it.
            n_tokens: how many tokens to generate at most.
            temperature: 0 takes the most likely token.
            seed: of the draws.
            stop_on_alarm: end with the first token that raises an alarm.
            stop_at_eos: end with the model's end-of-text token.
            watch: False generates without looking, to measure what looking costs.

        Raises DataError when the prompt is empty, or is with its continuation longer than the
        context; ConfigError for an impossible number of tokens or temperature.
        """
        split, sae = self._loaded()
        if not isinstance(n_tokens, int) or n_tokens < 1:
            raise ConfigError(f"n_tokens = {n_tokens!r} must be a whole number of 1 or more.")
        sampler = Sampler(temperature, seed)
        ids = [self._facts.bos_token_id, *token_ids(prompt, self._tokenizer, "prompt")]
        context = self.watched.context
        if len(ids) + n_tokens > context:
            raise DataError(
                f"The prompt has {len(ids)} tokens with BOS, and {n_tokens} more make "
                f"{len(ids) + n_tokens}, but the context is {context}: "
                + (
                    f"generate at most {context - len(ids)}."
                    if len(ids) < context
                    else "shorten the prompt."
                )
            )
        return Stream(
            ids,
            n_tokens,
            split,
            sae if watch else None,
            self._tokenizer,
            sampler,
            self._recorder(),
            self.watched,
            eos_token_id=self._tokenizer.eos_token_id if stop_at_eos else None,
            stop_on_alarm=stop_on_alarm,
        )

    def _recorder(self) -> Recorder:
        return Recorder(
            self._facts.bos_token_id, self.threshold, self.watched.context, self.selection
        )

    def _scores(
        self, split: SplitModel, activation: torch.Tensor, batch: list[list[int]]
    ) -> list[list[float | None]]:
        """What the selection compares of each token; the last one's prediction is of no token."""
        nothing: list[list[float | None]] = [[None] * len(ids) for ids in batch]
        if self.selection is None or not self.selection.score.needs_predictions:
            return nothing
        if len(batch[0]) < 2:
            return nothing
        found = split.next_token(split.suffix(activation), torch.tensor(batch), scores=True)
        values, width = self.selection.score.values(found), len(batch[0]) - 1
        return [[*values[at : at + width], None] for at in range(0, len(values), width)]

    def _loaded(self) -> tuple[SplitModel, Encoder]:
        if self._split is None or self._sae is None:
            raise ConfigError("This monitor is closed; load it again.")
        return self._split, self._sae


def describe(model: ModelFacts, sae: SAEFacts, *, context: int, splice: str, dtype: str) -> Watched:
    """What is watched, after checking that it fits together.

    Raises MismatchError when model, SAE and context do not; ConfigError for an unknown splice or a
    context without room for a token.
    """
    if splice not in SPLICES:
        raise ConfigError(f"The splice {splice!r} is unknown: choose one of {', '.join(SPLICES)}.")
    if context < 2:
        raise ConfigError(f"The context is {context}, but must be 2 or more: BOS and one more.")
    check_fit(sae, model, context=context, prepend_bos=True)
    return Watched(
        model=model.name,
        model_fingerprint=model.fingerprint,
        sae=sae.name,
        sae_fingerprint=sae.fingerprint,
        hook_name=sae.hook_name,
        splice=splice,
        context=context,
        dict_size=sae.dict_size,
        compute_dtype=dtype,
        constant_n_active=sae.constant_n_active,
    )


def _batches(sequences: list[list[int]]) -> list[list[list[int]]]:
    """Sequences of the same length together: nothing is padded."""
    full = [sequence for sequence in sequences if len(sequence) == len(sequences[0])]
    batches = [full[at : at + BATCH_SEQUENCES] for at in range(0, len(full), BATCH_SEQUENCES)]
    return batches if len(full) == len(sequences) else [*batches, [sequences[-1]]]
