"""A gateway that follows a script, on a real socket; and time that passes only when somebody sleeps."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came over the wire; names of headers are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Step = Callable[[BaseHTTPRequestHandler], None]


class ScriptedGateway:
    """Meets each request with the next step of its script.

    A request that no step is left for, or a step that no request came for, fails the test.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.unexpected: list[Received] = []
        self._script: deque[Step] = deque()
        self._end = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "ScriptedGateway":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def unused_steps(self) -> int:
        return len(self._script)

    def answers(self, status: int, body: object = b"", **headers: str) -> None:
        """Add an answer. Anything but bytes is sent as JSON; `_` stands for `-` in names of headers."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if not isinstance(body, bytes):
            headers = {"Content_Type": "application/json", **headers}

        def answer(request: BaseHTTPRequestHandler) -> None:
            _send(request, status, {**headers, "Content_Length": str(len(content))}, content)

        self._script.append(answer)

    def throttles(self, retry_after: str | None, *, status: int = 429) -> None:
        """Add API Management's answer to a call beyond the rate limit (429) or the quota (403)."""
        body = {"statusCode": status, "message": f"Rate limit is exceeded. Try again in {retry_after} seconds."}
        self.answers(status, body, **({} if retry_after is None else {"Retry_After": retry_after}))

    def refuses(self, status: int, code: str, detail: str, message: str = "Said by the service.") -> None:
        """Add an error in the web service's envelope."""
        details = [{"code": detail, "message": message}]
        self.answers(status, {"error": {"code": code, "message": "Refused.", "details": details}})

    def drops(self) -> None:
        """Add a connection that is closed after the request was read."""
        self._script.append(_hang_up)

    def breaks_off(self) -> None:
        """Add an answer that ends before all of its bytes were sent."""

        def half(request: BaseHTTPRequestHandler) -> None:
            _send(request, 200, {"Content_Length": "100"}, b'"88f2')
            _hang_up(request)

        self._script.append(half)

    def stalls(self) -> None:
        """Add a request that is answered only when nobody has waited that long for a long time."""

        def wait(request: BaseHTTPRequestHandler) -> None:
            if self._end.wait(5):
                request.close_connection = True
            else:
                _send(request, 200, {"Content_Length": "0"}, b"")

        self._script.append(wait)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                received = _read(self)
                gateway.received.append(received)
                if gateway._script:
                    gateway._script.popleft()(self)
                else:
                    gateway.unexpected.append(received)
                    _hang_up(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 (the standard library's names)

            def log_message(self, *_: Any) -> None:
                """Keep silent."""

        return Handler


def _read(request: BaseHTTPRequestHandler) -> Received:
    address = urlsplit(request.path)
    return Received(
        method=request.command,
        path=address.path,
        query=dict(parse_qsl(address.query)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.rfile.read(int(request.headers.get("Content-Length") or 0)),
    )


def _send(request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], content: bytes) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(content)


def _hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.shutdown(SHUT_RDWR)


@pytest.fixture
def gateway() -> Iterator[ScriptedGateway]:
    with ScriptedGateway() as scripted:
        yield scripted
    assert not scripted.unexpected, "requests beyond the script"
    assert not scripted.unused_steps, "steps of the script that no request came for"


@pytest.fixture
def deaf_address() -> Iterator[str]:
    """An address that refuses connections: the port is taken, but nobody listens."""
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@dataclass
class FakeTime:
    """Monotonic seconds that pass only by `sleep`, which remembers every pause."""

    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()
