"""The parts of the web service, put together once and handed to the routes."""

import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from typing import Self

from service import error_codes
from service.declaration import Declaration, FeatureHashing, WebService, load_declaration
from service.errors import DeclarationError
from service.faults import FaultBook
from service.jobs import JobStore
from service.models import load_model
from service.runner import JobRunner
from service.settings import ServiceSettings
from service.storage_policy import StoragePolicy
from service.workers import WorkerProcesses, make_workers

logger = logging.getLogger(__name__)

LOAD_SECONDS = 300
"""Packages of models are large; a model that has not loaded by then will not."""


class ServiceCore:
    """Everything behind the routes.

    Args:
        settings: Read once.
        declaration: The web services.
        policy: Where blobs may lie.
        store: The jobs.
    """

    def __init__(
        self, settings: ServiceSettings, declaration: Declaration, policy: StoragePolicy, store: JobStore
    ) -> None:
        self.settings = settings
        self.declaration = declaration
        self.policy = policy
        self.store = store
        self.faults = FaultBook()
        self.request_workers = WorkerProcesses(settings.request_processes)
        self.runner = JobRunner(declaration, store, make_workers(settings), policy, settings, self.faults)
        self._requests: Counter[str] = Counter()

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> Self:
        """The parts that the settings describe.

        Raises:
            DeclarationError: `service.toml` is wrong.
            ServiceError: The connection string of the service's own storage is wrong.
            RuntimeError: The data directory is in use.
        """
        declaration = load_declaration(settings.definition)
        policy = StoragePolicy.from_settings(settings)
        # The jobs hold the clients' storage credentials.
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(settings, declaration, policy, JobStore(settings.data_dir / "jobs.sqlite3"))

    def load_models(self) -> None:
        """Load the models that come from files, to fail now rather than at the first request.

        Raises:
            DeclarationError: A model cannot be loaded.
        """
        for service in self.declaration.services:
            if any(not isinstance(service.model_of(port), FeatureHashing) for port in service.outputs):
                try:
                    self.request_workers.submit(check_models, service).result(LOAD_SECONDS)
                except (TimeoutError, BrokenExecutor) as error:
                    what = f"the models of {service.name!r} do not load: {type(error).__name__}"
                    raise DeclarationError(str(self.settings.definition), "services", what) from error

    def start(self) -> None:
        """Begin to run jobs."""
        self.runner.start()
        # The first request need not wait for its process to start.
        threading.Thread(target=self.request_workers.submit, args=(os.getpid,), name="warm-up", daemon=True).start()

    def stop(self) -> None:
        """Stop at once; jobs under way run again at the next start."""
        self.runner.stop()
        self.request_workers.shutdown()
        self.store.close()

    def service(self, scope: str, scope_id: str, service_id: str) -> WebService:
        """The web service at an address.

        Raises:
            ServiceError: The documented error for what does not exist.
        """
        wanted = service_id.replace("-", "").lower()
        if len(wanted) != 32 or not all(letter in "0123456789abcdef" for letter in wanted):  # noqa: PLR2004 - a guid
            raise error_codes.WEB_SERVICE_ID_INVALID()
        owners = {service.service_id: _owner(service, scope) for service in self.declaration.services}
        owner = scope_id.replace("-", "").lower()
        if owner not in owners.values():
            raise error_codes.WORKSPACE_NOT_FOUND()
        if wanted not in owners:
            raise error_codes.WEB_SERVICE_NOT_FOUND()
        if owners[wanted] != owner:
            raise error_codes.WEB_SERVICE_ID_NOT_FOUND_IN_WORKSPACE()
        return next(service for service in self.declaration.services if service.service_id == wanted)

    @contextmanager
    def request_slot(self, service: WebService) -> Iterator[None]:
        """One of the requests that a service answers at the same time. To be used from the event loop.

        Raises:
            ServiceError: `RequestThrottled`.
        """
        limit = self.settings.max_concurrent_requests
        if self._requests[service.service_id] >= limit:
            raise error_codes.REQUEST_THROTTLED(service.name, limit)
        self._requests[service.service_id] += 1
        try:
            yield
        finally:
            self._requests[service.service_id] -= 1


def _owner(service: WebService, scope: str) -> str | None:
    return service.subscription_id if scope == "subscriptions" else service.workspace_id


def check_models(service: WebService) -> None:
    """Load all models of a service. Runs in a worker process.

    Raises:
        DeclarationError: One of them cannot be loaded.
    """
    for port in service.outputs:
        model = service.model_of(port)
        if isinstance(model, FeatureHashing):
            continue
        try:
            load_model(model, port, {})
        except DeclarationError:
            raise
        except Exception as error:
            logger.exception("model %s", model.path)
            raise DeclarationError(str(model.path), "", f"cannot be loaded: {type(error).__name__}: {error}") from error
