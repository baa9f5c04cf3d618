"""What is kept in a folder is whole and of its key; what is not asked for is removed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semdim.artifacts.kept import KeptFolder
from semdim.artifacts.shards import ShardWriter


def publish(folder: Path, name: str, value: float) -> None:
    writer = ShardWriter(folder / name, work=folder.parent / "partial", key="k", n_shards=2)
    for index in range(2):
        writer.write(index, {"loss": torch.full((3,), value + index)})
    writer.publish({"proxy": name})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two artifacts, noted under the keys A and B."""
    path = tmp_path / "losses"
    for number, name in enumerate(("sae", "topk_4")):
        publish(path, name, number)
    KeptFolder(path).note({"sae": "A", "topk_4": "B"})
    return path


def test_what_was_noted_is_held_under_its_key_alone(folder: Path) -> None:
    kept = KeptFolder(folder)
    assert kept.holds("sae", "A") and kept.holds("topk_4", "B")
    assert not kept.holds("sae", "B") and not kept.holds("topk_8", "A")


def test_the_keys_lie_beside_the_folder_and_not_in_it(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["sae", "topk_4"]
    assert set(json.loads((folder.parent / "losses.keys.json").read_text())) == {"sae", "topk_4"}


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a shard is missing": lambda sae: (sae / "shard-00001.safetensors").unlink(),
    "a shard is cut": lambda sae: (sae / "shard-00001.safetensors").write_bytes(b"half"),
    "no manifest": lambda sae: (sae / "manifest.json").unlink(),
    "another manifest": lambda sae: (sae / "manifest.json").write_text("{}"),
    "nothing": shutil.rmtree,
    "an artifact of another time": lambda sae: publish(sae.parent, "sae", 7.0),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_whole_is_not_held(folder: Path, damage: str) -> None:
    DAMAGES[damage](folder / "sae")
    kept = KeptFolder(folder)
    assert not kept.holds("sae", "A") and kept.holds("topk_4", "B")


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"sae": "A"}', '{"sae": {}}'])
def test_without_readable_keys_nothing_is_held(folder: Path, content: str) -> None:
    (folder.parent / "losses.keys.json").write_text(content)
    assert not KeptFolder(folder).holds("sae", "A")
    (folder.parent / "losses.keys.json").unlink()
    assert not KeptFolder(folder).holds("sae", "A")


def test_what_is_not_named_is_removed(folder: Path) -> None:
    publish(folder, "topk_8", 2.0)
    kept = KeptFolder(folder)
    kept.note({"sae": "A", "topk_8": "C"})
    assert sorted(path.name for path in folder.iterdir()) == ["sae", "topk_8"]
    for again in (kept, KeptFolder(folder)):
        assert again.holds("sae", "A") and again.holds("topk_8", "C")
        assert not again.holds("topk_4", "B")


def test_a_folder_may_come_to_hold_nothing(tmp_path: Path) -> None:
    kept = KeptFolder(tmp_path / "new")
    kept.note({})
    assert list((tmp_path / "new").iterdir()) == [] and not kept.holds("sae", "A")
    assert json.loads((tmp_path / "new.keys.json").read_text()) == {}
