"""Export a model once: clean safetensors, tokenizer and facts in one folder, published whole."""

import tempfile
from pathlib import Path
from typing import Any

from semdim.errors import ArtifactError, ConfigError
from semdim.models.facts import FACTS_FILE, ModelFacts, fingerprint_files, read_facts, write_facts
from semdim.models.gguf import locate_gguf, pick_gguf
from semdim.models.publish import check_replaceable, publish_folder
from semdim.models.quiet import quiet_bars
from semdim.models.spec import ModelSource

# Names under which configurations of transformers keep the longest sequence.
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx")


def export_model(source: ModelSource, out: Path | str) -> ModelFacts:
    """Write the model of `source` to the folder `out`, or reuse what an earlier call wrote there.

    The folder holds config.json, model*.safetensors, the tokenizer and facts.json. It appears
    whole or not at all; an export of another source, or one whose weights have changed since, is
    replaced.

    Raises:
        ConfigError: a package, folder or file that does not exist, or a BOS token that is missing.
        ArtifactError: `out` holds something else, or the model's package is damaged.
        HubError: the hub is needed and cannot be reached, or does not have the model.
    """
    out = Path(out).absolute()
    finished = _finished(source, out)
    if finished is not None:
        return finished
    check_replaceable(out)  # before minutes of work, not after
    with publish_folder(out) as fresh:
        with quiet_bars():
            model, tokenizer = _read(source, fresh)
        _set_bos(model, tokenizer, source)
        _save(model, tokenizer, fresh)
        facts = _facts(model, tokenizer, source, fresh)
        write_facts(fresh, facts)
    return facts


def _finished(source: ModelSource, out: Path) -> ModelFacts | None:
    """Facts of the export in `out` if it is this source's and its weights are unchanged."""
    if not (out / FACTS_FILE).is_file():
        return None
    try:
        facts = read_facts(out)
        intact = facts.fingerprint == fingerprint_files(out)
    except ArtifactError:
        return None
    return facts if intact and facts.source == source.as_dict() else None


def _read(source: ModelSource, scratch: Path) -> tuple[Any, Any]:
    """Model and tokenizer of transformers, as the source has them."""
    if source.kind == "random":
        from semdim.models.tiny import build_tiny

        return build_tiny(source)
    if source.kind == "hub":
        from semdim.models.hub import fetch_model

        assert source.repo is not None
        return _from_folder(fetch_model(source.repo, source.revision), None)
    if source.kind == "folder":
        assert source.path is not None
        folder = Path(source.path).expanduser()
        if not folder.is_dir():
            raise ConfigError(f"Model source: there is no folder {folder}.")
        if not (folder / "config.json").is_file():
            return _from_folder(folder, pick_gguf(folder, source.gguf_file).name)
        return _from_folder(folder, source.gguf_file)
    assert source.package is not None
    with tempfile.TemporaryDirectory(prefix=".gguf.", dir=scratch.parent) as joined:
        path = locate_gguf(source.package, source.gguf_file, Path(joined))
        return _from_folder(path.parent, path.name)


def _from_folder(folder: Path, gguf_file: str | None) -> tuple[Any, Any]:
    """Load with transformers; GGUF weights are dequantised to float32, others stay as stored."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    extra: dict[str, Any] = {"gguf_file": gguf_file} if gguf_file else {}
    dtype = torch.float32 if gguf_file else "auto"
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True, **extra
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **extra)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"transformers cannot load the model in {folder}: {reason}") from error
    return (_clean(model) if gguf_file else model), tokenizer


def _clean(model: Any) -> Any:
    """The same weights without any trace of quantisation: a loaded GGUF model cannot be saved."""
    import torch

    config = model.config
    for key in ("quantization_config", "_name_or_path"):
        config.__dict__.pop(key, None)
    config.architectures = [type(model).__name__]
    with torch.device("meta"):
        clean = type(model)(config)
    clean.load_state_dict(model.state_dict(), strict=True, assign=True)
    clean.tie_weights()
    clean.generation_config = model.generation_config
    return clean


def _set_bos(model: Any, tokenizer: Any, source: ModelSource) -> None:
    """One BOS id in config, generation config and tokenizer, so that every reader agrees."""
    bos = source.bos_token_id
    if bos is None:
        bos = tokenizer.bos_token_id
    if bos is None:
        bos = model.config.bos_token_id
    if bos is None:
        raise ConfigError(
            "The model's tokenizer names no BOS token: set `bos_token_id` in its source."
        )
    vocab_size = int(model.config.vocab_size)
    if not 0 <= bos < vocab_size:
        raise ConfigError(f"bos_token_id {bos} is outside the vocabulary of {vocab_size} tokens.")
    if tokenizer.bos_token_id != bos:
        tokenizer.bos_token = tokenizer.convert_ids_to_tokens(bos)
    model.config.bos_token_id = bos
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.bos_token_id = bos


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    model.config.architectures = [type(model).__name__]
    with quiet_bars():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _facts(model: Any, tokenizer: Any, source: ModelSource, folder: Path) -> ModelFacts:
    config = model.config
    contexts = [getattr(config, key, None) for key in _CONTEXT_KEYS]
    special = set(tokenizer.all_special_ids)
    special |= {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return ModelFacts(
        name=_name(source),
        architecture=type(model).__name__,
        n_layers=int(config.num_hidden_layers),
        d_model=int(config.hidden_size),
        vocab_size=int(config.vocab_size),
        bos_token_id=int(tokenizer.bos_token_id),
        special_token_ids=tuple(sorted(int(i) for i in special)),
        n_context=int(next(value for value in contexts if value)),
        fingerprint=fingerprint_files(folder),
        source=source.as_dict(),
    )


def _name(source: ModelSource) -> str:
    """The name that SAEs know the model by."""
    if source.name is not None:
        return source.name
    if source.kind == "hub":
        return str(source.repo)
    if source.kind == "random":
        return f"random-{source.architecture}"
    return Path(str(source.path)).expanduser().resolve().name
