"""Passing a call on to the backend and its answer back, as streams: no body is ever held as a whole.

Nothing is sent twice but what a policy says: see `service.retrying`.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import anyio
import httpx
from starlette.responses import Response
from starlette.types import Message, Receive, Send

from service.gateway_errors import GatewayError, gateway_failed
from service.policies.model import ForwardRequest, Retry
from service.policies.pipeline import Head, Headers
from service.retrying import KeptBody, Sleep, retry_waits

logger = logging.getLogger(__name__)

HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
"""Headers that belong to one connection (RFC 9110, 7.6.1), not to the message."""

REPLACED = frozenset({b"host", b"expect"})
"""Ours to say: the backend's name; and `100 Continue`, which our own server has answered already."""

KEEPALIVE_SECONDS = 2.0
"""An idle connection is given up before any backend does so (many after 5 s): a call that meets its end would be lost,
for nothing is repeated here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A call as the backend gets it.

    Args:
        backend_url: Its address; a path in it stands in front.
        method: HTTP method.
        path: Percent-encoded as received.
        query: As received, without the question mark.
        headers: Those of the message, names in lower case.
        has_body: Whether the caller sends one.
        count: Told the size of each part of both bodies.
    """

    backend_url: str
    method: str
    path: str
    query: bytes
    headers: Headers
    has_body: bool
    count: Callable[[int], None]

    @property
    def target(self) -> bytes:
        """Path and query, byte for byte."""
        in_front: bytes = _parsed(self.backend_url).raw_path.rstrip(b"/")
        return in_front + self.path.encode("latin-1") + (b"?" + self.query if self.query else b"")

    def request(self, body: AsyncIterator[bytes] | None, timeout_seconds: float) -> httpx.Request:
        """One attempt."""
        return httpx.Request(
            self.method,
            _parsed(self.backend_url),
            headers=self.headers,
            content=body,
            # Said apart from the URL, the target goes out byte for byte.
            extensions={"target": self.target, "timeout": httpx.Timeout(timeout_seconds).as_dict()},
        )


class Forwarder:
    """The way to the backends. Use it as an asynchronous context manager, which closes the connections.

    Built on httpx's transport, not its client: that one adds headers, keeps cookies and looks into redirects.

    Args:
        timeout_seconds: For policies that say nothing else.
        sleep: Waits between the attempts of a retry.
    """

    def __init__(self, *, timeout_seconds: float, sleep: Sleep = anyio.sleep) -> None:
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        # As many connections as there are calls; one more than that would be none at all.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_SECONDS)
        self._transport = httpx.AsyncHTTPTransport(limits=limits, retries=0)

    async def __aenter__(self) -> "Forwarder":
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()

    async def forward(
        self,
        outgoing: Outgoing,
        plan: ForwardRequest | Retry,
        edit: Callable[[Head], Head | Response],
        receive: Receive,
        send: Send,
    ) -> int | None:
        """Pass one call on, and the answer back.

        Args:
            outgoing: The call.
            plan: How long to wait, and whether to try again.
            edit: What goes back instead of the backend's status and headers; a response stands for all of the answer.
            receive: The caller's side of the call.
            send: The way back to the caller.

        Returns:
            Status of the answer, None if the caller left before there was one.

        Raises:
            GatewayError: There is no answer.
        """
        caller = _Caller(receive, outgoing.count)
        status: int | None = None
        failure: GatewayError | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_when_gone, caller, group.cancel_scope)
            try:
                response = await self._answer(outgoing, plan, caller)
                caller.end_body()
                status = await _pass_back(response, edit, outgoing.count, send)
            except GatewayError as error:
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return status

    async def _answer(self, outgoing: Outgoing, plan: ForwardRequest | Retry, caller: "_Caller") -> httpx.Response:
        forward = plan.forward if isinstance(plan, Retry) else plan
        if not outgoing.has_body:
            caller.end_body()
        body = KeptBody(caller.body(), keeps=forward.keeps_body) if outgoing.has_body else None
        response = await self._send(outgoing, forward, body)
        if isinstance(plan, Retry):
            return await self._retried(outgoing, plan, body, response)
        return response

    async def _retried(
        self, outgoing: Outgoing, retry: Retry, body: KeptBody | None, response: httpx.Response
    ) -> httpx.Response:
        for wait_seconds in retry_waits(retry):
            is_repeatable = body is None or body.is_repeatable
            if not is_repeatable or not retry.condition.holds(response.status_code):
                break
            await response.aclose()
            logger.info("trying %s again in %.1f s: %d", _place(outgoing), wait_seconds, response.status_code)
            await self._sleep(wait_seconds)
            response = await self._send(outgoing, retry.forward, body)
        return response

    async def _send(self, outgoing: Outgoing, forward: ForwardRequest, body: KeptBody | None) -> httpx.Response:
        timeout_seconds = forward.timeout_seconds or self._timeout_seconds
        try:
            with anyio.fail_after(timeout_seconds):
                request = outgoing.request(body.parts() if body else None, timeout_seconds)
                return await self._transport.handle_async_request(request)
        except (httpx.HTTPError, TimeoutError) as error:
            # No more of the error than its name: its text may quote a header.
            logger.warning("no answer from the backend to %s: %s", _place(outgoing), type(error).__name__)
            raise gateway_failed() from error


