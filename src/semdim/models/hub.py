"""The Hugging Face hub: the local cache first, then one short question, never a row of retries."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semdim.errors import HubError
from semdim.quoting import why
from semdim.reading import read_json, reading

# Seconds to wait for the hub's answer before it counts as out of reach.
_PATIENCE = 5.0
# What an export reads; weights are chosen separately.
_SMALL_FILES = ("*.json", "*.txt", "*.model", "*.jinja")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")


def fetch_model(repo: str, revision: str | None = None) -> Path:
    """Folder of a hub model's config, tokenizer and weights, from the local cache or the hub.

    Raises HubError: not in the cache and the hub is out of reach, unknown to it, or withheld by it.
    """
    cached = _cached_model(repo, revision)
    if cached is not None:
        return cached
    with hub_access(repo, f"the model {repo}", revision):
        from huggingface_hub import HfApi, constants, snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        if constants.is_offline_mode():
            raise LocalEntryNotFoundError(f"{repo} is not in the cache {constants.HF_HUB_CACHE}")
        info = HfApi().model_info(repo, revision=revision, timeout=_PATIENCE)
        names = [file.rfilename for file in info.siblings or ()]
        tensors = [name for name in names if name.endswith(".safetensors") and "/" not in name]
        if not tensors:
            raise HubError(
                f"The hub has no safetensors for {repo}, and other weights can run code when they "
                "are read (SECURITY.md): name another repository or revision of the model."
            )
        path = snapshot_download(
            repo,
            revision=info.sha,
            allow_patterns=[*_SMALL_FILES, "*.safetensors"],
            ignore_patterns=["*/*"],
        )
        return Path(path)


def _cached_model(repo: str, revision: str | None) -> Path | None:
    """The cached snapshot if everything an export reads is in it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, "config.json", revision=revision)
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        return None
    if (folder / "model.safetensors").is_file():
        return folder
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        with reading(index, "the list of a checkpoint's files", "get it again", HubError):
            parts = set(read_json(index)["weight_map"].values())
        if all((folder / part).is_file() for part in parts):
            return folder
    return None


@contextmanager
def hub_access(repo: str, what: str, revision: str | None = None) -> Iterator[None]:
    """Run a block that may download from `repo`; its failures become one HubError.

    The hub is asked once whether it is there. If it is not, the block runs on the local cache
    alone, where a missing file fails at once instead of after many retries.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    was_offline = constants.HF_HUB_OFFLINE
    obstacle = "HF_HUB_OFFLINE is set" if was_offline else _obstacle(repo, revision)
    constants.HF_HUB_OFFLINE = obstacle is not None
    try:
        yield
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError) as error:
        raise HubError(_advice(repo, what, obstacle or _said(error))) from error
    finally:
        constants.HF_HUB_OFFLINE = was_offline


def _obstacle(repo: str, revision: str | None) -> str | None:
    """Why the hub cannot be used now for `repo`; None if it can. One request, no retry."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(repo, revision=revision, timeout=_PATIENCE)
    except Exception as error:  # whatever the transport raises: no route, no name, no answer, 404
        return _said(error)
    return None


def _said(error: Exception) -> str:
    said = why(error)
    name = type(error).__name__
    return name if said == name else f"{name}: {said}"


def _advice(repo: str, what: str, obstacle: str) -> str:
    from huggingface_hub import constants

    if any(word in obstacle for word in ("GatedRepo", "401", "403")):
        return (
            f"The hub withholds {what} ({obstacle}): accept its licence on "
            f"{constants.ENDPOINT}/{repo} and log in with `hf auth login`."
        )
    if "NotFound" in obstacle:
        return (
            f"The hub has no {repo} with the files that {what} needs ({obstacle}); check the name."
        )
    return (
        f"Fetching {what} needs the hub ({obstacle}), and it is not in the cache "
        f"{constants.HF_HUB_CACHE}: go online once without HF_HUB_OFFLINE, or copy {repo} into "
        "that cache."
    )
