"""The web service at its own address and behind the gateway, in the contract of today and in that of 2015."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from bes.settings import EndpointSettings
from tests.conformance.sites import CONTAINER, INPUT, Site, running_service
from tests.conformance.wire import send
from tests.service.held_storage import HeldStorage, held_storage


@pytest.fixture(scope="session")
def blobs(azurite: Any) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(azurite.connection_string, retry_total=1) as client:
        client.create_container(CONTAINER)
        yield client


@pytest.fixture(scope="session")
def slow_storage() -> Iterator[HeldStorage]:
    """A second storage host. A job that reads from it runs for as long as nobody cancels it."""
    with held_storage() as storage:
        yield storage


@pytest.fixture(scope="session")
def direct(
    azurite: Any, blobs: BlobServiceClient, slow_storage: HeldStorage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The guide's web service at its own address."""
    settings = {"allowed_storage_hosts": f"{azurite.url.split('/')[2]},{slow_storage.host}", "faults": "true"}
    home = tmp_path_factory.mktemp("conformance")
    with running_service(home, azurite.connection_string, blobs, **settings) as site:
        yield site


@pytest.fixture(scope="session")
def of_2015(azurite: Any, blobs: BlobServiceClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same in the contract of 2015: integer status codes and a single `Result`."""
    home = tmp_path_factory.mktemp("conformance-2015")
    with running_service(home, azurite.connection_string, blobs, integer_status_codes="true") as site:
        yield site


@pytest.fixture(scope="session")
def behind_gateway(azurite: Any, blobs: BlobServiceClient, endpoint: EndpointSettings) -> Site:
    """The guide's web service behind the gateway."""
    return Site(
        base=f"{endpoint.url}/workspaces/{endpoint.workspace}/services/{endpoint.service}",
        api_key=endpoint.api_key.get_secret_value(),
        connection_string=azurite.connection_string,
        blobs=blobs,
        subscription_key=endpoint.subscription_key.get_secret_value(),
    )


@pytest.fixture(params=["direct", "behind_gateway"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each of the two ways to the guide's web service."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def faulty(direct: Site) -> Iterator[Site]:
    """The first way, on which a test may arm faults; they are disarmed after it."""
    yield direct
    assert send("DELETE", f"{direct.address}/faults", []).status == 200


@pytest.fixture
def order(site: Site) -> dict[str, Any]:
    """The body of the smallest job."""
    return {"Input": site.reference(site.upload(INPUT))}
