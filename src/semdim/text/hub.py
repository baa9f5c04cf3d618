"""Data sets on the Hugging Face hub: is it in reach, and what does the local cache know?"""

from pathlib import Path

from semdim.errors import HubError

_PROBE_SECONDS = 5.0


def is_offline() -> bool:
    """Whether the hub must not be asked."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def probe(data_set: str) -> None:
    """One short request instead of the client's retries; any answer at all means reachable.

    Raises:
        HubError: there is none.
    """
    import httpx
    from huggingface_hub import constants

    try:
        httpx.head(constants.ENDPOINT, timeout=_PROBE_SECONDS)
    except httpx.HTTPError as error:
        raise unreachable(data_set, str(error) or type(error).__name__) from error


def unreachable(data_set: str, reason: str) -> HubError:
    """What to say when a data set is on the hub and the hub is out of reach."""
    from huggingface_hub import constants

    return HubError(
        f"data set {data_set} must be read from {constants.ENDPOINT}, which cannot be reached "
        f"({reason}): connect, or use a corpus of kind files, jsonl or parquet with text on this "
        "machine"
    )


def cached_commit(data_set: str, revision: str | None) -> str | None:
    """The commit that a revision (None: main) of a data set stands for in the local cache, where
    the cache tells; the hub is not asked."""
    folder, name = _cache_folder(data_set), revision or "main"
    if (folder / "snapshots" / name).is_dir():
        return name
    reference = folder / "refs" / name
    return reference.read_text(encoding="utf-8").strip() if reference.is_file() else None


def snapshot(data_set: str, commit: str) -> Path:
    """Where the local cache keeps the files of a commit, if it has any."""
    return _cache_folder(data_set) / "snapshots" / commit


def _cache_folder(data_set: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=data_set, repo_type="dataset")
