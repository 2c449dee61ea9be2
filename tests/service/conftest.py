"""A running web service, with Azurite for its storage."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.declaration import feature_hashing_declaration, key_hash
from tests.service.running import Keys, RunningService, running_service

TWO_PORTS = "c" * 32
"""The id of the second web service."""


def two_ports(keys: Keys) -> str:
    """A web service whose outputs stand in another order than its inputs, each with a model of its own."""
    port = '[[services.{kind}]]\nname = "{name}"\ncolumns = [{{ name = "{column}", type = "{type}" }}]\n'
    return (
        f'[[services]]\nname = "Two"\nworkspace_id = "{keys.workspace}"\nservice_id = "{TWO_PORTS}"\n'
        f'key_hashes = ["{key_hash(keys.primary)}"]\n'
        + port.format(kind="inputs", name="left", column="a", type="String")
        + port.format(kind="inputs", name="right", column="b", type="String")
        + port.format(kind="outputs", name="hashed_right", column="b_HashingFeature.0", type="Int32")
        + 'input = "right"\nmodel = { type = "feature_hashing", column = "b", bits = 1 }\n'
        + port.format(kind="outputs", name="hashed_left", column="a_HashingFeature.0", type="Int32")
        + 'model = { type = "feature_hashing", column = "a", bits = 2 }\n'
    )


@pytest.fixture(scope="session")
def web_service(azurite: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One service for all tests that do not need settings of their own. Faults are allowed, none is armed."""
    home, keys = tmp_path_factory.mktemp("service"), Keys()
    guide = feature_hashing_declaration(
        workspace=keys.workspace, service=keys.service, key_hashes=[key_hash(keys.primary), key_hash(keys.secondary)]
    )
    text = guide + two_ports(keys)
    with running_service(home, azurite.connection_string, keys=keys, definition=text, faults="true") as service:
        yield service


@pytest.fixture
def faulty_service(web_service: RunningService) -> Iterator[RunningService]:
    """The same service; what a test arms is disarmed after it."""
    yield web_service
    web_service.call("DELETE", f"{web_service.url}/faults")
