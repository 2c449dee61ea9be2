"""The check as a whole: what is accepted, what is quarantined, and what stops a run."""

import csv
import pickle
from pathlib import Path
from typing import Any

import pytest

from bes.errors import InputError
from scoring.contract.check import CheckedInput
from scoring.contract.findings import summarise
from scoring.contract.model import Contract, Tolerance

GOOD = ["R000001", "5", "a fine book"]


def quarantine_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def accepted(checked: CheckedInput, *columns: str) -> list[list[str | None]]:
    return [
        list(row.values())
        for file in checked.files
        if file.n_rows
        for rows in file.rows(0, file.n_rows, columns or ["review_id", "Col1", "Col2"])
        for row in rows.text.to_pylist()
    ]


def changed(contract: Contract, *expectations: dict[str, Any], **members: Any) -> Contract:
    document = contract.model_dump() | members
    document["suite"]["expectations"] = [*document["suite"]["expectations"], *expectations]
    return Contract.model_validate(document)


def test_every_row_is_either_accepted_or_quarantined(check, write_csv):
    checked = check(write_csv([GOOD, ["R000002", "9", "fine"], ["R000003", "4", "=1+1"], ["bad", "x", ""]]))

    assert (checked.n_input, checked.n_accepted, checked.n_quarantined) == (4, 2, 2)
    assert accepted(checked) == [GOOD, ["R000003", "4", "=1+1"]]
    assert {line["record"] for line in quarantine_of(checked.quarantine_path)} == {"2", "4"}


def test_a_record_that_cannot_be_read_is_quarantined_and_the_others_are_scored(check, tmp_path: Path):
    path = tmp_path / "reviews.csv"
    path.write_bytes(b'review_id,Col1,Col2\nR000001,5,"two\nlines"\nR000002,5\n\nR000003,4,"a"b\nR000004,4,\xff\n')

    checked = check(path)

    assert accepted(checked, "review_id") == [["R000001"]]
    assert (checked.n_input, checked.n_quarantined) == (5, 4)
    lines = quarantine_of(checked.quarantine_path)
    assert [(line["record"], line["line"], line["rule"], line["raw"]) for line in lines] == [
        ("2", "4", "ragged_row", "R000002,5"),
        ("3", "5", "blank_line", ""),
        ("4", "6", "bad_quoting", 'R000003,4,"a"b'),
        ("5", "7", "bad_encoding", r"R000004,4,\xff"),
    ]
    assert lines[0]["message"].startswith("it has 2 fields instead of 3")


def test_accepted_rows_are_text_and_know_their_record(check, write_csv):
    first = write_csv([["R000001", "0", "fine"], ["R000002", "005", "1e5"]], "first.csv")
    second = write_csv([["R000003", "5", "NA"]], "second.csv")

    checked = check(first, second)

    assert accepted(checked, "Col1", "Col2") == [["005", "1e5"], ["5", "NA"]]
    assert [file.file.name for file in checked.files] == ["first.csv", "second.csv"]
    assert [file.record_of(0) for file in checked.files] == [2, 1]


def test_an_empty_cell_that_may_be_empty_is_accepted(check, write_csv, contract: Contract):
    document = contract.model_dump()
    document["suite"]["expectations"] = document["suite"]["expectations"][:4]

    checked = check(write_csv([["R000001", "", ""]]), against=Contract.model_validate(document))

    assert accepted(checked) == [["R000001", None, None]]


@pytest.mark.parametrize("chunk_bytes", [16, 1 << 20])
def test_every_copy_of_a_key_is_quarantined_also_across_files(check, write_csv, chunk_bytes: int):
    first = write_csv([GOOD, ["R000002", "5", "fine"]], "first.csv")
    second = write_csv([["R000002", "4", "other"], ["R000003", "4", "fine"]], "second.csv")

    checked = check(first, second, chunk_bytes=chunk_bytes)

    assert accepted(checked, "review_id") == [["R000001"], ["R000003"]]
    lines = quarantine_of(checked.quarantine_path)
    assert [(line["file"], line["record"], line["line"], line["value"], line["raw"]) for line in lines] == [
        ("first.csv", "2", "3", "R000002", "R000002,5,fine"),
        ("second.csv", "1", "2", "R000002", "R000002,4,other"),
    ]


