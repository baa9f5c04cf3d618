"""Read a model's source with transformers: whole and as it is, or not at all."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semdim.errors import ConfigError, MismatchError, SemdimError
from semdim.models.accept import check_config
from semdim.models.checkpoint import check_files, check_finite, check_report, check_unique
from semdim.models.gguf import locate_gguf, pick_gguf
from semdim.models.gguf_content import GGUFHeader, check_gguf, parsed_once, read_header
from semdim.models.quiet import quiet_reports
from semdim.models.spec import ModelSource
from semdim.models.tokenizer_files import check_tokenizer_files
from semdim.models.vocabulary import check_vocabulary, make_deterministic
from semdim.quoting import why
from semdim.reading import read_json, reading


@dataclass(frozen=True)
class ReadModel:
    """A model in memory, in the dtype that its source has."""

    model: Any
    """Of transformers."""
    tokenizer: Any
    """Its tokenizer; it draws nothing at random."""
    n_context: int
    """Longest sequence that both the model and semdim take, in tokens."""


def read_source(source: ModelSource, scratch: Path) -> ReadModel:
    """Model and tokenizer, as the source has them.

    Args:
        source: where they are.
        scratch: beside this folder, parts of a file are joined.

    Raises:
        ConfigError: a package, folder or file does not exist, or transformers cannot load it.
        MismatchError: semdim cannot run such a model, or its tokenizer is another's.
        DataError: the weights are not whole, not finite, or not the configuration's.
        ArtifactError: the model's package is damaged.
        HubError: the hub is needed and cannot be reached, or does not have the model.
    """
    if source.kind == "random":
        from semdim.models.tiny import build_tiny

        model, tokenizer = build_tiny(source)
        return ReadModel(model, tokenizer, check_config(model.config, "The random model"))
    if source.kind == "hub":
        from semdim.models.hub import fetch_model

        assert source.repo is not None
        return _from_folder(fetch_model(source.repo, source.revision), None, source.repo)
    if source.kind == "folder":
        assert source.path is not None
        folder = Path(source.path).expanduser()
        if not folder.is_dir():
            raise ConfigError(f"Model source: there is no folder {folder}.")
        if not (folder / "config.json").is_file():
            _check_is_model(folder)
            name = pick_gguf(folder, source.gguf_file).name
            return _from_folder(folder, name, str(folder / name))
        return _from_folder(folder, source.gguf_file, str(folder))
    assert source.package is not None
    with tempfile.TemporaryDirectory(prefix=".gguf.", dir=scratch.parent) as joined:
        path = locate_gguf(source.package, source.gguf_file, Path(joined))
        return _from_folder(path.parent, path.name, f"{path.name} of {source.package}")


def _from_folder(folder: Path, gguf_file: str | None, name: str) -> ReadModel:
    """Load with transformers; GGUF weights are dequantised to float32, others stay as stored."""
    if gguf_file is None:
        read_json(folder / "config.json", kind=ConfigError, advice="get the checkpoint again")
        return _loaded(folder, None, None, name)
    header = read_header(folder / gguf_file)
    with parsed_once():
        return _loaded(folder, gguf_file, header, name)


def _loaded(folder: Path, gguf_file: str | None, header: GGUFHeader | None, name: str) -> ReadModel:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    # A folder's own code is never run, and nobody is asked whether it may be (SECURITY.md).
    given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if gguf_file:
        given["gguf_file"] = gguf_file
    try:
        config = AutoConfig.from_pretrained(folder, **given)
    except Exception as error:
        raise _cannot_load(name, error) from error
    with reading(name, "a model that semdim runs", "correct its config.json", MismatchError):
        n_context = check_config(config, name)
    if gguf_file is None:
        check_files(folder)
        check_tokenizer_files(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **given)
    except Exception as error:  # the tokenizers library raises plain Exception
        raise _cannot_load(name, error, "the tokenizer of") from error
    make_deterministic(tokenizer)
    check_vocabulary(tokenizer, int(config.vocab_size))
    try:
        with quiet_reports():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32 if gguf_file else "auto",
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # the report has them, with their names
                use_safetensors=None if gguf_file else True,
                **given,
            )
    except Exception as error:
        raise _cannot_load(name, error) from error
    model, report = loaded
    check_report(report, name)
    check_finite(model.state_dict(), name)
    if gguf_file is None:
        check_unique(folder, str(model.base_model_prefix))
    if header is not None:
        check_gguf(header, model, name)
        model = _clean(model)
    return ReadModel(model, tokenizer, n_context)


def _check_is_model(folder: Path) -> None:
    """Refuse a folder without config.json that holds no GGUF file either."""
    if any(folder.glob("*.gguf")):
        return
    if (folder / "adapter_config.json").is_file():
        raise ConfigError(
            f"{folder} holds an adapter (LoRA) and no model: merge it into its model "
            "(merge_and_unload in the package peft) and give the folder of the merged model."
        )
    raise ConfigError(
        f"{folder} holds no model, neither config.json with safetensors nor a GGUF file: give the "
        "folder that save_pretrained wrote, or the folder of a GGUF file."
    )


def _cannot_load(name: str, error: Exception, what: str = "the model in") -> SemdimError:
    if isinstance(error, SemdimError):
        return error
    advice = "get the checkpoint again, or one that this transformers reads"
    return ConfigError(f"transformers cannot load {what} {name}: {why(error, name)}; {advice}.")


def _clean(model: Any) -> Any:
    """The same weights without any trace of quantisation: a loaded GGUF model cannot be saved."""
    import torch

    config = model.config
    for key in ("quantization_config", "_name_or_path"):
        config.__dict__.pop(key, None)
    config.architectures = [type(model).__name__]
    with torch.device("meta"):
        clean = type(model)(config)
    weights = model.state_dict()
    clean.load_state_dict(weights, strict=True, assign=True)
    for name, buffer in model.named_buffers():
        if name not in weights:  # frequencies of rotary positions, a scale of embeddings
            module, _, last = name.rpartition(".")
            clean.get_submodule(module).register_buffer(last, buffer, persistent=False)
    clean.tie_weights()
    clean.generation_config = model.generation_config
    return clean
