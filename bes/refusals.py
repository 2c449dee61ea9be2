"""The one seam where a call that did not succeed becomes one of our errors.

Two shapes of body arrive: API Management's flat `{statusCode, message}` and the web service's `{error: {...}}`.
"""

from http import HTTPStatus
from typing import Any, TypeVar

import requests
from pydantic import ValidationError
from urllib3.exceptions import NewConnectionError

from bes.errors import (
    AccessDenied,
    ConfigurationError,
    NotFound,
    Rejected,
    ScoringError,
    Throttled,
    Unavailable,
)
from bes.protocol import GatewayErrorBody, ServiceErrorBody, ServiceErrorContent
from bes.retry_after import seconds_of

_MAY_PASS = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

_Body = TypeVar("_Body", ServiceErrorBody, GatewayErrorBody)


def no_answer(error: requests.exceptions.RequestException, *, gateway: str) -> ScoringError:
    """The error for a call that got no answer; tells whether it can have reached the service."""
    if isinstance(error, ValueError):  # requests' InvalidURL, MissingSchema and InvalidSchema
        return ConfigurationError(
            f"The gateway's address {gateway!r} is not an address.", "Set BATCH_SCORING_ENDPOINT_URL."
        )
    was_sent = not _surely_not_sent(error)
    why = "does not answer" if was_sent else "cannot be reached"
    return Unavailable(
        f"The gateway at {gateway!r} {why} ({type(error).__name__}).",
        "Check BATCH_SCORING_ENDPOINT_URL and the network, then run again.",
        was_sent,
    )


def refusal(response: requests.Response, *, gateway: str, service: str) -> ScoringError:
    """The error for an answer that is not a success."""
    if (body := _parse(ServiceErrorBody, response.content)) is not None:
        return _service_refusal(response.status_code, body.error, service)
    flat = _parse(GatewayErrorBody, response.content)
    return _gateway_refusal(response, flat.message if flat else "no message", gateway)


def _service_refusal(status: int, error: ServiceErrorContent, service: str) -> ScoringError:
    said = " ".join([error.message, *(detail.message for detail in error.details)])
    codes = [error.code, *(detail.code for detail in error.details)]
    what = f"The web service {service!r} answers HTTP {status} ({', '.join(codes)}): {said}"
    if status == HTTPStatus.UNAUTHORIZED:
        return AccessDenied(what, "Check BATCH_SCORING_ENDPOINT_API_KEY.")
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(what, "Check BATCH_SCORING_ENDPOINT_WORKSPACE and BATCH_SCORING_ENDPOINT_SERVICE.", codes)
    if status in _MAY_PASS:
        return Unavailable(what, "Run again later.", True)
    return Rejected(what, "Compare the contract with the web service's ports and parameters.", status, codes)


def _gateway_refusal(response: requests.Response, message: str, gateway: str) -> ScoringError:
    status = response.status_code
    what = f"The gateway at {gateway!r} answers HTTP {status}: {message}"
    wait_seconds = seconds_of(response.headers)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.FORBIDDEN) and wait_seconds is not None:
        step = f"Run again in {wait_seconds:.0f} s, or ask for a product with a higher limit."
        return Throttled(what, step, wait_seconds)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(what, "Run again later, or ask for a product with a higher limit.", None)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return AccessDenied(what, "Check BATCH_SCORING_ENDPOINT_SUBSCRIPTION_KEY.")
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(what, "Check the suffix in BATCH_SCORING_ENDPOINT_URL and the API's operations.")
    if status in _MAY_PASS:
        return Unavailable(what, "Run again later.", True)
    return Rejected(what, "Check the gateway's policies.", status, ())


def _surely_not_sent(error: requests.exceptions.RequestException) -> bool:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause: Any = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), NewConnectionError)


def _parse(model: type[_Body], content: bytes) -> _Body | None:
    try:
        return model.model_validate_json(content)
    except ValidationError:
        return None