def test_numbers_are_the_same_key_however_they_are_written(check, write_csv):
    suite = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
    ]
    contract = Contract(
        name="numbers",
        key="id",
        columns={"id": "integer", "text": "string"},
        inputs={"input1": ["text"]},
        output="output1",
        suite={"expectations": suite},
    )

    checked = check(write_csv([["7", "a"], ["007", "b"], ["8", "c"]], header=["id", "text"]), against=contract)

    assert accepted(checked, "text") == [["c"]]


def test_rows_that_are_duplicates_of_several_columns_together_are_found(check, write_csv, contract: Contract):
    rule = {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["Col1", "Col2"]}}
    rows = [["R000001", "5", "same"], ["R000002", "5", "same"], ["R000003", "4", "same"], ["R000004", "5", "other"]]

    checked = check(write_csv(rows), against=changed(contract, rule))

    assert accepted(checked, "review_id") == [["R000003"], ["R000004"]]
    assert [line["column"] for line in quarantine_of(checked.quarantine_path)] == ["Col1; Col2"] * 2
    assert [line["value"] for line in quarantine_of(checked.quarantine_path)] == ["5; same"] * 2


def test_a_row_with_a_warning_is_scored_and_reported(check, write_csv):
    checked = check(write_csv([GOOD, ["R000002", "5", "y" * 5001]]))

    assert (checked.n_accepted, checked.n_quarantined) == (2, 0)
    assert [(finding.severity, finding.record, finding.count) for finding in checked.findings] == [("warning", 2, 1)]
    assert quarantine_of(checked.quarantine_path) == []
    assert summarise(checked.findings)["count"].tolist() == [1]


def test_duplicates_by_a_warning_are_scored_and_reported(check, write_csv, contract: Contract):
    rule = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "Col2"}, "severity": "warning"}

    checked = check(write_csv([GOOD, ["R000002", "5", "a fine book"]]), against=changed(contract, rule))

    assert checked.n_accepted == 2
    assert [(finding.rule, finding.count) for finding in checked.findings] == [(rule["type"], 2)]


def test_a_clean_input_has_no_findings_and_an_empty_quarantine(check, write_csv):
    checked = check(write_csv([GOOD]))

    assert checked.findings == ()
    assert checked.unmet == ()
    assert quarantine_of(checked.quarantine_path) == []
    assert checked.quarantine_path.read_bytes() == b"file,record,line,column,rule,value,message,raw\r\n"
    assert checked.docs_index.is_file()


def test_an_input_without_one_good_row_is_refused_with_the_first_bad_one_and_the_quarantine(
    check, write_csv, tmp_path: Path
):
    with pytest.raises(InputError) as refused:
        check(write_csv([["R000001", "five", "fine"], ["R000002", "six", ""]]))

    assert refused.value.what == (
        "Not one of the 2 rows of reviews.csv is accepted. The first is 'reviews.csv', record 1, line 2:"
        " must be an integer of at most 18 digits, but it is 'five' (type of Col1)."
    )
    assert str(tmp_path / "quarantine.csv") in refused.value.next_step
    assert len(quarantine_of(tmp_path / "quarantine.csv")) == 3
    assert (tmp_path / "docs" / "index.html").is_file()
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


@pytest.mark.parametrize(
    ("tolerance", "said"),
    [
        (Tolerance(share=0.25), r"2 of 4 records are bad \(50.00%\), and the contract bears 25%\. The first is 'rev"),
        (
            Tolerance(rows=1),
            r"2 of 4 records are bad \(50.00%\), and the contract bears 1\. The first is 'reviews.csv', record 2, ",
        ),
    ],
)
def test_more_bad_rows_than_the_contract_bears_stop_the_run(check, write_csv, contract, tolerance, said):
    rows = [GOOD, ["R000002", "9", "fine"], ["R000003", "4", "fine"], ["R000004", "x", "fine"]]

    with pytest.raises(InputError, match=said):
        check(write_csv(rows), against=contract.model_copy(update={"tolerance": tolerance}))


