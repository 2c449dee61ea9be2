"""What a transfer to and from the storage costs, beside the guide's program and the storage SDK as it comes.

    python -m benchmarks.transfers

Over a modelled wide-area link, and with the local storage emulator, where the link is no matter. Each transfer has a
process of its own; the ways take turns. Ours checks every block, is resumable and hashes the whole; the others do not.
Writes the section "Transfers" of `benchmarks/RESULTS.md`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from benchmarks.apart import run_apart
from benchmarks.results import machine, write_section

MEGABYTE: Final = 1_000_000
DELAY_MS, LINK_MB = 20, 25
ACCOUNT_KEY: Final = "bm9ib2R5cyBrZXk="
WAYS: Final = {"upload": ("guide", "sdk", "ours"), "download": ("guide", "sdk", "ours", "output")}
_LABELS: Final = {
    "guide": "the guide's program: whole file in memory, one request",
    "sdk": "the storage SDK as it comes",
    "ours": "ours, checked and resumable",
    "output": "ours, of a blob that tells no SHA-256, as outputs of a web service",
}


# The ways; each runs in a process of its own, which knows what it needs from its environment.


def _by_guide(direction: str, path: Path, name: str) -> None:
    # As the sample programs do it, but for bytes in place of text, which would change line ends.
    if direction == "upload":
        content = path.read_bytes()
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        urlopen(Request(_url(name), data=content, headers=headers, method="PUT")).close()  # noqa: S310 (loopback)
    else:
        with urlopen(_url(name)) as response:  # noqa: S310 (loopback)
            path.write_bytes(response.read())


def _by_sdk(direction: str, path: Path, name: str) -> None:
    from azure.storage.blob import BlobClient

    with BlobClient.from_connection_string(os.environ["CONNECTION_STRING"], "transfers", name) as blob:
        if direction == "upload":
            with path.open("rb") as source:
                blob.upload_blob(source)
        else:
            with path.open("wb") as target:
                blob.download_blob().readinto(target)


def _by_ours(direction: str, path: Path, name: str) -> None:
    from pydantic import SecretStr

    from bes.blobs import BlobStore
    from bes.settings import StorageSettings
    from bes.uploads import content_of

    connection_string = SecretStr(os.environ["CONNECTION_STRING"])
    with BlobStore(StorageSettings(connection_string=connection_string, container="transfers")) as store:
        if direction == "upload":
            store.upload(content_of(path), name)
        else:
            store.download(name, path)


_BY: Final[dict[str, Callable[[str, Path, str], None]]] = {
    "guide": _by_guide,
    "sdk": _by_sdk,
    "ours": _by_ours,
    "output": _by_ours,
}


def _url(name: str) -> str:
    from azure.storage.blob import BlobClient, BlobSasPermissions, generate_blob_sas

    blob = BlobClient.from_connection_string(os.environ["CONNECTION_STRING"], "transfers", name)
    token = generate_blob_sas(
        account_name=str(blob.account_name),
        container_name="transfers",
        blob_name=name,
        account_key=blob.credential.account_key,
        permission=BlobSasPermissions(read=True, create=True, write=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{blob.url}?{token}"


def transfer(way: str, direction: str, path: Path, name: str) -> None:
    """Print the seconds of one transfer, without those of imports; the first, of a byte, brings these in."""
    small = path.with_name("small")
    small.write_bytes(b"x")
    _BY[way]("upload", small, f"small-{uuid.uuid4().hex}")
    began = time.monotonic()
    if path != small:
        _BY[way](direction, path, name)
    sys.stdout.write(f"{time.monotonic() - began}\n")


# The measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one way.

    Args:
        seconds: Median of the transfers.
        more_mib: Peak memory beyond that of a process that transfers one byte; the highest.
    """

    seconds: float
    more_mib: float


