"""Passing a call on to the backend and its answer back, as streams: no body is ever held, nothing is sent twice."""

import logging
from collections.abc import AsyncIterator, Iterable

import anyio
import httpx
from starlette.types import Message, Receive, Scope, Send

from service.gateway_errors import GatewayError, backend_failed

logger = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
"""Headers that belong to one connection (RFC 9110, 7.6.1), not to the message."""

REPLACED = frozenset({b"host", b"expect"})
"""Ours to say: the backend's name; and `100 Continue`, which our own server has answered already."""

KEEPALIVE_SECONDS = 2.0
"""An idle connection is given up before any backend does so (uvicorn after 5 s): a call that meets its end would be
lost, for nothing is repeated here."""


class Forwarder:
    """The way to one backend. Use it as an asynchronous context manager, which closes the connections.

    Built on httpx's transport, not its client: that one adds headers, keeps cookies and looks into redirects.
    """

    def __init__(self, backend_url: str, *, timeout_seconds: float) -> None:
        self._backend = httpx.URL(backend_url.rstrip("/"))
        self._timeout_seconds = timeout_seconds
        # As many connections as there are calls; one more than that would be none at all.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_SECONDS)
        self._transport = httpx.AsyncHTTPTransport(limits=limits, retries=0)

    async def __aenter__(self) -> "Forwarder":
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()

    async def forward(self, path: str, scope: Scope, receive: Receive, send: Send) -> int | None:
        """Pass one call on, and the answer back.

        Args:
            path: Path below the suffix, percent-encoded as received.
            scope: The call, from which method, query and headers are taken.
            receive: The caller's side of the call.
            send: The way back to the caller.

        Returns:
            Status of the backend's answer, None if the caller left before there was one.

        Raises:
            GatewayError: There is no answer.
        """
        caller = _Caller(receive)
        status: int | None = None
        failure: GatewayError | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_when_gone, caller, group.cancel_scope)
            try:
                response = await self._send(self._request(path, scope, caller))
                status = response.status_code
                await _pass_back(response, caller, send)
            except GatewayError as error:
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return status

    def _request(self, path: str, scope: Scope, caller: "_Caller") -> httpx.Request:
        target: bytes = self._backend.raw_path.rstrip(b"/") + path.encode("latin-1")
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        has_body = _has_body(scope["headers"])
        if not has_body:
            caller.end_body()
        return httpx.Request(
            scope["method"],
            self._backend,
            headers=_end_to_end(scope["headers"], but=REPLACED),
            content=caller.body() if has_body else None,
            # Said apart from the URL, the target goes out byte for byte.
            extensions={"target": target, "timeout": httpx.Timeout(self._timeout_seconds).as_dict()},
        )

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            with anyio.fail_after(self._timeout_seconds):
                return await self._transport.handle_async_request(request)
        except (httpx.HTTPError, TimeoutError) as error:
            # No more of the error than its name: its text may quote a header.
            logger.warning("no answer from the backend to %s: %s", _place(request), type(error).__name__)
            raise backend_failed() from error


class _Caller:
    """The caller's side of a call: its body, and the moment when it is gone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
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


async def _pass_back(response: httpx.Response, caller: _Caller, send: Send) -> None:
    """Pass the answer back. One that breaks off in the middle ends without its end, so that the server cuts it too."""
    caller.end_body()
    try:
        headers = _end_to_end(response.headers.raw)
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        async for part in response.aiter_raw():
            await send(_body(part, more=True))
        await send(_body(b"", more=False))
    except httpx.HTTPError as error:
        logger.warning("the backend's answer broke off: %s", type(error).__name__)
    finally:
        await response.aclose()


def _body(part: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": more}


def _has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    given = dict(headers)
    return b"transfer-encoding" in given or given.get(b"content-length", b"0") != b"0"


def _end_to_end(headers: Iterable[tuple[bytes, bytes]], *, but: frozenset[bytes] = frozenset()) -> Headers:
    """The headers that belong to the message, names in lower case, in their order."""
    lowered = [(name.lower(), value) for name, value in headers]
    named = {each.strip() for name, value in lowered if name == b"connection" for each in value.lower().split(b",")}
    dropped = HOP_BY_HOP | named | but
    return [(name, value) for name, value in lowered if name not in dropped]


def _place(request: httpx.Request) -> str:
    """Method and path. Never the query, which may hold a key."""
    path: bytes = request.extensions["target"].partition(b"?")[0]
    return f"{request.method} {path.decode('latin-1')}"
