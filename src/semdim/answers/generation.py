"""Prompts through a model of transformers, keys and values kept: answers, log-probabilities.

Prompts of one length go through together, so nothing is padded on the left and no mask is needed;
what all prompts begin with is computed once. Continuations are padded on the right, where a causal
model does not look.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

LOGIT_BYTES = 2**28
"""Logits in float32 that are in memory at once, at most; a batch has at least one prompt."""


@dataclass(frozen=True)
class Read:
    """A batch of prompts that the model has read."""

    rows: list[int]
    """Which of the prompts."""
    logits: Float[Tensor, "prompts vocab_size"]
    """What it predicts behind each, float32."""
    cache: Any
    """Its keys and values."""


class Prompts:
    """Prompts that a model reads, in batches.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        token_ids: of each prompt; none is empty.
        rows_per_prompt: rows that will follow each prompt, for the size of a batch.
        new_tokens: tokens of each of them.
    """

    def __init__(
        self,
        model: Any,
        token_ids: Sequence[Sequence[int]],
        *,
        rows_per_prompt: int = 1,
        new_tokens: int = 1,
    ) -> None:
        self._model, self._ids = model, [list(ids) for ids in token_ids]
        self._device = next(model.parameters()).device
        shortest = min(map(len, self._ids), default=1) - 1  # a token at least is left to read
        self._shared = 0
        while self._shared < shortest and len({ids[self._shared] for ids in self._ids}) == 1:
            self._shared += 1
        per_prompt = 4 * int(model.config.vocab_size) * rows_per_prompt * new_tokens
        self._batch = max(1, min(64, LOGIT_BYTES // per_prompt))

    def __iter__(self) -> Iterator[Read]:
        """Every prompt once, those of one length together."""
        start = None
        if self._shared:
            start = self._run([self._ids[0][: self._shared]], None).past_key_values
        by_length: dict[int, list[int]] = defaultdict(list)
        for row, ids in enumerate(self._ids):
            by_length[len(ids)].append(row)
        for _, rows in sorted(by_length.items()):
            for at in range(0, len(rows), self._batch):
                yield self._read(rows[at : at + self._batch], start)

    def _read(self, rows: list[int], start: Any) -> Read:
        cache = None if start is None else repeated(copy.deepcopy(start), len(rows))
        out = self._run([self._ids[row][self._shared :] for row in rows], cache)
        return Read(rows, out.logits[:, -1].float(), out.past_key_values)

    @torch.inference_mode()
    def _run(self, ids: list[list[int]], cache: Any) -> Any:
        tokens = torch.tensor(ids, device=self._device)
        return self._model(
            input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1
        )


def repeated(cache: Any, times: int) -> Any:
    """The cache with each row ``times`` times, one after another; it is changed in place."""
    if times > 1:
        cache.batch_repeat_interleave(times)
    return cache


@torch.inference_mode()
def continued(
    model: Any,
    read: Read,
    *,
    n_tokens: int,
    is_end: Callable[[int, list[int]], bool],
    n_samples: int = 0,
    temperature: float = 1.0,
    rng: torch.Generator | None = None,
) -> list[list[list[int]]]:
    """For each prompt its greedy continuation, then ``n_samples`` drawn at random.

    Args:
        model: the one that has read them.
        read: the prompts; its cache is used up.
        n_tokens: of each continuation, at most.
        is_end: of a token id and those before it in the continuation, whether that ends there; the
            token is then left out.
        n_samples: continuations drawn from softmax(logits / temperature).
        temperature: above 0.
        rng: of the draws, on the CPU.
    """
    each = 1 + n_samples
    cache = repeated(read.cache, each)
    logits = read.logits.repeat_interleave(each, dim=0)
    greedy = torch.arange(len(logits)) % each == 0
    found: list[list[int]] = [[] for _ in range(len(logits))]
    is_open = [True] * len(logits)
    for left in range(n_tokens, 0, -1):
        chosen = logits.argmax(dim=-1).cpu()
        if n_samples:
            weights = (logits / temperature).softmax(dim=-1).cpu()
            drawn = torch.multinomial(weights, 1, generator=rng).squeeze(1)
            chosen = torch.where(greedy, chosen, drawn)
        for row, token in enumerate(chosen.tolist()):
            is_open[row] = is_open[row] and not is_end(token, found[row])
            if is_open[row]:
                found[row].append(token)
        if left == 1 or not any(is_open):
            break
        out = model(
            input_ids=chosen[:, None].to(logits.device), past_key_values=cache, use_cache=True
        )
        logits, cache = out.logits[:, -1].float(), out.past_key_values
    return [found[at : at + each] for at in range(0, len(found), each)]


@torch.inference_mode()
def log_probs(
    model: Any, read: Read, continuations: Sequence[Sequence[Sequence[int]]]
) -> list[Float[Tensor, " continuations"]]:
    """ln p of each prompt's continuations, summed over their tokens.

    Args:
        model: the one that has read the prompts.
        read: the prompts; its cache is used up.
        continuations: token ids, of each prompt as many.

    Returns:
        of each prompt, in float32.
    """
    each = len(continuations[0])
    flat = [list(ids) for of_prompt in continuations for ids in of_prompt]
    device = read.logits.device
    longest = max(map(len, flat))
    ids = torch.zeros(len(flat), longest, dtype=torch.long, device=device)
    there = torch.zeros(len(flat), longest, dtype=torch.bool, device=device)
    for row, tokens in enumerate(flat):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        there[row, : len(tokens)] = True
    first = read.logits.log_softmax(dim=-1).repeat_interleave(each, dim=0)
    found = first.gather(1, ids[:, :1]).squeeze(1)
    if longest > 1:
        out = model(
            input_ids=ids[:, :-1], past_key_values=repeated(read.cache, each), use_cache=True
        )
        found = found + _of_next(out.logits, ids[:, 1:]).masked_fill(~there[:, 1:], 0.0).sum(dim=1)
    return list(found.cpu().split(each))


def _of_next(
    logits: Float[Tensor, "rows position vocab_size"], target: Int[Tensor, "rows position"]
) -> Float[Tensor, "rows position"]:
    logits = logits.float()
    return logits.gather(2, target[..., None]).squeeze(2) - logits.logsumexp(dim=-1)
