"""What the rest of the pipeline needs to know about an exported model, kept beside its weights."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from semdim.errors import ArtifactError, MismatchError
from semdim.reading import read_json
from semdim.records import from_plain

FACTS_FILE = "facts.json"
_BLOCK = 1 << 22

Facts = TypeVar("Facts")


@dataclass(frozen=True)
class ModelFacts:
    """Facts of an exported model (read from its config and tokenizer, never from memory)."""

    name: str
    """The name that an SAE's metadata knows the model by."""
    architecture: str
    """Class name in transformers, for instance LlamaForCausalLM."""
    n_layers: int
    """Blocks; the residual stream can be cut before block 0 … n_layers (the last: after all)."""
    d_model: int
    """Width of the residual stream."""
    vocab_size: int
    """Number of logits V; token ids are below it."""
    bos_token_id: int
    """The token every sequence starts with."""
    special_token_ids: tuple[int, ...]
    """Control tokens, and ids that the tokenizer has no token for (a padded vocabulary), ascending;
    text contains none of them, and none is drawn at random."""
    n_context: int
    """Longest sequence the model takes, in tokens."""
    fingerprint: str
    """sha256 over the weight files."""
    compared_tokens: int = 0
    """Length at which the export was compared with the plain forward of transformers."""
    source: dict[str, Any] = field(default_factory=dict)
    """The source it was exported from (`ModelSource.as_dict`)."""
    origin: dict[str, Any] = field(default_factory=dict)
    """What told the content of that source (`semdim.models.source.model_digest`)."""
    refused: dict[str, str] = field(default_factory=dict)
    """Back ends that do not compute what transformers does with this model, and why."""


_INSTEAD = {
    "transformers": "Choose engine.backend=transformer_lens.",
    "transformer_lens": "Runs can use engine.backend=transformers. The monitor and SAE training "
    "need TransformerLens: choose another model for them.",
}


def check_backend(facts: ModelFacts, backend: str) -> None:
    """Refuse, with MismatchError, a back end that the export found to compute something else."""
    if backend in facts.refused:
        raise MismatchError(
            f"The back end {backend} does not run this model rightly: {facts.refused[backend]} "
            f"{_INSTEAD[backend]}"
        )


def write_facts(folder: Path, facts: Any) -> None:
    """Write a facts dataclass as `facts.json` into `folder`."""
    text = json.dumps(asdict(facts), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / FACTS_FILE).write_text(text + "\n", encoding="utf-8")


def typed_facts(folder: Path, what: str, cls: type[Facts]) -> Facts:
    """`folder/facts.json` as a dataclass; ArtifactError when a field is missing or of another
    type. What the file holds beside them is left out.

    what: whose facts they are, for messages.
    """
    path = folder / FACTS_FILE
    if not path.exists():
        raise ArtifactError(
            f"There is no exported {what} in {folder}: {FACTS_FILE} is missing; run the prepare "
            "stage first."
        )
    raw = read_json(path, f"the facts of an exported {what}", advice=f"delete {folder} and rerun")
    names = [item.name for item in fields(cls)]  # type: ignore[arg-type]
    missing = sorted(set(names) - set(raw))
    if missing:
        raise ArtifactError(
            f"{path} lacks {', '.join(missing)} (another version wrote it); "
            f"delete {folder} and rerun."
        )
    return from_plain({name: raw[name] for name in names}, cls, str(path))


def read_facts(folder: Path | str) -> ModelFacts:
    """Facts of the model exported to `folder`; raises ArtifactError if there is none."""
    return typed_facts(Path(folder), "model", ModelFacts)


def fingerprint_files(folder: Path) -> str:
    """sha256 over the names and bytes of the safetensors files of `folder`."""
    digest = hashlib.sha256()
    paths = sorted(Path(folder).glob("*.safetensors"))
    if not paths:
        raise ArtifactError(f"{folder} holds no safetensors file; delete it and rerun.")
    for path in paths:
        digest.update(path.name.encode())
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