class _Caller:
    """The caller's side of a call: its body, and the moment when it is gone."""

    def __init__(self, receive: Receive, count: Callable[[int], None]) -> None:
        self._receive = receive
        self._count = count
        self._is_gone = False
        self._body_is_done = anyio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        """The parts of the body as they come. Ends only with the body: who is gone is waited for by `gone`."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._is_gone = True
                self.end_body()
                await anyio.sleep_forever()
            if part := message.get("body"):
                self._count(len(part))
                yield part
            more = message.get("more_body", False)
        self.end_body()

    def end_body(self) -> None:
        """The body is needed no more: from now on what the caller sends is read by `gone` and dropped."""
        self._body_is_done.set()

    async def gone(self) -> None:
        """Return when the caller has hung up. Looks only after the body, for both come through one stream."""
        await self._body_is_done.wait()
        while not self._is_gone:
            message = await self._receive()
            self._is_gone = message["type"] == "http.disconnect"


async def _cancel_when_gone(caller: _Caller, cancel_scope: anyio.CancelScope) -> None:
    await caller.gone()
    cancel_scope.cancel()


async def _pass_back(
    response: httpx.Response, edit: Callable[[Head], Head | Response], count: Callable[[int], None], send: Send
) -> int:
    """Pass the answer back. One that breaks off in the middle ends without its end, so that the server cuts it too."""
    head = edit(Head(response.status_code, end_to_end(response.headers.raw)))
    if isinstance(head, Response):
        await response.aclose()
        await send(_start(head.status_code, head.raw_headers))
        await send(_body(bytes(head.body), more=False))
        return head.status_code
    try:
        await send(_start(head.status, head.headers))
        async for part in response.aiter_raw():
            count(len(part))
            await send(_body(part, more=True))
        await send(_body(b"", more=False))
    except httpx.HTTPError as error:
        logger.warning("the backend's answer broke off: %s", type(error).__name__)
    finally:
        await response.aclose()
    return head.status


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(part: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": more}


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether these headers of a request announce a body."""
    given = dict(headers)
    return b"transfer-encoding" in given or given.get(b"content-length", b"0") != b"0"


def end_to_end(headers: Iterable[tuple[bytes, bytes]], *, but: frozenset[bytes] = frozenset()) -> Headers:
    """The headers that belong to the message, names in lower case, in their order."""
    lowered = [(name.lower(), value) for name, value in headers]
    named = {each.strip() for name, value in lowered if name == b"connection" for each in value.lower().split(b",")}
    dropped = HOP_BY_HOP | named | but
    return [(name, value) for name, value in lowered if name not in dropped]


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url.rstrip("/"))


def _place(outgoing: Outgoing) -> str:
    """Method and path. Never the query, which may hold a key."""
    return f"{outgoing.method} {outgoing.target.partition(b'?')[0].decode('latin-1')}"
