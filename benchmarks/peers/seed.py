"""The guide's sample program in Python 3: the whole file in memory, a status call each second."""

from pathlib import Path
from typing import Any

from azure.storage.blob import BlobServiceClient

from benchmarks.surroundings import Bench
from tests.conformance.seed_programs import filled_in
from tests.conformance.sites import Site


def write_program(bench: Bench, container: str, source: Path, target: Path, program: Path) -> None:
    """Write the program with its blanks filled in.

    Args:
        bench: What it is pointed to.
        container: Where its blobs go; it exists.
        source: The file that it scores.
        target: Where it writes the output.
        program: Where the program itself goes.
    """
    blobs: Any = BlobServiceClient.from_connection_string(bench.connection_string)
    site = Site(
        base=bench.base_url,
        api_key=bench.endpoint.api_key.get_secret_value(),
        connection_string=bench.connection_string,
        blobs=blobs,
        subscription_key=bench.endpoint.subscription_key.get_secret_value(),
    )
    blanks = {
        "CONTAINER NAME>": container,
        "YOUR INPUT FILE>": str(source),
        "YOUR OUTPUT FILE>": str(target),
    }
    program.write_text(filled_in("seed_bes", site, blanks))


def n_calls(printed: str) -> int:
    """Calls through the gateway, which the program tells of as it makes them."""
    return sum(printed.count(words) for words in ("Submitting the job", "Starting the job", "Checking the job status"))
