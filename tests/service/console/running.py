"""What a browser says to the console, said over a real socket without one."""

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from service.declaration import feature_hashing_declaration
from tests.service.running import environment_of

DEADLINE_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Page:
    status: int
    headers: dict[str, str]
    html: str

    @property
    def text(self) -> str:
        """What a person reads, white space folded."""
        reader = _Reader()
        reader.feed(self.html)
        return " ".join(" ".join(reader.parts).split())

    @property
    def elements(self) -> list[tuple[str, dict[str, str | None]]]:
        """All elements with their attributes."""
        reader = _Reader()
        reader.feed(self.html)
        return reader.elements

    def element(self, name: str) -> dict[str, str | None]:
        """The attributes of one element."""
        (found,) = [attributes for _, attributes in self.elements if attributes.get("id") == name]
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.parts.append(unescape(data))


@dataclass(frozen=True, kw_only=True)
class Console:
    """A running console. `url` has no slash at its end."""

    url: str
    log: Path

    def get(self, path: str, **headers: str) -> Page:
        return self.send("GET", path, None, headers)

    def post(self, path: str, form: dict[str, str] | bytes, **headers: str) -> Page:
        """Send a form as one of the console's own pages would."""
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, body, {**own, **given})

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Page:
        """One request with exactly these headers; those with an empty value are left out."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=DEADLINE_SECONDS)
        try:
            kept = {name: value for name, value in headers.items() if value}
            connection.request(method, path, body, kept)
            answer = connection.getresponse()
            content = answer.read().decode()
            return Page(status=answer.status, headers=dict(answer.getheaders()), html=content)
        finally:
            connection.close()


@contextmanager
def service_process(home: Path, **settings: object) -> Iterator[str]:
    """The `host:port` of a web service without storage, on any host."""
    (home / "service.toml").write_text(
        feature_hashing_declaration(workspace="a" * 32, service="b" * 32, key_hashes=["0" * 64])
    )
    with (home / "service.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.web_service"],
            env=environment_of(home, "", {"storage_connection_string": None, **settings}),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield process.stdout.readline().removeprefix("listening on http://").strip()
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)
        process.stdout.close()
