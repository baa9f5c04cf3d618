"""A batch that does not fit is halved, the results are the same, and one unit is the limit."""

import pytest
import torch

from semdim.errors import MemoryLimitError
from semdim.forward.batching import Batches, is_out_of_memory

DEVICE_FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
HOST_FULL = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 4000000000000 bytes."
)


class Machine:
    """Squares numbers as long as no more than ``most`` come at once."""

    def __init__(self, most: int, error: Exception) -> None:
        self.most = most
        self.error = error
        self.tried: list[int] = []

    def work(self, batch: slice) -> list[int]:
        size = batch.stop - batch.start
        self.tried.append(size)
        if size > self.most:
            raise self.error
        return [i * i for i in range(batch.start, batch.stop)]


def flat(parts: list[list[int]]) -> list[int]:
    return [value for part in parts for value in part]


@pytest.mark.parametrize("error", [DEVICE_FULL, HOST_FULL, MemoryError()])
@pytest.mark.parametrize("most", [1, 2, 3, 5, 16, 100])
def test_results_do_not_depend_on_what_fits(most: int, error: Exception) -> None:
    said: list[str] = []
    machine = Machine(most, error)
    batches = Batches(16, "meta", say=said.append)
    assert flat(list(batches.run(machine.work, 37))) == [i * i for i in range(37)]
    halvings = [size for size in (16, 8, 4, 2) if size > most]
    assert len(said) == len(halvings)
    for size, line in zip(halvings, said, strict=True):
        assert f"a batch of {size} sequences does not fit" in line
        assert f"continuing with {size // 2}" in line
    # What did not fit is not tried again, in this shard or the next.
    machine.tried.clear()
    assert flat(list(batches.run(machine.work, 5))) == [0, 1, 4, 9, 16]
    assert max(machine.tried) <= most


def test_batches_beside_each_other_shrink_together() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    said: list[str] = []
    try:
        batches = Batches(8, "cpu", say=said.append)
        assert flat(list(batches.run(Machine(2, HOST_FULL).work, 100))) == [
            i * i for i in range(100)
        ]
    finally:
        torch.set_num_threads(before)
    assert batches.size == 2 and len(said) == 2


def test_a_single_one_that_does_not_fit_is_one_clear_sentence() -> None:
    batches = Batches(4, "meta", say=lambda _: None)
    with pytest.raises(MemoryLimitError, match=r"batch of one .*'meta'.*bfloat16"):
        list(batches.run(Machine(0, DEVICE_FULL).work, 3))


def test_other_errors_are_not_taken_for_full_memory() -> None:
    wrong = RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)")
    assert not is_out_of_memory(wrong) and not is_out_of_memory(ValueError("out of memory"))
    batches = Batches(4, "meta", say=lambda _: pytest.fail("nothing was halved"))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        list(batches.run(Machine(0, wrong).work, 3))


def test_what_torch_really_raises_on_a_cpu_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
