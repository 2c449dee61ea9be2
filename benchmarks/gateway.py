"""What the gateway costs: a small call through it and past it, and a gigabyte through it in flat memory.

    python -m benchmarks.gateway

Both ways run in the same process, call by call in turn, on the same backend: an asyncio server that answers at once, so
that nothing but the gateway makes the difference. Writes the section "Gateway" of `benchmarks/RESULTS.md`.
"""

import argparse
import asyncio
import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from benchmarks.results import machine, write_section

SHIPPED = Path(__file__).parent.parent / "deployments" / "apim"

JOB = "/workspaces/w/services/s/jobs/0123456789abcdef0123456789abcdef"
STATUS = b'{"StatusCode":"Running","Results":null,"Details":null,"CreatedAt":"2016-10-14T14:52:33.979Z"}'
MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
WARM_UP_CALLS = 200

# Limits that no run reaches: what is measured is counting, not refusing.
PLENTY = """<policies><inbound><base/><rate-limit calls="1000000" renewal-period="60"/>
<quota calls="1000000000" renewal-period="604800"/></inbound><backend><base/></backend><outbound><base/></outbound>
<on-error><base/></on-error></policies>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running process that listens on 127.0.0.1."""

    port: int
    pid: int

    @property
    def peak_bytes(self) -> int:
        """The most memory that it ever held."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s*(\d+) kB", status)
        if found is None:
            raise RuntimeError("The kernel does not say how much memory a process holds.")
        return 1024 * int(found[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of one way."""

    median: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Latency":
        """Of single calls."""
        return cls(median=1000 * statistics.median(seconds), p99=1000 * statistics.quantiles(seconds, n=100)[-1])


class _Backend(asyncio.Protocol):
    """Answers each request when its body has ended; `GET` with `bytes=N` in the query gets that many."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._may_write = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        if not self._left:
            self._head += data
            if b"\r\n\r\n" not in self._head:
                return
            head, _, data = self._head.partition(b"\r\n\r\n")
            self._head = b""
            length = re.search(rb"content-length: (\d+)", head.lower())
            self._left = int(length[1]) if length else 0
            wanted = re.search(rb"bytes=(\d+)", head)
            if wanted:
                task = asyncio.get_running_loop().create_task(self._stream(int(wanted[1])))
                self._tasks.add(task)
                return
        self._left -= len(data)
        if self._left <= 0:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(STATUS), STATUS))

    async def _stream(self, n_bytes: int) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n_bytes)
        for _ in range(n_bytes // MEGABYTE):
            await self._may_write.wait()
            self._transport.write(bytes(MEGABYTE))


async def serve_backend() -> None:
    """Listen on a free port, say which, and answer until the process is stopped."""
    server = await asyncio.get_running_loop().create_server(_Backend, "127.0.0.1", 0)
    sys.stdout.write(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def running(module: str, *arguments: str, **environment: str) -> Iterator[Server]:
    """A Python module as a server; stopped at the end."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("listening on "):
                raise RuntimeError(f"{module} did not start. Start it by hand to see why.")
            yield Server(port=int(line.rsplit(":", 1)[1]), pid=process.pid)
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def running_gateway(folder: Path, backend: Server, *, product: str) -> Iterator[Server]:
    """The gateway with the shipped files and a subscription to `product`, or to one with limits that nobody reaches."""
    key_hash = sha256(b"key").hexdigest()
    (folder / "subscriptions.toml").write_text(
        f'[[subscription]]\nname = "b"\nproduct = "{product}"\nkey_hashes = ["{key_hash}"]\n'
    )
    (folder / "plenty.xml").write_text(PLENTY)
    text = (SHIPPED / "gateway.toml").read_text().replace("policies/product-starter.xml", str(folder / "plenty.xml"))
    text = text.replace('= "policies/', f'= "{SHIPPED}/policies/').replace('"openapi', f'"{SHIPPED}/openapi')
    (folder / "gateway.toml").write_text(text)
    with running(
        "service.gateway",
        BATCH_SCORING_GATEWAY_BACKEND_URL=f"http://127.0.0.1:{backend.port}",
        BATCH_SCORING_GATEWAY_SUBSCRIPTIONS=str(folder / "subscriptions.toml"),
        BATCH_SCORING_GATEWAY_CONFIGURATION=str(folder / "gateway.toml"),
        BATCH_SCORING_GATEWAY_DATA_DIR=str(folder / "data"),
    ) as gateway:
        yield gateway


