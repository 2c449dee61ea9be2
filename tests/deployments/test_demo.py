"""The demo on its own embedded stack: right, repeatable, and gone without a trace when it ends or is interrupted."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import vowpalwabbit

from deployments.stack import LocalStack
from tests.prefect_server import give_tables
from tests.readme import blocks, without_what_differs

# Brings loopback up in a new network namespace (SIOCSIFFLAGS, IFF_UP | IFF_RUNNING), then becomes the demo.
OFFLINE = """
import fcntl, os, socket, struct, sys
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
os.execv(sys.executable, [sys.executable, "-m", "deployments.cli", "demo"])
"""


def has_network_namespaces() -> bool:
    return (
        shutil.which("unshare") is not None and subprocess.run(["unshare", "-rn", "true"], check=False).returncode == 0
    )


def start_demo(repository: Path, data_dir: Path, *, offline: bool = False) -> subprocess.Popen[str]:
    online_command = [sys.executable, "-m", "deployments.cli", "demo"]
    return subprocess.Popen(
        ["unshare", "-rn", sys.executable, "-c", OFFLINE] if offline else online_command,
        cwd=repository,
        env={**os.environ, "BATCH_SCORING_RUN_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A session of its own, as a terminal gives one: signals go to the demo alone, never to the tests.
        start_new_session=True,
    )


def processes_of(data_dir: Path) -> list[str]:
    """Command lines of living processes that were started for this data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(data_dir).encode() in environment and command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def hashed_by_vowpal_wabbit(texts: list[str]) -> Iterator[list[int]]:
    workspace = vowpalwabbit.Workspace("--ngram 2 -b 18 --quiet --noconstant")
    for text in texts:
        # `:` and `|` are syntax in its text format: those tokens are hashed one by one.
        counts = [0] * 8
        hashes = [workspace.hash_feature(token, 0) & 0xFFFFFFFF for token in text.split()]
        grams = [(first * 27942141 + second) & 0xFFFFFFFF for first, second in pairwise(hashes)]
        for value in hashes + grams:
            counts[value & 7] += 1
        yield counts
    workspace.finish()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def path_in(summary: str, name: str) -> Path:
    found = re.search(rf"^\s*{name}\s+(/\S.*)$", summary, re.MULTILINE)
    assert found, summary
    return Path(found[1])


def demonstrate(repository: Path, data_dir: Path, *, offline: bool) -> str:
    """The summary of a whole demo, which has left nothing running."""
    with start_demo(repository, data_dir, offline=offline) as demo:
        summary, progress = demo.communicate(timeout=280)
    assert demo.returncode == 0, progress
    assert processes_of(data_dir) == []
    return summary


@pytest.mark.timeout(600)
def test_the_demo_ends_as_the_readme_shows_and_scores_as_vowpal_wabbit(
    repository: Path, tmp_path: Path, shared_folder: Path
):
    give_tables(tmp_path / ".stack", shared=shared_folder)

    summary = demonstrate(repository, tmp_path, offline=has_network_namespaces())

    (shown,) = [block for block in blocks(repository, "text") if "every row is accounted for" in block]
    assert without_what_differs(summary) == without_what_differs(shown)
    for name in ("manifest", "quarantine", "Data Docs"):
        assert path_in(summary, name).is_file()
    texts = {row["review_id"]: row["Col2"] for row in read(repository / "data/samples/book_reviews.csv")}
    predictions = read(path_in(summary, "predictions"))
    assert len(predictions) == 994
    expected = hashed_by_vowpal_wabbit([texts[row["review_id"]] for row in predictions])
    for row, counts in zip(predictions, expected, strict=True):
        assert [int(row[f"Col2_HashingFeature.{column}"]) for column in range(8)] == counts, row["review_id"]


@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.skipif(not has_network_namespaces(), reason="no network namespace can be made")
def test_the_demo_scores_the_sample_twice_alike_with_and_without_network(repository: Path, tmp_path: Path):
    outputs = []
    for offline in (False, True):
        summary = demonstrate(repository, tmp_path, offline=offline)
        outputs.append(path_in(summary, "predictions").read_bytes())
        assert re.search(r"rows in\s+1,000\n\s+scored\s+994\n\s+quarantined\s+6\n\s+failed\s+0\n\s+jobs\s+4\n", summary)
    assert outputs[0] == outputs[1]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["starting the Prefect server", "web service: embedded", "uploaded"])
@pytest.mark.slow
def test_an_interrupted_demo_leaves_no_process_and_no_half_result(
    repository: Path, tmp_path: Path, signal_number: signal.Signals, moment: str
):
    with start_demo(repository, tmp_path) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if moment in line:
                break
        demo.send_signal(signal_number)
        summary, rest = demo.communicate(timeout=100)
    assert demo.returncode == 130, rest
    assert "Interrupted" in rest
    assert "Traceback" not in rest
    assert summary == ""
    end = time.monotonic() + 10
    while processes_of(tmp_path):
        assert time.monotonic() < end, processes_of(tmp_path)
        time.sleep(0.1)
    assert list(tmp_path.glob("**/predictions.csv")) == []


def test_a_second_stack_in_the_same_folder_is_refused(repository: Path, tmp_path: Path):
    with LocalStack(tmp_path / ".stack"), start_demo(repository, tmp_path) as demo:
        _, progress = demo.communicate(timeout=60)
    assert demo.returncode == 2
    assert "Another local stack is using" in progress