@pytest.mark.parametrize("tolerance", [Tolerance(share=0.5), Tolerance(rows=2), Tolerance(share=0.5, rows=2)])
def test_as_many_bad_rows_as_the_contract_bears_do_not(check, write_csv, contract, tolerance):
    rows = [GOOD, ["R000002", "9", "fine"], ["R000003", "4", "fine"], ["R000004", "x", "fine"]]

    assert check(write_csv(rows), against=contract.model_copy(update={"tolerance": tolerance})).n_quarantined == 2


def test_a_share_that_is_exactly_met_is_borne(check, write_csv, contract):
    rows = [[f"R{number:06}", "9" if number < 29 else "5", "fine"] for number in range(100)]

    assert check(write_csv(rows), against=changed(contract, tolerance={"share": 0.29})).n_quarantined == 29


def test_an_input_that_is_surely_refused_is_not_read_to_its_end(check, write_csv, contract, tmp_path: Path):
    path = write_csv([[f"R{number:06}", "9", "fine"] for number in range(50_000)])

    with pytest.raises(InputError, match="and the rest was not read"):
        check(path, against=contract.model_copy(update={"tolerance": Tolerance(share=0.05)}), chunk_bytes=4096)

    assert 10_000 < len(quarantine_of(tmp_path / "quarantine.csv")) < 25_000
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize("chunk_bytes", [4096, 1 << 20])
def test_bad_rows_at_the_beginning_do_not_stop_an_input_that_is_good_beyond(check, write_csv, contract, chunk_bytes):
    bad = [[f"R{number:06}", "9", "y" * 1000] for number in range(200)]
    good = [[f"R{number:06}", "5", "ok"] for number in range(1000, 10_000)]

    tolerant = contract.model_copy(update={"tolerance": Tolerance(share=0.03)})

    assert check(write_csv(bad + good), against=tolerant, chunk_bytes=chunk_bytes).n_quarantined == 200


def row_count(severity: str) -> dict[str, Any]:
    return {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1000}, "severity": severity}


def test_a_critical_rule_about_the_table_stops_the_run(check, write_csv, contract: Contract):
    with pytest.raises(InputError, match=r"number of rows must be 1000, but it is 1 .*index\.html"):
        check(write_csv([GOOD]), against=changed(contract, row_count("critical")))


def test_a_rule_about_the_table_that_is_not_critical_is_reported(check, write_csv, contract: Contract):
    checked = check(write_csv([GOOD]), against=changed(contract, row_count("warning")))

    assert checked.unmet == ("number of rows must be 1000, but it is 1 (expect_table_row_count_to_equal)",)
    assert checked.n_accepted == 1


def test_a_rule_may_say_itself_how_mostly_it_must_hold(check, write_csv, contract: Contract):
    def rule(mostly: float) -> dict[str, Any]:
        kwargs = {"column": "Col2", "regex": "fine", "mostly": mostly}
        return {"type": "expect_column_values_to_match_regex", "kwargs": kwargs, "severity": "critical"}

    path = write_csv([GOOD, ["R000002", "5", "fine"], ["R000003", "5", "bad"], ["R000004", "5", "so fine"]])

    assert check(path, against=changed(contract, rule(0.7))).n_quarantined == 1
    with pytest.raises(InputError, match=r"must match fine.*expect_column_values_to_match_regex"):
        check(path, against=changed(contract, rule(0.9)))


def test_sensitive_cells_are_not_told(check, write_csv, contract: Contract):
    checked = check(write_csv([GOOD, ["R000002", "secret", "x"]]), against=changed(contract, sensitive=("Col1",)))

    told = summarise(checked.findings).to_csv() + "".join(map(str, checked.findings))
    assert "(redacted)" in told
    assert "secret" not in told
    assert "secret" in checked.quarantine_path.read_text()


def test_the_sample_has_exactly_its_six_bad_rows(check, repository: Path):
    checked = check(repository / "data" / "samples" / "book_reviews.csv")

    assert (checked.n_input, checked.n_accepted, checked.n_quarantined) == (1000, 994, 6)
    lines = quarantine_of(checked.quarantine_path)
    assert sorted((line["column"], line["rule"], line["value"]) for line in lines) == [
        ("Col1", "expect_column_values_to_be_between", "0"),
        ("Col1", "expect_column_values_to_be_between", "9"),
        ("Col1", "expect_column_values_to_not_be_null", ""),
        ("Col1", "type", "five"),
        ("Col2", "expect_column_values_to_not_be_null", ""),
        ("Col2", "expect_column_values_to_not_be_null", ""),
    ]


