import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from azure.storage.blob import BlobServiceClient

from service.errors import ScoringFailed, StagedBlocksLost
from service.places import BlobPlace, read_connection_string
from service.storage import (
    BLOCK_BYTES,
    BlockWriter,
    ensure_container,
    open_blob,
    publish,
    read_link,
)


@pytest.fixture
def place(azurite: Any) -> BlobPlace:
    place = read_connection_string(azurite.connection_string).place("storage-test", "folder/a b.csv")
    ensure_container(place)
    # A place of its own: uncommitted blocks of another test would stay.
    return read_connection_string(azurite.connection_string).place("storage-test", f"{uuid.uuid4().hex}/a b.csv")


def read_blob(place: BlobPlace) -> bytes:
    with open_blob(place) as file:
        return file.read()


def replace_blob(place: BlobPlace, content: bytes) -> None:
    writer = BlockWriter(place, "whole")
    writer.write(content)
    publish(place, writer.finish())


def exists(azurite: Any, place: BlobPlace) -> bool:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        return client.get_blob_client(place.container, place.name).exists()


def test_output_is_invisible_until_it_is_published_and_then_whole(azurite: Any, place: BlobPlace) -> None:
    content = bytes(range(256)) * (BLOCK_BYTES // 256) * 2 + b"rest"
    writer = BlockWriter(place, "attempt1")
    for first in range(0, len(content), 1_000_003):
        writer.write(content[first : first + 1_000_003])
    block_ids = writer.finish()
    assert len(block_ids) == 3
    assert not exists(azurite, place)
    publish(place, block_ids)
    assert read_blob(place) == content


def test_empty_output_can_be_published(place: BlobPlace) -> None:
    publish(place, BlockWriter(place, "attempt1").finish())
    assert read_blob(place) == b""


def test_two_writers_of_one_blob_do_not_mix_their_blocks(place: BlobPlace) -> None:
    first, second = BlockWriter(place, "attempt1"), BlockWriter(place, "attempt2")
    first.write(b"first")
    second.write(b"second")
    first_ids = first.finish()
    publish(place, second.finish())
    assert read_blob(place) == b"second"
    with pytest.raises(StagedBlocksLost):
        publish(place, first_ids)
    assert read_blob(place) == b"second"


def test_blob_is_read_in_pieces_to_its_end(place: BlobPlace) -> None:
    content = b"0123456789" * 1_200_000
    replace_blob(place, content)
    with open_blob(place) as file:
        assert file.read(7) == content[:7]
        assert file.read() == content[7:]
        assert file.read() == b""


def test_blob_that_is_not_there_fails_with_the_words_of_the_storage(place: BlobPlace) -> None:
    with pytest.raises(ScoringFailed, match=r"storage-test/\w+/a b\.csv\.  Azure error message: .*BlobNotFound"):
        open_blob(place)


def test_container_is_created_once(place: BlobPlace) -> None:
    ensure_container(place)
    ensure_container(place)


def test_link_reads_for_a_day_without_a_key_and_does_nothing_else(place: BlobPlace) -> None:
    replace_blob(place, b"content")
    now = datetime.now(UTC)
    link = read_link(place, now)
    url = link.base_location + link.relative_location + link.sas_blob_token
    with urllib.request.urlopen(url, timeout=10) as response:
        assert response.read() == b"content"
    query = parse_qs(link.sas_blob_token.removeprefix("?"))
    window = datetime.fromisoformat(query["se"][0]) - datetime.fromisoformat(query["st"][0])
    assert window == timedelta(hours=24, minutes=5)
    assert (query["sp"], query["sr"]) == (["r"], ["b"])
    for method in ("PUT", "DELETE"):
        request = urllib.request.Request(url, b"", {"x-ms-blob-type": "BlockBlob"}, method=method)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        caught.value.close()
        assert caught.value.code == 403


def test_link_from_the_past_is_good_for_nothing(place: BlobPlace) -> None:
    replace_blob(place, b"content")
    link = read_link(place, datetime.now(UTC) - timedelta(days=2))
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(link.base_location + link.relative_location + link.sas_blob_token, timeout=10)
    caught.value.close()
    assert caught.value.code == 403
