"""Ledgers of any size whose numbers are drawn: what it costs to read one does not depend on them.

Documents come in blocks and rounds, as a sample's do: the first window of each document of a block,
then the second of each, and so on.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from semdim.ledger.facts import CodesFacts, LedgerFacts
from semdim.ledger.table import LedgerWriter, build_table

PROXIES = (
    "model", "sae", "topk_16", "topk_32", "topk_64", "topk_128", "random_decoder",
    "shuffled_features", "sae_all", "zero",
)  # fmt: skip
VOCAB_SIZE, DICT_SIZE = 50_257, 24_576
BLOCK_DOCUMENTS, WINDOWS = 512, 4
_WORSE = np.array([0, 0.05, 0.8, 0.4, 0.2, 0.1, 3, 4, 0.1, 5])


def write_ledger(
    path: Path, n_tokens: int, *, context: int = 512, seed: int = 0, shift: float = 0.0
) -> int:
    """Write a ledger of ten proxies; returns its number of rows, in whole blocks of documents.

    shift: what is added to the mean k.
    """
    per_block = BLOCK_DOCUMENTS * WINDOWS
    n_blocks = max(-(-n_tokens // (per_block * context)), 1)
    writer = LedgerWriter(path)
    for block in range(n_blocks):
        rng = np.random.default_rng([seed, block])
        level = rng.normal(0.0, 0.3, BLOCK_DOCUMENTS).astype(np.float32)
        for window in range(WINDOWS):
            first = block * per_block + window * BLOCK_DOCUMENTS
            document = np.arange(block * BLOCK_DOCUMENTS, (block + 1) * BLOCK_DOCUMENTS)
            for part in np.array_split(np.arange(BLOCK_DOCUMENTS), 4):
                token_ids, per_token, per_prediction = _drawn(rng, level[part], context, shift)
                writer.append(
                    build_table(
                        token_ids, document[part].astype(np.int32), per_token, per_prediction,
                        None, first=first + int(part[0]),
                    )
                )  # fmt: skip
    writer.finish(_facts(n_blocks * per_block, n_blocks * BLOCK_DOCUMENTS, context))
    return writer.n_rows


def _drawn(
    rng: np.random.Generator, level: np.ndarray, context: int, shift: float
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Token ids, columns per token and columns per prediction of some sequences."""
    n_sequences = len(level)
    shape, predicted = (n_sequences, context), (n_sequences, context - 1)
    token_ids = np.minimum(rng.zipf(1.3, shape), VOCAB_SIZE - 1).astype(np.int32)
    token_ids[:, 0] = 0
    is_bos = np.zeros(shape, dtype=bool)
    is_bos[:, 0] = True
    k = np.maximum(np.rint(rng.normal(60 + shift + 20 * level[:, None], 15, shape)), 0)
    k[:, 0] = 900
    norm = rng.random(shape, dtype=np.float32)
    per_token = {
        "n_active": k.astype(np.int32),
        "code_norm": 5 + norm,
        "reconstruction_norm": 90 + norm,
        "reconstruction_error": 1 + rng.random(shape, dtype=np.float32),
        "is_bos": is_bos,
        "is_outlier": is_bos,
        "activation_norm": 100 + norm,
        "centred_norm": 8 + rng.random(shape, dtype=np.float32),
    }
    loss = _steps(rng.standard_exponential(predicted, dtype=np.float32) * 4 + level[:, None] + 1)
    per_prediction = {
        f"nll_{name}": np.maximum(loss + _steps(worse * rng.random(predicted, dtype=np.float32)), 0)
        for name, worse in zip(PROXIES, _WORSE.astype(np.float32), strict=True)
    }
    for name, low, width in (("max_prob", 0.01, 0.9), ("entropy", 0, 8), ("energy", -30, 10)):
        per_prediction[name] = low + width * rng.random(predicted, dtype=np.float32)
    per_prediction["top1_error"] = (rng.random(predicted) < 0.6).astype(np.float32)
    return token_ids, per_token, per_prediction


def _steps(values: np.ndarray) -> np.ndarray:
    """To multiples of 1/1024, so that the files are of no unusual size."""
    return np.asarray(np.rint(np.maximum(values, 0) * 1024) / 1024, dtype=np.float32)


def _facts(n_sequences: int, n_documents: int, context: int) -> LedgerFacts:
    return LedgerFacts(
        model="synthetic", model_fingerprint="0", n_layers=12, d_model=768, vocab_size=VOCAB_SIZE,
        sae="synthetic", sae_fingerprint="0", sae_architecture="standard",
        sae_mean_n_active=None, hook_name="blocks.6.hook_resid_pre", dict_size=DICT_SIZE,
        corpus="synthetic", n_tokens=n_sequences * context, n_sequences=n_sequences,
        n_documents=n_documents, counts={"documents_used": n_documents}, versions={},
        documents=tuple(_names(n_documents)), context=context, splice="no_bos",
        compute_dtype="float32", seed=0, proxies=dict.fromkeys(PROXIES, "no_bos"),
        codes=CodesFacts(0.9, 0.9, 0.0, 60.0), kl_smoothing=None,
    )  # fmt: skip


def _names(n_documents: int) -> Iterator[str]:
    return (str(number) for number in range(n_documents))
