"""A console with its gateway, as the local stack runs them, and a browser to look at it."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from bes.settings import EndpointSettings
from deployments.stack import LocalStack
from service.declaration import key_hash
from tests.service.console import odd_service
from tests.service.console.running import Console
from tests.service.running import Keys, RunningService, running_service


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The web service with its console, and the gateway that Try it calls."""

    console: Console
    endpoint: EndpointSettings
    connection_string: str

    @property
    def pages(self) -> str:
        return f"{self.console.url}/console/services/{self.endpoint.service}"

    @property
    def api_key(self) -> str:
        return self.endpoint.api_key.get_secret_value()

    @property
    def subscription_key(self) -> str:
        return self.endpoint.subscription_key.get_secret_value()

    def submitted_job(self) -> str:
        """A job that waits to be started."""
        url = f"{self.console.url}/workspaces/{self.endpoint.workspace}/services/{self.endpoint.service}/jobs"
        place = {"ConnectionString": self.connection_string, "RelativeLocation": "/somewhere/in.csv"}
        headers = {"Authorization": f"Bearer {self.api_key}"}
        answer = requests.post(f"{url}?api-version=2.0", json={"Input": place}, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def stack(local_stack: LocalStack, azurite: Any, endpoint: EndpointSettings) -> Stack:
    """The session's own, with what other tests have left on it."""
    console = Console(url=local_stack.web_service_url, log=local_stack.home / "logs" / "web-service.log")
    return Stack(console=console, endpoint=endpoint, connection_string=azurite.connection_string)


@pytest.fixture(scope="session")
def odd(azurite: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with names that attack, small request limits, and no gateway."""
    keys = Keys(workspace=odd_service.WORKSPACE, service=odd_service.SERVICE)
    with running_service(
        tmp_path_factory.mktemp("odd"),
        azurite.connection_string,
        keys=keys,
        definition=odd_service.declaration(key_hash(keys.primary)),
        max_request_bytes=20_000,
    ) as service:
        yield service


@pytest.fixture(scope="session")
def odd_console(odd: RunningService) -> Console:
    return Console(url=odd.url, log=odd.log)
