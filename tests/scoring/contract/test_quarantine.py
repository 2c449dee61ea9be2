"""quarantine.csv: every record that is not scored, with where it stands, what it breaks, and as it stands there."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from scoring.contract.model import Contract
from scoring.contract.quarantine import Quarantine
from scoring.contract.reading.block_reader import BlockReader
from scoring.contract.reading.blocks import Block
from scoring.contract.reading.cutting import Chunk, Cutter
from scoring.contract.reading.dialect import Dialect
from scoring.contract.rules.rules import Rule, rules_of

COLUMNS = ("review_id", "Col1", "Col2")
DATA = b'R1,9,"say ""hi"",\nnow"\r\nR2,5,=1+1\nR3,5\nR4,,"x\ry"\n'


def block_of(data: bytes, dialect: Dialect | None = None) -> Block:
    dialect = dialect or Dialect()
    (chunk,) = Cutter(dialect, 3).chunks(io.BytesIO(data), 0)
    return BlockReader(dialect, COLUMNS).read(chunk)


@pytest.fixture
def between(contract: Contract) -> Rule:
    return next(rule for rule in rules_of(contract) if rule.name == "expect_column_values_to_be_between")


@pytest.fixture
def not_null(contract: Contract) -> Rule:
    rules = [rule for rule in rules_of(contract) if rule.name == "expect_column_values_to_not_be_null"]
    return next(rule for rule in rules if rule.columns == ("Col1",))


def write(path: Path, block: Block, *broken: tuple[Rule, list[int]], encoding: str = "utf-8") -> list[dict[str, str]]:
    with Quarantine(path) as quarantine:
        rows = [(rule, np.array(positions)) for rule, positions in broken]
        quarantine.add(block, rows, file="a.csv", first_record=11, first_line=102, encoding=encoding)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_lines_are_in_the_order_of_records_and_tell_where_each_stands(tmp_path: Path, between: Rule, not_null: Rule):
    lines = write(tmp_path / "new" / "quarantine.csv", block_of(DATA), (not_null, [2]), (between, [0, 2]))

    assert [(line["record"], line["line"], line["column"], line["rule"], line["value"]) for line in lines] == [
        ("11", "102", "Col1", between.name, "9"),
        ("13", "105", "", "ragged_row", ""),
        ("14", "106", "Col1", not_null.name, ""),
        ("14", "106", "Col1", between.name, ""),
    ]
    assert {line["file"] for line in lines} == {"a.csv"}
    assert lines[0]["message"] == "must be between 1 and 5"


def test_raw_is_the_record_as_it_stands_in_the_file(tmp_path: Path, between: Rule):
    lines = write(tmp_path / "quarantine.csv", block_of(DATA), (between, [0, 1, 2]))

    assert [line["raw"] for line in lines] == ['R1,9,"say ""hi"",\nnow"', "R2,5,=1+1", "R3,5", 'R4,,"x\ry"']


def test_records_of_another_encoding_are_written_in_utf8(tmp_path: Path, between: Rule):
    dialect = Dialect(delimiter=";", encoding="cp1252")
    block = block_of("R1;9;schön €\nR2;5\n".encode("cp1252"), dialect)

    lines = write(tmp_path / "quarantine.csv", block, (between, [0]), encoding="cp1252")

    assert [line["raw"] for line in lines] == ["R1;9;schön €", "R2;5"]


def test_a_record_of_megabytes_that_cannot_be_read_is_cut_short(tmp_path: Path):
    lines = write(tmp_path / "quarantine.csv", block_of(b'R1,5,"' + b"x" * 1_000_000 + b'"y\nR2,5,z\n'))

    assert [line["rule"] for line in lines] == ["bad_quoting"]
    assert len(lines[0]["raw"]) == 64 * 1024


def test_a_cell_that_is_a_formula_elsewhere_is_left_as_it_is(tmp_path: Path, between: Rule):
    (line,) = write(tmp_path / "quarantine.csv", block_of(b"R1,=1+1,x\n"), (between, [0]))

    assert line["value"] == "=1+1"


def test_where_nothing_is_wrong_the_header_alone_is_written(tmp_path: Path):
    assert write(tmp_path / "quarantine.csv", block_of(b"R1,1,x\n")) == []
    assert (tmp_path / "quarantine.csv").read_bytes() == b"file,record,line,column,rule,value,message,raw\r\n"


def test_a_pass_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, between: Rule):
    path = tmp_path / "run" / "quarantine.csv"
    write(path, block_of(DATA), (between, [0]))
    before = path.read_bytes()

    with pytest.raises(IndexError):
        write(path, block_of(DATA), (between, [0]), (between, [99]))

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["quarantine.csv"]


def test_a_chunk_that_was_read_strictly_tells_the_same_places(tmp_path: Path, between: Rule):
    reader = BlockReader(Dialect(), COLUMNS)
    clean = b'R1,9,"a\nb"\nR2,5,x\nR3,9,y\n'
    fast, strict = reader.read(Chunk(offset=0, data=clean, reading=None)), reader.read_strictly(clean)

    assert write(tmp_path / "a.csv", fast, (between, [0, 2])) == write(tmp_path / "b.csv", strict, (between, [0, 2]))
