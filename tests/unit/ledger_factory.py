"""Synthetic ledgers with the columns of the real ones, for tests of whatever reads a ledger."""

import numpy as np
import pandas as pd

from semdim.ledger.facts import CodesFacts, LedgerFacts

VOCAB_SIZE = 50


def make_ledger(
    n_documents: int = 40,
    sequences_per_document: int = 2,
    context: int = 12,
    *,
    shift: float = 0.0,
    document_spread: float = 3.0,
    constant: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """A ledger of ``n_documents × sequences_per_document × context`` rows.

    n_active is about 30 + shift with a random level per document; position 0 is an outlier with 500
    active atoms. The predictions' scores grow with ``abs(shift)``. ``constant`` fixes n_active, as
    the code of a TopK autoencoder does.
    """
    rng = np.random.default_rng(seed)
    strange = abs(shift)
    n_sequences = n_documents * sequences_per_document
    n_rows = n_sequences * context
    sequence = np.repeat(np.arange(n_sequences), context)
    document = sequence % n_documents  # the packing goes round the documents, too
    position = np.tile(np.arange(context), n_sequences)
    level = rng.normal(0, document_spread, n_documents)[document]
    n_active = np.maximum(np.round(30 + shift + level + rng.normal(0, 4, n_rows)), 0)
    n_active[position == 0] = 500
    if constant is not None:
        n_active[:] = constant
    centred = np.where(position == 0, 2000.0, rng.uniform(8, 12, n_rows))
    # Familiar text prefers small token ids; a shift flattens that preference.
    favoured = rng.geometric(0.2, n_rows) % VOCAB_SIZE
    uniform = rng.integers(1, VOCAB_SIZE, n_rows)
    token_id = np.where(rng.random(n_rows) < min(strange / 20, 1), uniform, np.maximum(favoured, 1))
    token_id[position == 0] = 0
    nll = rng.gamma(2 + strange / 5, 1.5, n_rows)
    table = pd.DataFrame(
        {
            "document": document.astype(np.int32),
            "sequence": sequence.astype(np.int32),
            "position": position.astype(np.int32),
            "token_id": token_id.astype(np.int32),
            "is_bos": position == 0,
            "is_outlier": position == 0,
            "n_active": n_active.astype(np.int32),
            "code_norm": rng.uniform(5, 9, n_rows).astype(np.float32),
            "reconstruction_norm": np.linspace(90, 110, n_rows, dtype=np.float32),
            "reconstruction_error": rng.uniform(1, 3, n_rows).astype(np.float32),
            "activation_norm": (centred + 100).astype(np.float32),
            "centred_norm": centred.astype(np.float32),
            "nll_model": nll.astype(np.float32),
            "nll_sae": (nll + 0.2).astype(np.float32),
            "max_prob": rng.beta(2, 3 + strange / 5, n_rows).astype(np.float32),
            "entropy": rng.gamma(3 + strange / 5, 1, n_rows).astype(np.float32),
            "energy": rng.normal(-20 + strange / 10, 2, n_rows).astype(np.float32),
        }
    )
    table["top1_error"] = (rng.random(n_rows) < 0.6).astype(np.float32)
    table["kl_sae"] = np.minimum(rng.gamma(1, 0.05, n_rows), 2.0).astype(np.float32)
    table["top1_agrees_sae"] = (rng.random(n_rows) < 0.8).astype(np.float32)
    last = position == context - 1
    predicted = ("max_prob", "entropy", "energy", "top1_error", "kl_sae", "top1_agrees_sae")
    for column in ("nll_model", "nll_sae", *predicted):
        table.loc[last, column] = np.float32("nan")
    return table


def make_facts(n_sequences: int = 80, n_documents: int = 40, context: int = 12) -> LedgerFacts:
    """Facts of a synthetic ledger of that size."""
    return LedgerFacts(
        model="a-model",
        model_fingerprint="0a",
        n_layers=4,
        d_model=16,
        vocab_size=VOCAB_SIZE,
        sae="an-sae",
        sae_fingerprint="0b",
        sae_architecture="jumprelu",
        sae_mean_n_active=None,
        hook_name="blocks.1.hook_resid_post",
        dict_size=640,
        corpus="english",
        n_tokens=n_sequences * context,
        n_sequences=n_sequences,
        n_documents=n_documents,
        counts={"documents_used": n_documents},
        versions={},
        documents=tuple(f"document {index}" for index in range(n_documents)),
        context=context,
        splice="no_bos",
        compute_dtype="float32",
        seed=0,
        proxies={"model": "no_bos", "sae": "no_bos"},
        codes=CodesFacts(0.9, 0.95, 0.0, 30.0),
        kl_smoothing=0.5,
    )
