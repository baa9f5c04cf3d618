"""Generation that is watched: one forward pass per token gives k and the next token's logits.

The model is cut at the hook point (`SplitModel`), with keys and values cached on both sides. The
activation that the pipeline would cache is thus in hand in the middle of the very pass that
generates: k costs the encoder's product, and no second prefix. These are the modules the pipeline
runs, so k is the same but for the rounding of sums over one row instead of many.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache

from semdim.activations.cache import check_finite
from semdim.codes.encode import Encoder
from semdim.codes.sparse import is_active
from semdim.errors import ConfigError
from semdim.forward.next_token import with_scores
from semdim.forward.split import SplitModel
from semdim.monitor.pieces import Detokenizer
from semdim.monitor.reading import Reading, Token
from semdim.monitor.recorder import Recorder
from semdim.monitor.selection import Selection
from semdim.monitor.threshold import Threshold, Watched
from semdim.monitor.token_scores import TokenScore

ROWS_OF_LOGITS = 128
"""Logits of so many tokens are in memory at once."""


@torch.inference_mode()
def count_active(sae: Encoder, activation: Float[Tensor, "rows d_model"]) -> list[int]:
    """k of each row: active atoms, counted without being sorted or stored.

    Raises DataError when an activation is NaN or infinite.
    """
    check_finite(activation, "an activation that was to be encoded")
    counts: list[int] = is_active(sae.encode(activation.float())).sum(dim=-1).tolist()
    return counts


class CachedModel:
    """One sequence going through the two halves of a model, with keys and values kept."""

    def __init__(self, split: SplitModel) -> None:
        self.split = split
        model = split.model
        self._cache = TransformerLensKeyValueCache.init_cache(model.cfg, split.device, batch_size=1)

    @torch.inference_mode()
    def prefix(self, token_ids: list[int]) -> Float[Tensor, "new d_model"]:
        """The activations of the next tokens at the hook point."""
        ids = torch.tensor([token_ids], device=self.split.device)
        # Without a mask TransformerLens takes a last token with the padding's id for padding.
        hidden: Tensor = self.split.model(
            ids,
            attention_mask=torch.ones_like(ids),
            stop_at_layer=self.split.start_layer,
            past_kv_cache=self._cache,
        )
        return hidden[0]

    def suffix(self, activation: Float[Tensor, "new d_model"]) -> Float[Tensor, " vocab_size"]:
        """Logits of the token after the last one of ``activation``."""
        return self.logits(self.stream(activation)[-1:])[0]

    @torch.inference_mode()
    def stream(self, activation: Float[Tensor, "new d_model"]) -> Float[Tensor, "new d_model"]:
        """The residual stream behind the last block, of each of these tokens."""
        split, residual = self.split, activation[None]
        if split.start_layer < split.n_layers:
            residual = split.model(
                residual,
                start_at_layer=split.start_layer,
                stop_at_layer=split.n_layers,
                past_kv_cache=self._cache,
            )
        return residual[0]

    @torch.inference_mode()
    def logits(self, stream: Float[Tensor, "rows d_model"]) -> Float[Tensor, "rows vocab_size"]:
        """Logits of the token after each of these."""
        rows = stream[None]
        if hasattr(self.split.model, "ln_final"):
            rows = self.split.model.ln_final(rows)
        return self.split.run_logits(rows[0])


@torch.inference_mode()
def scores_of(score: TokenScore, logits: Float[Tensor, "rows vocab_size"]) -> list[float]:
    """The score of the tokens that these predictions follow."""
    target = torch.zeros(len(logits), 1, dtype=torch.long, device=logits.device)
    found, _ = with_scores(logits.float().clone(), target)  # it overwrites what it is given
    return score.values(found)


class Sampler:
    """Draws the next token: the most likely one at temperature 0, else from softmax(logits/T)."""

    def __init__(self, temperature: float | int, seed: int) -> None:
        if not (isinstance(temperature, (int, float)) and 0 <= temperature < float("inf")):
            raise ConfigError(
                f"temperature = {temperature!r} is not possible: 0 takes the most likely token, 1 "
                "the model's own distribution; choose 0 or more."
            )
        if not -(2**63) <= seed < 2**64:
            raise ConfigError(
                "The seed does not fit into the 64 bits that a generator takes: give one from 0 "
                f"to {2**64 - 1}."
            )
        # Below this the logits, divided, are beyond float32; the draw is the most likely token.
        self._temperature = float(temperature) if temperature >= 1e-30 else 0.0
        self._rng = torch.Generator().manual_seed(seed)

    @torch.inference_mode()
    def __call__(self, logits: Float[Tensor, " vocab_size"]) -> int:
        """The id of the next token."""
        if self._temperature == 0:
            return int(logits.argmax())
        weights = (logits.float() / self._temperature).softmax(dim=-1).cpu()
        return int(torch.multinomial(weights, 1, generator=self._rng))


class Stream(Iterator[Token]):
    """A continuation as it is generated: iterate to get the tokens of the prompt, then new ones.

    Each new token is given out as soon as its own k is known. `reading` may be asked at any time,
    also after an interruption: it tells of the tokens that were given out.
    """

    def __init__(
        self,
        prompt_ids: list[int],
        n_tokens: int,
        split: SplitModel,
        sae: Encoder | None,
        tokenizer: Any,
        sampler: Sampler,
        recorder: Recorder,
        watched: Watched,
        *,
        eos_token_id: int | None,
        stop_on_alarm: bool,
    ) -> None:
        """``sae`` None generates without looking: what bench/monitor.py compares with."""
        self._recorder, self._watched = recorder, watched
        self._pieces = Detokenizer(tokenizer)
        self._sae = sae
        self._eos = eos_token_id
        self._stop_on_alarm = stop_on_alarm
        self._tokenizer = tokenizer
        self._is_finished = False
        self._tokens = self._generate(prompt_ids, n_tokens, CachedModel(split), sampler)

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Token:
        return next(self._tokens)

    @property
    def threshold(self) -> Threshold | None:
        """What raises the alarm."""
        return self._recorder.threshold

    @property
    def selection(self) -> Selection | None:
        """What says which tokens are let through."""
        return self._recorder.selection

    def finish(self) -> Reading:
        """Generate what is left to generate; the whole reading."""
        for _ in self:
            pass
        return self.reading()

    def reading(self) -> Reading:
        """What there is until now; ``is_complete`` says whether it is everything."""
        return self._recorder.reading(self._watched, self._is_finished)

    def _generate(
        self, prompt_ids: list[int], n_tokens: int, model: CachedModel, sampler: Sampler
    ) -> Iterator[Token]:
        self._recorder.start_sequence()
        activation = model.prefix(prompt_ids)
        logits, scores = self._predicted(model, activation)
        for place, (token_id, k, score) in enumerate(
            zip(prompt_ids, self._count(activation), scores, strict=True)
        ):
            text = self._tokenizer.decode([token_id]) if place == 0 else self._pieces.add(token_id)
            yield self._recorder.add(token_id, k, text, score=score)
        for left in range(n_tokens, 0, -1):
            token_id = sampler(model.suffix(activation) if logits is None else logits)
            if left == 1 and self._sae is None:
                self._recorder.add(token_id, 0, self._pieces.add(token_id), is_generated=True)
                break  # nobody asks for the last token's k, so it needs no pass of its own
            activation = model.prefix([token_id])
            k = self._count(activation)[0]
            logits, scores = self._predicted(model, activation)
            token = self._recorder.add(
                token_id, k, self._pieces.add(token_id), is_generated=True, score=scores[0]
            )
            yield token
            if token_id == self._eos or (self._stop_on_alarm and token.flagged):
                break
        self._recorder.complete_text(self._pieces.rest())
        self._is_finished = True

    def _count(self, activation: Float[Tensor, "new d_model"]) -> list[int]:
        if self._sae is None:
            return [0] * len(activation)
        return count_active(self._sae, activation)

    def _predicted(
        self, model: CachedModel, activation: Float[Tensor, "new d_model"]
    ) -> tuple[Tensor | None, list[float] | list[None]]:
        """Logits after the last new token and the scores of all, where the selection wants them."""
        selection = self._recorder.selection
        if self._sae is None or selection is None or not selection.score.needs_predictions:
            return None, [None] * len(activation)
        scores: list[float] = []
        for rows in model.stream(activation).split(ROWS_OF_LOGITS):
            logits = model.logits(rows)
            scores += scores_of(selection.score, logits)
        return logits[-1], scores
