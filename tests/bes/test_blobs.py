"""Blobs against a real storage emulator: round trips, references, and what goes wrong."""

import hashlib
import re
import traceback
import uuid
from datetime import timedelta

import pytest
import requests
from pydantic import SecretStr

from bes import blobs
from bes.blobs import BlobStore
from bes.errors import AccessDenied, ConfigurationError, IntegrityError, NotFound, Unavailable
from bes.settings import StorageSettings
from bes.uploads import content_of

NAME = "runs/0123456789abcdef/input/a b é/00017.csv"
HOUR = timedelta(hours=1)
MIB = 1 << 20


@pytest.fixture
def settings(azurite):
    return azurite.settings.model_copy(update={"container": f"test-{uuid.uuid4().hex}"})


@pytest.fixture
def store(settings):
    with BlobStore(settings) as store:
        store.ensure_container()
        yield store


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.csv"
    path.write_bytes(b"text\nA good day\n")
    return path


@pytest.fixture
def without_retries(monkeypatch):
    """The SDK's back-off takes half a minute of real time."""
    for name in ("retry_total", "retry_connect", "retry_read", "retry_status"):
        monkeypatch.setitem(blobs._CLIENT_OPTIONS, name, 0)


def connection_string_to(address, key="bm9ib2R5cyBrZXk="):
    return f"DefaultEndpointsProtocol=http;AccountName=account;AccountKey={key};BlobEndpoint={address}/account;"


def store_at(connection_string):
    return BlobStore(StorageSettings(connection_string=SecretStr(connection_string), container="container"))


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


# Round trips


@pytest.mark.parametrize("size_bytes", [0, 1, 20 * MIB], ids=["0 B", "1 B", "20 MiB"])
def test_a_file_comes_home_as_it_went(store, tmp_path, size_bytes):
    # Bytes that differ from block to block, so that blocks in the wrong order would be noticed.
    content = hashlib.shake_256(b"content").digest(size_bytes)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    uploaded = store.upload(content_of(source), NAME)
    downloaded = store.download(NAME, target)
    assert target.read_bytes() == content
    assert uploaded == downloaded
    assert (uploaded.name, uploaded.size_bytes) == (NAME, size_bytes)
    assert uploaded.sha256 == hashlib.sha256(content).hexdigest()


def test_making_a_container_that_exists_is_harmless(store, source):
    store.upload(content_of(source), NAME)
    store.ensure_container()
    assert store.download(NAME, source.with_name("target")).size_bytes == source.stat().st_size


def test_the_same_content_may_be_uploaded_again(store, source):
    assert store.upload(content_of(source), NAME) == store.upload(content_of(source), NAME)


@pytest.mark.parametrize("size_bytes", [5, 20 * MIB], ids=["one block", "blocks"])
def test_other_content_never_replaces_a_blob(store, source, tmp_path, size_bytes):
    store.upload(content_of(source), NAME)
    other = tmp_path / "other"
    other.write_bytes(b"x" * size_bytes)
    with pytest.raises(IntegrityError, match=f"{NAME!r} exists with other content"):
        store.upload(content_of(other), NAME)
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_a_missing_blob_is_named_and_leaves_no_file(store, settings, tmp_path):
    with pytest.raises(NotFound) as caught:
        store.download("nowhere.csv", tmp_path / "target")
    assert "'nowhere.csv'" in caught.value.what
    assert settings.container in caught.value.what
    assert files_in(tmp_path) == []


def test_a_missing_container_is_not_found(settings, source):
    with BlobStore(settings) as store, pytest.raises(NotFound, match="ContainerNotFound"):
        store.upload(content_of(source), NAME)


def test_a_download_replaces_the_whole_file(store, source, tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"something longer than what comes" * 10)
    store.upload(content_of(source), NAME)
    store.download(NAME, target)
    assert target.read_bytes() == source.read_bytes()
    assert files_in(tmp_path) == ["source.csv", "target"]


def test_a_download_that_fails_leaves_the_file_that_was_there(store, tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"before")
    with pytest.raises(NotFound):
        store.download("nowhere.csv", target)
    assert target.read_bytes() == b"before"
    assert files_in(tmp_path) == ["target"]


# References


def put(url, content=b"x", **parameters):
    headers = {} if parameters else {"x-ms-blob-type": "BlockBlob"}
    return requests.put(url, data=content, params=parameters, headers=headers, timeout=10).status_code


def test_an_input_reference_reads_its_blob(store, source, azurite, settings):
    store.upload(content_of(source), NAME)
    reference = store.input_reference(NAME, lifetime=HOUR)
    assert reference.base_location == f"{azurite.url}/"
    assert reference.relative_location == f"{settings.container}/{NAME}"
    assert reference.sas_blob_token.startswith("?")
    assert reference.connection_string is None
    assert requests.get(reference.url, timeout=10).content == source.read_bytes()


