"""A disk that is full or forbidden is one sentence, with the advice that helps."""

import errno
from pathlib import Path

import pytest

from stages.support.unwritable import unwritable


def test_a_full_disk_is_to_be_freed() -> None:
    said = unwritable(OSError(errno.ENOSPC, "No space left on device", "outputs/x"))
    assert said is not None and said.startswith("outputs/x cannot be written (No space left")
    assert "free some space" in said and "permissions" not in said


def test_a_forbidden_file_is_to_be_permitted() -> None:
    said = unwritable(PermissionError(errno.EACCES, "Permission denied", "outputs/x"))
    assert said is not None and "change the permissions" in said and "space" not in said


def test_where_a_library_names_no_file_the_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = unwritable(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert said is not None and said.startswith(f"A file below {tmp_path} cannot be written")


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "No such file"), ValueError("x")])
def test_other_errors_are_not_about_writing(error: Exception) -> None:
    assert unwritable(error) is None
