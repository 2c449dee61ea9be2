"""The memory of the process that runs the flow: the same for a small file and for one of a gigabyte."""

import sys
from pathlib import Path

import pytest

from benchmarks.apart import run_apart
from benchmarks.reviews import write_reviews
from benchmarks.surroundings import Bench, running_bench

MOST_MIB = 400
"""Of the process of the flow; it holds Prefect, pandas and Arrow, which take 220 of them."""

GROWTH_MIB = 60
"""Between 50 MB and 1 GB: allocators differ by that much from run to run."""


def peak_mib(bench: Bench, size_bytes: int) -> float:
    """The largest resident memory of any process of `batch-scoring run`, which is that of the flow."""
    source = bench.home / f"{size_bytes}.csv"
    write_reviews(source, size_bytes)
    command = [sys.executable, "-m", "deployments.cli", "run", str(source), "--contract", str(bench.contract)]
    environment = {**bench.environment, "BATCH_SCORING_RUN_DATA_DIR": str(bench.home / "runs")}
    cost = run_apart([*command, "--bytes-per-job", "25000000"], environment=environment)
    assert "every row is accounted for" in cost.output
    source.unlink()
    return cost.peak_mib


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_memory_of_a_run_does_not_grow_with_its_input(tmp_path: Path):
    with running_bench(tmp_path, with_prefect=True) as bench:
        small, large = peak_mib(bench, 50_000_000), peak_mib(bench, 1_000_000_000)
    print(f"peak resident memory: {small:.0f} MiB at 50 MB, {large:.0f} MiB at 1 GB")  # noqa: T201 (what the campaign is for)
    assert large <= MOST_MIB
    assert large <= small + GROWTH_MIB