def test_an_input_reference_writes_and_deletes_nothing(store, source):
    store.upload(content_of(source), NAME)
    url = store.input_reference(NAME, lifetime=HOUR).url
    assert put(url) == 403
    assert put(url, comp="block", blockid="MDAwMQ==") == 403
    assert requests.delete(url, timeout=10).status_code == 403
    assert requests.get(url, timeout=10).content == source.read_bytes()


def test_a_reference_is_good_for_one_blob_only(store, source):
    store.upload(content_of(source), NAME)
    store.upload(content_of(source), "other.csv")
    other = store.input_reference("other.csv", lifetime=HOUR)
    mixed = other.model_copy(update={"sas_blob_token": store.input_reference(NAME, lifetime=HOUR).sas_blob_token})
    assert requests.get(other.url, timeout=10).status_code == 200
    assert requests.get(mixed.url, timeout=10).status_code == 403


def test_a_reference_ends_with_its_lifetime(store, source):
    store.upload(content_of(source), NAME)
    ended = store.input_reference(NAME, lifetime=timedelta(seconds=-1))
    assert requests.get(ended.url, timeout=10).status_code == 403


def test_an_output_reference_creates_its_blob_at_once(store, tmp_path):
    assert put(store.output_reference(NAME, lifetime=HOUR).url, b"scored\n0.5\n") == 201
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"scored\n0.5\n"


def test_an_output_reference_creates_its_blob_from_blocks(store, tmp_path):
    url = store.output_reference(NAME, lifetime=HOUR).url
    assert put(url, b"scored\n", comp="block", blockid="MDAwMQ==") == 201
    assert put(url, b"0.5\n", comp="block", blockid="MDAwMg==") == 201
    ids = b"<BlockList><Latest>MDAwMQ==</Latest><Latest>MDAwMg==</Latest></BlockList>"
    assert put(url, ids, comp="blocklist") == 201
    store.download(NAME, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"scored\n0.5\n"


def test_an_output_reference_reads_and_deletes_nothing(store):
    url = store.output_reference(NAME, lifetime=HOUR).url
    assert put(url) == 201
    assert requests.get(url, timeout=10).status_code == 403
    assert requests.delete(url, timeout=10).status_code == 403


def test_without_an_account_key_no_reference_can_be_signed():
    with (
        store_at("BlobEndpoint=http://127.0.0.1:1/account;AccountName=account") as store,
        pytest.raises(ConfigurationError, match="AccountKey"),
    ):
        store.input_reference(NAME, lifetime=HOUR)


# Access, settings and outages


@pytest.mark.parametrize("key", ["d3Jvbmcga2V5", "notbase64"])
def test_a_wrong_key_is_denied_and_not_shown(azurite, settings, source, key):
    connection_string = re.sub(r"AccountKey=[^;]+", f"AccountKey={key}", azurite.connection_string)
    wrong = settings.model_copy(update={"connection_string": SecretStr(connection_string)})
    with BlobStore(wrong) as store, pytest.raises(AccessDenied) as caught:
        store.upload(content_of(source), NAME)
    assert repr(NAME) in caught.value.what
    assert "BATCH_SCORING_STORAGE_CONNECTION_STRING" in caught.value.next_step
    assert key not in "".join(traceback.format_exception(caught.value))


def test_a_password_of_netrc_does_not_replace_the_signature(settings, source, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with BlobStore(settings) as store:
        store.ensure_container()
        assert store.upload(content_of(source), NAME).size_bytes == source.stat().st_size


def test_no_connection_string_is_a_setting_to_make():
    with pytest.raises(ConfigurationError, match="BATCH_SCORING_STORAGE_CONNECTION_STRING"):
        BlobStore(StorageSettings(connection_string=None))


@pytest.mark.parametrize("connection_string", ["", "SECRET", "AccountKey=SECRET"])
def test_a_connection_string_that_cannot_be_read_is_a_setting_to_mend(connection_string):
    with pytest.raises(ConfigurationError, match="BATCH_SCORING_STORAGE_CONNECTION_STRING") as caught:
        store_at(connection_string)
    assert "SECRET" not in str(caught.value)


@pytest.mark.usefixtures("without_retries")
def test_storage_that_cannot_be_reached_is_an_outage(deaf_address, source, tmp_path):
    with store_at(connection_string_to(deaf_address)) as store:
        for call in (
            store.ensure_container,
            lambda: store.upload(content_of(source), NAME),
            lambda: store.download(NAME, tmp_path / "target"),
        ):
            with pytest.raises(Unavailable, match=f"The storage at '{deaf_address}/account/container' failed"):
                call()
    assert files_in(tmp_path) == ["source.csv"]


@pytest.mark.usefixtures("without_retries")
def test_storage_that_fails_or_hangs_up_is_an_outage(gateway, source):
    gateway.answers(503)
    gateway.drops()
    with store_at(connection_string_to(gateway.address)) as store:
        with pytest.raises(Unavailable):
            store.upload(content_of(source), NAME)
        with pytest.raises(Unavailable):
            store.ensure_container()
