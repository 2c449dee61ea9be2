"""HTTP as bytes: requests whose header lines are exactly those of a client, and answers as they came."""

import http.client
import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

DEADLINE_SECONDS = 30.0
POLL_SECONDS = 0.05
"""The clients wait for 1 s or 5 s between two looks; the time is all that is changed about them."""

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, response: HTTPResponse) -> "Answer":
        headers = {name.lower(): value for name, value in response.getheaders()}
        return cls(status=response.status, headers=headers, body=response.read())

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def connect(url: str) -> HTTPConnection:
    """A connection that stays open from one request to the next."""
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=DEADLINE_SECONDS)


def send(method: str, url: str, headers: Headers, body: bytes | None = None) -> Answer:
    """One request on a connection of its own. Besides `headers` it has a `Host`, and a `Content-Length` with a body."""
    with closing(connect(url)) as connection:
        return send_on(connection, method, url, headers, body)


def send_on(connection: HTTPConnection, method: str, url: str, headers: Headers, body: bytes | None = None) -> Answer:
    """The same on a connection that is open already."""
    length = [] if body is None else [("Content-Length", str(len(body)))]
    _begin(connection, method, url, [*headers, *length])
    connection.endheaders(body)
    return Answer.read(connection.getresponse())


def send_in_chunks(url: str, headers: Headers, body: bytes) -> Answer:
    """POST a body whose length is not told in advance, as HttpClient of .NET does with what serialises itself."""
    with closing(connect(url)) as connection:
        _begin(connection, "POST", url, [*headers, ("Transfer-Encoding", "chunked")])
        connection.endheaders((body[:20], body[20:]), encode_chunked=True)
        return Answer.read(connection.getresponse())


def send_when_told(url: str, headers: Headers, body: bytes) -> Answer:
    """POST a body after `100 Continue` only, as HttpClient of the .NET Framework does."""
    parts = urlsplit(url)
    fields = [("Host", parts.netloc), *headers, ("Content-Length", str(len(body))), ("Expect", "100-continue")]
    head = [f"POST {_target(url)} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    with socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE_SECONDS) as connection:
        connection.sendall("\r\n".join(head).encode())
        interim = b""
        while not interim.endswith(b"\r\n\r\n"):
            interim += connection.recv(1)
        assert interim.startswith(b"HTTP/1.1 100 "), interim
        connection.sendall(body)
        with HTTPResponse(connection, method="POST") as response:
            response.begin()
            return Answer.read(response)


def _begin(connection: HTTPConnection, method: str, url: str, headers: Headers) -> None:
    connection.putrequest(method, _target(url), skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def looks(pause_seconds: float = POLL_SECONDS) -> Iterator[None]:
    """The turns of a client's polling loop; a loop that does not end by itself fails the test."""
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(pause_seconds)
    pytest.fail(f"The client was still polling after {DEADLINE_SECONDS:.0f} seconds.")
