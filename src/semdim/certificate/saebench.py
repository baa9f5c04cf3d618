"""The core evaluation in the layout of SAEBench's JSON files.

Losses and divergences are in nats there. What semdim does not measure is −1, as SAEBench writes it.
KL is of the smoothed predictions, and is in `eval_result_unstructured` with its α and interval; the
score that SAEBench makes of KL without smoothing is −1.
"""

import math
from dataclasses import asdict
from typing import Any

from semdim.certificate.certificate import Certificate

ABSENT = -1.0


def evaluation(certificate: Certificate) -> dict[str, Any]:
    """One SAE's file."""
    of = certificate.subject

    def of_name(name: str, factor: float = 1.0) -> float:
        number = certificate.get(name)
        return ABSENT if number is None else number.estimate * factor

    nats = math.log(2.0)
    return {
        "eval_type_id": "core",
        "eval_config": {
            "model_name": of.model,
            "context_size": of.context,
            "exclude_special_tokens_from_reconstruction": of.splice == "no_bos",
            "dataset": of.corpus,
        },
        "eval_result_metrics": {
            "model_behavior_preservation": {
                "kl_div_score": ABSENT,
                "kl_div_with_ablation": ABSENT,
                "kl_div_with_sae": ABSENT,
            },
            "model_performance_preservation": {
                "ce_loss_score": of_name("ce_loss_score"),
                "ce_loss_with_ablation": of_name("loss_zero", nats),
                "ce_loss_with_sae": of_name("loss_sae", nats),
                "ce_loss_without_sae": of_name("loss_model", nats),
            },
            "reconstruction_quality": {
                "explained_variance": of_name("explained_variance_pooled"),
                "explained_variance_legacy": of_name("explained_variance_legacy"),
                "mse": of_name("mean_squared_error"),
                "cossim": ABSENT,
            },
            "sparsity": {"l0": of_name("l0"), "l1": ABSENT},
            "token_stats": {
                "total_tokens_eval_reconstruction": of.n_tokens_counted,
                "total_tokens_eval_sparsity_variance": of.n_tokens_counted,
            },
        },
        "eval_result_details": [],
        "eval_result_unstructured": {
            "numbers": [asdict(number) for number in certificate.numbers],
            "sae_fingerprint": of.sae_fingerprint,
            "model_fingerprint": of.model_fingerprint,
            "tokens_fingerprint": of.tokens_fingerprint,
            "ledger_fingerprint": of.ledger_fingerprint,
        },
        "sae_lens_id": of.sae,
        "sae_lens_release_id": "",
        "sae_cfg_dict": {
            "architecture": of.sae_architecture,
            "d_sae": of.dict_size,
            "hook_name": of.hook_name,
            "model_name": of.model,
        },
        "made_with": f"semdim {certificate.semdim_version}",
    }
