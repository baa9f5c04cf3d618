"""Batches side by side give what a loop gives, in order, and leave torch as it was."""

import time

import pytest
import torch

from semdim.forward.parallel import side_by_side


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield 4
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items(threads):
    def work(item: int) -> int:
        time.sleep(0.01 * (item % 3))  # the second of three ends before the first
        return item * item

    assert list(side_by_side(work, range(2, 25), "cpu")) == [i * i for i in range(2, 25)]


def test_threads_are_divided_among_the_batches_and_given_back(threads):
    seen = list(side_by_side(lambda _: torch.get_num_threads(), range(2), "cpu"))
    assert seen == [2, 2]
    assert torch.get_num_threads() == threads
    assert list(side_by_side(lambda _: torch.get_num_threads(), range(8), "cpu")) == [1] * 8
    assert torch.get_num_threads() == threads


def test_one_batch_has_all_threads(threads):
    assert list(side_by_side(lambda _: torch.get_num_threads(), [0], "cpu")) == [threads]


def test_another_device_is_a_plain_loop(threads):
    assert list(side_by_side(lambda _: torch.get_num_threads(), range(3), "meta")) == [threads] * 3


def test_a_failure_is_raised_in_its_turn_and_ends_the_work(threads):
    started = []

    def work(item: int) -> int:
        started.append(item)
        if item == 3:
            raise ValueError("no. 3")
        return item

    results = side_by_side(work, range(1000), "cpu")
    got = []
    with pytest.raises(ValueError, match=r"no\. 3"):
        for result in results:
            got.append(result)
    assert got == [0, 1, 2]
    assert len(started) < 20
    assert torch.get_num_threads() == threads


def test_memory_is_bounded_by_the_workers_when_the_caller_is_slow(threads):
    started = []
    results = side_by_side(lambda item: started.append(item), range(1000), "cpu")
    next(results)
    time.sleep(0.1)
    assert len(started) <= 2 * threads
    results.close()
    assert torch.get_num_threads() == threads