def distinct_values(severity: str, column: str = "Col2", value_set: tuple[str, ...] = ("fine",)) -> dict[str, Any]:
    kwargs = {"column": column, "value_set": list(value_set)}
    return {"type": "expect_column_distinct_values_to_be_in_set", "kwargs": kwargs, "severity": severity}


def test_a_refusal_as_a_whole_is_one_short_line_whatever_the_cells_hold(check, write_csv, contract: Contract):
    rows = [[f"R{number:06}", "5", f"{number:02}\nb" + "x" * 300] for number in range(30)]
    rule = distinct_values("critical", value_set=tuple(f"v{number}" for number in range(5000)))

    with pytest.raises(InputError) as refused:
        check(write_csv(rows), against=changed(contract, rule))

    what = refused.value.what
    assert "every distinct value must be one of ['v0', 'v1'," in what
    assert r"'v11' and 4,988 more], but '00\nbxxx" in what
    assert what.endswith("and 25 more are unexpected (expect_column_distinct_values_to_be_in_set of Col2).")
    assert len(what.splitlines()) == 1
    assert len(what) < 1000


def test_a_pattern_of_several_lines_is_told_in_one(check, write_csv, contract: Contract):
    kwargs = {"column": "Col2", "regex": "(fine|\n  good)", "mostly": 0.9}
    rule = {"type": "expect_column_values_to_match_regex", "kwargs": kwargs, "severity": "critical"}

    with pytest.raises(InputError) as refused:
        check(write_csv([GOOD, ["R000002", "5", "bad"]]), against=changed(contract, rule))

    assert "must match (fine| good) in 90.00% of the rows, but only 1 of 2 rows do" in refused.value.what
    assert len(refused.value.what.splitlines()) == 1


def test_rules_that_do_not_hold_as_a_whole_are_not_all_told(check, write_csv, contract: Contract):
    rules = [row_count("critical") | {"kwargs": {"value": 1000 + number}} for number in range(30)]

    with pytest.raises(InputError, match=r"must be 1004, but it is 1 \([a-z_]+\) and 25 more\."):
        check(write_csv([GOOD]), against=changed(contract, *rules))


@pytest.mark.parametrize(
    ("type_", "kwargs", "said"),
    [
        (
            "expect_column_max_to_be_between",
            {"max_value": 5},
            "the largest value must be at most 5, but there is no value",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]}},
            "quantiles must be 0.5 in [1, 2], but there is no value",
        ),
        (
            "expect_column_most_common_value_to_be_in_set",
            {"value_set": [1]},
            "the most common value must be one of [1], but there is no value",
        ),
    ],
)
def test_a_column_without_values_is_told_in_words(check, write_csv, type_: str, kwargs: dict[str, Any], said: str):
    contract = Contract(
        name="numbers",
        columns={"n": "integer", "text": "string"},
        inputs={"input1": ["text"]},
        output="output1",
        suite={"expectations": [{"type": type_, "kwargs": {"column": "n", **kwargs}, "severity": "warning"}]},
    )

    checked = check(write_csv([["", "a"]], header=["n", "text"]), against=contract)

    assert checked.unmet == (f"{said} ({type_} of n)",)


def test_too_many_distinct_values_stop_a_run_only_where_the_rule_is_critical(check, write_csv, contract: Contract):
    path = write_csv([[f"R{number:06}", "5", "fine"] for number in range(100_001)])
    found = "but there are more than 100,000 different values"

    checked = check(path, against=changed(contract, distinct_values("warning", "review_id")))

    assert checked.n_accepted == 100_001
    assert [found in one for one in checked.unmet] == [True]
    with pytest.raises(InputError, match=f"The input as a whole breaks its contract: .*{found}"):
        check(path, against=changed(contract, distinct_values("critical", "review_id")))
