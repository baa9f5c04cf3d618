"""One's own model, SAE and text as files of conf/, so that a run of them is a pipeline like any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semdim.artifacts.shards import write_atomically
from semdim.certificate.named import model_named, sae_named
from semdim.errors import ArtifactError, ConfigError
from semdim.models.spec import ModelSource
from semdim.naming import reserved
from semdim.own_text import OwnText, own_text, round_down
from semdim.reading import read_json
from semdim.saes.shape import known_shape
from semdim.saes.source import FILES
from semdim.saes.spec import SAESource

NAME = "own"
"""Of the model, the probe and the experiment in conf/."""
LADDER = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
"""Smaller N at which the bounds are looked at, too."""
TOPK = (16, 32, 64, 128)
FAR_TOKENS = 20_000
ABLATION_TOKENS = 12_800
ROUNDING_TOKENS = 2_048


@dataclass(frozen=True)
class Pieces:
    """What is to be measured."""

    model: ModelSource
    sae: SAESource
    hook: str
    """Where the SAE reads the residual stream."""
    dict_size: int | None
    """Atoms of the SAE; None: known only when it is loaded."""
    texts: tuple[OwnText, ...]
    """The sample first, then what is compared with it."""
    context: int
    sequences: int
    """Sequences of a document at most."""


def own_pieces(
    *,
    model: str,
    model_name: str | None,
    sae: str,
    hook: str | None,
    text: str,
    shifts: Sequence[str],
    most: int,
    most_of_a_shift: int,
    context: int,
    sequences: int,
) -> Pieces:
    """What the words of a command line mean.

    Raises:
        ConfigError: a piece is not there, or the text is too small.
        DataError: a text cannot be read.
    """
    source = sae_named(sae)
    texts = [
        own_text(
            name,
            role,
            path,
            most=most if role == "id" else most_of_a_shift,
            context=context,
            sequences=sequences,
        )
        for name, role, path in texts_named(text, shifts)
    ]
    return Pieces(
        model=model_named(model, model_name),
        sae=source,
        hook=hook_of(source, hook),
        dict_size=known_shape(source).dict_size,
        texts=tuple(texts),
        context=context,
        sequences=sequences,
    )


def hook_of(sae: SAESource, given: str | None) -> str:
    """The hook point: the one given, else the one that the SAE's own configuration names.

    Raises:
        ConfigError: neither says it.
    """
    if given:
        return given
    config: Mapping[str, Any] = {}
    if sae.kind == "folder":
        try:
            config = read_json(Path(str(sae.path)) / FILES[0], finite=False)
        except ArtifactError as error:
            raise ConfigError(f"--sae: {error}") from error
    elif str(sae.sae_id).startswith("blocks."):
        return str(sae.sae_id)
    metadata = config.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else config
    hook = metadata.get("hook_name") or metadata.get("hook_point")
    if not isinstance(hook, str) or not hook:
        raise ConfigError(
            "The SAE’s configuration does not say where it reads the model: name the hook point, "
            "for instance --hook blocks.6.hook_resid_pre."
        )
    return hook


def ladder(n_tokens: int) -> list[int]:
    """The N of the bounds: the usual ones below, and all there is."""
    return [*(n for n in LADDER if n <= n_tokens // 2), n_tokens]


def conf_files(pieces: Pieces) -> dict[str, str]:
    """Text of each file, by its path below conf/."""
    sample, *others = pieces.texts
    far = min(FAR_TOKENS, sample.n_tokens)
    topk = [k for k in TOPK if pieces.dict_size is None or k < pieces.dict_size]
    files = {
        f"source/{NAME}.yaml": _yaml(f"models.{NAME}", "Your model.", pieces.model.as_dict()),
        f"probe/{NAME}.yaml": _yaml(
            "_global_",
            "Your SAE at its hook point. n_candidates: from how many SAEs this text chose it.",
            {
                "defaults": [f"/source/{NAME}"],
                "probes": {
                    NAME: {
                        "model": NAME,
                        "hook": pieces.hook,
                        "n_candidates": 1,
                        "sae": pieces.sae.as_dict(),
                    }
                },
            },
        ),
    }
    for text in pieces.texts:
        settings = {"kind": text.kind, "path": text.path, "role": text.role}
        files[f"corpus/{text.name}.yaml"] = _yaml(
            f"corpora.{text.name}",
            "Your text. For further settings, see conf/corpus/{folder,jsonl,parquet}.yaml.",
            settings | {"n_tokens": text.n_tokens},
        )
    files[f"experiment/{NAME}.yaml"] = _yaml(
        "_global_",
        "Your model, SAE and text, at sizes that the text allows.",
        {
            "defaults": [
                {"override /probe": [NAME]},
                {"override /corpus": [*(text.name for text in pieces.texts), "random"]},
                {"override /tracking": "disabled"},
            ],
            "tokens": {
                "context": pieces.context,
                "max_sequences_per_document": pieces.sequences,
            },
            "corpora": {"random": {"n_tokens": round_down(far)}},
            "grid": {
                "sweep": [f"topk_{k}" for k in topk],
                "ablation_tokens": min(ABLATION_TOKENS, sample.n_tokens),
            },
            "bound": {"n_tokens": ladder(sample.n_tokens), "topk_grid": topk},
            "rounding": {
                "n_tokens": min(ROUNDING_TOKENS, far, *(text.n_tokens for text in others))
                if others
                else min(ROUNDING_TOKENS, far)
            },
        },
    )
    return files


def write_conf(folder: Path, pieces: Pieces) -> list[Path]:
    """Write the files into `folder`/conf and make the experiment the one of conf/config.yaml.

    Raises:
        ConfigError: the folder is no pipeline.
    """
    config = folder / "conf" / "config.yaml"
    try:
        text = config.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} holds no pipeline ({config} is missing).") from error
    written = []
    for name, content in conf_files(pieces).items():
        path = folder / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        written.append(path)
    lines = [
        f"  - experiment: {NAME}" if line.startswith("  - experiment:") else line
        for line in text.splitlines()
    ]
    write_atomically(config, "\n".join(lines) + "\n")
    return [*written, config]


def _yaml(package: str, words: str, content: Mapping[str, Any]) -> str:
    import yaml

    body = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)
    return f"# @package {package}\n# {words}\n{body}"


def texts_named(sample: str, shifts: Sequence[str]) -> list[tuple[str, str, str]]:
    """(name, role, path) of each text: `text`, then the shifts by the names of their files."""
    found = [("text", "id", sample)]
    for path in shifts:
        stem = Path(path).name.split(".")[0] or Path(path).name
        plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in stem).strip("_").lower()
        name = plain if plain and not plain[0].isdigit() else f"shift_{plain}".rstrip("_")
        kept = {entry[0] for entry in found} | {"random"} | reserved()
        while name in kept:
            name += "_text" if name in reserved() else "_b"
        found.append((name, "shifted", path))
    return found
