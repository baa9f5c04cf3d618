"""A fresh sparse autoencoder of the configured architecture, in SAELens's own classes."""

from typing import Any

import torch
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAEConfig
from sae_lens.saes.gated_sae import GatedTrainingSAE, GatedTrainingSAEConfig
from sae_lens.saes.sae import SAEMetadata, TrainingSAE
from sae_lens.saes.standard_sae import StandardTrainingSAE, StandardTrainingSAEConfig
from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig

from semdim.training.batchtopk import SparseBatchTopK
from semdim.training.spec import DictionarySpec

THRESHOLD_RATE = 0.05  # SAELens's 0.01 has not converged when a short run ends


def new_dictionary(
    spec: DictionarySpec, *, d_model: int, metadata: dict[str, Any], seed: int, device: str
) -> TrainingSAE[Any]:
    """Random unit atoms, the encoder their transpose."""
    torch.manual_seed(seed)
    shared: dict[str, Any] = {
        "d_in": d_model,
        "d_sae": spec.dict_size,
        "device": device,
        "apply_b_dec_to_input": True,
        "normalize_activations": "expected_average_only_in",
        "metadata": SAEMetadata(**metadata),
    }
    if spec.architecture == "standard":
        return StandardTrainingSAE(
            StandardTrainingSAEConfig(**shared, l1_coefficient=spec.l1_coefficient)
        )
    if spec.architecture == "gated":
        return GatedTrainingSAE(
            GatedTrainingSAEConfig(**shared, l1_coefficient=spec.l1_coefficient)
        )
    if spec.architecture == "topk":
        return TopKTrainingSAE(
            TopKTrainingSAEConfig(
                **shared,
                k=round(spec.n_active),
                aux_loss_coefficient=spec.aux_coefficient,
                decoder_init_norm=1.0,
            )
        )
    return SparseBatchTopK(
        BatchTopKTrainingSAEConfig(
            **shared,
            k=spec.n_active,
            topk_threshold_lr=THRESHOLD_RATE,
            aux_loss_coefficient=spec.aux_coefficient,
            decoder_init_norm=1.0,
        )
    )
