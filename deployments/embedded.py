"""Chooses what a command runs on: what the settings name, and the local stack for everything they do not."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from bes.errors import Unavailable
from bes.settings import EndpointSettings, StorageSettings
from deployments.console import OUR_LOGGERS
from deployments.processes import Environment
from deployments.stack import LocalStack, answers, free_port
from scoring.settings import RunSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a command talks to.

    Args:
        prefect_api: None for commands without a flow.
        prefect_environment: What clients of a Prefect server of ours need; empty for the user's own.
        console_url: The embedded web service's console; None where the web service is not ours.
    """

    endpoint: EndpointSettings
    storage: StorageSettings
    prefect_api: str | None
    prefect_environment: Environment = field(default_factory=dict)
    console_url: str | None = None


@contextmanager
def surroundings(
    *, use_settings: bool, with_prefect: bool, definition: Path | None = None, prefect_port: int = 0
) -> Iterator[Surroundings]:
    """Start what is missing, and stop it at the end.

    Args:
        use_settings: False takes the local stack even where an endpoint is set.
        with_prefect: Whether a flow will run.
        definition: A `service.toml` for the embedded web service, instead of its own.
        prefect_port: Where a Prefect server of ours is, if that port is free.

    Raises:
        ConfigurationError: The endpoint or the storage is set only in part.
        Unavailable: The Prefect server that is set does not answer.
    """
    endpoint, storage, console_url = EndpointSettings(), StorageSettings(), None
    embedded = not (use_settings and endpoint.url)
    api = _prefect_api() if use_settings and with_prefect else None
    if not embedded:
        endpoint.check()
        storage.check()
    with ExitStack() as exit_stack:
        own: LocalStack | None = None
        if embedded or (with_prefect and not api):
            own = exit_stack.enter_context(LocalStack(_stack_home(embedded=embedded)))
        # Slowest to start, so first; it is waited for last.
        prefect_ready = own.start_prefect(free_port(prefect_port)) if own and with_prefect and not api else None
        if own and embedded:
            storage = own.start_storage()
            endpoint = own.start_web_service(storage, definition)
            console_url = f"{own.web_service_url}/"
        logger.info("web service: %s at %s", "embedded" if embedded else "from the settings", endpoint.url)
        yield Surroundings(
            endpoint=endpoint,
            storage=storage,
            prefect_api=prefect_ready() if prefect_ready else api,
            prefect_environment=own.prefect_environment() if own and prefect_ready else {},
            console_url=console_url,
        )


def _stack_home(*, embedded: bool) -> Path:
    # A Prefect server alone has a home of its own: a run beside `serve` needs one, and `serve` holds the other.
    return RunSettings().data_dir / (".stack" if embedded else ".prefect")


def _prefect_api() -> str | None:
    api = os.environ.get("PREFECT_API_URL")
    if api and not answers(f"{api.rstrip('/')}/health"):
        raise Unavailable(
            f"The Prefect server at {api!r} does not answer.",
            "Start it, or unset PREFECT_API_URL: a server is then started for the run.",
            False,
        )
    return api


def environment_of(chosen: Surroundings) -> dict[str, str | None]:
    """What the tasks of a flow in this process read: settings of endpoint and storage, and Prefect's own."""
    endpoint, storage = chosen.endpoint, chosen.storage
    return {
        **chosen.prefect_environment,
        "BATCH_SCORING_ENDPOINT_URL": endpoint.url or "",
        "BATCH_SCORING_ENDPOINT_WORKSPACE": endpoint.workspace,
        "BATCH_SCORING_ENDPOINT_SERVICE": endpoint.service,
        "BATCH_SCORING_ENDPOINT_API_KEY": endpoint.api_key.get_secret_value(),
        "BATCH_SCORING_ENDPOINT_SUBSCRIPTION_KEY": endpoint.subscription_key.get_secret_value(),
        "BATCH_SCORING_STORAGE_CONNECTION_STRING": _value(storage.connection_string),
        "BATCH_SCORING_STORAGE_ACCOUNT_URL": storage.account_url,
        "BATCH_SCORING_STORAGE_SAS_TOKEN": _value(storage.sas_token),
        "BATCH_SCORING_STORAGE_REFERENCES": storage.references,
        "BATCH_SCORING_STORAGE_CONTAINER": storage.container,
        "PREFECT_API_URL": chosen.prefect_api or "",
        # Our own log lines reach the run's page; what is said outside a run is not an error.
        "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(OUR_LOGGERS),
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        # The terminal shows our progress; Prefect's own lines and tracebacks are on the run's page.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }


def _value(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
