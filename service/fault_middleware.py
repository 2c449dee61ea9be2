"""Lets armed faults hit calls: errors, delays and broken connections."""

import asyncio
import re
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.envelope import error_response
from service.faults import ERROR_OF_STATUS, CallFault, DelayFault, DropFault, FaultBook, Operation, StatusFault

PATHS: tuple[tuple[str, str, Operation], ...] = (
    ("POST", r"/jobs", "submit"),
    ("POST", r"/jobs/[^/]+/start", "start"),
    ("GET", r"/jobs/[^/]+", "status"),
    ("DELETE", r"/jobs/[^/]+", "delete"),
    ("POST", r"/execute", "execute"),
)


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that a call is for."""
    for verb, pattern, operation in PATHS:
        if method == verb and re.fullmatch(r"/[^/]+/[^/]+/services/[^/]+" + pattern, path):
            return operation
    return None


class FaultMiddleware:
    """Hits calls with the faults that are armed. Stands outermost, where the connection can be reached.

    Args:
        app: The application inside.
        faults: What is armed.
    """

    def __init__(self, app: ASGIApp, faults: FaultBook) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or not."""
        operation = operation_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if operation is None:
            await self._app(scope, receive, send)
            return

        def fits(fault: CallFault) -> bool:
            return fault.operation == operation

        delay = self._faults.take(DelayFault, operation, fits)
        if delay:
            await asyncio.sleep(delay.seconds)
        status = self._faults.take(StatusFault, operation, fits)
        if status:
            # Some of the texts have a place for a number.
            error = ERROR_OF_STATUS[status.status]("4", hint="This fault was asked for.")
            await error_response(error)(scope, receive, send)
            return
        drop = self._faults.take(DropFault, operation, fits)
        if drop is None:
            await self._app(scope, receive, send)
            return
        if drop.when == "after":
            await self._app(scope, receive, _nowhere)
        await _hang_up(receive, send)


async def _nowhere(_: Message) -> None:
    """Takes an answer that nobody shall see."""


async def _hang_up(receive: Receive, send: Send) -> None:
    """Break the connection, and wait until the server has seen it, so that it makes no answer of its own."""
    # ASGI has no way to hang up; uvicorn's `send` is a method of the object that holds the connection.
    transport = cast("asyncio.Transport", getattr(send, "__self__").transport)  # noqa: B009 - not in the type of Send
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
