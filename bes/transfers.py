"""Repeats transfers that arrived broken: what the storage SDK gives up at once while it repeats all other failures."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import AzureError
from requests.exceptions import RequestException

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
            if not _is_broken(error):
                raise
            logger.warning("%r arrived broken (%s) and is transferred again", name, type(error).__name__)
            time.sleep(pause)
    return transfer()


def _is_broken(error: AzureError | RequestException) -> bool:
    # A body that ends too early comes through the SDK as it is, and wrong bytes in an answer as its plain root.
    is_cut = isinstance(error, RequestException)
    is_wrong_here = type(error) is AzureError and str(error).startswith("MD5 mismatch")
    return is_cut or is_wrong_here or getattr(error, "error_code", None) == "Md5Mismatch"
