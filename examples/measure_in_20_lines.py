"""Measure a language model with a sparse autoencoder, and certify what was measured.

    python examples/measure_in_20_lines.py
    python examples/measure_in_20_lines.py --model gpt2 --sae path/to/sae texts/*.txt

Without arguments it runs offline in seconds, on a tiny random model with a random autoencoder.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import semdim


def tiny() -> tuple[Any, Any, list[str]]:
    """A random model of three blocks, a random SAE behind its second, and text to read."""
    from semdim.models.export import export_model
    from semdim.models.load import load_model
    from semdim.models.spec import ModelSource
    from semdim.models.tiny import standard_library_text
    from semdim.saes.fetch import random_sae
    from semdim.saes.spec import SAESource

    source = ModelSource(
        kind="random", architecture="llama", n_layers=3, d_model=48, n_heads=4, vocab_size=768,
        n_context=256, seed=0,
    )  # fmt: skip
    sae = SAESource(
        kind="random", hook_name="blocks.1.hook_resid_post", model_name="random-llama", d_in=48,
        dict_size=128, activation_norm=25.0, mean_n_active=12.0, seed=0,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        export_model(source, Path(folder) / "model")
        model = load_model(Path(folder) / "model")
    text = "".join(standard_library_text())
    texts = [text[start : start + 1000] for start in range(0, len(text), 1000)]
    return model, random_sae(sae), texts[:200]


def main(arguments: list[str] | None = None) -> semdim.Ledger:
    """Measure and print; returns the ledger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a name that TransformerLens knows; needs --sae and texts")
    parser.add_argument("--sae", type=Path, help="a folder in SAELens's format")
    parser.add_argument("texts", nargs="*", type=Path, help="text files, a document each")
    given = parser.parse_args(arguments)
    if given.model is None:
        model, sae, texts = tiny()
    else:
        from transformer_lens import HookedTransformer

        from semdim.text.reading import read_text_file

        model = HookedTransformer.from_pretrained_no_processing(given.model)
        sae, texts = given.sae, [read_text_file(path) for path in given.texts]

    ledger = semdim.measure(model, sae, texts, proxies=("model", "sae", "topk_8"), context=64)
    print(ledger)
    losses = [f"nll_{name}" for name in ledger.facts.proxies]
    print(ledger.rows[["n_active", *losses]].describe().round(3))
    return ledger


if __name__ == "__main__":
    try:
        print(semdim.certify(main()))
    except semdim.SemdimError as error:
        raise SystemExit(f"error: {error}") from None
