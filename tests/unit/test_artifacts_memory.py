"""Shards in memory: what is asked of those on the disk, and the same answers."""

from pathlib import Path

import pytest
import torch

from semdim.artifacts.folder import FolderPlace
from semdim.artifacts.memory import MemoryPlace
from semdim.artifacts.protocols import ShardPlace, ShardSink, ShardSource
from semdim.errors import ArtifactError


@pytest.fixture(params=["memory", "disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> ShardPlace:
    return MemoryPlace() if request.param == "memory" else FolderPlace(tmp_path)


def test_what_is_written_is_read_anywhere(place: ShardPlace) -> None:
    assert isinstance(place, ShardPlace)
    sink = place.sink("a/b", 3)
    assert isinstance(sink, ShardSink) and sink.missing == [0, 1, 2]
    first = {"x": torch.arange(6).view(2, 3), "y": torch.ones(4)[::2]}
    sink.write(1, first)
    assert sink.missing == [0, 2]
    assert {name: tensor.tolist() for name, tensor in sink.read(1).items()} == {
        "x": [[0, 1, 2], [3, 4, 5]],
        "y": [1, 1],
    }
    with pytest.raises(ArtifactError, match=r"\[0, 2\]"):
        sink.publish({})
    looks = sink.beside("looks")
    looks.write(2, {"z": torch.zeros(1)})
    assert looks.missing == [0, 1] and sink.missing == [0, 2]
    looks.discard()
    for index in (0, 2):
        sink.write(index, {"x": torch.full((1, 3), index), "y": torch.ones(1)})
    sink.publish({"k": 1})
    source = place.source("a/b")
    assert isinstance(source, ShardSource)
    assert len(source) == 3 and source.facts == {"k": 1}
    assert source.shape(1, "x") == (2, 3) and source.folder.name == "b"
    assert [shard["x"][0, 0].item() for shard in source] == [0, 0, 2]
    assert [shard["y"].numel() for shard in source.ahead([2, 1])] == [1, 2]
    with pytest.raises(ArtifactError):
        place.source("nothing")


def test_a_shard_in_memory_that_was_not_written_is_named() -> None:
    shards = MemoryPlace().sink("codes", 2)
    with pytest.raises(ArtifactError, match="no shard 1 of 2"):
        shards.read(1)
    shards.write(1, {"x": torch.zeros(1)})
    shards.read(1)["y"] = torch.zeros(1)
    assert set(shards.read(1)) == {"x"}
