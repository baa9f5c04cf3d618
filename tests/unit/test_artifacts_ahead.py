"""Reading ahead: the same values in the same order, one ahead and never two, failures in turn."""

import threading
from collections.abc import Callable

import pytest
import torch

from semdim.artifacts.ahead import read_ahead
from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.errors import ArtifactError


def waits(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether the condition comes true within the time."""
    tick = threading.Event()
    for _ in range(int(seconds * 200)):
        if condition():
            return True
        tick.wait(0.005)
    return condition()


def test_values_come_in_the_order_of_the_keys() -> None:
    assert list(read_ahead(lambda key: key * key, range(20))) == [key * key for key in range(20)]
    assert list(read_ahead(str, [])) == []
    assert list(read_ahead(str, [7])) == ["7"]


def test_the_next_one_is_read_while_the_caller_works_and_no_other() -> None:
    begun: list[int] = []
    reader = read_ahead(lambda key: begun.append(key) or key, range(10))
    for expected in range(9):
        assert next(reader) == expected
        assert waits(lambda number=expected: begun == list(range(number + 2)))
        threading.Event().wait(0.02)  # time enough for one too many
        assert begun == list(range(expected + 2))
    assert next(reader) == 9
    assert next(reader, None) is None and begun == list(range(10))


def test_reading_happens_in_another_thread() -> None:
    names = set(read_ahead(lambda _: threading.current_thread().name, range(3)))
    assert len(names) == 1 and threading.current_thread().name not in names


def test_a_failure_is_raised_in_its_turn_and_nothing_is_read_after_it() -> None:
    begun = []

    def read(key: int) -> int:
        begun.append(key)
        if key == 3:
            raise ValueError("no. 3")
        return key

    got = []
    with pytest.raises(ValueError, match=r"no\. 3"):
        for value in read_ahead(read, range(10)):
            got.append(value)
    assert got == [0, 1, 2] and begun == [0, 1, 2, 3]


def test_the_thread_ends_when_the_caller_stops_early() -> None:
    before = threading.active_count()
    reader = read_ahead(str, range(100))
    next(reader)
    reader.close()
    assert waits(lambda: threading.active_count() == before)


def test_shards_are_read_ahead_and_checked_all_the_same(tmp_path) -> None:
    writer = ShardWriter(tmp_path / "out", work=tmp_path / "work", key="k", n_shards=4)
    for index in range(4):
        writer.write(index, {"x": torch.tensor([index])})
    writer.publish({})
    artifact = Artifact.open(tmp_path / "out")
    assert [int(shard["x"]) for shard in artifact] == [0, 1, 2, 3]
    assert [int(shard["x"]) for shard in artifact.ahead([3, 1])] == [3, 1]
    assert artifact.shape(2, "x") == (1,)
    (tmp_path / "out" / "shard-00002.safetensors").write_bytes(b"x")
    got = []
    with pytest.raises(ArtifactError, match="shard-00002"):
        for shard in artifact:
            got.append(int(shard["x"]))
    assert got == [0, 1]
