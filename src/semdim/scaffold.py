"""The pipeline as a folder of its own: conf, stages and dvc.yaml, beside an installed semdim.

In a clone, a stage's deps in dvc.yaml are the files that it imports. A folder beside an installed
package has no such files to name: there each stage depends on one record of their digests, which
check_params writes before anything else runs (`stages.support.sources`). Another version of
semdim, or an edited stage, changes the record and reruns what depends on it, as in a clone.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from semdim.errors import ConfigError
from semdim.paths import Paths

PACKAGE = Path(__file__).resolve().parent
LIST = PACKAGE / "pipeline_files.txt"
STAGE = re.compile(r"-m (stages\.\w+)")
"""The module that a stage of dvc.yaml runs."""
_CODE = re.compile(r"(?m)^      # code\n(?:      .*\n)+")
_CONFIG = "[core]\n    analytics = false\n    check_update = false\n"
_NO_GIT = "    no_scm = true\n"
_CACHE = '[cache]\n    type = "hardlink,symlink"\n[hydra]\n    enabled = true\n'


def source_folder() -> Path:
    """Where the pipeline's files are: in an installed package, or in the clone that it is part of.

    Raises:
        ConfigError: in neither; the installation is damaged.
    """
    for folder in (PACKAGE / "pipeline", PACKAGE.parent.parent):
        if (folder / "dvc.yaml").is_file() and (folder / "conf").is_dir():
            return folder
    raise ConfigError(
        f"{PACKAGE} holds no files of the pipeline (conf, stages, dvc.yaml): install semdim again."
    )


def write_pipeline(folder: Path) -> list[str]:
    """Write the pipeline into an empty or new ``folder``, all of it or nothing.

    Returns:
        What was written, by its first level.

    Raises:
        ConfigError: the folder holds something, is no folder, or cannot be written.
    """
    folder = folder.absolute()
    try:
        _refuse_unless_empty(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _refuse_without_room(folder)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as made:
            _fill(Path(made))
            (Path(made) / ".dvc").mkdir()
            text = _CONFIG + ("" if _is_in_git(folder) else _NO_GIT) + _CACHE
            (Path(made) / ".dvc" / "config").write_text(text, encoding="utf-8")
            (Path(made) / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
            _move(Path(made), folder)
    except OSError as error:
        raise ConfigError(
            f"The pipeline cannot be written to {folder} ({_reason(error)}): name another folder."
        ) from error
    return sorted(path.name for path in folder.iterdir())


def _move(made: Path, folder: Path) -> None:
    """What was made, into the folder itself: somebody's shell may stand in it."""
    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    moved = []
    try:
        for path in sorted(made.iterdir()):
            path.rename(folder / path.name)
            moved.append(path)
    except OSError:
        for path in moved:
            (folder / path.name).rename(path)
        if is_new:
            folder.rmdir()
        raise


def _refuse_without_room(folder: Path) -> None:
    source = source_folder()
    listed = [source / name for name in LIST.read_text(encoding="utf-8").split()]
    files = [file for path in listed for file in (path.rglob("*") if path.is_dir() else [path])]
    needed = sum(file.stat().st_size for file in files if file.is_file())
    free = shutil.disk_usage(folder.parent).free
    if needed > free:
        raise ConfigError(
            f"The pipeline takes {needed / 1e6:.0f} MB, but {free / 1e6:.0f} MB are free in "
            f"{folder.parent}: make room, or name another folder."
        )


def _reason(error: OSError) -> str:
    """Why a file cannot be written; of many that were to be copied, why the first could not."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        return str(error.args[0][0][-1])
    return error.strerror or str(error)


def _refuse_unless_empty(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty: name a new or empty folder.")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: name a new or empty folder.")


def _fill(target: Path) -> None:
    source = source_folder()
    for name in LIST.read_text(encoding="utf-8").split():
        origin, copy = source / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*_quick")
            shutil.copytree(origin, copy, ignore=ignored)
        elif copy.suffix == ".yaml" and copy.name == "dvc.yaml":
            copy.write_text(with_code_records(origin.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(origin, copy)


def with_code_records(text: str) -> str:
    """A dvc.yaml in which a stage depends on the record of its code in place of the code."""
    return "".join(_with_record(block) for block in re.split(r"(?m)^(?=  \w+:$)", text))


def _with_record(block: str) -> str:
    module = STAGE.search(block)
    if module is None:
        return block
    record = Paths().code(module[1]).as_posix()
    return _CODE.sub(f'      "{record}",\n', block)


def modules_with_record(text: str) -> Iterator[str]:
    """The stages' modules whose record a dvc.yaml depends on, none twice."""
    folder = Paths().code("").parent.as_posix()
    yield from dict.fromkeys(re.findall(rf"{re.escape(folder)}/([\w.]+)\.json", text))


def _is_in_git(folder: Path) -> bool:
    return any((outer / ".git").exists() for outer in (folder, *folder.parents))
