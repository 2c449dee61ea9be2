"""Rate limits and quotas at their edges, by a clock that the test moves."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.gateway_errors import GatewayError
from service.policies import rate_windows
from service.policies.model import Quota, RateLimit
from service.policies.quota_ledger import LedgerError, QuotaLedger
from service.policies.rate_windows import RateWindows
from service.policies.reading import Place

PLACE = Place(path=Path("policy.xml"), line=1)
LIMIT = RateLimit(place=PLACE, counter="product Starter: rate-limit 1", calls=5, renewal_period_seconds=60)
QUOTA = Quota(place=PLACE, counter="product Starter: quota 1", calls=3, renewal_period_seconds=604800)
WEEK = 604800


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Iterator[QuotaLedger]:
    ledger = QuotaLedger(None, wall=clock)
    yield ledger
    ledger.close()


def test_the_fifth_call_passes_and_the_sixth_waits_for_the_first_to_leave_the_window(clock: Clock):
    windows = RateWindows(clock)

    remaining = []
    for second in (0.0, 1.0, 2.0, 3.0, 4.0):
        clock.now = 1000.0 + second
        remaining.append(windows.take(LIMIT, "a").remaining)
    refused = windows.take(LIMIT, "a")

    assert remaining == [4, 3, 2, 1, 0]
    assert (refused.remaining, refused.retry_after_seconds) == (0, 56)


def test_the_window_slides_one_call_at_a_time(clock: Clock):
    windows = RateWindows(clock)
    for second in range(5):
        clock.now = 1000.0 + second
        windows.take(LIMIT, "a")

    clock.now = 1059.999
    assert windows.take(LIMIT, "a").retry_after_seconds == 1
    clock.now = 1060.0
    assert windows.take(LIMIT, "a").retry_after_seconds is None
    assert windows.take(LIMIT, "a").retry_after_seconds == 1
    clock.now = 1061.0
    assert windows.take(LIMIT, "a").retry_after_seconds is None


def test_refused_calls_do_not_prolong_the_wait(clock: Clock):
    windows = RateWindows(clock)
    for _ in range(5):
        windows.take(LIMIT, "a")
    for second in range(60):
        clock.now = 1000.0 + second
        assert windows.take(LIMIT, "a").retry_after_seconds == 60 - second

    clock.now = 1060.0
    assert windows.take(LIMIT, "a").remaining == 4


def test_callers_and_limits_count_apart(clock: Clock):
    windows = RateWindows(clock)
    other = RateLimit(place=PLACE, counter="api demo: rate-limit 1", calls=1, renewal_period_seconds=60)

    for _ in range(5):
        windows.take(LIMIT, "a")

    assert windows.take(LIMIT, "a").retry_after_seconds == 60
    assert windows.take(LIMIT, "b").remaining == 4
    assert windows.take(other, "a").remaining == 0


def test_callers_who_are_long_gone_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rate_windows, "_SWEEP_EVERY", 100)
    windows = RateWindows(clock)
    for number in range(99):
        windows.take(LIMIT, f"address {number}")

    clock.now += 301
    windows.take(LIMIT, "last")

    assert [key for _, key in windows._calls] == ["last"]


def refusal(ledger: QuotaLedger, quota: Quota = QUOTA, *, start: float | None = None) -> GatewayError | None:
    try:
        ledger.take(quota, "a", start)
    except GatewayError as error:
        return error
    return None


def test_the_last_call_of_a_quota_passes_and_the_next_is_told_when_it_is_renewed(clock: Clock, ledger: QuotaLedger):
    for _ in range(3):
        assert refusal(ledger) is None

    clock.now += 60 * 60 + 3.5
    error = refusal(ledger)

    assert error is not None
    assert error.body == (
        b'{ "statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 6.22:59:57." }'
    )
    assert error.headers == {"Retry-After": str(WEEK - 3603)}


def test_a_quota_is_renewed_as_a_whole_when_its_window_ends(clock: Clock, ledger: QuotaLedger):
    for _ in range(3):
        ledger.take(QUOTA, "a", None)
    clock.now = 1000.0 + WEEK - 0.001
    assert (error := refusal(ledger)) is not None
    assert error.message.endswith("in 00:00:01.")

    clock.now = 1000.0 + WEEK
    assert [refusal(ledger) for _ in range(3)] == [None, None, None]
    assert (error := refusal(ledger)) is not None
    assert error.message.endswith("in 7.00:00:00.")


def test_windows_are_counted_from_the_start_of_the_subscription(clock: Clock, ledger: QuotaLedger):
    clock.now = 3 * WEEK + 100.0 + WEEK - 7960
    for _ in range(3):
        ledger.take(QUOTA, "a", 100.0)

    assert (error := refusal(ledger, start=100.0)) is not None
    assert error.message.endswith("in 02:12:40.")
    clock.now += 7960
    assert refusal(ledger, start=100.0) is None


def test_windows_without_calls_in_between_are_skipped(clock: Clock, ledger: QuotaLedger):
    for _ in range(3):
        ledger.take(QUOTA, "a", None)
    clock.now += 5 * WEEK + 1

    assert [refusal(ledger) for _ in range(3)] == [None, None, None]
    assert (error := refusal(ledger)) is not None
    assert error.headers["Retry-After"] == str(WEEK - 1)


def test_subscriptions_have_quotas_of_their_own(ledger: QuotaLedger):
    for _ in range(3):
        ledger.take(QUOTA, "a", None)

    ledger.take(QUOTA, "b", None)
    assert refusal(ledger) is not None


def test_bandwidth_is_used_up_by_what_was_moved(clock: Clock, ledger: QuotaLedger):
    quota = Quota(place=PLACE, counter="product Starter: quota 1", bandwidth_kilobytes=2, renewal_period_seconds=3600)
    ledger.take(quota, "a", None)
    ledger.add_bytes(quota, "a", 2047)
    assert refusal(ledger, quota) is None
    ledger.add_bytes(quota, "a", 1)

    assert (error := refusal(ledger, quota)) is not None
    assert error.message == "Out of bandwidth quota. Quota will be replenished in 01:00:00."
    clock.now += 3600
    assert refusal(ledger, quota) is None


def test_what_is_used_outlives_the_process(tmp_path: Path, clock: Clock):
    first = QuotaLedger(tmp_path / "data", wall=clock)
    for _ in range(3):
        first.take(QUOTA, "a", None)
    # Not closed: a process that is killed does not close it either.
    second = QuotaLedger(tmp_path / "data", wall=clock)

    assert refusal(second) is not None
    first.close()
    second.close()


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path, clock: Clock):
    (tmp_path / "quotas.sqlite").write_text("this is no database at all, whatever its name says " * 50)

    with pytest.raises(LedgerError, match=r"quotas\.sqlite' cannot be kept: file is not a database\. Make the folder"):
        QuotaLedger(tmp_path, wall=clock)


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path, clock: Clock):
    (tmp_path / "file").touch()

    with pytest.raises(LedgerError, match="cannot be kept"):
        QuotaLedger(tmp_path / "file" / "data", wall=clock)


def test_a_database_that_fails_is_the_gateways_failure(tmp_path: Path, clock: Clock):
    ledger = QuotaLedger(tmp_path, wall=clock)
    with sqlite3.connect(tmp_path / "quotas.sqlite") as other:
        other.execute("DROP TABLE used")
    other.close()

    assert (error := refusal(ledger)) is not None
    assert error.body == b'{ "statusCode": 500, "message": "Internal server error" }'
    ledger.close()
