"""Which autoencoders are to be ranked: folders, folders of folders, globs, releases. No hub."""

import fnmatch
import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from semdim.errors import ConfigError, SemdimError
from semdim.reading import read_json
from semdim.saes.check import canonical_name
from semdim.saes.registered import releases
from semdim.saes.source import FILES
from semdim.saes.spec import SAESource

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Candidate:
    """An autoencoder that may be ranked."""

    name: str
    """What the ranking calls it: the folder's name, or RELEASE/ID."""
    source: SAESource
    """Where it is."""
    hook: str
    """Its hook point, as far as that is known before it is loaded; else empty."""
    dict_size: int | None
    """Its atoms, as far as known."""
    d_in: int | None
    """The width that it reads, as far as known."""
    is_here: bool = True
    """Whether it lies on this machine."""

    @property
    def file(self) -> str:
        """A name for its result that any file system takes."""
        return _UNSAFE.sub("__", self.name).strip(".") + ".json"


def find_candidates(
    saes: Sequence[str], patterns: Sequence[str], model: str, *, hook: str | None = None
) -> list[Candidate]:
    """All that were asked for, each once, in a stable order.

    Args:
        saes: folders in SAELens's format, folders of such folders, globs of either, or RELEASE/ID
            of SAELens's registry.
        patterns: globs of releases in the registry, of which those of ``model`` are meant.
        model: name or folder of the model.
        hook: of the registry, only what reads at this hook point, where that is known.

    Raises:
        ConfigError: one of them names nothing, or none is named.
    """
    found = [candidate for text in saes for candidate in _of_text(text)]
    for pattern in patterns:
        found += _of_registry(pattern, model, hook)
    if not found:
        raise ConfigError("There is no SAE to rank: name some with --sae or --release.")
    return _distinct(found)


def _of_text(text: str) -> Iterable[Candidate]:
    folders = [Path(text).expanduser()]
    if glob.has_magic(text):
        folders = [Path(path) for path in sorted(glob.glob(str(folders[0])))]
    folders = [folder for folder in folders if folder.is_dir()]
    there = [inner for folder in folders for inner in _sae_folders(folder)]
    if there:
        return [_of_folder(folder) for folder in there]
    release, _, sae_id = text.partition("/")
    if not folders and sae_id and release in releases():
        return [_of_release(release, sae_id)]
    raise ConfigError(
        f"--sae {text} is not an SAE: give a folder with {' and '.join(FILES)}, a folder of such "
        "folders, a glob of either, or RELEASE/ID in SAELens's registry."
    )


def _sae_folders(folder: Path) -> list[Path]:
    """The folder itself, or those below it; a folder with a configuration alone counts, so that
    it is listed with what it lacks."""
    if (folder / FILES[0]).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{FILES[0]}"))


def _of_folder(folder: Path) -> Candidate:
    hook, dict_size, d_in = "", None, None
    try:
        config = read_json(folder / FILES[0], finite=False)
        inner = config.get("metadata")
        metadata = inner if isinstance(inner, dict) else config
        hook = str(metadata.get("hook_name") or "")
        dict_size, d_in = _whole(config.get("d_sae")), _whole(config.get("d_in"))
    except SemdimError:
        pass  # loading it says what is wrong
    source = SAESource(kind="folder", path=str(folder))
    return Candidate(folder.resolve().name, source, hook, dict_size, d_in)


def _of_registry(pattern: str, model: str, hook: str | None) -> list[Candidate]:
    known = releases()
    matching = [name for name in known if fnmatch.fnmatchcase(name, pattern)]
    if not matching:
        raise ConfigError(
            f"--release {pattern} matches none of the {len(known)} releases of SAELens's registry."
        )
    wanted = canonical_name(model)
    of_model = [name for name in matching if canonical_name(known[name].model) == wanted]
    if not of_model:
        others = ", ".join(sorted({known[name].model for name in matching}))
        raise ConfigError(
            f"--release {pattern} matches releases for {others}, but none for {model}: name the "
            "model as the registry does."
        )
    found = [_of_release(name, sae_id) for name in of_model for sae_id in known[name].sae_ids]
    return [candidate for candidate in found if hook is None or candidate.hook in ("", hook)]


def _of_release(release: str, sae_id: str) -> Candidate:
    from semdim.saes.registered import cached_config

    source = SAESource(kind="release", release=release, sae_id=sae_id)
    is_here = cached_config(release, sae_id) is not None
    hook = sae_id if re.fullmatch(r"blocks\.\d+\.hook_\w+", sae_id) else ""
    return Candidate(f"{release}/{sae_id}", source, hook, None, None, is_here)


def _distinct(found: list[Candidate]) -> list[Candidate]:
    """Each source once; folders of one name are told apart by the folder that they are in."""
    each = {_place(candidate): candidate for candidate in found}
    names = [candidate.name for candidate in each.values()]
    kept = []
    for place, candidate in each.items():
        name = candidate.name
        if names.count(name) > 1:
            name = "/".join(Path(place).parts[-2:])
        kept.append(Candidate(name, *list(vars(candidate).values())[1:]))
    files = [candidate.file.lower() for candidate in kept]
    twins = [candidate.name for candidate in kept if files.count(candidate.file.lower()) > 1]
    if twins:
        raise ConfigError(
            f"The SAEs {' and '.join(twins[:2])} would be written to the same file: rename one of "
            "their folders."
        )
    return kept


def _place(candidate: Candidate) -> str:
    source = candidate.source
    if source.kind == "folder":
        return str(Path(str(source.path)).expanduser().resolve())
    return candidate.name


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
