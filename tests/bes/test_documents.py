"""Documents on a real storage emulator: conditions, leases, and answers that are lost."""

import uuid

import pytest

from bes.blobs import BlobStore
from bes.errors import Conflict

NAME = "runs/0123456789abcdef/run.json"
ONE, OTHER = str(uuid.uuid4()), str(uuid.uuid4())


@pytest.fixture
def documents(azurite):
    settings = azurite.settings.model_copy(update={"container": f"test-{uuid.uuid4().hex}"})
    with BlobStore(settings) as store:
        store.ensure_container()
        yield store.documents()


def test_a_document_is_read_as_it_was_written_and_none_is_none(documents):
    assert documents.read(NAME) is None
    etag = documents.create(NAME, b"{}")
    there = documents.read(NAME)
    assert (there.name, there.content, there.etag) == (NAME, b"{}", etag)
    newer = documents.replace(NAME, b"[]", etag)
    assert documents.read(NAME).content == b"[]"
    assert newer != etag


def test_only_one_of_two_processes_creates_and_only_one_replaces(documents):
    etag = documents.create(NAME, b"one")
    with pytest.raises(Conflict, match="Nothing was overwritten"):
        documents.create(NAME, b"other")
    documents.replace(NAME, b"second", etag)
    with pytest.raises(Conflict, match=r"run\.json"):
        documents.replace(NAME, b"third", etag)
    assert documents.read(NAME).content == b"second"


def test_a_write_that_was_done_and_is_repeated_is_done(documents):
    etag = documents.create(NAME, b"one")
    assert documents.create(NAME, b"one") == etag
    newer = documents.replace(NAME, b"two", etag)
    assert documents.replace(NAME, b"two", etag) == newer


def test_a_lease_has_one_holder_and_only_that_one_writes(documents):
    etag = documents.create(NAME, b"one")
    assert documents.acquire_lease(NAME, ONE, 15)
    assert documents.acquire_lease(NAME, ONE, 15)
    assert not documents.acquire_lease(NAME, OTHER, 15)
    assert [(entry.name, entry.is_leased) for entry in documents.names("runs/")] == [(NAME, True)]
    with pytest.raises(Conflict):
        documents.replace(NAME, b"two", etag)
    with pytest.raises(Conflict):
        documents.replace(NAME, b"two", etag, lease_id=OTHER)
    documents.replace(NAME, b"two", etag, lease_id=ONE)
    documents.renew_lease(NAME, ONE)
    documents.release_lease(NAME, ONE)
    documents.release_lease(NAME, ONE)
    assert documents.acquire_lease(NAME, OTHER, 15)
    with pytest.raises(Conflict, match="lost"):
        documents.renew_lease(NAME, ONE)


def test_a_lease_is_broken_only_while_the_document_is_what_was_read(documents):
    etag = documents.create(NAME, b"one")
    assert documents.acquire_lease(NAME, ONE, 60)
    newer = documents.replace(NAME, b"two", etag, lease_id=ONE)
    assert not documents.break_lease(NAME, etag)
    assert not documents.acquire_lease(NAME, OTHER, 60)
    assert documents.break_lease(NAME, newer)
    assert documents.acquire_lease(NAME, OTHER, 60)
    with pytest.raises(Conflict):
        documents.replace(NAME, b"three", newer, lease_id=ONE)


def test_documents_are_listed_by_name_and_removed(documents):
    for name in ("runs/b/run.json", "runs/a/run.json", "published/x.json"):
        documents.create(name, b"{}")
    assert [entry.name for entry in documents.names("runs/")] == ["runs/a/run.json", "runs/b/run.json"]
    documents.delete("runs/a/run.json")
    documents.delete("runs/a/run.json")
    assert documents.read("runs/a/run.json") is None
