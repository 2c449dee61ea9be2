"""Jobs of a bounded number of bytes: cut while a file is read, on the boundaries of its records."""

import csv
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bes.errors import InputError
from scoring.contract.evaluation import run_pass
from scoring.contract.model import Contract
from scoring.contract.quarantine import Quarantine
from scoring.contract.reading.accepted import AcceptedFile
from scoring.contract.reading.preflight import inspect_files
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import rules_of
from scoring.shards import cut_shards


def critical(kind: str) -> dict[str, Any]:
    return {"type": f"expect_column_values_to_{kind}", "kwargs": {"column": "key"}, "severity": "critical"}


CONTRACT = Contract.model_validate(
    {
        "name": "texts",
        "key": "key",
        "columns": {"key": "string", "text": "string"},
        "suite": {"expectations": [critical("not_be_null"), critical("be_unique")]},
        "inputs": {"input1": ["text"]},
        "output": "output1",
    }
)
texts = st.lists(st.sampled_from(["", "a", "two\r\nlines", 'quo"ted', "x" * 50, "ü" * 9]), min_size=1, max_size=40)


def checked(path: Path, most_bytes: int, chunk_bytes: int = 64) -> AcceptedFile:
    rules = rules_of(CONTRACT)
    spill = path.with_suffix(".keys")
    spill.mkdir(exist_ok=True)
    profile = Profile(CONTRACT.columns, rules, spill_dir=spill)
    inputs = inspect_files([path], CONTRACT)
    with Quarantine(path.with_suffix(".quarantine")) as quarantine:
        outcome = run_pass(
            inputs, CONTRACT, rules, profile, quarantine, bytes_per_job=most_bytes, chunk_bytes=chunk_bytes
        )
    (file,) = outcome.files
    return file


def write(path: Path, given: list[str], n_copies: int = 0) -> list[bytes]:
    """Write a file whose first records have the same key, so that they are not accepted; the records of the others."""
    rows = [[f"{max(row, n_copies)}", text] for row, text in enumerate(given)]
    with path.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows([["key", "text"], *rows])
    lines = []
    for row in rows:
        with (path.with_suffix(".one")).open("w", newline="", encoding="utf-8") as target:
            csv.writer(target).writerow(row)
        lines.append(path.with_suffix(".one").read_bytes())
    return lines[n_copies + 1 if n_copies else 0 :]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=texts, most_bytes=st.integers(60, 300), rows_per_job=st.integers(1, 20), n_copies=st.integers(0, 5))
def test_no_job_has_more_bytes_or_rows_than_it_may_and_none_could_have_taken_the_next_row(
    tmp_path: Path, given: list[str], most_bytes: int, rows_per_job: int, n_copies: int
):
    path = tmp_path / "texts.csv"
    records = write(path, given, n_copies if n_copies < len(given) else 0)
    accepted = checked(path, most_bytes)
    shards = cut_shards([accepted], key="key", sent=["text"], passthrough=[], rows_per_job=rows_per_job)

    assert [shard.offset for shard in shards] == [sum(one.n_rows for one in shards[:at]) for at in range(len(shards))]
    assert sum(shard.n_rows for shard in shards) == accepted.n_rows == len(records)
    for shard in shards:
        mine = records[shard.offset : shard.offset + shard.n_rows]
        assert sum(map(len, mine)) <= most_bytes
        assert 1 <= shard.n_rows <= rows_per_job
    if not n_copies and rows_per_job >= len(records):
        for shard, after in itertools.pairwise(shards):
            mine = records[shard.offset : after.offset + 1]
            assert sum(map(len, mine)) > most_bytes


def test_a_record_that_is_longer_than_a_job_may_be_is_named(tmp_path: Path):
    path = tmp_path / "texts.csv"
    write(path, ["a", "b", "x" * 100, "c"])
    with pytest.raises(InputError, match=r"Record 3 of 'texts\.csv' has 104 bytes; a job is given 50 at most"):
        checked(path, 50)
