"""Bytes that break on their way to the storage or back, in front of a real emulator: sent again, and never taken."""

import hashlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobClient
from pydantic import SecretStr

from bes import transfers
from bes.blobs import BlobStore
from bes.errors import IntegrityError, NotFound, Unavailable
from bes.settings import StorageSettings
from bes.uploads import content_of
from tests.faults.storage_proxy import Request, StorageProxy

MIB = 1 << 20
NAME = "runs/0123456789abcdef/output/00017-a1.csv"


@pytest.fixture
def proxy(azurite: Any) -> Iterator[StorageProxy]:
    with StorageProxy(azurite.connection_string) as running:
        yield running
    assert running.armed == [], "faults that were not met"


@pytest.fixture
def store(proxy: StorageProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlobStore]:
    monkeypatch.setattr(transfers, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    container = f"test-{uuid.uuid4().hex}"
    with BlobStore(
        StorageSettings(connection_string=SecretStr(proxy.connection_string), container=container)
    ) as running:
        running.ensure_container()
        yield running


def write(path: Path, size_bytes: int) -> bytes:
    content = hashlib.shake_256(b"content").digest(size_bytes)
    path.write_bytes(content)
    return content


def store_without_digest(store: BlobStore, azurite: Any, content: bytes) -> None:
    """As a web service does it, whose outputs do not tell their SHA-256."""
    container = store.documents().place.rpartition("/")[2]
    with BlobClient.from_connection_string(azurite.connection_string, container, NAME) as blob:
        blob.upload_blob(content)


@pytest.mark.parametrize("with_digest", [True, False], ids=["with a digest", "without"])
def test_a_download_that_is_cut_goes_on_with_what_was_not_whole(
    store: BlobStore, proxy: StorageProxy, azurite: Any, tmp_path: Path, with_digest: bool
):
    content = write(tmp_path / "source", 36 * MIB)
    if with_digest:
        store.upload(content_of(tmp_path / "source"), NAME)
    else:
        store_without_digest(store, azurite, content)
    proxy.arm("GET", f"{NAME} bytes=[1-9]", cut_at=MIB)

    store.download(NAME, tmp_path / "target")

    assert (tmp_path / "target").read_bytes() == content
    asked = [one.what.partition("bytes=")[2] for one in proxy.of("GET", f"{NAME} bytes=")]
    begins = sorted(int(one.partition("-")[0]) for one in set(asked))
    assert begins == [0, *(64 * 1024 + 4 * MIB * number for number in range(9))]
    assert len(asked) == 10 + 1
    assert len(proxy.met) == 1


@pytest.mark.parametrize("with_digest", [True, False], ids=["with a digest", "without"])
@pytest.mark.parametrize("fault", [{"flip_at": 1000}, {"cut_at": 1000}], ids=["a flipped bit", "a cut"])
def test_a_blob_that_arrives_broken_is_fetched_again(
    store: BlobStore, proxy: StorageProxy, azurite: Any, tmp_path: Path, fault: dict[str, Any], with_digest: bool
):
    content = write(tmp_path / "source", 5000)
    if with_digest:
        store.upload(content_of(tmp_path / "source"), NAME)
    else:
        store_without_digest(store, azurite, content)
    proxy.arm("GET", f"{NAME} bytes=", times=3, **fault)
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content
    assert len(proxy.met) == 3


def test_a_blob_whose_digest_differs_is_fetched_again_with_each_range_checked(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    content = write(tmp_path / "source", 6 * MIB)
    store.upload(content_of(tmp_path / "source"), NAME)
    # Both of its further ranges, and one of them once more.
    proxy.arm("GET", f"{NAME} bytes=[1-9]", times=3, flip_at=1000)
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content
    assert "did not arrive as it was sent, and is fetched again" in caplog.text
    checked = [one for one in proxy.of("GET", f"{NAME} bytes=[1-9]") if "x-ms-range-get-content-md5" in one.headers]
    assert len(checked) == 2 + 1


def test_a_small_blob_costs_one_request_each_way(store: BlobStore, proxy: StorageProxy, tmp_path: Path):
    write(tmp_path / "source", 5000)
    store.upload(content_of(tmp_path / "source"), NAME)
    store.download(NAME, tmp_path / "target")
    assert [one.method for one in proxy.requests if NAME in one.what] == ["PUT", "GET"]


def test_a_blob_that_never_arrives_whole_is_an_outage_and_leaves_no_file(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path
):
    write(tmp_path / "source", 5000)
    store.upload(content_of(tmp_path / "source"), NAME)
    proxy.arm("GET", f"{NAME} bytes=", times=4, flip_at=1000)
    with pytest.raises(Unavailable, match="MD5 mismatch"):
        store.download(NAME, tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_blob_that_is_not_what_its_digest_says_is_refused(store: BlobStore, azurite: Any, tmp_path: Path):
    container = store.documents().place.rpartition("/")[2]
    with BlobClient.from_connection_string(azurite.connection_string, container, NAME) as blob:
        blob.upload_blob(b"changed", metadata={"sha256": hashlib.sha256(b"sent").hexdigest()})
    with pytest.raises(IntegrityError, match="is not what its metadata say"):
        store.download(NAME, tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size_bytes", [5000, 20 * MIB], ids=["one block", "blocks"])
def test_an_upload_in_which_a_bit_flips_is_made_again(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path, size_bytes: int
):
    content = write(tmp_path / "source", size_bytes)
    proxy.arm("PUT", NAME, flip_at=1000)
    store.upload(content_of(tmp_path / "source"), NAME)
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content
    assert len(proxy.met) == 1


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_document_in_which_a_bit_flips_is_transferred_again(store: BlobStore, proxy: StorageProxy, method: str):
    proxy.arm(method, "some.json", flip_at=3)
    documents = store.documents()
    etag = documents.create("some.json", b'{"rows": 1}')
    found = documents.read("some.json")
    assert (found.content, found.etag) == (b'{"rows": 1}', etag)
    assert len(proxy.met) == 1


# Uploads in blocks


def staged(proxy: StorageProxy) -> list[Request]:
    return [one for one in proxy.of("PUT", NAME) if "comp=block&" in one.what]


def test_an_upload_that_was_cut_off_sends_what_is_missing_and_nothing_twice(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path
):
    content = write(tmp_path / "source", 36 * MIB)

    def cut_off() -> Iterator[bytes]:
        yield content[: 28 * MIB]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.upload(cut_off, NAME)
    assert staged(proxy)

    sent = store.upload(content_of(tmp_path / "source"), NAME)

    assert len(staged(proxy)) == len({one.what for one in staged(proxy)}) == 9
    assert (sent.size_bytes, sent.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content


def test_the_last_blocks_of_an_upload_are_short(store: BlobStore, proxy: StorageProxy, tmp_path: Path):
    write(tmp_path / "source", 22 * MIB)
    store.upload(content_of(tmp_path / "source"), NAME)
    sizes = sorted(int(one.headers["Content-Length"]) // MIB for one in staged(proxy))
    assert sizes == 3 * [2] + 4 * [4]


def test_a_new_blob_costs_one_question_before_its_content(store: BlobStore, proxy: StorageProxy, tmp_path: Path):
    write(tmp_path / "source", 10 * MIB)
    proxy.arm("GET", f"{NAME}.*comp=blocklist", status=503)
    store.upload(content_of(tmp_path / "source"), NAME)
    asked = [one.method for one in proxy.requests if NAME in one.what]
    assert asked[:2] == ["GET", "GET"], "the one that failed, and the one that is repeated"
    assert set(asked[2:]) == {"PUT"}


@pytest.mark.parametrize("pieces", [[], [b""], [b"abc", b""], [b"", b"abc", b"", b"de"]])
def test_empty_pieces_are_nothing(store: BlobStore, tmp_path: Path, pieces: list[bytes]):
    sent = store.upload(lambda: pieces, NAME)
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"".join(pieces)
    assert sent.size_bytes == len(b"".join(pieces))


def test_a_blob_of_which_blocks_are_missing_is_not_there(store: BlobStore, tmp_path: Path):
    def cut_off() -> Iterator[bytes]:
        yield bytes(28 * MIB)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.upload(cut_off, NAME)
    with pytest.raises(NotFound):
        store.download(NAME, tmp_path / "target")


def test_a_commit_of_blocks_that_the_storage_has_lost_is_begun_anew(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path
):
    content = write(tmp_path / "source", 20 * MIB)
    lost = {"status": 400, "headers": {"x-ms-error-code": "InvalidBlockList"}}
    proxy.arm("PUT", "comp=blocklist", **lost)
    store.upload(content_of(tmp_path / "source"), NAME)
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content
    assert len(proxy.met) == 1
    assert len(proxy.of("PUT", "comp=blocklist")) == 2


def test_a_block_of_another_upload_does_not_stand_in_the_way(store: BlobStore, azurite: Any, tmp_path: Path):
    write(tmp_path / "source", 20 * MIB)
    container = store.documents().place.rpartition("/")[2]
    with BlobClient.from_connection_string(
        azurite.connection_string, container, NAME, max_single_put_size=MIB, max_block_size=4 * MIB
    ) as blob, pytest.raises(KeyboardInterrupt):  # fmt: skip
        blob.upload_blob(_interrupted(), max_concurrency=1)
    assert store.upload(content_of(tmp_path / "source"), NAME).size_bytes == 20 * MIB


def _interrupted() -> Iterator[bytes]:
    yield bytes(9 * MIB)
    raise KeyboardInterrupt


# What the storage asks for


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_is_not_repeated_before_the_storage_wants_it(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path, status: int
):
    write(tmp_path / "source", 5000)
    proxy.arm("PUT", NAME, status=status, headers={"Retry-After": "2"})
    began = time.monotonic()
    store.upload(content_of(tmp_path / "source"), NAME)
    assert time.monotonic() - began >= 2
    assert len(proxy.of("PUT", NAME)) == 2


def test_a_storage_that_asks_for_too_much_patience_is_an_outage(store: BlobStore, proxy: StorageProxy, tmp_path: Path):
    write(tmp_path / "source", 5000)
    proxy.arm("PUT", NAME, status=503, headers={"Retry-After": "31"})
    with pytest.raises(Unavailable):
        store.upload(content_of(tmp_path / "source"), NAME)
    assert len(proxy.of("PUT", NAME)) == 1


def test_whoever_waits_for_the_storage_hears_of_it(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    write(tmp_path / "source", 5000)
    proxy.arm("PUT", NAME, status=503)
    with caplog.at_level("INFO", logger="bes"):
        store.upload(content_of(tmp_path / "source"), NAME)
    assert "the storage did not answer as it should (HTTP 503) and is asked again" in caplog.text


def test_the_log_says_why_something_is_transferred_again(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    write(tmp_path / "source", 5000)
    proxy.arm("PUT", NAME, status=429, headers={"x-ms-error-code": "ServerBusy"})
    store.upload(content_of(tmp_path / "source"), NAME)
    assert "did not arrive (HTTP 429 ServerBusy)" in caplog.text
