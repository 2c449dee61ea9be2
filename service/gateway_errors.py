"""Every answer that is the gateway's own, spelled as API Management spells it, and the one place that makes its bytes.

The flat body is not the web service's envelope: a client behind a gateway must read both.

Source: captured answers of API Management; the spaces inside the braces are literal.
"""

import json
from collections.abc import Mapping
from email.utils import formatdate

from starlette.responses import Response

from bes.protocol import SUBSCRIPTION_KEY_HEADER


class GatewayError(Exception):
    """The gateway answers by itself, and the backend does not see the call or did not answer it.

    Args:
        status_code: HTTP status.
        message: Never holds a key.
        headers: Besides `Content-Type`, `Content-Length` and `Date`.
    """

    def __init__(self, status_code: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status_code, message, headers)
        self.status_code = status_code
        self.message = message
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        """The flat body, byte for byte."""
        return f'{{ "statusCode": {self.status_code}, "message": {json.dumps(self.message)} }}'.encode()

    def response(self) -> Response:
        """The whole answer."""
        return own_answer(self.status_code, self.body, {**self.headers, "Content-Type": "application/json"})


def own_answer(status_code: int, body: bytes, headers: Mapping[str, str]) -> Response:
    """An answer that no backend has dated."""
    return Response(body, status_code, {**headers, "Date": formatdate(usegmt=True)})


def operation_not_found() -> GatewayError:
    """No operation is declared for the call."""
    return GatewayError(404, "Resource not found")


def key_missing(realm: str) -> GatewayError:
    """Neither header nor query holds a subscription key."""
    message = (
        "Access denied due to missing subscription key. "
        "Make sure to include subscription key when making requests to an API."
    )
    return GatewayError(401, message, _challenge(realm))


def key_invalid(realm: str) -> GatewayError:
    """The key belongs to no active subscription."""
    message = (
        "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."
    )
    return GatewayError(401, message, _challenge(realm))


def rate_limited(retry_after_seconds: int, header: str = "Retry-After") -> GatewayError:
    """Too many calls in the sliding window of a rate limit.

    Args:
        retry_after_seconds: When there is room again.
        header: The header that says so.
    """
    message = f"Rate limit is exceeded. Try again in {retry_after_seconds} seconds."
    return GatewayError(429, message, {header: str(retry_after_seconds)})


def out_of_calls(retry_after_seconds: int) -> GatewayError:
    """The calls of a quota are used up until its next window."""
    return _out_of("call volume", retry_after_seconds)


def out_of_bandwidth(retry_after_seconds: int) -> GatewayError:
    """The kilobytes of a quota are used up until its next window."""
    return _out_of("bandwidth", retry_after_seconds)


def _out_of(what: str, retry_after_seconds: int) -> GatewayError:
    message = f"Out of {what} quota. Quota will be replenished in {_duration(retry_after_seconds)}."
    return GatewayError(403, message, {"Retry-After": str(retry_after_seconds)})


def _duration(seconds: int) -> str:
    """`hh:mm:ss`, with days in front when there are any: `9.00:54:23`."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{f'{days}.' if days else ''}{hours:02}:{minutes:02}:{seconds:02}"


def gateway_failed() -> GatewayError:
    """The gateway itself, or the backend, failed in a way that is not the caller's.

    The backend could not be reached, or did not answer in time or in HTTP: API Management answers 500 to a time-out
    too, not 504.
    """
    return GatewayError(500, "Internal server error")


def _challenge(realm: str) -> Mapping[str, str]:
    value = f'AzureApiManagementKey realm="{realm}",name="{SUBSCRIPTION_KEY_HEADER}",type="header"'
    return {"WWW-Authenticate": value}
