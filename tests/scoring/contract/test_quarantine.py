import csv
import io
from pathlib import Path

import pytest

from scoring.contract.findings import Finding
from scoring.contract.quarantine import write_quarantine
from scoring.contract.table import InputTable, read_input

COLUMNS = ["review_id", "Col1", "Col2"]


def finding(table: InputTable, row: int, column: str, severity: str = "critical") -> Finding:
    return Finding(
        row=row,
        file=table.file_of(row),
        record=int(table.record[row]),
        line=int(table.line[row]),
        column=column,
        rule="expect_something",
        severity=severity,
        value=table.text[column].iloc[row],
        message="must be something",
    )


@pytest.fixture
def table(write_csv) -> InputTable:
    return read_input([write_csv([["R1", "9", 'say "hi",\nnow'], ["R2", "5", "=1+1"], ["R3", "", "x\ry"]])], COLUMNS)


def read_back(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_each_critical_finding_is_a_line_in_the_order_of_the_input(tmp_path: Path, table: InputTable):
    findings = [finding(table, 2, "Col1"), finding(table, 0, "Col1"), finding(table, 1, "Col2", "warning")]

    write_quarantine(tmp_path / "run" / "quarantine.csv", findings, table)

    lines = read_back(tmp_path / "run" / "quarantine.csv")
    assert [(line["record"], line["line"], line["column"], line["value"]) for line in lines] == [
        ("1", "2", "Col1", "9"),
        ("3", "5", "Col1", ""),
    ]
    assert {line["file"] for line in lines} == {"reviews.csv"}
    assert lines[0]["rule"] == "expect_something"
    assert lines[0]["message"] == "must be something"


def test_raw_is_the_row_as_one_csv_record(tmp_path: Path, table: InputTable):
    write_quarantine(tmp_path / "quarantine.csv", [finding(table, row, "Col1") for row in range(3)], table)

    for row, line in enumerate(read_back(tmp_path / "quarantine.csv")):
        (record,) = csv.reader(io.StringIO(line["raw"], newline=""), strict=True)
        assert record == table.text.iloc[row].tolist()


def test_a_cell_that_is_a_formula_elsewhere_is_left_as_it_is(tmp_path: Path, table: InputTable):
    write_quarantine(tmp_path / "quarantine.csv", [finding(table, 1, "Col2")], table)

    assert read_back(tmp_path / "quarantine.csv")[0]["value"] == "=1+1"


def test_without_findings_the_header_alone_is_written(tmp_path: Path, table: InputTable):
    write_quarantine(tmp_path / "quarantine.csv", [], table)

    assert (tmp_path / "quarantine.csv").read_bytes() == b"file,record,line,column,rule,value,message,raw\r\n"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, table: InputTable):
    path = tmp_path / "run" / "quarantine.csv"
    write_quarantine(path, [finding(table, 0, "Col1")], table)
    before = path.read_bytes()
    unwritable = Finding(
        **{name: getattr(finding(table, 0, "Col1"), name) for name in Finding.__slots__} | {"value": "\udcff"}
    )

    with pytest.raises(UnicodeEncodeError):
        write_quarantine(path, [unwritable], table)

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["quarantine.csv"]
