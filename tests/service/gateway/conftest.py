"""A gateway as a process of its own, between real sockets: a recording backend behind it, callers before it."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

DEADLINE_SECONDS = 30.0
SUBSCRIPTIONS = {
    "nightly": ("active", "Unlimited", ["primary-key-0001", "secondary-key-0002"]),
    "old": ("suspended", "Unlimited", ["suspended-key-0003"]),
    "trial": ("active", "Starter", ["starter-key-0005"]),
}


@dataclass
class Seen:
    """One request as it reached the backend."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    size_bytes: int = 0
    digest: str = ""

    def header(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each.lower() == name]


class Backend(ThreadingHTTPServer):
    """Reads every request to its end, records it, and lets `answer` write what goes back."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), BackendHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.forget()

    def forget(self) -> None:
        self.seen: list[Seen] = []
        self.has_begun = threading.Event()
        """A part of a body has arrived."""
        self.has_lost = threading.Event()
        """A connection broke in the middle of a request or an answer."""
        self.answer: Callable[[BackendHandler], None] = lambda handler: handler.reply(200, b"{}")

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that break are what some tests are about."""


class BackendHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Backend

    def do_POST(self) -> None:
        seen = Seen(self.command, self.path, list(self.headers.items()))
        digest = sha256()
        for part in self.body():
            digest.update(part)
            seen.size_bytes += len(part)
            self.server.has_begun.set()
        seen.digest = digest.hexdigest()
        self.server.seen.append(seen)
        self.server.answer(self)

    def do_GET(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.do_POST()

    def body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.whole(self.rfile.readline()), 16):
                yield self.exactly(size)
                self.exactly(2)
            self.exactly(2)
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            part = self.exactly(min(left, 65536))
            left -= len(part)
            yield part

    def exactly(self, size: int) -> bytes:
        part = self.rfile.read(size)
        return self.whole(part if len(part) == size else b"")

    def whole(self, part: bytes) -> bytes:
        if not part:
            self.server.has_lost.set()
            raise ConnectionResetError
        return part

    def begin(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def reply(self, status: int, body: bytes = b"", *headers: tuple[str, str]) -> None:
        length = [] if status == 204 else [("Content-Length", str(len(body)))]
        self.begin(status, *headers, *length)
        self.wfile.write(body)

    def reply_in_chunks(self, part: bytes, times: int) -> None:
        self.begin(200, ("Transfer-Encoding", "chunked"))
        try:
            for _ in range(times):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.has_lost.set()
            self.close_connection = True

    def wait_for_hang_up(self) -> None:
        self.connection.settimeout(DEADLINE_SECONDS)
        if self.connection.recv(1) == b"":
            self.server.has_lost.set()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keeps the tests' output clean."""


@dataclass
class GatewayProcess:
    """`python -m service.gateway`, ready when entered, stopped when left."""

    environment: dict[str, str]
    log_path: Path
    url: str = ""
    process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> "GatewayProcess":
        settings = {f"BATCH_SCORING_GATEWAY_{name}": value for name, value in self.environment.items()}
        with self.log_path.open("wb") as log:
            command = [sys.executable, "-W", "error", "-m", "service.gateway"]
            self.process = subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_SECONDS)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line.startswith("listening on http://127.0.0.1:"):
            self.process.kill()
            pytest.fail(f"The gateway did not start: {line!r} {self.log}")
        self.url = line.split()[-1]
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, bytes]:
        """Exit code, and what was printed after the first line. Harmless twice."""
        if self.process.poll() is not None:
            return self.process.returncode, b""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, rest

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.url.rsplit(":", 1)[1])

    @property
    def peak_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])

    @property
    def n_descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @contextmanager
    def call_streaming(self, method: str, path: str, **options: object) -> Iterator[httpx.Response]:
        url = f"{self.url}/azureml-demo{path}"
        with (
            httpx.Client(trust_env=False, timeout=DEADLINE_SECONDS) as client,
            client.stream(method, url, **{"headers": self.key, **options}) as answer,
        ):
            yield answer

    def call(self, method: str, path: str, **options: object) -> httpx.Response:
        with self.call_streaming(method, path, **options) as answer:
            answer.read()
            return answer

    def call_raw(self, request: str) -> tuple[str, dict[str, str], bytes]:
        """Status line, headers with names in lower case, and body of the answer to exactly this text."""
        with self.caller(request) as caller:
            answer = b"".join(iter(lambda: caller.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return first, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body

    @contextmanager
    def caller(self, request: str) -> Iterator[socket.socket]:
        """A connection on which this text was sent; closed at the end."""
        with socket.create_connection(self.address, timeout=DEADLINE_SECONDS) as caller:
            caller.sendall(request.encode())
            yield caller

    @property
    def key(self) -> dict[str, str]:
        return {"Ocp-Apim-Subscription-Key": SUBSCRIPTIONS["nightly"][2][0]}

    def request_text(self, method: str, path: str, *headers: str) -> str:
        """A request with a key, up to the end of its headers."""
        lines = ["Host: gateway", *(f"{name}: {value}" for name, value in self.key.items()), *headers]
        return f"{method} /azureml-demo{path} HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n"


def write_subscriptions(folder: Path) -> Path:
    tables = []
    for name, (state, product, keys) in SUBSCRIPTIONS.items():
        hashes = [sha256(key.encode()).hexdigest() for key in keys]
        tables.append(
            f'[[subscription]]\nname = "{name}"\nproduct = "{product}"\nkey_hashes = {hashes}\nstate = "{state}"\n'
        )
    path = folder / "subscriptions.toml"
    path.write_text("".join(tables))
    return path


@pytest.fixture(scope="session")
def new_gateway(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., GatewayProcess]:
    """A gateway that is not started yet, in front of this backend, with these settings."""

    def make(backend_url: str, **settings: str) -> GatewayProcess:
        folder = tmp_path_factory.mktemp("gateway")
        subscriptions = write_subscriptions(folder)
        environment = {"BACKEND_URL": backend_url, "SUBSCRIPTIONS": str(subscriptions), **settings}
        return GatewayProcess(environment, folder / "gateway.log")

    return make


@pytest.fixture(scope="session")
def running_backend() -> Iterator[Backend]:
    with Backend() as backend:
        thread = threading.Thread(target=backend.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield backend
        backend.shutdown()
        thread.join(DEADLINE_SECONDS)


@pytest.fixture
def backend(running_backend: Backend) -> Backend:
    running_backend.forget()
    return running_backend


@pytest.fixture(scope="session")
def gateway(running_backend: Backend, new_gateway: Callable[..., GatewayProcess]) -> Iterator[GatewayProcess]:
    with new_gateway(running_backend.url) as process:
        yield process
        code, rest = process.stop()
        assert (code, rest, "Traceback" in process.log) == (0, b"", False)
