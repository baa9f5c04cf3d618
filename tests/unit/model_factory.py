"""Small random models of real architectures, and a hub cache laid out as the hub's client does."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from semdim.models.tiny import standard_library_text

VOCABULARY = 400
WIDTH = 48
COMMIT = "0123456789abcdef0123456789abcdef01234567"

ROPE = {"rope_theta": 10000.0, "rope_type": "default"}


def small_model(architecture: str, seed: int = 0, **changes: Any) -> Any:
    """A randomly initialised model of transformers; weights large enough to tell layers apart."""
    import transformers

    shared = {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 64,
        "initializer_range": 0.1,
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    windows = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
    settings: dict[str, dict[str, Any]] = {
        "GPT2": {
            "vocab_size": VOCABULARY,
            "n_embd": WIDTH,
            "n_layer": 7,
            "n_head": 4,
            "n_positions": 128,
            "initializer_range": 0.1,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
        "Llama": shared | {"head_dim": 12, "tie_word_embeddings": False},
        "Gemma": shared | {"num_key_value_heads": 1, "num_hidden_layers": 13},
        "Gemma2": shared
        | windows
        | {
            "sliding_window": 8,
            "attn_logit_softcapping": 5.0,
            "final_logit_softcapping": 3.0,
            "query_pre_attn_scalar": 10,
        },
        "Gemma3": shared
        | windows
        | {
            "sliding_window": 8,
            "query_pre_attn_scalar": 10,
            "rope_parameters": {
                "full_attention": {"rope_theta": 5000.0, "rope_type": "default"},
                "sliding_attention": {"rope_theta": 100.0, "rope_type": "default"},
            },
        },
    }
    kind = "Gemma3Text" if architecture == "Gemma3" else architecture
    head = "LMHeadModel" if architecture == "GPT2" else "ForCausalLM"
    config = getattr(transformers, f"{kind}Config")(**settings[architecture] | changes)
    config._attn_implementation = "eager"
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        model = getattr(transformers, architecture + head)(config)
        for name, weight in model.named_parameters():
            if weight.dim() == 1:  # norms and biases start at 0 or 1, where mistakes hide
                weight.data += 0.2 * torch.randn_like(weight)
            del name
    return model.eval()


def gpt2_tokenizer(folder: Path) -> None:
    """GPT-2's tokenizer files, with a small vocabulary: byte-level BPE, <|endoftext|> is BOS."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        standard_library_text(),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    core.save(str(folder / "tokenizer.json"))
    core.model.save(str(folder))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1024}')


def gemma_tokenizer(folder: Path) -> None:
    """Gemma's tokenizer file, with a small vocabulary: BPE on ▁ and bytes, it adds <bos> itself."""
    core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    core.normalizer = normalizers.Replace(" ", "▁")
    core.train_from_iterator(
        standard_library_text(),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"],
            show_progress=False,
        ),
    )
    core.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    core.save(str(folder / "tokenizer.json"))
    names = {f"{name}_token": f"<{name}>" for name in ("bos", "eos", "pad", "unk")}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def model_folder(folder: Path, architecture: str, **changes: Any) -> Any:
    """Write a small model with its tokenizer to `folder`; returns the model."""
    folder.mkdir(parents=True)
    model = small_model(architecture, **changes)
    model.save_pretrained(folder)
    (gpt2_tokenizer if architecture == "GPT2" else gemma_tokenizer)(folder)
    return model


def put_in_hub_cache(cache: Path, repo: str, files: dict[str, bytes], kind: str = "models") -> Path:
    """Store files as the hub's client would: blobs, links in a snapshot, and a ref to it."""
    root = cache / f"{kind}--{repo.replace('/', '--')}"
    snapshot = root / "snapshots" / COMMIT
    for name, content in files.items():
        blob = root / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs" / "main").write_text(COMMIT)
    return snapshot


def files_of(folder: Path) -> dict[str, bytes]:
    """Content of all files of a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def standard_sae_files(
    work: Path, folder: str, config: dict[str, Any], *, d_in: int, dict_size: int
) -> dict[str, bytes]:
    """Files of one SAE as repositories from before SAELens 6 hold them, under `folder`."""
    generator = torch.Generator().manual_seed(5)
    atoms = torch.randn(dict_size, d_in, generator=generator)
    weights = {
        "W_enc": atoms.T.contiguous() / d_in**0.5,
        "W_dec": atoms,
        "b_enc": torch.randn(dict_size, generator=generator) - 1.0,
        "b_dec": torch.randn(d_in, generator=generator),
    }
    work.mkdir(parents=True, exist_ok=True)
    save_file(weights, work / "weights")
    save_file({"sparsity": torch.zeros(dict_size)}, work / "sparsity")
    return {
        f"{folder}/cfg.json": json.dumps(config | {"d_in": d_in, "d_sae": dict_size}).encode(),
        f"{folder}/sae_weights.safetensors": (work / "weights").read_bytes(),
        f"{folder}/sparsity.safetensors": (work / "sparsity").read_bytes(),
    }
