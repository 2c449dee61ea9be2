import csv
import pickle
from collections import Counter
from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.check import NoRowAccepted
from scoring.contract.csvfile import MalformedRecord
from scoring.contract.findings import summarise
from scoring.contract.model import Contract

GOOD = ["R000001", "5", "a fine book"]


def quarantine_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_every_row_is_either_accepted_or_quarantined(check, write_csv):
    checked = check(write_csv([GOOD, ["R000002", "9", "fine"], ["R000003", "4", "=1+1"], ["bad", "x", ""]]))

    assert (checked.n_input, checked.n_accepted, checked.n_quarantined) == (4, 2, 2)
    assert checked.accepted.to_numpy().tolist() == [GOOD, ["R000003", "4", "=1+1"]]
    assert {line["record"] for line in quarantine_of(checked.quarantine_path)} == {"2", "4"}


def test_accepted_rows_are_text_and_know_their_file_and_record(check, write_csv):
    first = write_csv([["R000001", "0", "fine"], ["R000002", "005", "1e5"]], "first.csv")
    second = write_csv([["R000003", "5", "NA"]], "second.csv")

    checked = check(first, second)

    assert checked.accepted["Col1"].tolist() == ["005", "5"]
    assert checked.accepted["Col2"].tolist() == ["1e5", "NA"]
    assert checked.accepted.index.names == ["file_index", "record"]
    assert checked.accepted.index.tolist() == [(0, 2), (1, 1)]
    assert checked.files == ("first.csv", "second.csv")


def test_an_empty_cell_that_may_be_empty_is_accepted_as_empty_text(check, write_csv, contract: Contract):
    lenient = contract.model_copy(update={"expectations": contract.expectations[:4]})

    assert check(write_csv([["R000001", "", ""]]), against=lenient).accepted.to_numpy().tolist() == [
        ["R000001", "", ""]
    ]


def test_every_copy_of_a_key_is_quarantined_also_across_files(check, write_csv):
    first = write_csv([GOOD, ["R000002", "5", "fine"]], "first.csv")
    second = write_csv([["R000002", "4", "other"], ["R000003", "4", "fine"]], "second.csv")

    checked = check(first, second)

    assert checked.accepted["review_id"].tolist() == ["R000001", "R000003"]
    lines = quarantine_of(checked.quarantine_path)
    assert [(line["file"], line["record"], line["line"]) for line in lines] == [
        ("first.csv", "2", "3"),
        ("second.csv", "1", "2"),
    ]


def test_a_row_with_a_warning_is_scored_and_reported(check, write_csv):
    checked = check(write_csv([GOOD, ["R000002", "5", "y" * 5001]]))

    assert (checked.n_accepted, checked.n_quarantined) == (2, 0)
    assert [(finding.severity, finding.record) for finding in checked.findings] == [("warning", 2)]
    assert quarantine_of(checked.quarantine_path) == []
    assert summarise(checked.findings)["count"].tolist() == [1]


def test_a_clean_input_has_no_findings_and_an_empty_quarantine(check, write_csv):
    checked = check(write_csv([GOOD]))

    assert checked.findings == ()
    assert checked.table_failures == ()
    assert quarantine_of(checked.quarantine_path) == []
    assert checked.docs_index.is_file()


def test_an_input_without_one_good_row_is_refused_with_counts_and_quarantine(check, write_csv, tmp_path: Path):
    with pytest.raises(NoRowAccepted) as refused:
        check(write_csv([["R000001", "five", "fine"], ["R000002", "six", ""]]))

    error = refused.value
    assert error.n_input == 2
    assert error.counts == {"type of Col1": 2, "expect_column_values_to_not_be_null of Col2": 1}
    assert "Not one of the 2 rows of reviews.csv is accepted (type of Col1: 2, " in str(error)
    assert error.quarantine_path in error.next_step
    assert len(quarantine_of(Path(error.quarantine_path))) == 3
    assert (tmp_path / "docs" / "index.html").is_file()


def test_the_error_survives_pickling(check, write_csv):
    with pytest.raises(NoRowAccepted) as refused:
        check(write_csv([["R000001", "five", "fine"]]))

    copy = pickle.loads(pickle.dumps(refused.value))

    assert (str(copy), copy.counts) == (str(refused.value), refused.value.counts)


def table_rule(contract: Contract, severity: str) -> Contract:
    document = contract.model_dump()
    document["expectations"] = [
        *document["expectations"],
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1000}, "severity": severity},
    ]
    return Contract.model_validate(document)


def test_a_critical_rule_about_the_table_stops_the_run(check, write_csv, contract: Contract):
    with pytest.raises(InputError, match=r"number of rows must be 1000, but it is 1 .*index\.html"):
        check(write_csv([GOOD]), against=table_rule(contract, "critical"))


def test_a_rule_about_the_table_that_is_not_critical_is_reported(check, write_csv, contract: Contract):
    checked = check(write_csv([GOOD]), against=table_rule(contract, "warning"))

    assert [failure.observed for failure in checked.table_failures] == ["1"]
    assert checked.n_accepted == 1


def test_a_file_that_cannot_be_read_for_sure_is_refused_before_anything_is_written(check, write_csv, tmp_path: Path):
    with pytest.raises(MalformedRecord, match=r"record 2, line 3"):
        check(write_csv([GOOD, ["R000002", "5"]]))

    assert [path.name for path in tmp_path.iterdir()] == ["reviews.csv"]


def test_the_sample_has_exactly_its_six_bad_rows(check, repository: Path):
    checked = check(repository / "data" / "samples" / "book_reviews.csv")

    assert (checked.n_input, checked.n_accepted, checked.n_quarantined) == (1000, 994, 6)
    assert Counter((finding.column, finding.rule, finding.value) for finding in checked.findings) == {
        ("Col1", "expect_column_values_to_be_between", "0"): 1,
        ("Col1", "expect_column_values_to_be_between", "9"): 1,
        ("Col1", "type", "five"): 1,
        ("Col1", "expect_column_values_to_not_be_null", ""): 1,
        ("Col2", "expect_column_values_to_not_be_null", ""): 2,
    }
