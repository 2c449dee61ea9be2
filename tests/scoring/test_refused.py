"""The quarantine of refused rows: each with its place in its file, the service's words and itself."""

import csv

import pytest

from bes.errors import InputError
from scoring.contract.quarantine import COLUMNS
from scoring.contract.reading.dialect import Dialect
from scoring.plan import RefusedRow
from scoring.refused import write_quarantine
from scoring.shards import cut_shards
from tests.scoring.accepting import AWKWARD, accept, read_csv, write_csv

BROKEN = ["extract.csv", "1", "2", "text", "not_null", "", "wrong", 'raw,"\r\n']


def rows_alone(files):
    return cut_shards(files, key=None, sent=["text"], passthrough=[], rows_per_job=1)


def refused(shards, words="Line 2: no"):
    return [RefusedRow(shard=shard, words=words) for shard in shards]


def test_what_breaks_the_contract_comes_first_and_its_own_file_stays_as_it_is(tmp_path):
    of_contract = write_csv(tmp_path / "contract.csv", [COLUMNS, BROKEN], lineterminator="\r\n")
    before = of_contract.read_bytes()
    file = accept(write_csv(tmp_path / "extract.csv", [["text"], ["a"], ["b"]]))
    path = tmp_path / "quarantine.csv"

    write_quarantine(path, [], of_contract=of_contract)
    assert path.read_bytes() == before
    write_quarantine(path, refused(rows_alone([file])[1:]), of_contract=of_contract)

    assert of_contract.read_bytes() == before
    assert path.read_bytes().startswith(before)
    added = ["extract.csv", "2", "3", "", "refused_by_service", "", "Line 2: no", "b"]
    assert read_csv(path) == [list(COLUMNS), BROKEN, added]


@pytest.mark.parametrize("chunk_bytes", [16, 60, 1024])
def test_rows_of_any_text_are_found_in_their_file_as_they_stand_there(tmp_path, chunk_bytes):
    cells = [["text", "n"], *[[cell, str(number)] for number, cell in enumerate(AWKWARD)]]
    path = write_csv(tmp_path / "extract.csv", cells)
    with path.open("ab") as target:
        target.write(b"\r\n\xff\xfe,no text\r\nthe last,one")
    file = accept(path, rejected=[2, 5], chunk_bytes=chunk_bytes)
    shards = rows_alone([file])
    assert len(shards) == len(AWKWARD) - 2 + 1

    of_contract = write_csv(tmp_path / "contract.csv", [COLUMNS])
    write_quarantine(tmp_path / "quarantine.csv", refused(shards), of_contract=of_contract)

    lines = read_csv(tmp_path / "quarantine.csv")[1:]
    assert [int(line[1]) for line in lines] == [shard.first_record for shard in shards]
    physical = path.read_bytes().split(b"\n")
    for line, shard in zip(lines, shards, strict=True):
        raw = line[7].encode()
        assert b"\n".join(physical[int(line[2]) - 1 :]).startswith(raw)
        (row,) = csv.reader([line[7]], strict=True) if "\n" not in line[7] and "\r" not in line[7] else [None]
        (sent,) = [cell for batch in shard.sent_rows() for cell in batch.column("text").to_pylist()]
        assert row is None or row[0] == (sent or "")


def test_rows_of_several_files_and_encodings_name_their_file(tmp_path):
    for name, text in (("one.csv", "text\nschön\nübel\n"), ("two.csv", "text\nähnlich\n")):
        (tmp_path / name).write_text(text, encoding="latin-1")
    files = [accept(tmp_path / name, dialect=Dialect(encoding="latin-1")) for name in ("one.csv", "two.csv")]
    of_contract = write_csv(tmp_path / "contract.csv", [COLUMNS])
    write_quarantine(tmp_path / "quarantine.csv", refused(rows_alone(files)[1:]), of_contract=of_contract)
    lines = read_csv(tmp_path / "quarantine.csv")[1:]
    assert [[line[0], line[1], line[2], line[7]] for line in lines] == [
        ["one.csv", "2", "3", "übel"],
        ["two.csv", "1", "2", "ähnlich"],
    ]


def test_a_file_that_has_changed_is_an_error_and_no_quarantine_appears(tmp_path):
    path = write_csv(tmp_path / "extract.csv", [["text"], ["a"], ["b"]])
    shards = rows_alone([accept(path)])
    path.write_text("text\r\na\r\n")
    of_contract = write_csv(tmp_path / "contract.csv", [COLUMNS])
    with pytest.raises(InputError, match="is not the one that this run has checked"):
        write_quarantine(tmp_path / "quarantine.csv", refused(shards), of_contract=of_contract)
    assert not (tmp_path / "quarantine.csv").exists()
