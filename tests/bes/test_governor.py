"""The budget of calls, against windows that slide as API Management's do; time passes only when somebody sleeps."""

import threading
import time
from collections import deque

import pytest

from bes.errors import Throttled, Unavailable
from bes.governor import Governor, Priority


class SlidingWindow:
    """A gateway that takes so many calls in any so many seconds, and says so if `tells`."""

    def __init__(self, fake_time, *, calls, seconds, tells=False):
        self._time, self._calls, self._seconds, self._tells = fake_time, calls, seconds, tells
        self._taken = deque()
        self.n_refused = 0

    def call(self):
        now = self._time.now
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        if len(self._taken) >= self._calls:
            self.n_refused += 1
            left = self._taken[0] + self._seconds - now
            raise Throttled("Rate limit is exceeded.", "Wait.", max(1.0, float(-(-left // 1))))
        self._taken.append(now)
        remaining = str(self._calls - len(self._taken))
        return {"X-RateLimit-Limit": str(self._calls), "X-RateLimit-Remaining": remaining} if self._tells else {}


def make_calls(governor, window, fake_time, n, priority=Priority.STATUS):
    done = 0
    while done < n:
        try:
            with governor.turn(priority, sleep=fake_time.sleep, patience_seconds=10**6) as hear:
                hear(window.call())
            done += 1
        except Throttled:
            pass


def test_calls_go_at_once_where_no_limit_is_known(fake_time):
    make_calls(Governor(clock=fake_time.clock), SlidingWindow(fake_time, calls=1000, seconds=60), fake_time, 500)
    assert fake_time.sleeps == []


@pytest.mark.parametrize(("calls", "seconds"), [(5, 60), (10, 10), (1, 5), (100, 300)])
def test_one_refusal_tells_the_window_and_none_follows(fake_time, calls, seconds):
    governor, window = Governor(clock=fake_time.clock), SlidingWindow(fake_time, calls=calls, seconds=seconds)
    before = fake_time.now
    make_calls(governor, window, fake_time, 4 * calls)
    assert (window.n_refused, governor.n_refused) == (1, 1)
    # Three windows must pass; a refusal is rounded up to whole seconds.
    assert fake_time.now - before <= 3 * seconds + 3


def test_calls_that_were_apart_when_the_first_was_refused_are_paced_as_well(fake_time):
    governor, window = Governor(clock=fake_time.clock), SlidingWindow(fake_time, calls=5, seconds=60)
    for _ in range(20):
        make_calls(governor, window, fake_time, 1)
        fake_time.now += 7
    assert window.n_refused == 1


def test_a_window_that_the_answers_tell_is_never_overrun(fake_time):
    governor, window = Governor(clock=fake_time.clock), SlidingWindow(fake_time, calls=5, seconds=60, tells=True)
    before = fake_time.now
    make_calls(governor, window, fake_time, 20)
    assert window.n_refused == 0
    assert fake_time.now - before <= 3 * 60


def test_who_shares_the_subscription_with_others_takes_less(fake_time):
    governor, window = Governor(clock=fake_time.clock), SlidingWindow(fake_time, calls=6, seconds=60)
    make_calls(governor, window, fake_time, 7)
    assert window.n_refused == 1
    for _ in range(5):
        for _ in range(2):
            try:
                window.call()
            except Throttled:
                window.n_refused -= 1  # of the others
        make_calls(governor, window, fake_time, 4)
    # As long as the others take as much, they cost one more refusal or two, not one in each window.
    assert window.n_refused <= 4


def test_a_window_that_others_have_used_up_sets_no_pace(fake_time):
    governor, window = Governor(clock=fake_time.clock), SlidingWindow(fake_time, calls=5, seconds=60)
    for _ in range(5):
        window.call()
    before = fake_time.now
    make_calls(governor, window, fake_time, 20)
    # The first call is refused because of the others, and the sixth of ours tells the window.
    assert window.n_refused == 2
    assert fake_time.now - before <= 60 + 3 * 60 + 3


def test_a_limit_that_was_learned_while_others_called_is_tried_again_later(fake_time):
    governor, window = Governor(clock=fake_time.clock), SlidingWindow(fake_time, calls=10, seconds=10)
    make_calls(governor, window, fake_time, 2)
    for _ in range(8):
        window.call()
    make_calls(governor, window, fake_time, 1)
    assert window.n_refused == 1
    before = fake_time.now
    make_calls(governor, window, fake_time, 400)
    # At two calls in ten seconds it would take 2,000.
    assert fake_time.now - before < 1500


def test_the_window_is_told_by_a_header_too(fake_time):
    governor = Governor(clock=fake_time.clock)
    for _ in range(4):
        with governor.turn(Priority.STATUS, sleep=fake_time.sleep, patience_seconds=60) as hear:
            hear({"RateLimit-Limit": "2", "RateLimit-Remaining": "0", "RateLimit-Policy": "2;w=5"})
    assert sum(fake_time.sleeps) <= 15


def test_who_is_not_patient_hears_at_once_for_how_long_the_gateway_is_closed(fake_time):
    governor = Governor(clock=fake_time.clock)
    turn = {"sleep": fake_time.sleep, "patience_seconds": 10}
    with pytest.raises(Throttled), governor.turn(Priority.STATUS, **turn):
        raise Throttled("Out of call volume quota.", "Wait.", 3600)
    with (
        pytest.raises(Throttled, match="no calls for another 3600 s") as caught,
        governor.turn(Priority.CANCEL, **turn),
    ):
        pass
    assert (caught.value.retry_after_seconds, fake_time.sleeps) == (3600, [])


def test_a_quota_that_is_used_up_closes_the_gateway_and_sets_no_pace(fake_time):
    governor = Governor(clock=fake_time.clock)
    with pytest.raises(Throttled), governor.turn(Priority.STATUS, sleep=fake_time.sleep, patience_seconds=10**6):
        raise Throttled("Out of call volume quota.", "Wait.", 3600)
    make_calls(governor, SlidingWindow(fake_time, calls=1000, seconds=60), fake_time, 50)
    assert fake_time.sleeps == [3600]


def test_a_call_without_an_answer_is_counted(fake_time):
    governor, window = Governor(clock=fake_time.clock), SlidingWindow(fake_time, calls=2, seconds=60, tells=True)
    make_calls(governor, window, fake_time, 1)
    window.call()
    with pytest.raises(Unavailable), governor.turn(Priority.STATUS, sleep=fake_time.sleep, patience_seconds=10**6):
        raise Unavailable("The answer was lost.", "Look.", True)
    make_calls(governor, window, fake_time, 1)
    assert (window.n_refused, fake_time.sleeps) == (0, [60])


def paced(calls):
    """A governor that has learned so many calls in a second, just now used up."""
    governor = Governor()
    for _ in range(calls):
        with governor.turn(Priority.STATUS, sleep=time.sleep, patience_seconds=60):
            pass
    with pytest.raises(Throttled), governor.turn(Priority.STATUS, sleep=time.sleep, patience_seconds=60):
        raise Throttled("Rate limit is exceeded.", "Wait.", 1)
    return governor


def test_where_calls_are_few_start_goes_before_submit_and_status_goes_last():
    governor, order = paced(calls=1), []

    def call(priority):
        with governor.turn(priority, sleep=time.sleep, patience_seconds=60):
            order.append(priority)

    wanted = [Priority.STATUS, Priority.EXECUTE, Priority.SUBMIT, Priority.START, Priority.CANCEL]
    threads = [threading.Thread(target=call, args=(priority,)) for priority in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == sorted(wanted)


def test_who_gives_up_waiting_is_in_nobodys_way():
    governor = paced(calls=1)

    def give_up(_seconds):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), governor.turn(Priority.CANCEL, sleep=give_up, patience_seconds=60):
        pass
    with governor.turn(Priority.STATUS, sleep=time.sleep, patience_seconds=60):
        pass
    assert governor.n_calls == {Priority.STATUS: 3}


def test_calls_of_many_threads_stay_within_the_window():
    governor, moments, lock = paced(calls=5), [], threading.Lock()

    def call():
        for _ in range(3):
            with governor.turn(Priority.SUBMIT, sleep=time.sleep, patience_seconds=60), lock:
                moments.append(time.monotonic())

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(moments) == 15
    assert all(later - earlier >= 1 for earlier, later in zip(moments, moments[5:], strict=False))
