"""Around every call: its request id, its line in the log, and the body of its error."""

import logging
import time
import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import error_codes
from service.errors import ServiceError

logger = logging.getLogger(__name__)

HTTP_OK = 200
REQUEST_ID_HEADER = b"x-ms-request-id"


def error_response(error: ServiceError) -> Response:
    """The answer to a request that failed. No other place makes an error body."""
    headers = {"WWW-Authenticate": "Bearer"} if error.error_class is error_codes.UNAUTHORIZED else None
    return JSONResponse(error.envelope.to_wire(), status_code=error.error_class.status, headers=headers)


async def refused(_: Request, error: Exception) -> Response:
    """The answer to a request that something inside refused, or could not cope with."""
    return error_response(error if isinstance(error, ServiceError) else error_codes.UNKNOWN_ERROR())


async def unknown_operation(request: Request, _: Exception) -> Response:
    """The answer to a path or a method that nothing answers to."""
    return error_response(error_codes.RESOURCE_NOT_FOUND(request.method, request.url.path))


class EnvelopeMiddleware:
    """Gives every answer a request id, and every call a line in the log.

    Args:
        app: The application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        request_id = uuid.uuid4()
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, str(request_id).encode())]
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except Exception:
            # It was answered inside; here it is written down, with the id that the client was given.
            logger.exception("%s %s: unexpected error", request_id, scope["path"])
        milliseconds = (time.monotonic() - began) * 1000
        # The query is left out: it may hold a subscription key. Status is asked for far more often than it changes.
        level = logging.DEBUG if scope["method"] == "GET" and status == HTTP_OK else logging.INFO
        logger.log(level, "%s %s %s %d %.0f ms", request_id, scope["method"], scope["path"], status, milliseconds)
