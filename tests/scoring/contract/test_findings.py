"""What the pass found, in words."""

from scoring.contract.findings import Finding, first_of, summarise


def finding(record: int, *, rule: str = "type", count: int = 1, file: str = "reviews.csv", **other) -> Finding:
    known = {"severity": "critical", "columns": ("Col1",), "message": "must be an integer", "value": "'five'"}
    return Finding(rule=rule, count=count, file=file, record=record, line=record + 1, **(known | other))


def test_the_summary_shows_the_first_example_of_each_rule():
    summary = summarise([finding(4, count=2), finding(1, rule="ragged_row", columns=(), value=None)])

    assert summary[["column", "rule", "count", "example"]].to_numpy().tolist() == [
        ["Col1", "type", 2, "'five' (reviews.csv, line 5)"],
        ["", "ragged_row", 1, "reviews.csv, line 2"],
    ]


def test_the_summary_of_no_findings_is_an_empty_table():
    summary = summarise([])

    assert summary.empty
    assert list(summary.columns) == ["severity", "column", "rule", "message", "count", "example"]


def test_the_first_finding_is_that_of_the_first_file_and_of_the_first_record_in_it():
    findings = [finding(1, file="b.csv"), finding(7, file="a.csv"), finding(5, file="a.csv")]

    assert first_of(findings, ["a.csv", "b.csv"]) == findings[2]
    assert first_of(findings, ["b.csv", "a.csv"]) == findings[0]


def test_a_finding_names_file_record_line_and_rule():
    assert str(finding(3)) == ("'reviews.csv', record 3, line 4: must be an integer, but it is 'five' (type of Col1)")
    assert str(finding(3, columns=(), rule="nul", value=None)) == (
        "'reviews.csv', record 3, line 4: must be an integer (nul)"
    )