class Way:
    """One kept connection, to the backend or to a gateway before it."""

    def __init__(self, server: Server, prefix: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self._prefix = prefix
        self._headers = {"Ocp-Apim-Subscription-Key": "key", "Authorization": "Bearer k"}

    def poll(self) -> float:
        """Seconds of one status call."""
        return self._timed("GET", f"{JOB}?api-version=2.0", None, {})

    def upload(self, n_bytes: int) -> float:
        """Seconds until that many bytes were sent and answered."""
        parts = (bytes(MEGABYTE) for _ in range(n_bytes // MEGABYTE))
        path = "/workspaces/w/services/s/jobs?api-version=2.0"
        return self._timed("POST", path, parts, {"Content-Length": str(n_bytes)})

    def download(self, n_bytes: int) -> float:
        """Seconds until that many bytes were received."""
        return self._timed("GET", f"{JOB}?api-version=2.0&bytes={n_bytes}", None, {}, n_bytes)

    def _timed(
        self, method: str, path: str, body: Iterator[bytes] | None, headers: dict[str, str], expected: int = len(STATUS)
    ) -> float:
        began = time.perf_counter()
        self._connection.request(method, self._prefix + path, body, self._headers | headers)
        response = self._connection.getresponse()
        n_bytes = 0
        while part := response.read(MEGABYTE):
            n_bytes += len(part)
        seconds = time.perf_counter() - began
        if (response.status, n_bytes) != (200, expected):
            raise RuntimeError(f"Got status {response.status} and {n_bytes} bytes instead of 200 and {expected}.")
        return seconds


def measure_small_calls(ways: dict[str, Way], n_calls: int) -> dict[str, Latency]:
    """Calls of all ways in turn, so that what else the machine does meets all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_UP_CALLS + n_calls):
        for name, way in ways.items():
            spent = way.poll()
            if number >= WARM_UP_CALLS:
                seconds[name].append(spent)
    return {name: Latency.of(spent) for name, spent in seconds.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: latencies by way, seconds of a gigabyte by way and direction, peak memory before and after these."""

    n_calls: int
    small: dict[str, Latency]
    large: dict[tuple[str, str], float]
    before_bytes: int
    after_bytes: int


def measure(n_calls: int) -> Measured:
    """Start everything, measure, stop everything."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        backend = stack.enter_context(running("benchmarks.gateway", "--serve-backend"))
        plain = stack.enter_context(running_gateway(folders[0], backend, product="Unlimited"))
        limiting = stack.enter_context(running_gateway(folders[1], backend, product="Starter"))
        direct, through = Way(backend), Way(plain, "/azureml-demo")
        ways = {"direct": direct, "through": through, "counted": Way(limiting, "/azureml-demo")}
        small = measure_small_calls(ways, n_calls)
        before_bytes = plain.peak_bytes
        large = {
            ("direct", "upload"): direct.upload(GIGABYTE),
            ("through", "upload"): through.upload(GIGABYTE),
            ("direct", "download"): direct.download(GIGABYTE),
            ("through", "download"): through.download(GIGABYTE),
        }
        return Measured(
            n_calls=n_calls, small=small, large=large, before_bytes=before_bytes, after_bytes=plain.peak_bytes
        )


def section(measured: Measured) -> str:
    """The text of the results."""
    before, after = measured.before_bytes // MEGABYTE, measured.after_bytes // MEGABYTE
    lines = [
        "## Gateway",
        "",
        f"`python -m benchmarks.gateway` on {machine()}. A small call is a status of {len(STATUS)} bytes,",
        f"{measured.n_calls:,} calls of each kind in turn on kept connections; the backend is an asyncio server that",
        "answers at once.",
        "",
        "| small call | median ms | 99th percentile ms | added ms | ratio |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(_small_row(measured, name, label) for name, label in _LABELS.items()),
        "",
        "| 1 GiB | direct MiB/s | through the gateway MiB/s |",
        "| --- | ---: | ---: |",
        *(_large_row(measured, what) for what in ("upload", "download")),
        "",
        f"Peak memory of the gateway: {before} MiB before these 2 GiB passed, {after} MiB after.",
        "",
    ]
    return "\n".join(lines)


_LABELS = {
    "direct": "direct",
    "through": "gateway, product Unlimited",
    "counted": "gateway, rate limit and quota kept on disk",
}


def _small_row(measured: Measured, name: str, label: str) -> str:
    latency, base = measured.small[name], measured.small["direct"].median
    figures = f"{latency.median:.2f} | {latency.p99:.2f} | {latency.median - base:+.2f} | {latency.median / base:.1f}"
    return f"| {label} | {figures} |"


def _large_row(measured: Measured, what: str) -> str:
    direct, through = (GIGABYTE / MEGABYTE / measured.large[way, what] for way in ("direct", "through"))
    return f"| {what} | {direct:,.0f} | {through:,.0f} |"


def main() -> None:
    """Measure and write, or be the backend of a measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=2000, help="small calls of each kind")
    parser.add_argument("--serve-backend", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_backend:
        asyncio.run(serve_backend())
        return
    text = section(measure(arguments.calls))
    write_section(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
