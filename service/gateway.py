"""The gateway in front of the web service: behaves like API Management, so that clients meet the same answers locally.

A call is matched to an operation, its subscription key is checked, the policies of its product, API and operation are
carried out, and it is passed on without the API's suffix. The order is API Management's: what is no operation gets 404
whatever its key. Operations and policies come from the very files that are deployed (`service.gateway_configuration`).

Not imitated: products without subscription, policies and expressions beyond `service.policies`, versions and revisions,
the developer portal. Limits are exact, where a distributed gateway's are not. Paths match with regard to case.

`python -m service.gateway` serves it with the settings of the environment.
"""

import contextlib
import logging
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import formatdate

import anyio
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.forwarding import REPLACED, Forwarder, Outgoing, end_to_end, has_body
from service.gateway_configuration import Api, Configuration, load_configuration
from service.gateway_errors import GatewayError, gateway_failed, key_invalid, key_missing, operation_not_found
from service.gateway_settings import ENVIRONMENT_PREFIX, SHIPPED_CONFIGURATION, GatewaySettings
from service.operations import Operation
from service.policies.composing import EffectivePolicy
from service.policies.model import ReturnResponse
from service.policies.pipeline import Call, Pipeline
from service.policies.quota_ledger import QuotaLedger
from service.policies.rate_windows import RateWindows
from service.retrying import Sleep
from service.serving import serve
from service.subscriptions import Subscription, Subscriptions, load_subscriptions, presented_key

# By name: run as a program, this module is called `__main__`.
logger = logging.getLogger("service.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time that limits and retries go by."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Sleep = anyio.sleep


@dataclass(frozen=True, slots=True)
class _Matched:
    """What is called: path below the suffix, percent-encoded as received."""

    api: Api
    operation: Operation
    path: str


class Gateway:
    """All APIs, for the holders of a subscription key.

    Args:
        configuration: The APIs with their policies.
        subscriptions: Whose keys are accepted.
        backend_url: Address of the backend of all APIs that name none.
        pipeline: Carries the policies out.
        forwarder: The way to the backends.
    """

    def __init__(
        self,
        *,
        configuration: Configuration,
        subscriptions: Subscriptions,
        backend_url: str,
        pipeline: Pipeline,
        forwarder: Forwarder,
    ) -> None:
        self._apis = configuration.apis
        self._subscriptions = subscriptions
        self._backend_url = backend_url
        self._pipeline = pipeline
        self._forwarder = forwarder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        matched = self._match(scope)
        if matched is None:
            await operation_not_found().response()(scope, receive, send)
            return
        policy = matched.api.policy_of(matched.operation, None)
        call = self._call(matched.api, scope)
        try:
            subscription = self._authorise(scope, matched.api)
            call.subscription, call.start_seconds = subscription.name, subscription.start_seconds
            policy = matched.api.policy_of(matched.operation, subscription.product)
            status = await self._handle(matched, policy, call, scope, receive, send)
            logger.info("%s by %r: %s", matched.operation.name, subscription.name, status or "the caller left")
        except GatewayError as error:
            logger.info("answered %d: %s", error.status_code, error.message)
            await self._pipeline.fail(policy, call, error)(scope, receive, send)
        finally:
            self._pipeline.end(call)

    async def _handle(
        self, matched: _Matched, policy: EffectivePolicy, call: Call, scope: Scope, receive: Receive, send: Send
    ) -> int | None:
        response = self._pipeline.receive(policy, call)
        if response is not None:
            await response(scope, receive, send)
            return response.status_code
        if isinstance(policy.backend, ReturnResponse):
            given = self._pipeline.give(policy.backend, call)
            await given(scope, receive, send)
            return given.status_code
        outgoing = Outgoing(
            backend_url=call.backend_url,
            method=scope["method"],
            path=matched.path,
            query=scope["query_string"],
            headers=call.headers,
            has_body=has_body(scope["headers"]),
            count=call.count,
        )
        return await self._forwarder.forward(
            outgoing, policy.backend, lambda head: self._pipeline.answer(policy, call, head), receive, send
        )

    def _match(self, scope: Scope) -> _Matched | None:
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        for api in self._apis:
            if path.startswith(api.prefix):
                below = path.removeprefix(api.prefix)
                operation = api.match(scope["method"], below, query)
                if operation is not None:
                    return _Matched(api, operation, below)
        return None

    def _call(self, api: Api, scope: Scope) -> Call:
        return Call(
            subscription="",
            start_seconds=None,
            address=scope["client"][0] if scope["client"] else "",
            backend_url=api.backend_url or self._backend_url,
            headers=end_to_end(scope["headers"], but=REPLACED),
        )

    def _authorise(self, scope: Scope, api: Api) -> Subscription:
        key = presented_key(scope["headers"], scope["query_string"])
        realm = f"https://{_host(scope)}/{api.suffix}"
        if key is None:
            raise key_missing(realm)
        subscription = self._subscriptions.find_active(key)
        # The key of another product is no key for this API.
        if subscription is None or subscription.product not in api.products:
            raise key_invalid(realm)
        return subscription


def create_app(settings: GatewaySettings, *, clock: Clock | None = None) -> Starlette:
    """The gateway and its health probe as one application.

    Args:
        settings: Which files, which backend.
        clock: The real time, if nothing else is said.

    Raises:
        ValueError: A file cannot be used; says which, where and what to do.
    """
    clock = clock or Clock()
    named_values = {name: value.get_secret_value() for name, value in settings.named_values.items()}
    path = settings.configuration or SHIPPED_CONFIGURATION
    configuration = load_configuration(path, suffix=settings.suffix, named_values=named_values)
    subscriptions = load_subscriptions(settings.subscriptions, products=configuration.products)
    ledger = QuotaLedger(settings.data_dir, wall=clock.wall)
    forwarder = Forwarder(timeout_seconds=settings.backend_timeout_seconds, sleep=clock.sleep)
    gateway = Gateway(
        configuration=configuration,
        subscriptions=subscriptions,
        backend_url=str(settings.backend_url),
        pipeline=Pipeline(windows=RateWindows(clock.monotonic), ledger=ledger),
        forwarder=forwarder,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if settings.data_dir is None and configuration.products_with_quota & subscriptions.products:
            logger.warning("quotas start anew with each start; set %sDATA_DIR to keep them", ENVIRONMENT_PREFIX)
        with contextlib.closing(ledger):
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
    return gateway_failed().response()


def _host(scope: Scope) -> str:
    """The host that the caller named, without characters that would end a quoted string."""
    named = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return re.sub(r"[^A-Za-z0-9.:\[\]_-]", "", named) or f"{scope['server'][0]}:{scope['server'][1]}"


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{ENVIRONMENT_PREFIX}{str(each['loc'][0]).upper()}: {each['msg']}" for each in found)


if __name__ == "__main__":
    main()
