"""Works at several blocks of a transfer or a file at a time, and holds a bounded number of them."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

_Block = TypeVar("_Block")
_Result = TypeVar("_Result")


def each_block(
    work: Callable[[_Block], _Result], blocks: Iterable[_Block], *, connections: int, n_held: int
) -> Generator[_Result, None, None]:
    """What comes of each block, in their order, while the next ones are under way.

    Args:
        work: Is done for several of them at a time.
        blocks: Taken one by one, when there is room.
        connections: How many at a time. One of a wide-area link carries some 25 MB/s, and four nearly four times that.
        n_held: Most blocks that have been taken and whose result has not been given.

    Raises:
        Exception: What `work` raised for the first block that failed; those that have not begun are left.
    """
    under_way: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(connections, thread_name_prefix="block")
    try:
        for block in blocks:
            # What the work logs belongs to the run in whose context this is.
            under_way.append(pool.submit(copy_context().run, work, block))
            # Neither this frame nor a result that was given may keep a block alive.
            del block
            while len(under_way) >= n_held:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