def measure(connection_string: str, sizes: list[int], *, is_emulator: bool, repeats: int) -> dict[tuple, Figures]:
    """By way, direction and megabytes; the ways take turns."""
    environment = {"CONNECTION_STRING": connection_string}
    found: dict[tuple, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = {way: _once(way, "upload", Path(folder) / "small", "base", environment)[1] for way in _BY}
        for megabytes in sizes:
            source = Path(folder) / "source"
            with source.open("wb") as file:
                for _ in range(megabytes):
                    file.write(os.urandom(MEGABYTE))
            for direction, ways in WAYS.items():
                taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
                for repeat in range(repeats):
                    for way in ways:
                        # Only ours tells its SHA-256.
                        sender = "guide" if way == "output" else way
                        name = f"{sender}-{repeat}/{megabytes * MEGABYTE}.bytes"
                        # The modelled service has no blob that it was not asked to make up by its name.
                        up = name if is_emulator else name.replace(".bytes", ".up")
                        path = source if direction == "upload" else Path(folder) / "target"
                        named = up if direction == "upload" else name
                        taken[way].append(_once(way, direction, path, named, environment))
                for way, costs in taken.items():
                    found[way, direction, megabytes] = Figures(
                        seconds=statistics.median(seconds for seconds, _ in costs),
                        more_mib=max(peak for _, peak in costs) - base[way],
                    )
    return found


def _once(way: str, direction: str, path: Path, name: str, environment: dict[str, str]) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.transfers", "--one", json.dumps([way, direction, str(path), name])]
    cost = run_apart(command, environment=environment)
    return float(cost.output.splitlines()[-1]), cost.peak_mib


@contextmanager
def modelled_link(sizes: list[int]) -> Iterator[str]:
    """A connection string of a storage behind a link of 20 ms and 25 MB/s a connection."""
    command = [sys.executable, "-m", "benchmarks.blob_link", str(DELAY_MS), str(LINK_MB)]
    command += [str(megabytes * MEGABYTE) for megabytes in sizes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            address = line.removeprefix("listening on ").strip()
            yield f"AccountName=account;AccountKey={ACCOUNT_KEY};BlobEndpoint={address}/account"
        finally:
            process.terminate()


@contextmanager
def emulator() -> Iterator[str]:
    """A connection string of Azurite, with the container there."""
    from azure.storage.blob import BlobServiceClient

    from deployments.stack import LocalStack

    with tempfile.TemporaryDirectory() as home, LocalStack(Path(home)) as stack:
        connection_string = stack.start_storage().require().get_secret_value()
        with BlobServiceClient.from_connection_string(connection_string) as service:
            service.create_container("transfers")
        yield connection_string


# The report


def section(link: dict[tuple, Figures], local: dict[tuple, Figures], repeats: int) -> str:
    """The text of the results."""
    lines = [
        "## Transfers",
        "",
        f"`python -m benchmarks.transfers` on {machine()}. Median of {repeats}, each in a process of its own, the",
        "ways in turn; memory is the most beyond a process that transfers one byte.",
        "",
        f"Over a modelled wide-area link: {DELAY_MS} ms a request, {LINK_MB} MB/s a connection.",
        "",
        *_table(link),
        "",
        "With Azurite on the same machine.",
        "",
        *_table(local),
    ]
    return "\n".join(lines) + "\n"


def _table(found: dict[tuple, Figures]) -> list[str]:
    rows = [
        "| MB | direction | way | MB/s | ratio to the guide's | more MiB |",
        "| ---: | --- | --- | ---: | ---: | ---: |",
    ]
    for (way, direction, megabytes), figures in found.items():
        rate, guides = megabytes / figures.seconds, megabytes / found["guide", direction, megabytes].seconds
        told = f"{rate:.0f} | {rate / guides:.2f} | {figures.more_mib:.0f}"
        rows.append(f"| {megabytes:,} | {direction} | {_LABELS[way]} | {told} |")
    return rows


def main() -> None:
    """Measure and write, or be one transfer of a measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 100], help="sizes of the transfers")
    parser.add_argument("--repeats", type=int, default=3, help="of each")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        way, direction, path, name = json.loads(arguments.one)
        transfer(way, direction, Path(path), name)
        return
    with modelled_link(arguments.megabytes) as connection_string:
        link = measure(connection_string, arguments.megabytes, is_emulator=False, repeats=arguments.repeats)
    with emulator() as connection_string:
        local = measure(connection_string, arguments.megabytes, is_emulator=True, repeats=arguments.repeats)
    text = section(link, local, arguments.repeats)
    write_section(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
