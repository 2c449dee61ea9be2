"""The Prefect server that is set: asked whether it answers, and spoken to."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import get_current_settings

from bes.errors import AccessDenied, ConfigurationError, Unavailable
from deployments.stack import answers

_AGAIN = "Then give the same command again: what is done stays done, and twice is harmless."


@contextmanager
def prefect_server() -> Iterator[tuple[SyncPrefectClient, str]]:
    """A client of the Prefect server that PREFECT_API_URL names, and the address of its API.

    Raises:
        ConfigurationError: No server is set; or it refuses what it is asked for inside the block.
        AccessDenied: It wants to know who asks.
        Unavailable: It does not answer, or stops answering inside the block.
    """
    api = _require_server()
    try:
        with get_client(sync_client=True) as client:
            yield client, api
    except httpx.HTTPStatusError as error:
        raise _refusal(error) from error
    except httpx.TransportError as error:
        raise Unavailable(
            f"The Prefect server at {api!r} stopped answering: {type(error).__name__}.",
            f"Look at its log. {_AGAIN}",
            True,
        ) from error


def _require_server() -> str:
    api = get_current_settings().api.url
    if not api:
        raise ConfigurationError(
            "No Prefect server is set: PREFECT_API_URL is missing.",
            "Start one with 'prefect server start', and set PREFECT_API_URL=http://127.0.0.1:4200/api.",
        )
    if not answers(f"{api.rstrip('/')}/health"):
        raise Unavailable(
            f"The Prefect server at {api!r} does not answer.",
            "Start it, or set PREFECT_API_URL to one that runs; nothing was done.",
            False,
        )
    return api


def _refusal(error: httpx.HTTPStatusError) -> AccessDenied | ConfigurationError | Unavailable:
    status, request = error.response.status_code, error.request
    what = f"The Prefect server answers {status} to {request.method} {request.url.path}: {error.response.text[:500]}"
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return AccessDenied(what, f"Set PREFECT_API_AUTH_STRING or PREFECT_API_KEY. {_AGAIN}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(what, f"Look at its log. {_AGAIN}", True)
    return ConfigurationError(what, f"Mend what it refuses. {_AGAIN}")
