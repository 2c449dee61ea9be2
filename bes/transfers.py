"""Repeats what the storage SDK gives up at once: transfers that arrived broken or that the storage throttles."""

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from azure.core.exceptions import AzureError, HttpResponseError, IncompleteReadError
from requests.exceptions import RequestException

from bes.retry_after import seconds_of
from bes.storage_retry import LONGEST_PAUSE_SECONDS

logger = logging.getLogger(__name__)

_PAUSES_SECONDS = (0.5, 2.0, 8.0)
"""What breaks bytes on their way passes in a moment, or it is there to stay."""
_Result = TypeVar("_Result")


def until_whole(transfer: Callable[[], _Result], name: str) -> _Result:
    """The result of a transfer whose bytes are checked on their way, and that may be made again.

    Args:
        transfer: Sends or fetches, and raises what the SDK raises.
        name: The blob, for the log.
    """
    for pause in _PAUSES_SECONDS:
        try:
            return transfer()
        except (AzureError, RequestException) as error:
            asked_seconds = _asked_seconds(error)
            if not (_is_broken(error) or _is_throttled(error)) or asked_seconds > LONGEST_PAUSE_SECONDS:
                raise
            logger.warning("%r did not arrive (%s) and is transferred again", name, _reason(error))
            time.sleep(max(pause, asked_seconds))
    return transfer()


def _reason(error: AzureError | RequestException) -> str:
    # Not its text, which may hold an address and with it a signature.
    if isinstance(error, HttpResponseError) and error.status_code:
        code = getattr(error, "error_code", None)
        return f"HTTP {error.status_code} {getattr(code, 'value', code) or error.reason or ''}".rstrip()
    return type(error).__name__


def _is_throttled(error: AzureError | RequestException) -> bool:
    return isinstance(error, HttpResponseError) and error.status_code == HTTPStatus.TOO_MANY_REQUESTS


def _asked_seconds(error: AzureError | RequestException) -> float:
    headers = getattr(getattr(error, "response", None), "headers", {})
    return seconds_of(headers) or 0.0


def _is_broken(error: AzureError | RequestException) -> bool:
    # A body that ends too early comes through the SDK as it is, or behind an error that says no more of it; and wrong
    # bytes in an answer as its plain root.
    is_cut = isinstance(error, RequestException) or isinstance(error.__context__, IncompleteReadError)
    is_wrong_here = type(error) is AzureError and str(error).startswith("MD5 mismatch")
    return is_cut or is_wrong_here or getattr(error, "error_code", None) == "Md5Mismatch"
