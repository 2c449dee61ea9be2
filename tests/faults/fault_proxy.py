"""A proxy before the gateway or a Prefect server that answers calls with errors, or not at all: before their effect, or
after it.

Whatever else comes is passed on as it is. Every call is kept, so that tests see what left the process.
"""

import http.client
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import urlsplit

OPERATIONS = {
    "submit": ("POST", re.compile(r"/jobs$")),
    "start": ("POST", re.compile(r"/jobs/[^/]+/start$")),
    "status": ("GET", re.compile(r"/jobs/[^/]+$")),
    "delete": ("DELETE", re.compile(r"/jobs/[^/]+$")),
    "artifact": ("PATCH", re.compile(r"/artifacts/[^/]+$")),
}

MESSAGES = {
    403: "Out of call volume quota. Quota will be replenished in 00:00:01.",
    429: "Rate limit is exceeded. Try again in 1 seconds.",
    500: "Internal server error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it left the process, when it came, and whether a fault hit it."""

    operation: str
    target: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    at: float
    fault: "Fault | None"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An error that some calls of an operation are answered with.

    Args:
        operation: submit, start, status, delete, or Prefect's change of an artifact.
        status: Of the answer; 0 for a connection that breaks.
        when: `before` the call is passed on, so that it has no effect; or `after`, in place of the answer.
        retry_after: The header of that name; None for none.
        seconds: How long the error is kept back.
    """

    operation: str
    status: int
    when: str = "before"
    retry_after: str | None = None
    seconds: float = 0.0

    def content(self) -> tuple[str, bytes]:
        """Type and body: the gateway's own, or for what is known to no gateway of ours a page of a load balancer."""
        if self.status not in MESSAGES:
            return "text/html", f"<html><body><h1>{self.status}</h1></body></html>".encode()
        return "application/json", json.dumps({"statusCode": self.status, "message": MESSAGES[self.status]}).encode()


class FaultProxy(ThreadingHTTPServer):
    """The proxy, on a free port of 127.0.0.1.

    Args:
        upstream: Address of the gateway with the API's suffix.

    Attributes:
        too_many: Calls that the gateway itself refused as too many: when each came and when it was answered.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._upstream = urlsplit(upstream)
        self.url = f"http://127.0.0.1:{self.server_port}{self._upstream.path}"
        self.calls: list[Call] = []
        self.too_many: list[tuple[float, float]] = []
        self.armed: list[Fault] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def arm(self, operation: str, status: int, *, times: int = 1, **more: Any) -> None:
        """Let an error hit the next calls of an operation."""
        self.armed += [Fault(operation=operation, status=status, **more)] * times

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that are killed are what some tests are about."""

    @property
    def met(self) -> list[Fault]:
        """Those that have hit, in their order."""
        return [call.fault for call in self.calls if call.fault is not None]

    def of(self, operation: str) -> list[Call]:
        """The calls of one operation, in their order."""
        return [call for call in self.calls if call.operation == operation]

    def take(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Fault | None:
        """Keep a call; the fault that hits it, which is used up."""
        path = urlsplit(target).path
        names = [name for name, (verb, pattern) in OPERATIONS.items() if verb == method and pattern.search(path)]
        operation = names[0] if names else "other"
        with self._lock:
            fault = next((fault for fault in self.armed if fault.operation == operation), None)
            if fault is not None:
                self.armed.remove(fault)
            call = Call(
                operation=operation, target=target, headers=headers, body=body, at=time.monotonic(), fault=fault
            )
            self.calls.append(call)
        return fault

    def pass_on(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body of the gateway's answer."""
        came_at, connection = time.monotonic(), http.client.HTTPConnection(self._upstream.netloc, timeout=60)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                self.too_many.append((came_at, time.monotonic()))
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "host")}
        fault = self.server.take(self.command, self.path, given, body)
        if fault is None or fault.when == "after":
            status, headers, content = self.server.pass_on(self.command, self.path, given, body)
        if fault is not None and fault.status == 0:
            self.close_connection = True
            self.connection.shutdown(SHUT_RDWR)
            return
        if fault is not None:
            time.sleep(fault.seconds)
            kind, content = fault.content()
            status, headers = fault.status, [("Content-Type", kind)]
            headers += [] if fault.retry_after is None else [("Retry-After", fault.retry_after)]
        self._reply(status, headers, content)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 (the standard library's names)

    def _reply(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep silent."""
