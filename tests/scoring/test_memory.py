"""What a process holds after much has passed through it."""

import subprocess
import sys
from pathlib import Path

import pytest

from scoring import memory

PASSES_BLOCKS = """
import threading
from pathlib import Path
from scoring.memory import keep_little

def resident_mib():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024

def work():
    # What stays behind each block would keep a pool from giving the block back.
    for _ in range(5):
        blocks = []
        for _ in range(4):
            blocks.append(b"x" * (5 << 20))
            stays.append(b"x" * 50_000)

keep_little()
stays = []
before = resident_mib()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(resident_mib() - before)
"""


@pytest.mark.skipif(not hasattr(memory._C, "mallopt"), reason="the C library is not glibc")
def test_blocks_that_passed_through_threads_are_the_systems_again(repository: Path):
    done = subprocess.run(
        [sys.executable, "-c", PASSES_BLOCKS], cwd=repository, capture_output=True, text=True, check=True
    )
    # 160 blocks of 5 MiB, and 8 MiB that stay.
    assert float(done.stdout) < 40


def test_another_c_library_keeps_its_own_ways(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "_C", None)
    memory.keep_little()
    memory.give_back()
