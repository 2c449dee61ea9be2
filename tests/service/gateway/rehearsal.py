"""A gateway in this process, on a real socket, whose time the test moves; and configurations made of a few policies."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import anyio
import httpx
import uvicorn

from service.gateway import Clock, create_app
from service.gateway_settings import GatewaySettings

DEADLINE_SECONDS = 30.0
KEYS = {"trial": ("Starter", "trial-key-0001"), "nightly": ("Unlimited", "nightly-key-0002")}
SERVICE = "/workspaces/w1/services/s1"
JOB = f"{SERVICE}/jobs/0123456789abcdef0123456789abcdef"
VERSION = "api-version=2.0"
SHIPPED = Path(__file__).parents[3] / "deployments" / "apim"


@dataclass
class MovedClock:
    """Time that passes only when the test or a retry says so."""

    now: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await anyio.sleep(0)

    @property
    def clock(self) -> Clock:
        return Clock(wall=self.read, monotonic=self.read, sleep=self.sleep)


@dataclass
class Rehearsal:
    """A running gateway."""

    url: str
    clock: MovedClock

    def call(self, method: str, path: str, *, key: str | None = KEYS["trial"][1], **options) -> httpx.Response:
        headers = {**({"Ocp-Apim-Subscription-Key": key} if key else {}), **options.pop("headers", {})}
        with httpx.Client(trust_env=False, timeout=DEADLINE_SECONDS) as client:
            return client.request(method, f"{self.url}/azureml-demo{path}", headers=headers, **options)

    def poll(self, **options) -> httpx.Response:
        return self.call("GET", f"{JOB}?{VERSION}", **options)

    def raw(self, request: str) -> bytes:
        """The whole answer to exactly this text, with the date taken out."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS) as caller:
            caller.sendall(request.encode())
            answer = b"".join(iter(lambda: caller.recv(65536), b""))
        head, separator, body = answer.partition(b"\r\n\r\n")
        dates = [line for line in head.split(b"\r\n") if line.startswith(b"date: ")]
        assert len(dates) == 1
        return head.replace(b"\r\n" + dates[0], b"") + separator + body


def write_subscriptions(folder: Path) -> Path:
    path = folder / "subscriptions.toml"
    path.write_text(
        "".join(
            f'[[subscription]]\nname = "{name}"\nproduct = "{product}"\n'
            f'key_hashes = ["{sha256(key.encode()).hexdigest()}"]\n'
            for name, (product, key) in KEYS.items()
        )
    )
    return path


def policy_text(inbound="<base/>", backend="<base/>", outbound="<base/>", on_error="<base/>") -> str:
    return (
        f"<policies>\n<inbound>{inbound}</inbound>\n<backend>{backend}</backend>\n<outbound>{outbound}</outbound>\n"
        f"<on-error>{on_error}</on-error>\n</policies>\n"
    )


def write_configuration(folder: Path, **policies: str) -> Path:
    """The shipped operations with these policies: `product`, `api`, or an operation's id with underscores."""
    for name, text in policies.items():
        (folder / f"{name}.xml").write_text(text)
    of_product = 'policy = "product.xml"\n' if "product" in policies else ""
    of_api = 'policy = "api.xml"\n' if "api" in policies else ""
    operations = "".join(
        f'{name.replace("_", "-")} = "{name}.xml"\n' for name in policies if name not in ("product", "api")
    )
    path = folder / "gateway.toml"
    path.write_text(
        f'[[product]]\nname = "Starter"\n{of_product}[[product]]\nname = "Unlimited"\n'
        f'[[api]]\nname = "demo"\nsuffix = "azureml-demo"\nopenapi = {json.dumps(str(SHIPPED / "openapi.json"))}\n'
        f'products = ["Starter", "Unlimited"]\n{of_api}[api.operation_policies]\n{operations}'
    )
    return path


@contextlib.contextmanager
def rehearse(folder: Path, backend_url: str, **settings: object) -> Iterator[Rehearsal]:
    """Serve a gateway in a thread; without a configuration it is the shipped one."""
    clock = settings.pop("clock", None) or MovedClock()
    assert isinstance(clock, MovedClock)
    app = create_app(
        GatewaySettings(backend_url=backend_url, subscriptions=write_subscriptions(folder), **settings),
        clock=clock.clock,
    )
    options = {"http": "h11", "lifespan": "on", "log_config": None, "server_header": False, "date_header": False}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    # As `service.serving` does, for TCP_NODELAY.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Rehearsal(f"http://127.0.0.1:{listener.getsockname()[1]}", clock)
        finally:
            server.should_exit = True
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive()
