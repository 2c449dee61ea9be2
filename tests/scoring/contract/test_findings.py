from scoring.contract.findings import Finding, quarantined_rows, summarise


def finding(row: int, *, rule: str = "type", severity: str = "critical", value: str = "five") -> Finding:
    return Finding(
        row=row,
        file="reviews.csv",
        record=row + 1,
        line=row + 2,
        column="Col1",
        rule=rule,
        severity=severity,
        value=value,
        message="must be an integer",
    )


def test_a_row_is_quarantined_once_however_many_rules_it_breaks():
    assert quarantined_rows([finding(3), finding(1), finding(3, rule="other")]) == [1, 3]


def test_a_row_with_a_warning_is_not_quarantined():
    assert quarantined_rows([finding(1, severity="warning"), finding(2, severity="info")]) == []


def test_the_summary_counts_by_rule_and_shows_the_first_example():
    summary = summarise([finding(0, rule="rare"), finding(4), finding(5, value="six")])

    assert summary[["rule", "count", "example"]].to_numpy().tolist() == [
        ["type", 2, "'five' (reviews.csv, line 6)"],
        ["rare", 1, "'five' (reviews.csv, line 2)"],
    ]


def test_the_summary_of_no_findings_is_an_empty_table():
    summary = summarise([])

    assert summary.empty
    assert list(summary.columns) == ["severity", "column", "rule", "message", "count", "example"]
