"""The same watch in front of a plain Hugging Face `generate`.

    with watch(model, tokenizer, "outputs/probes/mine/sae", "results/probes/mine/guardrail.json",
               facts="outputs/models/m/export") as guard:
        model.generate(**inputs, stopping_criteria=[guard.stop])
    print(guard.reading().alarm)

Two hooks are put on the model: one on the embedding, which sees the token ids of each forward pass,
one on the decoder layer whose input or output is the SAE's hook point. Nothing is computed twice.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semdim.errors import ConfigError, DataError, MismatchError
from semdim.forward.hook_points import start_layer
from semdim.models.facts import ModelFacts
from semdim.models.facts import read_facts as read_model_facts
from semdim.monitor.live import count_active
from semdim.monitor.monitor import describe
from semdim.monitor.pieces import Detokenizer
from semdim.monitor.reading import Reading, Token
from semdim.monitor.recorder import Recorder
from semdim.monitor.selection import Selection, is_selection, read_selection
from semdim.monitor.threshold import Threshold, Watched, check_belongs, read_threshold
from semdim.saes.facts import SAEFacts
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.saes.load import load_sae

# Where architectures of transformers keep their blocks.
_BLOCKS = ("model.layers", "transformer.h", "gpt_neox.layers", "model.decoder.layers")


class Guard:
    """Counts k in every forward pass of one sequence; made by `watch`."""

    def __init__(
        self,
        sae: Any,
        tokenizer: Any,
        bos_token_id: int,
        watched: Watched,
        threshold: Threshold | Selection | None,
        on_alarm: Callable[[Token], object] | None,
        centre: bool,
    ) -> None:
        self._sae, self._tokenizer, self._bos = sae, tokenizer, bos_token_id
        self._watched = watched
        self._selection = threshold if isinstance(threshold, Selection) else None
        self._threshold = None if isinstance(threshold, Selection) else threshold
        self._on_alarm = on_alarm
        self._centre = centre
        self._has_warned = False
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: call it before another `generate`."""
        self._recorder = Recorder(
            self._bos, self._threshold, self._watched.context, self._selection
        )
        self._recorder.start_sequence()
        self._pieces = Detokenizer(self._tokenizer)
        self._ids: list[int] = []
        self._n_prompt = 0
        self.has_alarm = False
        """Whether a look was above its threshold since the last reset."""

    @property
    def tokens(self) -> list[Token]:
        """The tokens seen until now."""
        return list(self._recorder.tokens)

    def stop(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """A stopping criterion for `generate`: True once there is an alarm.

        Raises DataError when `generate` works on other tokens than those that were seen.
        """
        if input_ids.shape[1] != len(self._recorder.tokens) + 1:
            raise DataError(
                f"The monitor has seen {len(self._recorder.tokens)} tokens, but this generation "
                f"has {input_ids.shape[1]}: call reset() before another `generate`, and leave "
                f"`use_cache` on."
            )
        return torch.full((len(input_ids),), self.has_alarm, device=input_ids.device)

    def reading(self) -> Reading:
        """Everything that was seen since the last reset.

        The last token that `generate` returns was never run through the model, and is not in it.
        """
        return self._recorder.reading(self._watched)

    def see_ids(self, token_ids: Tensor) -> None:
        """The ids of the forward pass that begins."""
        if token_ids.shape[0] != 1:
            raise DataError(
                f"The monitor watches one sequence at a time, not a batch of {token_ids.shape[0]} "
                "(beams count): the promise is about one sequence without padding."
            )
        ids = token_ids[0].tolist()
        if not self._recorder.tokens:
            if ids[0] != self._bos:
                raise DataError(
                    f"The sequence starts with token {ids[0]}, but calibration put BOS (token "
                    f"{self._bos}) first: put it before the prompt."
                )
            self._n_prompt = len(ids)
        self._ids = ids

    def see_activation(self, hidden: Tensor) -> None:
        """The activations at the hook point in the same pass."""
        rows = hidden[0].detach()
        if self._centre:  # what center_writing_weights does to the residual stream
            rows = rows - rows.mean(dim=-1, keepdim=True)
        for token_id, k in zip(self._ids, count_active(self._sae, rows), strict=True):
            place = len(self._recorder.tokens)
            text = self._tokenizer.decode([token_id]) if place == 0 else self._pieces.add(token_id)
            token = self._recorder.add(token_id, k, text, is_generated=place >= self._n_prompt)
            if place == self._watched.context and not self._has_warned:
                self._has_warned = True
                warnings.warn(
                    f"The sequence is longer than the context of {self._watched.context} tokens: "
                    "from here on, k is counted but nothing is judged.",
                    stacklevel=2,
                )
            if token.flagged:
                self.has_alarm = True
                if self._on_alarm is not None:
                    self._on_alarm(token)


@contextmanager
def watch(
    model: Any,
    tokenizer: Any,
    sae: str | Path,
    threshold: str | Path | Threshold | Selection | None = None,
    *,
    risk: float | None = None,
    facts: str | Path | ModelFacts,
    context: int | None = None,
    splice: str = "no_bos",
    on_alarm: Callable[[Token], object] | None = None,
) -> Iterator[Guard]:
    """Hooks on a model of transformers for as long as the block lasts.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        sae: folder that `export_sae` wrote (outputs/probes/<probe>/sae).
        threshold: a guardrail.json (results/probes/<probe>/guardrail.json), or a
            risk_thresholds.json on n_active; None: k is counted, nothing is called an alarm.
        risk: of a risk_thresholds.json: what the risk of what is let through may be at most.
        facts: the model's facts, or the folder of its export (outputs/models/<model>/export): what
            a threshold is compared with. You vouch that ``model`` has these weights.
        context: tokens of a sequence, BOS included; None: the threshold's.
        splice: which positions the threshold must have been calibrated on.
        on_alarm: called with each token at which a look raises the alarm, in the middle of the
            forward pass.

    Raises:
        ArtifactError: an export or the threshold is missing or damaged.
        MismatchError: model, SAE and threshold do not belong together, or the model's blocks are
            not where transformers usually keeps them.
        ConfigError: a risk that the file has no threshold for, or a score that needs predictions.
        DataError: (while generating) a batch, or a sequence that does not start with BOS.
    """
    about = facts if isinstance(facts, ModelFacts) else read_model_facts(facts)
    about_sae = read_sae_facts(sae)
    if isinstance(threshold, (str, Path)):
        is_risk = is_selection(threshold)
        threshold = read_selection(threshold, risk=risk) if is_risk else read_threshold(threshold)
    if isinstance(threshold, Selection) and threshold.score.needs_predictions:
        raise ConfigError(
            f"The score {threshold.file.score} needs the model's predictions, but `watch` reads "
            "only activations: use SparsityMonitor, or thresholds on n_active."
        )
    if context is None:
        longest = min(about.n_context, about_sae.context_size or about.n_context)
        context = longest if threshold is None else threshold.provenance.context
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    watched = describe(about, about_sae, context=context, splice=splice, dtype=dtype)
    if threshold is not None:
        check_belongs(threshold.provenance, watched)
    block, is_input = _block(model, about_sae)
    device = str(next(block.parameters()).device)
    guard = Guard(
        load_sae(sae, device=device),
        tokenizer,
        about.bos_token_id,
        watched,
        threshold,
        on_alarm,
        about_sae.processing.center_writing_weights and _has_layer_norm(block),
    )

    def before_embedding(module: Any, arguments: tuple[Any, ...]) -> None:
        guard.see_ids(arguments[0])

    def before_block(module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        guard.see_activation(arguments[0] if arguments else named["hidden_states"])

    def after_block(module: Any, arguments: tuple[Any, ...], output: Any) -> None:
        guard.see_activation(output[0] if isinstance(output, tuple) else output)

    handles = [model.get_input_embeddings().register_forward_pre_hook(before_embedding)]
    if is_input:
        handles.append(block.register_forward_pre_hook(before_block, with_kwargs=True))
    else:
        handles.append(block.register_forward_hook(after_block))
    try:
        yield guard
    finally:
        for handle in handles:
            handle.remove()


def _has_layer_norm(block: Any) -> bool:
    """Whether centred weights compute the same; `load_model` leaves others as they are."""
    return any(isinstance(module, torch.nn.LayerNorm) for module in block.modules())


def _block(model: Any, sae: SAEFacts) -> tuple[Any, bool]:
    """The decoder layer at the hook point, and whether its input (not its output) is meant."""
    for path in _BLOCKS:
        try:
            blocks = model.get_submodule(path)
        except AttributeError:
            continue
        start_layer(sae.hook_name, len(blocks))  # refuses a layer that is not there
        return blocks[sae.hook_layer], sae.hook_name.endswith("hook_resid_pre")
    raise MismatchError(
        f"The blocks of {type(model).__name__} are in none of {', '.join(_BLOCKS)}: semdim does "
        f"not know where its {sae.hook_name} is."
    )
