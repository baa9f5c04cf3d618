"""SAELens's registry of releases, read as text: importing SAELens takes seconds."""

import difflib
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from semdim.errors import ConfigError

_RELEASE = re.compile(r"^([A-Za-z0-9][^\s:]*):\s*$", re.MULTILINE)


def cached_config(release: str, sae_id: str) -> Path | None:
    """The configuration of an SAE in the hub's cache; None where it is not there.

    Raises:
        ConfigError: the registry has no such release or SAE; near matches are listed.
    """
    entry = _entry(release)
    if entry is None:
        repo, folder = release, sae_id
    else:
        known = {str(sae.get("id")): str(sae.get("path")) for sae in entry.get("saes") or ()}
        if known and sae_id not in known:
            raise ConfigError(
                f"The release {release!r} has no SAE {sae_id!r}; {_near(sae_id, list(known))} (it "
                f"has {len(known)})."
            )
        repo, folder = str(entry.get("repo_id")), known.get(sae_id, sae_id)
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(repo, f"{folder}/cfg.json")
    except ValueError:  # no repository can be called so; prepare_sae says it
        return None
    return Path(found) if isinstance(found, str) else None


@dataclass(frozen=True)
class Release:
    """A release of the registry."""

    model: str
    """The model that its SAEs read."""
    sae_ids: tuple[str, ...]
    """Its SAEs."""


@cache
def releases() -> dict[str, Release]:
    """Every release of the registry, by name; none where SAELens is not installed.

    It is read line by line: a parser of YAML takes seconds for its 1.5 MB.
    """
    text = _registry()
    found: dict[str, Release] = {}
    starts = list(_RELEASE.finditer(text or ""))
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        block = (text or "")[start.end() : end.start() if end else None]
        model = re.search(r"^  model:\s*(\S.*?)\s*$", block, re.MULTILINE)
        sae_ids = re.findall(r"^  (?:- |  )id:\s*(\S.*?)\s*$", block, re.MULTILINE)
        named = "" if model is None else _unquoted(model[1])
        found[start[1]] = Release(named, tuple(map(_unquoted, sae_ids)))
    return found


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _registry() -> str | None:
    """The registry as text; None where SAELens is not installed."""
    package = find_spec("sae_lens")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "pretrained_saes.yaml"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _entry(release: str) -> dict[str, Any] | None:
    """The registry's entry; None for a repository of the hub, or where SAELens is not installed."""
    text = _registry()
    if text is None:
        return None
    start = re.search(rf"^{re.escape(release)}:\s*$", text, re.MULTILINE)
    if start is None:
        if "/" in release:
            return None
        raise ConfigError(
            f"SAELens knows no release {release!r}; {_near(release, _RELEASE.findall(text))}."
        )
    end = re.compile(r"^\S", re.MULTILINE).search(text, start.end() + 1)
    import yaml

    block = yaml.safe_load(text[start.end() : end.start() if end else None])
    return block if isinstance(block, dict) else None


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=5, cutoff=0.4) or known[:5]
    return f"near matches are {', '.join(close)}"
