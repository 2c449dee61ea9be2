"""Reading and using at the same time: the next item is read in a thread while this one is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")


def read_ahead(items: Iterable[_Item]) -> Iterator[_Item]:
    """The items in their order; one more than the one in use is held.

    Arrow works outside Python's lock, so this takes half the time where reading and using take the same, as long as
    there is a core to spare.

    Raises:
        Exception: What reading has raised, once those read before are given.
    """
    reading = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="reader") as thread:
        coming = thread.submit(list, islice(reading, 1))
        while item := coming.result():
            coming = thread.submit(list, islice(reading, 1))
            yield item.pop()
