"""Faults of the storage: each request of a run is met by one of each kind, and the run ends as if nothing had been."""

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from deployments.stack import LocalStack
from tests.campaigns import sampled
from tests.faults.restartable import Service
from tests.faults.storage_proxy import StorageProxy
from tests.faults.test_references import references

# One request of each step of a run, each of which the run makes exactly once or more.
WRITES = [
    ("PUT", r"/run\.json$"),
    ("PUT", r"/run\.json.* acquire"),
    ("PUT", r"/run\.json.* renew"),
    ("PUT", r"/run\.json.* release"),
    ("PUT", r"/input/00000\.csv"),
    ("PUT", r"/shards/00001\.json"),
    ("PUT", r"published/.*/predictions\.csv"),
    ("PUT", r"published/.*/manifest\.json"),
    ("PUT", r"published/.*/latest\.json"),
]
READS = [
    ("GET", r"/run\.json$|/run\.json "),
    ("GET", r"comp=list"),
    ("GET", r"/output/00002-a1\.csv"),
]


@pytest.fixture(scope="module")
def front(local_stack: LocalStack, azurite: Any) -> Iterator[StorageProxy]:
    with StorageProxy(azurite.connection_string) as running:
        yield running


@pytest.fixture(scope="module")
def service(local_stack: LocalStack, endpoint: Any, front: StorageProxy, tmp_path_factory: Any) -> Iterator[Service]:
    with Service(local_stack, front.connection_string, tmp_path_factory.mktemp("storage") / "service") as running:
        yield running


@pytest.fixture
def storage(front: StorageProxy, service: Service, work: Any) -> Iterator[StorageProxy]:
    """The storage of the work, with the proxy before it. Whatever is armed must be met."""
    work.connection_string, work.endpoint = front.connection_string, service.endpoint
    front.requests.clear()
    yield front
    missed, front.armed = front.armed, []
    assert missed == [], "faults that were not met"


FAILURES = [pytest.param(status, when) for status in (503, 500, 0) for when in ("before", "after")]


# Of the six: one of each status, before and after.
@pytest.mark.parametrize(("status", "when"), sampled(FAILURES, 3))
def test_a_request_that_fails_once_before_or_after_its_effect_is_made_good(
    work: Any, undisturbed: bytes, storage: StorageProxy, status: int, when: str
):
    for method, what in WRITES + READS:
        storage.arm(method, what, status=status, when=when)
    work.must_run(quick_storage=True)
    assert len(storage.met) == len(WRITES + READS)
    work.require_whole(undisturbed)
    assert [attempt["number"] for attempt in work.attempts()] == [1, 1, 1]


def test_bytes_that_break_on_their_way_are_transferred_again(work: Any, undisturbed: bytes, storage: StorageProxy):
    for what in (r"/output/00000-a1\.csv", r"/run\.json"):
        storage.arm("GET", what, flip_at=5)
        storage.arm("GET", what, cut_at=5)
    for what in (r"/input/00000\.csv", r"/shards/00001\.json", r"published/.*/predictions\.csv", r"latest\.json"):
        storage.arm("PUT", what, flip_at=5)
    work.must_run(quick_storage=True)
    assert len(storage.met) == 8
    work.require_whole(undisturbed)
    assert [attempt["number"] for attempt in work.attempts()] == [1, 1, 1]


def test_an_output_that_never_arrives_whole_ends_the_run_and_the_next_one_fetches_it_from_the_same_job(
    work: Any, undisturbed: bytes, storage: StorageProxy
):
    storage.arm("GET", r"/output/00000-a1\.csv", cut_at=5, times=12)
    assert work.run(quick_storage=True) == 1
    assert work.result(work.pid)["error"] == "Unavailable"
    assert len(storage.met) == 12

    work.must_run()

    work.require_whole(undisturbed)
    assert len(work.job_ids) == 3


def test_an_output_whose_reference_has_ended_by_then_is_fetched_all_the_same(work: Any, undisturbed: bytes, proxy: Any):
    seconds = 12
    assert work.run(output_seconds=seconds, kill_at="journal finished before") == -9
    outputs = references(proxy)[1::2]
    (end,) = {parse_qs(output["SasBlobToken"].removeprefix("?"))["se"][0] for output in outputs[-1:]}
    while time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1)) <= end:
        time.sleep(0.2)
    for output in outputs:
        url = f"{output['BaseLocation']}{output['RelativeLocation']}{output['SasBlobToken']}"
        put = requests.put(url, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=30)
        assert put.status_code == 403, "the reference has not ended"

    work.must_run()

    work.require_whole(undisturbed)
    assert len(work.job_ids) == 3


def test_the_journal_of_a_run_that_goes_on_is_read_side_by_side(work: Any, undisturbed: bytes, storage: StorageProxy):
    assert work.run(kill_at="journal verified after") == -9
    storage.requests.clear()
    # Each waits until all have come: one after another, they would wait in vain.
    together = threading.Barrier(3)
    storage.arm("GET", r"/shards/\d+\.json", times=3, until=together)
    work.must_run()
    assert not together.broken
    assert len(storage.of("GET", r"/shards/")) == 3
    work.require_whole(undisturbed)
