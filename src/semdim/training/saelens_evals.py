"""SAELens's own evaluation of an SAE, on the very sequences that the pipeline would take."""

from typing import Any

from jaxtyping import Int
from sae_lens.evals import EvalConfig, run_evals
from sae_lens.training.activation_scaler import ActivationScaler
from torch import Tensor

LN2 = 0.6931471805599453


class SequenceStore:
    """What `run_evals` asks of an activation store: batches of token ids, in order.

    SAELens's store cuts text itself, across documents, and puts BOS between them; figures are only
    comparable on the same sequences.
    """

    def __init__(self, token_ids: Int[Tensor, "sequences context"], batch_size: int) -> None:
        self.token_ids = token_ids
        self.context_size = token_ids.shape[1]
        self.store_batch_size_prompts = batch_size
        self._at = 0

    @property
    def n_batches(self) -> int:
        return -(-len(self.token_ids) // self.store_batch_size_prompts)

    def get_batch_tokens(self, batch_size: int | None = None) -> Int[Tensor, "batch context"]:
        """The next sequences; the last batch may be short."""
        size = batch_size or self.store_batch_size_prompts
        batch = self.token_ids[self._at : self._at + size]
        self._at += size
        return batch

    def reset_input_dataset(self) -> None:
        self._at = 0


def saelens_measures(
    sae: Any,
    model: Any,
    token_ids: Int[Tensor, "sequences context"],
    *,
    bos_token_id: int,
    batch_sequences: int = 4,
) -> dict[str, float]:
    """What ``sae_lens.evals.run_evals`` reports with BOS left out, losses in bits.

    BOS is named explicitly: SAELens's own list of special tokens misses id 0. Norm outliers in
    mid-sequence are counted in, unlike in `semdim.training.quality`.
    """
    store = SequenceStore(token_ids, batch_sequences)
    found, _ = run_evals(
        sae,
        store,
        model,
        ActivationScaler(),
        EvalConfig(
            batch_size_prompts=batch_sequences,
            n_eval_reconstruction_batches=store.n_batches,
            compute_ce_loss=True,
            n_eval_sparsity_variance_batches=store.n_batches,
            compute_sparsity_metrics=True,
            compute_variance_metrics=True,
        ),
        exclude_special_tokens=[bos_token_id],
    )
    losses = found["model_performance_preservation"]
    return {
        "n_tokens": float((token_ids[:, 1:] != bos_token_id).sum()),
        "l0": found["sparsity"]["l0"],
        "explained_variance": found["reconstruction_quality"]["explained_variance"],
        "cosine_similarity": found["reconstruction_quality"]["cossim"],
        "loss": losses["ce_loss_without_sae"] / LN2,
        "loss_with_sae": losses["ce_loss_with_sae"] / LN2,
        "ce_loss_score": losses["ce_loss_score"],
    }
