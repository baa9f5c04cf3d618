"""setup.json: what was measured on what."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

PACKAGES = (
    "semdim", "torch", "transformer-lens", "sae-lens", "transformers", "datasets", "gensim",
)  # fmt: skip


def setup_facts(
    facts: Mapping[str, Mapping[str, Any]], sample: str, engine: Mapping[str, Any]
) -> dict[str, Any]:
    """setup.json: what was measured on what, from the ledgers' own metadata."""
    of_sample = facts[sample]
    return {
        "model": {
            "name": of_sample["model"],
            "n_layers": of_sample["n_layers"],
            "d_model": of_sample["d_model"],
            "vocab_size": of_sample["vocab_size"],
            "fingerprint": of_sample["model_fingerprint"],
        },
        "sae": {
            "name": of_sample["sae"],
            "architecture": of_sample["sae_architecture"],
            "hook_point": of_sample["hook_name"],
            "dict_size": of_sample["dict_size"],
            "mean_n_active_card": of_sample["sae_mean_n_active"],
            "fingerprint": of_sample["sae_fingerprint"],
        },
        "sample": sample,
        "splice": of_sample["splice"],
        "context": of_sample["context"],
        "seed": of_sample["seed"],
        "corpora": {
            name: {
                "role": of_corpus["role"],
                "n_tokens": of_corpus["n_tokens"],
                "n_sequences": of_corpus["n_sequences"],
                "n_documents": of_corpus["n_documents"],
                "account": of_corpus["counts"],
                "versions": of_corpus["versions"],
                **of_corpus["codes"],
            }
            for name, of_corpus in facts.items()
        },
        "engine": {"compute_dtype": of_sample["compute_dtype"], **engine},
        "packages": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
    }
