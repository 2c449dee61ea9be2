"""Ways to reach the storage other than an account key, and what the web service is given then; against Azurite."""

import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import requests
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_container_sas,
)
from pydantic import SecretStr

from bes.blobs import BlobStore
from bes.errors import AccessDenied, ConfigurationError, NotFound
from bes.settings import StorageSettings
from bes.uploads import content_of

HOUR = timedelta(hours=1)
NEEDED = "rcwdl"


def account_of(azurite):
    parts = dict(part.split("=", 1) for part in azurite.connection_string.rstrip(";").split(";"))
    return {"account_name": parts["AccountName"], "account_key": parts["AccountKey"]}


def container_token(azurite, container, rights=NEEDED, lifetime=2 * HOUR):
    return generate_container_sas(
        container_name=container,
        permission=ContainerSasPermissions.from_string(rights),
        expiry=datetime.now(UTC) + lifetime,
        **account_of(azurite),
    )


@pytest.fixture
def container(azurite):
    name = f"sas-{uuid.uuid4().hex}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.create_container(name)
    return name


@pytest.fixture
def by_token(azurite, container):
    """Settings that know the container's SAS token and nothing else."""

    def make(token=None, **how):
        return StorageSettings(
            connection_string=None,
            account_url=azurite.url,
            sas_token=SecretStr(token or container_token(azurite, container)),
            container=container,
            references="sas_token",
            **how,
        )

    return make


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"key,text\na,one\n")
    return path


def test_a_token_of_the_container_does_all_that_a_run_does(by_token, source, tmp_path):
    with BlobStore(by_token()) as store:
        store.ensure_container()
        store.upload(content_of(source), "in.csv")
        store.download("in.csv", tmp_path / "back")
        documents = store.documents()
        etag = documents.create("run.json", b"{}")
        lease = str(uuid.uuid4())
        assert documents.acquire_lease("run.json", lease, seconds=15)
        documents.replace("run.json", b"{ }", etag, lease_id=lease)
        documents.release_lease("run.json", lease)
        assert [blob.name for blob in documents.names("")] == ["in.csv", "run.json"]
        documents.delete("in.csv")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_a_token_of_the_account_makes_the_container(azurite, by_token, source):
    token = generate_account_sas(
        resource_types=ResourceTypes(container=True, object=True),
        permission=AccountSasPermissions.from_string(NEEDED),
        expiry=datetime.now(UTC) + HOUR,
        **account_of(azurite),
    )
    settings = by_token(token).model_copy(update={"container": f"new-{uuid.uuid4().hex}"})
    with BlobStore(settings) as store:
        store.ensure_container()
        store.upload(content_of(source), "in.csv")


def test_a_connection_string_with_a_token_is_the_same(azurite, container, source):
    token = container_token(azurite, container)
    settings = StorageSettings(
        connection_string=SecretStr(f"BlobEndpoint={azurite.url};SharedAccessSignature={token}"),
        container=container,
        references="sas_token",
    )
    with BlobStore(settings) as store:
        store.upload(content_of(source), "in.csv")
        reference = store.input_reference("in.csv", lifetime=HOUR)
    assert reference.sas_blob_token == f"?{token}"
    assert reference.base_location == f"{azurite.url}/"
    assert requests.get(reference.url, timeout=10).content == source.read_bytes()


def test_a_container_that_is_not_there_is_told_by_the_first_read(azurite, by_token):
    name = f"missing-{uuid.uuid4().hex}"
    settings = by_token(container_token(azurite, name)).model_copy(update={"container": name})
    with BlobStore(settings) as store:
        store.ensure_container()
        with pytest.raises(NotFound, match=name):
            store.documents().create("run.json", b"{}")


@pytest.mark.parametrize(
    ("rights", "lifetime", "output", "message"),
    [
        (NEEDED, HOUR / 2, False, "ends at"),
        ("wcdl", 2 * HOUR, False, "lacks 'r'"),
        ("rdl", 2 * HOUR, True, "lacks 'c, w'"),
    ],
)
def test_a_token_that_does_not_do_for_a_job_is_not_given_away(
    azurite, container, by_token, rights, lifetime, output, message
):
    token = container_token(azurite, container, rights, lifetime)
    with BlobStore(by_token(token)) as store, pytest.raises(ConfigurationError, match=message) as caught:
        (store.output_reference if output else store.input_reference)("a.csv", lifetime=HOUR)
    assert token.partition("sig=")[2] not in str(caught.value)


def test_a_token_that_is_refused_is_not_shown(azurite, by_token, source):
    token = container_token(azurite, "another")
    with BlobStore(by_token(token)) as store, pytest.raises(AccessDenied) as caught:
        store.upload(content_of(source), "in.csv")
    assert "sig=" not in str(caught.value)
    assert azurite.url in str(caught.value)


SAS = SecretStr("sv=2024&sig=SECRET")
TEXT = SecretStr("BlobEndpoint=http://127.0.0.1:1/a;AccountName=a;AccountKey=SECRET")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({}, "not complete: no connection string, no account URL"),
        ({"sas_token": SAS}, "a SAS token without an account URL"),
        ({"connection_string": TEXT, "account_url": "https://a"}, "and an account URL or SAS token as well"),
        ({"connection_string": TEXT, "sas_token": SAS}, "and an account URL or SAS token as well"),
        ({"account_url": "http://a.blob.core.windows.net"}, "is no account URL"),
        ({"account_url": "a.blob.core.windows.net", "sas_token": SAS}, "is no account URL"),
        ({"account_url": "https://a?sig=SECRET", "sas_token": SAS}, "is no account URL"),
        ({"account_url": "https://a", "sas_token": SAS}, "no reference to a single blob can be signed"),
        ({"account_url": "https://a", "references": "sas_token"}, "need a SAS token"),
        ({"account_url": "https://a", "references": "connection_string"}, "need a connection string"),
    ],
)
def test_a_storage_that_is_set_in_part_or_twice_is_refused(how, message):
    settings = StorageSettings(**{"connection_string": None, "account_url": None, "sas_token": None, **how})
    with pytest.raises(ConfigurationError, match=message) as caught:
        BlobStore(settings)
    assert "SECRET" not in str(caught.value)


def test_an_account_url_alone_asks_for_the_package_that_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    settings = StorageSettings(connection_string=None, account_url="https://account.blob.core.windows.net")
    with pytest.raises(ConfigurationError, match="azure-identity") as caught:
        BlobStore(settings)
    assert "bes-batch-scoring[azure]" in caught.value.next_step


def test_what_a_setting_holds_is_not_shown_when_it_is_refused():
    program = "from bes.settings import StorageSettings; StorageSettings()"
    environment = {"BATCH_SCORING_STORAGE_REFERENCES": "SECRET"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "references" in done.stderr
    assert "SECRET" not in done.stderr
