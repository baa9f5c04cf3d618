"""SAELens's registry of releases, read as text: importing SAELens takes seconds."""

import difflib
import re
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


def _entry(release: str) -> dict[str, Any] | None:
    """The registry's entry; None for a repository of the hub, or where SAELens is not installed."""
    package = find_spec("sae_lens")
    if package is None or package.origin is None:
        return None
    registry = Path(package.origin).parent / "pretrained_saes.yaml"
    if not registry.is_file():
        return None
    text = registry.read_text(encoding="utf-8")
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
