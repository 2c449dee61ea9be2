"""Bytes that break on their way to the storage or back, in front of a real emulator: sent again, and never taken."""

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bes import transfers
from bes.blobs import BlobStore
from bes.errors import Unavailable
from bes.settings import StorageSettings
from tests.faults.storage_proxy import StorageProxy

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


def test_a_download_that_is_cut_goes_on_with_what_was_not_whole(store: BlobStore, proxy: StorageProxy, tmp_path: Path):
    content = write(tmp_path / "source", 36 * MIB)
    store.upload(tmp_path / "source", NAME)
    # In the second segment of 16 MiB, when the first one is home.
    proxy.arm("GET", f"{NAME} bytes={20 * MIB}-", cut_at=3 * MIB)

    store.download(NAME, tmp_path / "target")

    assert (tmp_path / "target").read_bytes() == content
    asked = [int(one.what.partition("bytes=")[2].partition("-")[0]) // MIB for one in proxy.of("GET", NAME)]
    assert asked.count(20) == 2
    assert [asked.count(first) for first in (0, 4, 8, 12, 32)] == [1] * 5
    assert len(proxy.met) == 1


@pytest.mark.parametrize("fault", [{"flip_at": 1000}, {"cut_at": 1000}], ids=["a flipped bit", "a cut"])
def test_a_blob_that_arrives_broken_is_fetched_again(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path, fault: dict[str, Any]
):
    content = write(tmp_path / "source", 5000)
    store.upload(tmp_path / "source", NAME)
    proxy.arm("GET", NAME, times=3, **fault)
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content
    assert len(proxy.met) == 3


def test_a_blob_that_never_arrives_whole_is_an_outage_and_leaves_no_file(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path
):
    write(tmp_path / "source", 5000)
    store.upload(tmp_path / "source", NAME)
    proxy.arm("GET", NAME, times=4, flip_at=1000)
    with pytest.raises(Unavailable, match="MD5 mismatch"):
        store.download(NAME, tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("size_bytes", [5000, 20 * MIB], ids=["one block", "blocks"])
def test_an_upload_in_which_a_bit_flips_is_made_again(
    store: BlobStore, proxy: StorageProxy, tmp_path: Path, size_bytes: int
):
    content = write(tmp_path / "source", size_bytes)
    proxy.arm("PUT", NAME, flip_at=1000)
    store.upload(tmp_path / "source", NAME)
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
