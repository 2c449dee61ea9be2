"""Inputs of unusual shape on their way from the file to published predictions, or to a refusal that names its limit."""

import csv
import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.batch_scoring import batch_scoring
from scoring.contract.reading.dialect import MAX_RECORD_BYTES
from service.tables import BLOCK_BYTES
from tests.flows.conftest import RunHere

MEBIBYTE = 1 << 20
N_COLUMNS = 10_000
EXPECTED_ROW = ["1", "1", "2", "2", "0", "2", "0", "1"]
"""What the web service's guide gives for "This is a good day"."""

# Its own memory is counted from its start on.
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from flows.batch_scoring import batch_scoring

result = asyncio.run(batch_scoring(**json.load(sys.stdin))).model_dump(mode="json")
high_water = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({"result": result, "peak_kib": int(high_water.split()[1])}))
"""


def environment_in(home: Path, environment: dict[str, str]) -> dict[str, str]:
    own = {
        "BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}",
        "BATCH_SCORING_RUN_DATA_DIR": str(home / "runs"),
    }
    return {**environment, **own}


def contract_in(home: Path, name: str, columns: dict[str, str], *, passthrough: list[str] = []) -> str:  # noqa: B006
    """A contract that bears most rows to be wrong, and no limit on the length of a text."""
    path = home / f"{name}.yaml"
    key_rules = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_unique")
    rules = [{"type": rule, "kwargs": {"column": "review_id"}, "severity": "critical"} for rule in key_rules]
    document = {
        "name": name,
        "key": "review_id",
        "columns": columns,
        "inputs": {"input1": ["Col2"]},
        "output": "output1",
        "passthrough": passthrough,
        "tolerance": {"share": 0.9},
        "suite": {"expectations": rules},
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return str(path)


def review(number: int, text: bytes = b"This is a good day") -> bytes:
    return b"R%06d,4,%b" % (number, text)


HEADER = b"review_id,Col1,Col2"


def written(path: Path, *parts: bytes) -> str:
    path.write_bytes(b"".join(parts))
    return str(path)


def long_records(home: Path) -> str:
    """Records as long as the contract lets them be, which is a block of the web service, and one that is longer."""
    sizes = [5, MAX_RECORD_BYTES // 2 + MEBIBYTE, MAX_RECORD_BYTES - 100, MAX_RECORD_BYTES + 1, 5]
    records = [review(number, b"x" * size) + b"\n" for number, size in enumerate(sizes)]
    return written(home / "long.csv", HEADER, b"\n", *records)


def line_ends(home: Path) -> list[str]:
    mixed = [review(20), b"\r\n", review(21), b"\n", review(22, b'"This\r\nis\na\rgood day"'), b"\r\n", review(23)]
    return [
        written(home / "no_final.csv", HEADER, b"\n", review(1), b"\n", review(2)),
        written(home / "crlf.csv", HEADER, b"\r\n", review(10), b"\r\n", review(11), b"\r\n"),
        written(home / "mixed.csv", HEADER, b"\n", *mixed),
    ]


def many_columns(home: Path) -> tuple[str, list[str]]:
    names = ["review_id", "Col2", *(f"c{place}" for place in range(N_COLUMNS - 2))]
    rows = [[f"R{number}", "This is a good day", *map(str, range(N_COLUMNS - 2))] for number in range(3)]
    with (home / "wide.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return str(home / "wide.csv"), names


@pytest.fixture(scope="module")
def ran(
    run_here: RunHere, stack_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What came of several runs, by name."""
    home = tmp_path_factory.mktemp("unusual")
    reviews = contract_in(home, "reviews", {"review_id": "string", "Col1": "integer", "Col2": "string"})
    wide, names = many_columns(home)
    columns = dict.fromkeys(names, "string")
    orders = {
        "long records": {"inputs": [long_records(home)], "contract": reviews},
        "shards of one row": {"inputs": [line_ends(home)[0]], "contract": reviews, "rows_per_job": 1},
        "line ends": {"inputs": line_ends(home), "contract": reviews},
        "many columns": {"inputs": [wide], "contract": contract_in(home, "wide", columns, passthrough=names[2:])},
    }
    environment = environment_in(home, stack_environment)
    return {
        name: run_here(batch_scoring, **order, environment=environment).model_dump(mode="json")
        for name, order in orders.items()
    }


