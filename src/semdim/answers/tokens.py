"""What the scores read at every token of a prompt and its answer: the ledger's columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from semdim.activations.norms import OUTLIER_RATIO
from semdim.answers.asking import Answer
from semdim.codes.encode import Encoder, encode_rows
from semdim.codes.sparse import decode
from semdim.forward.split import SplitModel
from semdim.saes.load import Decoder

ROWS_PER_BATCH = 1024
"""Tokens of one forward pass, about."""


@dataclass(frozen=True)
class AnswerTokens:
    """Every token of every prompt and answer."""

    rows: pd.DataFrame
    """``question`` (its number), ``position`` (0 is BOS), ``token_id``, ``is_answer``, and columns
    as in the ledger: ``n_active``, ``code_norm``, ``reconstruction_error``, ``activation_norm``,
    ``centred_norm``, ``max_prob``, ``entropy``, ``energy``, and ``nll_model``, of the token that
    follows (NaN at the last)."""
    activation: Float[np.ndarray, "tokens d_model"]
    """Of each row, at the hook point."""


def measure_tokens(
    split: SplitModel,
    sae: Encoder,
    decoder: Decoder,
    answers: Sequence[Answer],
    update: Callable[[int], object] = lambda n: None,
) -> AnswerTokens:
    """Run prompts and answers once more and read everything, in one pass over each.

    Sequences are padded on the right, where a causal model does not look.

    Args:
        split: the model that answered, cut at the SAE's hook point.
        sae: it encodes raw activations.
        decoder: its decoder.
        answers: what `ask` gave.
        update: told how many questions are done.
    """
    sequences = [[*answer.prompt_ids, *answer.answer_ids] for answer in answers]
    order = sorted(range(len(answers)), key=lambda at: len(sequences[at]))
    parts: list[pd.DataFrame] = []
    activations: list[torch.Tensor] = []
    at = 0
    while at < len(order):
        longest = len(sequences[order[min(at + 64, len(order)) - 1]])
        batch = order[at : at + max(1, min(64, ROWS_PER_BATCH // longest))]
        rows, activation = _batch(split, sae, decoder, batch, sequences)
        parts.append(rows)
        activations.append(activation)
        update(len(batch))
        at += len(batch)
    rows, activation = pd.concat(parts, ignore_index=True), torch.cat(activations)
    starts = np.array([len(answer.prompt_ids) for answer in answers])
    rows["is_answer"] = rows["position"].to_numpy() >= starts[rows["question"].to_numpy()]
    rows["centred_norm"] = _centred_norm(rows, activation)
    sort = np.lexsort((rows["position"], rows["question"]))
    return AnswerTokens(rows.iloc[sort].reset_index(drop=True), activation.numpy()[sort])


def _batch(
    split: SplitModel,
    sae: Any,
    decoder: Decoder,
    batch: Sequence[int],
    sequences: Sequence[Sequence[int]],
) -> tuple[pd.DataFrame, torch.Tensor]:
    length = max(len(sequences[at]) for at in batch)
    # One column more than the longest: so its last token has a prediction, too.
    ids = torch.zeros(len(batch), length + 1, dtype=torch.long)
    there = torch.zeros(len(batch), length, dtype=torch.bool)
    for place, at in enumerate(batch):
        ids[place, : len(sequences[at])] = torch.tensor(sequences[at])
        there[place, : len(sequences[at])] = True
    residual = split.prefix(ids)
    found = split.next_token(split.suffix(residual), ids, scores=True)
    flat = residual[:, :-1][there.to(residual.device)]
    codes = encode_rows(sae, flat, ROWS_PER_BATCH)
    error = (flat.float() - decode(codes, decoder.weight, decoder.bias)).norm(dim=-1)
    row, position = there.nonzero(as_tuple=True)
    columns = {
        name: values.cpu().reshape(len(batch), length) for name, values in found.columns.items()
    }
    is_last = ~torch.cat([there[:, 1:], torch.zeros(len(batch), 1, dtype=torch.bool)], dim=1)
    nll = columns["nll"].masked_fill(is_last, float("nan"))
    table = pd.DataFrame(
        {
            "question": np.asarray(batch)[row.numpy()],
            "position": position.numpy(),
            "token_id": ids[:, :-1][there].numpy(),
            "n_active": codes.n_active.cpu().numpy(),
            "code_norm": codes.norm.cpu().numpy(),
            "reconstruction_error": error.cpu().numpy(),
            "activation_norm": flat.float().norm(dim=-1).cpu().numpy(),
            **{name: columns[name][there].numpy() for name in ("max_prob", "entropy", "energy")},
            "nll_model": nll[there].numpy(),
        }
    )
    return table, flat.float().cpu()


def _centred_norm(
    rows: pd.DataFrame, activation: Float[torch.Tensor, "tokens d_model"]
) -> np.ndarray:
    """‖h − mean‖, the mean being that of all prompts' tokens without position 0 and norm outliers:
    as in the ledger (`semdim.activations.norms`), and without a look at any label."""
    norm = rows["activation_norm"].to_numpy()
    inside = (rows["position"].to_numpy() > 0) & ~rows["is_answer"].to_numpy()
    kept = inside & (norm <= OUTLIER_RATIO * np.median(norm[inside]))
    mean = activation[torch.from_numpy(kept)].mean(dim=0)
    centred: np.ndarray = (activation - mean).norm(dim=-1).numpy()
    return centred
