"""The code samples are programs: with the keys put in they run, and print what they should."""

import contextlib
import html
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from service.console.samples import as_python
from tests.service.console import odd_service
from tests.service.console.conftest import Stack
from tests.service.console.running import Console
from tests.service.running import RunningService

ROW = "1 1 2 2 0 2 0 1"
CONTAINER = "mycontainer"


def programs(console: Console, service: str) -> dict[str, str]:
    page = console.get(f"/console/services/{service}/samples")
    found = re.findall(r'<h2 id="sample-\d">(.*?)</h2>\s*<pre class="program">(.*?)</pre>', page.html, re.DOTALL)
    assert len(found) == 4
    return {title: html.unescape(program) for title, program in found}


def filled_in(program: str, stack: Stack) -> str:
    return (
        program.replace("<API KEY>", stack.api_key)
        .replace("<SUBSCRIPTION KEY>", stack.subscription_key)
        .replace("<STORAGE CONNECTION STRING>", stack.connection_string)
        .replace("POLL_SECONDS = 15", "POLL_SECONDS = 0.1")
    )


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def stored_input(stack: Stack) -> Any:
    with BlobServiceClient.from_connection_string(stack.connection_string) as blobs:
        # The samples name it, and others use it on the same storage.
        with contextlib.suppress(ResourceExistsError):
            blobs.create_container(CONTAINER)
        blobs.get_blob_client(CONTAINER, "input1.csv").upload_blob("Col2\nThis is a good day\n", overwrite=True)
        yield blobs


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def test_rrs_in_python_prints_the_row(stack: Stack) -> None:
    program = filled_in(programs(stack.console, stack.endpoint.service)["RRS in Python"], stack)
    assert ROW in run([sys.executable, "-c", program])


@needs_curl
def test_rrs_with_curl_prints_the_row(stack: Stack) -> None:
    program = filled_in(programs(stack.console, stack.endpoint.service)["RRS with curl"], stack)
    assert '"Values":[["1","1","2","2","0","2","0","1"]]' in run(["bash", "-euc", program])


def test_bes_in_python_prints_the_result(stack: Stack, stored_input: BlobServiceClient) -> None:
    program = filled_in(programs(stack.console, stack.endpoint.service)["BES in Python"], stack)
    assert ROW.replace(" ", ",") in run([sys.executable, "-c", program])


@needs_curl
def test_bes_with_curl_submits_and_starts(stack: Stack, stored_input: BlobServiceClient) -> None:
    program = filled_in(programs(stack.console, stack.endpoint.service)["BES with curl"], stack)
    printed = run(["bash", "-euc", program])
    assert re.search(r'^job [0-9a-f]{32}\n.*"StatusCode":"(NotStarted|Running|Finished)"', printed, re.DOTALL)


def test_samples_hold_placeholders_and_no_key(stack: Stack) -> None:
    for program in programs(stack.console, stack.endpoint.service).values():
        assert "<API KEY>" in program
        assert "<SUBSCRIPTION KEY>" in program
        assert stack.api_key not in program
        assert stack.subscription_key not in program


def test_odd_names_run_nothing_in_a_sample(odd: RunningService, odd_console: Console, tmp_path: Any) -> None:
    found = programs(odd_console, odd_service.SERVICE)
    for title, program in found.items():
        assert "SUBSCRIPTION" not in program, title
    rrs = found["RRS in Python"].replace("<API KEY>", odd.api_key)
    assert "output1" in run([sys.executable, "-c", rrs])
    if shutil.which("curl"):
        program = found["RRS with curl"].replace("<API KEY>", odd.api_key)
        assert "Results" in run(["bash", "-euc", f"cd {tmp_path}; {program}"])
        assert list(tmp_path.iterdir()) == []


def test_python_source_has_the_words_of_python_outside_texts_only() -> None:
    value = {"true": [True, False, None], 'a "null"': "true\n\\", "n": 1.5}
    assert eval(as_python(value)) == value
