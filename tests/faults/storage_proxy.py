"""A proxy in front of the storage: breaks connections, answers with errors, and cuts, falsifies or holds what passes.

Whatever else comes is passed on as it is. Every request is kept, and each fault that is armed must be met.
"""

import http.client
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request.

    Args:
        method: Of the request.
        what: Pattern that is found in its target, behind which the range or the action on a lease stands, if any.
        status: Answered; 0 for a connection that breaks; None for the storage's own answer.
        headers: Of that answer.
        when: `before` the request is passed on, so that it has no effect; or `after`, in place of the answer.
        cut_at: The body of the answer ends after so many bytes, and the connection with it.
        flip_at: A bit of this byte is another one, in the body of a PUT, or of the answer to a GET.
        until: The request is passed on only when this is set, or so many requests wait.
    """

    method: str
    what: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    when: str = "before"
    cut_at: int | None = None
    flip_at: int | None = None
    until: threading.Event | threading.Barrier | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """One that came, and the fault that hit it."""

    method: str
    what: str
    headers: dict[str, str] = field(repr=False)
    fault: Fault | None


class StorageProxy(ThreadingHTTPServer):
    """The proxy, on a free port of 127.0.0.1.

    Args:
        connection_string: Of the storage behind it.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, connection_string: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        (upstream,) = re.findall(r"BlobEndpoint=([^;]+)", connection_string)
        self.upstream = urlsplit(upstream).netloc
        self.connection_string = connection_string.replace(self.upstream, f"127.0.0.1:{self.server_port}")
        self.requests: list[Request] = []
        self.armed: list[Fault] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "StorageProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def arm(self, method: str, what: str, *, times: int = 1, **how: Any) -> None:
        """Let a fault hit the next requests that it fits."""
        self.armed += [Fault(method=method, what=what, **how)] * times

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that are killed are what some tests are about."""

    @property
    def met(self) -> list[Fault]:
        """Those that have hit, in their order."""
        return [request.fault for request in self.requests if request.fault is not None]

    def of(self, method: str, what: str) -> list[Request]:
        """The requests that fit, in their order."""
        return [one for one in self.requests if one.method == method and re.search(what, one.what)]

    def take(self, method: str, target: str, headers: dict[str, str]) -> Fault | None:
        """Keep a request; the fault that hits it, which is used up."""
        more = [headers[name] for name in ("x-ms-range", "x-ms-lease-action") if name in headers]
        what = " ".join([target, *more])
        with self._lock:
            fits = (one for one in self.armed if one.method == method and re.search(one.what, what))
            fault = next(fits, None)
            if fault is not None:
                self.armed.remove(fault)
            self.requests.append(Request(method=method, what=what, headers=headers, fault=fault))
        return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: StorageProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "host")}
        fault = self.server.take(self.command, self.path, given) or Fault(method=self.command, what="")
        if fault.until is not None:
            fault.until.wait(60)
        if fault.status is None or fault.when == "after":
            answer = self._pass_on(given, _flipped(body, fault) if self.command == "PUT" else body)
        if fault.status == 0:
            self._hang_up()
        elif fault.status is not None:
            self._reply(fault.status, [*fault.headers.items()], b"")
        elif self.command == "GET" and fault.cut_at is not None:
            self._reply(*answer, n_bytes=fault.cut_at)
            self._hang_up()
        else:
            status, headers, content = answer
            self._reply(status, headers, _flipped(content, fault) if self.command == "GET" else content)

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_any  # noqa: N815 (the standard library's names)

    def _pass_on(self, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _reply(
        self, status: int, headers: list[tuple[str, str]], content: bytes, *, n_bytes: int | None = None
    ) -> None:
        self.send_response(status)
        length = str(len(content))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            if name.lower() not in (
                "connection",
                "content-length",
                "date",
                "keep-alive",
                "server",
                "transfer-encoding",
            ):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content[:n_bytes])

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Keep silent."""


def _flipped(content: bytes, fault: Fault) -> bytes:
    at = fault.flip_at
    if at is None or at >= len(content):
        return content
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
