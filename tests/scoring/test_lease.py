"""The lease of a run on a real storage emulator."""

import pytest

from bes.errors import Conflict, NotFound
from scoring.lease import Lease

NAME = "runs/0123456789abcdef/run.json"


@pytest.fixture
def documents(store):
    store.documents().create(NAME, b"{}")
    return store.documents()


def test_one_of_two_has_the_lease_until_it_gives_it_back(documents):
    one, other = Lease(documents, NAME, seconds=15), Lease(documents, NAME, seconds=15)
    assert one.acquire()
    assert not other.acquire()
    one.check()
    one.release()
    one.release()
    assert other.acquire()
    other.release()


def test_a_lease_that_was_never_had_holds_nothing(documents):
    with pytest.raises(Conflict, match="lost the lease"):
        Lease(documents, NAME, seconds=15).check()


def test_a_lease_is_lost_when_the_time_has_passed_without_a_renewal(documents, monkeypatch):
    lease = Lease(documents, NAME, seconds=15)
    assert lease.acquire()
    monkeypatch.setattr(lease, "_held_until", 0.0)
    with pytest.raises(Conflict, match="Run again; it goes on where the work stands"):
        lease.check()
    lease.release()


def test_a_lease_that_another_has_taken_meanwhile_is_not_renewed(documents):
    lease = Lease(documents, NAME, seconds=15)
    assert lease.acquire()
    documents.release_lease(NAME, lease.id)
    other = Lease(documents, NAME, seconds=15)
    assert other.acquire()
    with pytest.raises(Conflict, match="is lost"):
        lease.renew()
    lease.release()
    other.release()


def test_a_lease_on_a_blob_that_is_removed_says_so(documents):
    lease = Lease(documents, NAME, seconds=15)
    assert lease.acquire()
    assert documents.break_lease(NAME, documents.read(NAME).etag)
    documents.delete(NAME)
    with pytest.raises(NotFound, match="has no 'runs/"):
        lease.renew()
    lease.release()


def test_a_lease_that_another_has_broken_is_lost_at_the_next_renewal(documents):
    lease = Lease(documents, NAME, seconds=15)
    assert lease.acquire()
    assert documents.break_lease(NAME, documents.read(NAME).etag)
    # What the thread does every few seconds.
    with pytest.raises(Conflict):
        documents.renew_lease(NAME, lease.id)
    lease.release()
