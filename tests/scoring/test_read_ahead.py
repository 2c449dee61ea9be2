"""What is read ahead is what is read: in its order, to its end or to its error, and no more than one item early."""

import threading

import pytest

from scoring.read_ahead import read_ahead


def test_items_come_in_their_order_and_an_error_after_those_before_it():
    def items():
        yield from [3, 0, None]
        raise OSError("gone")

    came = []
    with pytest.raises(OSError, match="gone"):
        came.extend(read_ahead(items()))
    assert came == [3, 0, None]


def test_the_next_item_is_read_while_this_one_is_used():
    read = [threading.Event() for _ in range(3)]

    def items():
        for event in read:
            event.set()
            yield event

    for number, event in enumerate(read_ahead(items())):
        assert event is read[number]
        assert all(one.wait(5) for one in read[: number + 2])
        assert not any(one.is_set() for one in read[number + 2 :])


def test_what_is_not_wanted_any_more_is_not_read():
    came = []

    def items():
        for number in range(100):
            came.append(number)
            yield number

    ahead = read_ahead(items())
    next(ahead)
    ahead.close()
    assert len(came) <= 2
