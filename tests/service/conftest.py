"""A running web service, with Azurite for its storage."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.running import Keys, RunningService, running_service


@pytest.fixture(scope="session")
def web_service(azurite: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One service for all tests that do not need settings of their own. Faults are allowed, none is armed."""
    home = tmp_path_factory.mktemp("service")
    with running_service(home, azurite.connection_string, keys=Keys(), faults="true") as service:
        yield service


@pytest.fixture
def faulty_service(web_service: RunningService) -> Iterator[RunningService]:
    """The same service; what a test arms is disarmed after it."""
    yield web_service
    web_service.call("DELETE", f"{web_service.url}/faults")
