"""Reading one item ahead, in a thread, while the caller works on the one before."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def read_ahead(read: Callable[[Key], Value], keys: Iterable[Key]) -> Iterator[Value]:
    """``read`` of each key, in order; while the caller has one value, the next is being read.

    Two values are in memory at once and never a third. What ``read`` raises is raised in its turn,
    and nothing is read after it.
    """
    remaining = iter(keys)
    pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
    try:
        for first in remaining:
            coming = pool.submit(read, first)
            break
        else:
            return
        for key in remaining:
            value = coming.result()
            coming = pool.submit(read, key)
            yield value
            del value  # the caller's now: not to be held while the next is waited for
        yield coming.result()
    finally:
        pool.shutdown(cancel_futures=True)
