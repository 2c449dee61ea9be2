"""What a client is pointed to, and the web services that it finds there."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from azure.storage.blob import BlobServiceClient, ContentSettings

from bes.protocol import SUBSCRIPTION_KEY_HEADER
from deployments.processes import ChildProcess
from service.declaration import feature_hashing_declaration, key_hash

START_SECONDS = 60.0
CONTAINER = "mycontainer"

TEXT = "This is a good day"
COUNTS = ["1", "1", "2", "2", "0", "2", "0", "1"]
NAMES = [f"Col2_HashingFeature.{index}" for index in range(8)]
INPUT = f"Col2\n{TEXT}\n"
OUTPUT = [",".join(NAMES), ",".join(COUNTS)]
"""The guide's row, and the lines of what is made of it."""

WORKSPACE, SUBSCRIPTION = "a" * 32, "5" * 32
HASHING, TWO_PORTS, NO_OUTPUT = "b" * 32, "c" * 32, "d" * 32
"""The ids of the guide's web service, of one with two inputs and two outputs, and of one that gives nothing back."""

MORE_SERVICES = """
[[services]]
name = "TwoPorts"
workspace_id = "{workspace}"
service_id = "{two_ports}"
subscription_id = "{subscription}"
key_hashes = ["{key_hash}"]
model = {{ type = "feature_hashing", column = "Col2", bits = 3 }}
inputs = [
    {{ name = "input1", columns = [{{ name = "Col2" }}] }},
    {{ name = "input2", columns = [{{ name = "Rating", type = "Int32" }}, {{ name = "Col2" }}] }},
]
outputs = [
    {{ name = "output1", columns = [{columns}] }},
    {{ name = "output2", columns = [{columns}], input = "input2" }},
]
global_parameters = [{{ name = "Random seed", type = "Int32", default = 0 }}]

[[services]]
name = "NoOutput"
workspace_id = "{workspace}"
service_id = "{no_output}"
key_hashes = ["{key_hash}"]
inputs = [{{ name = "input1", columns = [{{ name = "Col2" }}] }}]
"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """All that a client is told: `base` is an address up to and with the id of the web service.

    Behind the gateway there is a subscription key too, which none of the clients knows by itself: it goes into a header
    or, where the client builds its addresses from a text that people type in, into the query.
    """

    base: str
    api_key: str = field(repr=False)
    connection_string: str = field(repr=False)
    blobs: BlobServiceClient = field(repr=False)
    subscription_key: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        return self.base.split("/workspaces/")[0]

    @property
    def workspace(self) -> str:
        return self.base.split("/")[-3]

    @property
    def service(self) -> str:
        return self.base.split("/")[-1]

    @property
    def gateway_headers(self) -> list[tuple[str, str]]:
        return [(SUBSCRIPTION_KEY_HEADER, self.subscription_key)] if self.subscription_key else []

    @property
    def gateway_query(self) -> str:
        return f"&subscription-key={self.subscription_key}" if self.subscription_key else ""

    def at(self, service: str) -> "Site":
        """The same for another web service of the workspace."""
        return replace(self, base=self.base.removesuffix(self.service) + service)

    def new_blob(self, name: str = "myresultsblob.csv") -> str:
        """A path that nobody else uses: container and blob, as most clients write it."""
        return f"{CONTAINER}/{secrets.token_hex(8)}/{name}"

    def upload(self, text: str, name: str = "mydatablob.csv", content: ContentSettings | None = None) -> str:
        """Put a blob where nobody else uses it, and give its path."""
        path = self.new_blob(name)
        self.blobs.get_blob_client(*path.split("/", 1)).upload_blob(text.encode(), content_settings=content)
        return path

    def download(self, path: str) -> str:
        return self.blobs.get_blob_client(*path.split("/", 1)).download_blob(timeout=30).readall().decode()

    def exists(self, path: str) -> bool:
        return self.blobs.get_blob_client(*path.split("/", 1)).exists()

    def reference(self, path: str) -> dict[str, str]:
        """The two members that every client sends."""
        return {"ConnectionString": self.connection_string, "RelativeLocation": path}


@contextmanager
def running_service(home: Path, connection_string: str, blobs: BlobServiceClient, **settings: object) -> Iterator[Site]:
    """A web service process with all the web services above. What is given leads to the guide's one."""
    # Like the real keys: base64, with all that this means in a header.
    api_key = f"fdjmxkqktcuhifljflkdmw+/{secrets.token_hex(16)}=="
    ours = {
        "definition": home / "service.toml",
        "data_dir": home / "data",
        "storage_connection_string": connection_string,
        "worker_processes": 2,
        **settings,
    }
    (home / "service.toml").write_text(_declaration(key_hash(api_key)))
    child = ChildProcess(
        "web service",
        [sys.executable, "-m", "service.web_service"],
        environment={f"BATCH_SCORING_SERVICE_{name.upper()}": str(value) for name, value in ours.items()},
        log_path=home / "service.log",
    )
    with child:
        listens = child.printed(r"listening on (http://127\.0\.0\.1:\d+)")
        address = child.wait_until_ready(listens, deadline_seconds=START_SECONDS)
        yield Site(
            base=f"{address}/workspaces/{WORKSPACE}/services/{HASHING}",
            api_key=api_key,
            connection_string=connection_string,
            blobs=blobs,
        )


def _declaration(digest: str) -> str:
    columns = ", ".join(f'{{ name = "{name}", type = "Int32" }}' for name in NAMES)
    ids = {"workspace": WORKSPACE, "subscription": SUBSCRIPTION, "two_ports": TWO_PORTS, "no_output": NO_OUTPUT}
    guide = feature_hashing_declaration(workspace=WORKSPACE, service=HASHING, key_hashes=[digest])
    return guide + MORE_SERVICES.format(key_hash=digest, columns=columns, **ids)
