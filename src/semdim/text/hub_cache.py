"""Files of a data set in the hub client's cache, read where the hub must not be asked.

``datasets`` itself reads offline only what it has prepared before; files that ``huggingface_hub``
downloaded lie in the hub's layout (``datasets--OWNER--NAME/snapshots/COMMIT``) and are read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from semdim.errors import DataError
from semdim.text.hub import cached_commit, snapshot


@dataclass(frozen=True)
class CachedFiles:
    """What the cache holds of one split."""

    folder: Path
    """The snapshot."""
    commit: str
    """That of the snapshot."""
    patterns: tuple[str, ...] | None
    """Of the split's files, inside the folder, as the data set's card gives them; None: the card
    names no files, and their names decide."""

    @cached_property
    def files(self) -> list[Path]:
        """Those that are there, in order; a split that was downloaded in part has fewer."""
        patterns = ("**/*",) if self.patterns is None else self.patterns
        found = {path for pattern in patterns for path in self.folder.glob(pattern)}
        return sorted(path for path in found if path.is_file())

    def names(self) -> list[str]:
        """Theirs inside the folder."""
        return [path.relative_to(self.folder).as_posix() for path in self.files]


def cached_files(
    data_set: str, name: str | None, split: str, revision: str | None
) -> CachedFiles | None:
    """The files of a split in the local cache; None where the cache has no snapshot of the data set
    or no file of the split.

    Args:
        data_set: hub id.
        name: the configuration; None: the default one.
        split: such as train.
        revision: a commit, branch or tag; None: main.

    Raises:
        DataError: the card cannot be read, or has no such configuration or split.
    """
    commit = cached_commit(data_set, revision)
    if commit is None:
        return None
    folder = snapshot(data_set, commit)
    configs = _configs(folder / "README.md", data_set)
    patterns = _patterns(configs, name, split, data_set) if configs else None
    found = CachedFiles(folder, commit, patterns)
    return found if folder.is_dir() and found.files else None


def _configs(card: Path, data_set: str) -> list[Mapping[str, Any]]:
    """The configurations that a data set's card lists; none where it lists none."""
    from huggingface_hub import DatasetCard
    from yaml import YAMLError

    if not card.is_file():
        return []
    try:
        listed = DatasetCard.load(card).data.get("configs") or []
    except (OSError, ValueError, YAMLError) as error:
        raise DataError(f"the card of data set {data_set}, {card}: {error}") from error
    return [one for one in listed if isinstance(one, Mapping) and one.get("data_files")]


def _patterns(
    configs: Sequence[Mapping[str, Any]], name: str | None, split: str, data_set: str
) -> tuple[str, ...]:
    names = [str(one.get("config_name", "default")) for one in configs]
    default = next((n for n, one in zip(names, configs, strict=True) if one.get("default")), None)
    wanted = name or default or ("default" if "default" in names else names[0])
    if wanted not in names:
        raise DataError(
            f"data set {data_set} has no configuration {wanted!r}; it has {', '.join(names)}"
        )
    by_split = _by_split(configs[names.index(wanted)]["data_files"])
    if split not in by_split:
        raise DataError(
            f"data set {data_set} ({wanted}) has no split {split!r}; it has {', '.join(by_split)}"
        )
    return by_split[split]


def _by_split(data_files: Any) -> dict[str, tuple[str, ...]]:
    """A card gives files as a pattern, as a list of them (both: train), or by split."""
    listed = data_files if isinstance(data_files, list) else [data_files]
    found: dict[str, tuple[str, ...]] = {}
    for one in listed:
        entry = one if isinstance(one, Mapping) else {"split": "train", "path": one}
        path = entry.get("path", ())
        found[str(entry.get("split", "train"))] = (
            *found.get(str(entry.get("split", "train")), ()),
            *(map(str, path) if isinstance(path, list) else (str(path),)),
        )
    return found