def rows_of(path: str) -> list[list[str]]:
    csv.field_size_limit(2 * MAX_RECORD_BYTES)
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def counts(result: dict[str, Any]) -> list[int]:
    return [result[f"n_{what}"] for what in ("input", "scored", "quarantined", "refused", "failed")]


def test_a_record_as_long_as_a_block_is_scored_and_a_longer_one_refused_by_name_with_the_limit(
    ran: dict[str, dict[str, Any]],
):
    result = ran["long records"]

    assert MAX_RECORD_BYTES == BLOCK_BYTES
    assert counts(result) == [5, 4, 1, 0, 0]
    # None of them was looked for in halves.
    assert result["n_jobs"] == 1
    assert [row[0] for row in rows_of(result["predictions"])[1:]] == ["R000000", "R000001", "R000002", "R000004"]
    assert refusal(result) == ("4", "oversize_record")


def refusal(result: dict[str, Any]) -> tuple[str, str]:
    """Number of the only record that is quarantined, and the rule; the message gives the limit."""
    with Path(result["quarantine"]).open(newline="", encoding="utf-8") as file:
        (refused,) = csv.DictReader(file)
    assert f"it does not end within {MAX_RECORD_BYTES:,} bytes" in refused["message"]
    return refused["record"], refused["rule"]


def test_shards_of_one_row_are_a_job_each(ran: dict[str, dict[str, Any]]):
    result = ran["shards of one row"]

    assert counts(result) == [2, 2, 0, 0, 0]
    assert result["n_jobs"] == 2
    assert [row[0] for row in rows_of(result["predictions"])[1:]] == ["R000001", "R000002"]


def test_every_kind_of_line_end_and_none_at_the_end_of_a_file_gives_the_same_scores(ran: dict[str, dict[str, Any]]):
    result = ran["line ends"]

    assert counts(result) == [8, 8, 0, 0, 0]
    _, *rows = rows_of(result["predictions"])
    assert [row[0] for row in rows] == [f"R{number:06d}" for number in (1, 2, 10, 11, 20, 21, 22, 23)]
    assert [row[1:] for row in rows] == [EXPECTED_ROW] * 8


def test_ten_thousand_columns_come_back_beside_their_scores(ran: dict[str, dict[str, Any]]):
    result = ran["many columns"]

    assert counts(result) == [3, 3, 0, 0, 0]
    header, *rows = rows_of(result["predictions"])
    assert header[:3] == ["review_id", "c0", "c1"]
    assert Counter(map(len, [header, *rows])) == {N_COLUMNS - 1 + 8: 4}
    for row in rows:
        assert row[1 : N_COLUMNS - 1] == list(map(str, range(N_COLUMNS - 2)))
        assert row[N_COLUMNS - 1 :] == EXPECTED_ROW


@pytest.mark.slow
def test_a_field_of_a_gigabyte_is_refused_by_name_in_memory_that_does_not_grow_with_it(
    stack_environment: dict[str, str], repository: Path, tmp_path: Path
):
    path = tmp_path / "gigabyte.csv"
    with path.open("wb") as file:
        file.write(HEADER + b"\n" + review(1) + b'\nR000002,4,"')
        for _ in range(1024):
            file.write(b"x" * MEBIBYTE)
        file.write(b'"\n' + review(3) + b"\n")
    reviews = contract_in(tmp_path, "reviews", {"review_id": "string", "Col1": "integer", "Col2": "string"})

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps({"inputs": [str(path)], "contract": reviews}),
        cwd=repository,
        env={**os.environ, **environment_in(tmp_path, stack_environment)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    result = told["result"]
    assert counts(result) == [3, 2, 1, 0, 0]
    assert [row[0] for row in rows_of(result["predictions"])[1:]] == ["R000001", "R000003"]
    assert refusal(result) == ("2", "oversize_record")
    # A run over a few short rows takes 310 MiB, most of it the libraries.
    assert told["peak_kib"] / 1024 < 500
