"""The gateway in front of the web service: behaves like API Management, so that clients meet the same answers locally.

A call is matched to an operation, its subscription key is checked, and it is passed on without the API's suffix. The
order is API Management's: what is no operation gets 404 whatever its key.

Not imitated: several APIs, products without subscription, policies, the developer portal; paths match with regard to
case. `python -m service.gateway` serves it with the settings of the environment.
"""

import contextlib
import logging
import re
import sys
from collections.abc import AsyncIterator
from email.utils import formatdate

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.forwarding import Forwarder
from service.gateway_errors import GatewayError, backend_failed, key_invalid, key_missing, operation_not_found
from service.gateway_settings import ENVIRONMENT_PREFIX, GatewaySettings
from service.operations import OPERATIONS, Operation, match_operation
from service.serving import serve
from service.subscriptions import Subscription, Subscriptions, load_subscriptions, presented_key

# By name: run as a program, this module is called `__main__`.
logger = logging.getLogger("service.gateway")


class Gateway:
    """One API: its operations under a suffix, for the holders of a subscription key, on one backend.

    Args:
        suffix: First part of the public path, without slashes at its ends; may be empty.
        subscriptions: Whose keys are accepted.
        forwarder: The way to the backend.
    """

    def __init__(self, *, suffix: str, subscriptions: Subscriptions, forwarder: Forwarder) -> None:
        self._suffix = suffix
        self._prefix = f"/{suffix}" if suffix else ""
        self._subscriptions = subscriptions
        self._forwarder = forwarder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        try:
            await self._handle(scope, receive, send)
        except GatewayError as error:
            logger.info("answered %d: %s", error.status_code, error.message)
            await error.response()(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation, path = self._match(scope)
        subscription = self._authorise(scope)
        status = await self._forwarder.forward(path, scope, receive, send)
        logger.info("%s by %r: %s", operation.name, subscription.name, status or "the caller left")

    def _match(self, scope: Scope) -> tuple[Operation, str]:
        """The operation of a call, and the path below the suffix, percent-encoded as received."""
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        if path.startswith(self._prefix):
            below = path.removeprefix(self._prefix)
            operation = match_operation(OPERATIONS, scope["method"], below, query)
            if operation is not None:
                return operation, below
        raise operation_not_found()

    def _authorise(self, scope: Scope) -> Subscription:
        key = presented_key(scope["headers"], scope["query_string"])
        realm = f"https://{_host(scope)}/{self._suffix}"
        if key is None:
            raise key_missing(realm)
        subscription = self._subscriptions.find_active(key)
        if subscription is None:
            raise key_invalid(realm)
        return subscription


def create_app(settings: GatewaySettings) -> Starlette:
    """The gateway and its health probe as one application.

    Raises:
        SubscriptionsFileError: The file of subscriptions cannot be used.
    """
    forwarder = Forwarder(str(settings.backend_url), timeout_seconds=settings.backend_timeout_seconds)
    subscriptions = load_subscriptions(settings.subscriptions)
    gateway = Gateway(suffix=settings.suffix, subscriptions=subscriptions, forwarder=forwarder)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with forwarder:
            yield

    return Starlette(
        routes=[Route("/health", _health), Route("/{path:path}", gateway)],
        exception_handlers={404: _no_such_operation, Exception: _failed},
        lifespan=lifespan,
    )


def main() -> None:
    """Serve the gateway that the environment describes, until a signal."""
    try:
        settings = GatewaySettings()
        app = create_app(settings)
    except ValidationError as error:
        sys.exit(f"The gateway cannot start: {_problems(error)}.")
    except ValueError as error:
        sys.exit(f"The gateway cannot start: {error}")
    # The backend's own date is passed on; two would contradict each other.
    serve(app, host=settings.host, port=settings.port, adds_date=False)


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"}, headers={"Date": formatdate(usegmt=True)})


async def _no_such_operation(_: Request, __: Exception) -> Response:
    return operation_not_found().response()


async def _failed(_: Request, __: Exception) -> Response:
    return backend_failed().response()


def _host(scope: Scope) -> str:
    """The host that the caller named, without characters that would end a quoted string."""
    named = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return re.sub(r"[^A-Za-z0-9.:\[\]_-]", "", named) or f"{scope['server'][0]}:{scope['server'][1]}"


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{ENVIRONMENT_PREFIX}{str(each['loc'][0]).upper()}: {each['msg']}" for each in found)


if __name__ == "__main__":
    main()
