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

LONGEST_FIRST = ("flows", "faults", "deployments", "test_readme.py", "conformance")

TOGETHER = (
    "tests/conformance/",
    "tests/service/console/",
    "tests/service/gateway/",
    *(f"tests/service/test_{name}.py" for name in ("batch", "faults", "rrs", "scoring", "swagger", "web_service")),
)
"""Where tests share servers of a folder's own, each of which takes seconds of computing to start."""


class _ByServers(LoadScopeScheduling):
    """A module stays in one process, and so do all that share servers."""

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        return str(Path(module).parent) if module.startswith(TOGETHER) else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByServers(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders with the longest modules first: a long one that begins last would keep one process busy alone.

    They take turns, since tests of faults wait while those of flows compute. The others come in reverse, so that the
    short modules of `bes` are the last.
    """
    seen: dict[str, list[Path]] = {}
    turns: dict[Path, tuple[int, int]] = {}
    for item in items:
        if item.path not in turns:
            folder = item.path.relative_to(Path(__file__).parent).parts[0]
            modules = seen.setdefault(folder, [])
            modules.append(item.path)
            is_long = folder in LONGEST_FIRST
            turns[item.path] = (len(modules), LONGEST_FIRST.index(folder)) if is_long else (len(items), -len(turns))
    items.sort(key=lambda item: turns[item.path])


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
