"""Chooses what a command runs on: what the settings name, and the local stack for everything they do not."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bes.settings import EndpointSettings, StorageSettings
from deployments.console import OUR_LOGGERS
from deployments.stack import LocalStack
from scoring.settings import RunSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a command talks to.

    Args:
        prefect_api: None for commands without a flow.
        console_url: The embedded web service's console; None where the web service is not ours.
    """

    endpoint: EndpointSettings
    storage: StorageSettings
    prefect_api: str | None
    console_url: str | None = None


def stack_home(settings: RunSettings) -> Path:
    """Folder of the local stack's data, logs and keys."""
    return settings.data_dir / ".stack"


@contextmanager
def surroundings(*, use_settings: bool, with_prefect: bool, definition: Path | None = None) -> Iterator[Surroundings]:
    """Start what is missing, and stop it at the end.

    Args:
        use_settings: False takes the local stack even where an endpoint is set.
        with_prefect: Whether a flow will run.
        definition: A `service.toml` for the embedded web service, instead of its own.

    Raises:
        ConfigurationError: The endpoint or the storage is set only in part.
    """
    endpoint = EndpointSettings()
    embedded = not (use_settings and endpoint.url)
    api = os.environ.get("PREFECT_API_URL") if use_settings else None
    with ExitStack() as exit_stack:
        storage, console_url = StorageSettings(), None
        if not embedded:
            endpoint.check()
            storage.require()
        if embedded or (with_prefect and not api):
            stack = exit_stack.enter_context(LocalStack(stack_home(RunSettings())))
            # Slowest to start, so first; it is waited for last.
            prefect_ready = stack.start_prefect() if with_prefect and not api else None
            if embedded:
                storage = stack.start_storage()
                endpoint = stack.start_web_service(storage, definition)
                console_url = f"{stack.web_service_url}/"
            api = prefect_ready() if prefect_ready else api
        logger.info("web service: %s at %s", "embedded" if embedded else "from the settings", endpoint.url)
        yield Surroundings(endpoint=endpoint, storage=storage, prefect_api=api, console_url=console_url)


def environment_of(chosen: Surroundings) -> Mapping[str, str]:
    """What the tasks of a flow in this process read: settings of endpoint and storage, and Prefect's own."""
    endpoint, storage = chosen.endpoint, chosen.storage
    return {
        "BATCH_SCORING_ENDPOINT_URL": endpoint.url or "",
        "BATCH_SCORING_ENDPOINT_WORKSPACE": endpoint.workspace,
        "BATCH_SCORING_ENDPOINT_SERVICE": endpoint.service,
        "BATCH_SCORING_ENDPOINT_API_KEY": endpoint.api_key.get_secret_value(),
        "BATCH_SCORING_ENDPOINT_SUBSCRIPTION_KEY": endpoint.subscription_key.get_secret_value(),
        "BATCH_SCORING_STORAGE_CONNECTION_STRING": storage.require().get_secret_value(),
        "BATCH_SCORING_STORAGE_CONTAINER": storage.container,
        "PREFECT_API_URL": chosen.prefect_api or "",
        # Our own log lines reach the run's page; what is said outside a run is not an error.
        "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(OUR_LOGGERS),
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        # The terminal shows our progress; Prefect's own lines and tracebacks are on the run's page.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }
