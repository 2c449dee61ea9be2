"""How requests to the storage are repeated: as the SDK does it, but never before the storage wants them to be."""

import logging
from typing import Any, Final

from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest, HttpResponse
from azure.storage.blob import ExponentialRetry

from bes.retry_after import seconds_of

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS: Final = 30.0
"""What asks for a longer one is an outage: a run must renew its lease in time, and hear that it is cancelled."""


class PatientRetry(ExponentialRetry):
    """The SDK's growing pauses, or longer ones where the storage asks for them; the SDK does not read Retry-After."""

    def increment(
        self,
        settings: dict[str, Any],
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: AzureError | None = None,
    ) -> bool:
        """Count a request that failed; whether it is repeated."""
        is_repeated = super().increment(settings, request, response, error)
        settings["asked_seconds"] = 0.0 if response is None else seconds_of(response.headers) or 0.0
        is_repeated = bool(is_repeated and settings["asked_seconds"] <= LONGEST_PAUSE_SECONDS)
        if is_repeated:
            # It may take a minute until this is given up, of which somebody waits to hear.
            why = type(error).__name__ if response is None else f"HTTP {response.status_code}"
            logger.info("the storage did not answer as it should (%s) and is asked again", why)
        return is_repeated

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """Seconds to the next try."""
        return float(max(super().get_backoff_time(settings), settings["asked_seconds"]))
