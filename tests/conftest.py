"""Real parts for all tests: started once a session, each when first asked for, by the code of the local stack."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from bes.settings import EndpointSettings, StorageSettings
from deployments.embedded import Surroundings, environment_of
from deployments.stack import LocalStack
from tests.prefect_server import StartPrefect, start_prefect

# How long an example takes says more of the machine than of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

TOGETHER = (
    ("tests/flows/", "tests/faults/test_sweep_finishes.py"),
    ("tests/deployments/", "tests/test_readme.py"),
    ("tests/faults/",),
    ("tests/service/console/",),
    tuple(f"tests/service/test_{name}.py" for name in ("batch", "faults", "rrs", "scoring", "swagger", "web_service")),
    ("tests/service/gateway/",),
    ("tests/conformance/",),
)
"""Modules that share servers, and so run in one process of the tests: a web service takes 4.5 s of computing to start,
and a Prefect server, which the first two need, 3 % of a core for as long as it runs. The longest are the first."""


def _unit_of(nodeid: str) -> str:
    """What one process runs in a row: a module, or all that it shares servers with."""
    module = nodeid.partition("::")[0]
    return next((together[0] for together in TOGETHER if module.startswith(together)), module)


class _ByServers(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByServers(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first: if it began last, it would keep one process busy alone.

    The other modules come in reverse, so that the short ones of `bes` are the last.
    """
    units = list(dict.fromkeys(_unit_of(item.nodeid) for item in items))
    longest = [together[0] for together in TOGETHER]
    others = [unit for unit in reversed(units) if unit not in longest]
    items.sort(key=lambda item: (longest + others).index(_unit_of(item.nodeid)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """A running storage emulator. `url` holds the account: http://127.0.0.1:PORT/ACCOUNT"""

    connection_string: str
    url: str
    settings: StorageSettings


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
def azurite(local_stack: LocalStack) -> Azurite:
    settings = local_stack.start_storage()
    connection_string = settings.require().get_secret_value()
    parts = dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))
    return Azurite(connection_string=connection_string, url=parts["BlobEndpoint"], settings=settings)


@pytest.fixture(scope="session")
def endpoint(local_stack: LocalStack, azurite: Azurite) -> EndpointSettings:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BATCH_SCORING_SERVICE_FAULTS", "true")
        return local_stack.start_web_service(azurite.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The fault book of the session's web service."""

    url: str

    def arm(self, **fault: Any) -> None:
        """Let a fault hit the next operations that it fits, such as `arm(kind="queue", seconds=60)`."""
        requests.post(self.url, json=fault, timeout=30).raise_for_status()

    def served(self) -> list[dict[str, Any]]:
        """Those that have hit."""
        listing: dict[str, list[dict[str, Any]]] = requests.get(self.url, timeout=30).json()
        return listing["served"]


@pytest.fixture
def faults(local_stack: LocalStack, endpoint: EndpointSettings) -> Iterator[Faults]:
    book = Faults(url=f"{local_stack.web_service_url}/faults")
    # Those of tests that arm faults from processes of their own.
    requests.delete(book.url, timeout=30).raise_for_status()
    yield book
    requests.delete(book.url, timeout=30).raise_for_status()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of all processes of the tests; each has a folder of its own in it."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def new_prefect(shared_folder: Path) -> StartPrefect:
    return partial(start_prefect, shared=shared_folder)


@pytest.fixture(scope="session")
def prefect_api(local_stack: LocalStack, new_prefect: StartPrefect) -> str:
    return new_prefect(local_stack)


@pytest.fixture(scope="session")
def stack_environment(azurite: Azurite, endpoint: EndpointSettings, prefect_api: str) -> dict[str, str]:
    """The environment in which the command line and flows run on the session's stack."""
    chosen = Surroundings(endpoint=endpoint, storage=azurite.settings, prefect_api=prefect_api)
    # Tests count jobs and let faults hit them; those of the gates ask for the golden rows' job themselves.
    gates = {"BATCH_SCORING_GATE_GOLDEN_JOB": "off"}
    return {name: value for name, value in environment_of(chosen).items() if value is not None} | gates


@pytest.fixture
def keep_environment() -> Iterator[None]:
    """Puts the environment back: the command line sets what its tasks read."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
