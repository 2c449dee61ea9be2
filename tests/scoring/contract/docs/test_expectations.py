import html
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bes.errors import InputError
from scoring.contract.docs.asking import Evaluation
from scoring.contract.docs.expectations import evaluate
from scoring.contract.model import Contract
from scoring.contract.rules.rules import Rule, rules_of
from scoring.contract.spelling import REDACTED
from tests.scoring.contract.docs.test_parity import CASES, NEVER_BROKEN, SHAPES
from tests.scoring.contract.docs.test_parity import COLUMNS as PARITY_COLUMNS
from tests.scoring.contract.finished_pass import Row, contract_of, expectation, pass_over

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)> $template ${x} $$ &amp;'
COLUMNS = {"id": "string", "n": "integer", "price": "float", "word": "string"}
BETWEEN = expectation("expect_column_values_to_be_between", column="n", min_value=1, max_value=5)
ROWS = [("a", "1", "0.5", "fine"), ("b", "nine", "2.5", SCRIPT), (None, "9", None, IMAGE), ("a", "7", "1", "x")]

Run = Callable[..., Evaluation]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(contract: Contract, rows: list[Row], run_name: str = "nightly", **members: Any) -> Evaluation:
        profile, rules = pass_over(contract, rows, tmp_path / "spill", **members)
        return evaluate(profile, rules, contract, docs_dir=tmp_path / "docs", run_name=run_name)

    return run


def page_of(evaluation: Evaluation) -> str:
    """The first page that the index leads to."""
    link = re.search(r'<a href="(validations/[^"]+)">', evaluation.docs_index.read_text(encoding="utf-8"))
    assert link is not None
    return (evaluation.docs_index.parent / link[1]).read_text(encoding="utf-8")


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def stored_in(docs_dir: Path) -> dict[str, Any]:
    (path,) = (docs_dir / "results").rglob("*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_rule_has_its_result_in_the_order_of_the_rules(run: Run):
    row_count = expectation("expect_table_row_count_to_equal", value=3)
    mean = expectation("expect_column_mean_to_be_between", column="price", min_value=1)

    contract = contract_of(COLUMNS, row_count, BETWEEN, mean)

    results = zip(rules_of(contract), run(contract, ROWS).results, strict=True)

    assert [(rule.name, rule.columns, one.success, one.observed) for rule, one in results] == [
        ("type", ("n",), False, ""),
        ("type", ("price",), True, ""),
        ("expect_table_row_count_to_equal", (), False, "it is 4"),
        ("expect_column_values_to_be_between", ("n",), False, ""),
        ("expect_column_mean_to_be_between", ("price",), True, f"it is {4 / 3}"),
    ]


@pytest.mark.parametrize(("mostly", "success"), [(0.5, True), (0.51, False)])
def test_mostly_is_read_by_great_expectations(run: Run, mostly: float, success: bool):
    rule = {**BETWEEN, "kwargs": {**BETWEEN["kwargs"], "mostly": mostly}}

    *_, result = run(contract_of(COLUMNS, rule), ROWS).results

    assert result.success is success


def test_severities_are_those_of_the_suite(run: Run, tmp_path: Path):
    run(contract_of(COLUMNS, {**BETWEEN, "severity": "warning"}), ROWS)

    severities = [one["expectation_config"]["severity"] for one in stored_in(tmp_path / "docs")["results"]]
    assert severities == ["critical", "critical", "critical", "warning"]


def test_records_that_cannot_be_read_break_an_expectation_of_their_own(run: Run, tmp_path: Path):
    evaluation = run(contract_of(COLUMNS, BETWEEN), ROWS[:1], n_unreadable=3)

    structure, *others = stored_in(tmp_path / "docs")["results"]
    assert structure["expectation_config"]["kwargs"]["column"] == "(record structure)"
    assert (structure["success"], structure["result"]["unexpected_count"]) == (False, 3)
    assert structure["result"]["element_count"] == 4
    assert {one["result"]["element_count"] for one in others} == {1}
    assert all(one.success for one in evaluation.results)
    page = text_of(page_of(evaluation))
    assert "3 unexpected values found. 75% of 4 total rows. 75% unexpected" in page
    assert "% null" not in page


def test_records_that_can_all_be_read_hold_it(run: Run, tmp_path: Path):
    run(contract_of(COLUMNS, BETWEEN), ROWS[:1])

    assert stored_in(tmp_path / "docs")["success"] is True


def test_a_column_may_be_called_like_the_one_of_the_records(run: Run, tmp_path: Path):
    name = "(record structure)"
    contract = contract_of({name: "string"}, expectation("expect_column_values_to_be_null", column=name))

    (result,) = run(contract, [("x",), (None,)], n_unreadable=3).results

    structure, of_column = stored_in(tmp_path / "docs")["results"]
    assert not result.success
    assert (structure["result"]["unexpected_count"], of_column["result"]["unexpected_count"]) == (3, 1)


def test_a_metric_without_an_answer_is_an_error_that_names_the_expectation(tmp_path: Path):
    contract = contract_of(COLUMNS, BETWEEN)
    profile, rules = pass_over(contract, ROWS, tmp_path)
    other = [replace(rule, metric="column_values.unknown") if rule.name != "type" else rule for rule in rules]

    with pytest.raises(InputError, match=r"could not evaluate expect_column_values_to_be_between \{'column': 'n'"):
        evaluate(profile, other, contract, docs_dir=tmp_path / "docs", run_name="nightly")

    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize(
    "configuration",
    [
        expectation("expect_column_values_to_be_increasing", column="n"),
        expectation("expect_column_values_to_be_between", column="n", min_value=1, row_condition="n > 1"),
        expectation("expect_column_values_to_be_betwixt", column="n"),
        expectation("expect_column_values_to_be_between", column="n", mostly="some"),
    ],
)
def test_what_the_pass_did_not_judge_never_holds(tmp_path: Path, configuration: dict[str, Any]):
    contract = contract_of(COLUMNS, BETWEEN)
    profile, rules = pass_over(contract, ROWS, tmp_path)
    *known, last = rules
    foreign: Rule = replace(last, configuration={**configuration, "severity": "critical"})

    with pytest.raises(InputError, match=f"could not evaluate {configuration['type']}"):
        evaluate(profile, [*known, foreign], contract, docs_dir=tmp_path / "docs", run_name="nightly")


def test_a_suite_at_which_great_expectations_itself_ends_is_an_error(tmp_path: Path):
    contract = contract_of(COLUMNS, BETWEEN)
    profile, rules = pass_over(contract, ROWS, tmp_path)
    *known, last = rules
    divergence = expectation("expect_column_kl_divergence_to_be_less_than", column="n", threshold=0.1)

    with pytest.raises(InputError, match="could not evaluate the suite 'reviews': it ended with KeyError"):
        evaluate(
            profile, [*known, replace(last, configuration=divergence)], contract, docs_dir=tmp_path, run_name="nightly"
        )


@pytest.mark.slow
def test_a_rule_about_more_distinct_values_than_are_counted_does_not_hold(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    suite = [
        expectation("expect_column_distinct_values_to_be_in_set", column="id", value_set=["a"]),
        expectation("expect_column_distinct_values_to_contain_set", column="id", value_set=["R1"]),
        expectation("expect_column_distinct_values_to_equal_set", column="id", value_set=["a"]),
        expectation("expect_column_most_common_value_to_be_in_set", column="id", value_set=["a"]),
        expectation("expect_column_unique_value_count_to_be_between", column="id", min_value=100_000),
    ]
    contract = contract_of({"id": "string"}, *suite, sensitive=["id"])
    profile, rules = pass_over(contract, [(f"R{number}",) for number in range(100_001)], tmp_path)

    evaluation = evaluate(profile, rules, contract, docs_dir=tmp_path / "docs", run_name="nightly")

    *uncounted, counted = evaluation.results
    assert [one.success for one in uncounted] == [False] * 4
    assert all(one.observed.startswith("there are more than 100,000 different values") for one in uncounted)
    assert counted.success
    assert text_of(page_of(evaluation)).count("more than 100,000 different values") == 4
    assert stored_in(tmp_path / "docs")["statistics"]["unsuccessful_expectations"] == 4
    assert caplog.records == []


@pytest.mark.parametrize("sensitive", [[], list(PARITY_COLUMNS)], ids=["open", "sensitive"])
def test_every_expectation_that_does_not_hold_has_its_place_in_the_page(
    run: Run, caplog: pytest.LogCaptureFixture, sensitive: list[str]
):
    suite = [expectation(type_, **case.kwargs) for type_, cases in CASES.items() for case in cases]
    contract = contract_of(PARITY_COLUMNS, *suite, sensitive=sensitive)

    results = [run(contract, SHAPES[shape]).results for shape in ("with empty cells", "all empty")]

    named = [(rule.name, one) for shown in results for rule, one in zip(rules_of(contract), shown, strict=True)]
    assert set(CASES) - NEVER_BROKEN <= {name for name, one in named if not one.success}
    # GX leaves out what it stumbles over, and says so here only.
    assert [record for record in caplog.records if record.name.startswith("great_expectations")] == []


def test_the_page_names_distinct_values_that_are_unexpected_or_missing(run: Run):
    rule = expectation("expect_column_distinct_values_to_equal_set", column="word", value_set=["q", "r"])

    page = text_of(page_of(run(contract_of({"word": "string"}, rule), [("x",), ("q",)])))

    assert "'x' is unexpected; 'r' is missing" in page


def test_a_page_names_few_values_however_many_are_the_most_common_one(run: Run, tmp_path: Path):
    rule = expectation("expect_column_most_common_value_to_be_in_set", column="id", value_set=["a"])

    evaluation = run(contract_of({"id": "string"}, rule), [(f"R{number:05}",) for number in range(5000)])

    assert "they are 'R00000', 'R00001', 'R00002', 'R00003', 'R00004' and 4,995 more" in text_of(page_of(evaluation))
    assert "R00100" not in json.dumps(stored_in(tmp_path / "docs"))


def test_the_reason_of_an_error_shows_no_sensitive_cell(tmp_path: Path):
    rule = expectation("expect_column_max_to_be_between", column="day", max_value="2026-01-01")
    contract = contract_of({"day": "date"}, rule, sensitive=["day"])
    profile, rules = pass_over(contract, [("2026-01-01",)], tmp_path)
    # GX itself reads the value, and names it where it cannot.
    profile.figures("day")._largest = ["secret"]

    with pytest.raises(InputError) as caught:
        evaluate(profile, rules, contract, docs_dir=tmp_path / "docs", run_name="nightly")

    assert "expect_column_max_to_be_between" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_cells_and_names_of_files_with_markup_are_shown_as_text(run: Run, tmp_path: Path):
    known = expectation("expect_column_values_to_be_in_set", column="word", value_set=["<u>ok</u>", "fine"])

    page = page_of(run(contract_of(COLUMNS, known), ROWS, run_name=SCRIPT, file="<b>nightly</b>.csv"))

    for text in (SCRIPT, IMAGE, "<u>ok</u>", "<b>nightly</b>.csv line 3"):
        assert text in text_of(page)
    for path in (tmp_path / "docs").rglob("*.html"):
        assert not re.search(r"<(script|img|link|b|u)\b", path.read_text(encoding="utf-8"), re.IGNORECASE)
    assert "<" not in next((tmp_path / "docs" / "results").rglob("*.json")).read_text(encoding="utf-8")


@pytest.mark.parametrize("column", [SCRIPT, "Q&A \" onmouseover='alert(3)' $x >5", "</title><script>alert(4)</script>"])
def test_names_of_columns_with_markup_are_shown_as_text(run: Run, tmp_path: Path, column: str):
    columns = {"id": "string", column: "string"}
    suite = [
        expectation("expect_column_values_to_be_in_set", column=column, value_set=["ok"]),
        expectation("expect_table_columns_to_match_ordered_list", column_list=list(columns)),
        expectation("expect_column_pair_values_to_be_equal", column_A="id", column_B=column),
        expectation("expect_compound_columns_to_be_unique", column_list=["id", column]),
    ]

    page = page_of(run(contract_of(columns, *suite), [("a", "no"), ("a", "no")]))

    assert text_of(page).count(column) >= 6
    for path in (tmp_path / "docs").rglob("*.html"):
        assert not re.search(r"<script|<[a-z]+[^>]*onmouseover", path.read_text(encoding="utf-8"))


def test_a_column_may_be_called_like_a_place(run: Run):
    known = expectation("expect_column_values_to_be_in_set", column="line", value_set=["ok"])

    assert "no 1 reviews.csv line 2" in text_of(page_of(run(contract_of({"line": "string"}, known), [("no",)])))


def test_cells_of_sensitive_columns_are_nowhere(run: Run, tmp_path: Path):
    suite = [
        expectation("expect_column_values_to_be_in_set", column="mail", value_set=["ok"]),
        expectation("expect_column_values_to_be_null", column="mail"),
        expectation("expect_column_pair_values_to_be_equal", column_A="word", column_B="mail"),
        expectation("expect_compound_columns_to_be_unique", column_list=["word", "mail"]),
        expectation("expect_column_max_to_be_between", column="born", max_value="1990-01-01"),
        expectation("expect_column_mean_to_be_between", column="pay", max_value=1),
        expectation("expect_column_distinct_values_to_be_in_set", column="mail", value_set=["ok"]),
        expectation("expect_column_most_common_value_to_be_in_set", column="mail", value_set=["ok"]),
        expectation("expect_column_unique_value_count_to_be_between", column="mail", max_value=0),
    ]
    columns = {"word": "string", "mail": "string", "born": "date", "pay": "integer"}
    contract = contract_of(columns, *suite, sensitive=["mail", "born", "pay"])

    rows = [("beside", "secret@example", "1999-12-24", "987654"), ("beside", "secret@example", "secret", "secret")]
    evaluation = run(contract, rows)

    files = [path for path in (tmp_path / "docs").rglob("*") if path.is_file()]
    assert len(files) >= 4
    told = "".join(path.read_text(encoding="utf-8") for path in files) + "".join(
        one.observed for one in evaluation.results
    )
    assert not re.search("secret|beside|1999|987654", told)
    assert REDACTED in page_of(evaluation)


def test_no_page_asks_the_network_for_anything(run: Run, tmp_path: Path):
    run(contract_of(COLUMNS, BETWEEN), ROWS)

    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "docs").rglob("*.html")]
    assert len(pages) == 3
    for page in pages:
        assert not re.search(r"<(?:script|link|img)|url\(|@import", page, re.IGNORECASE)
        assert "Content-Security-Policy" in page


def test_the_links_of_a_page_lead_to_pages(run: Run, tmp_path: Path):
    run(contract_of(COLUMNS, BETWEEN), ROWS)

    links = [
        (path, link)
        for path in (tmp_path / "docs").rglob("*.html")
        for link in re.findall(r'href="([^"#]+\.html)"', path.read_text(encoding="utf-8"))
    ]
    assert len(links) >= 4
    assert all((path.parent / link).resolve().is_file() for path, link in links)


def test_a_page_says_what_where_and_why(run: Run):
    page = text_of(page_of(run(contract_of(COLUMNS, BETWEEN), ROWS)))

    assert "2 unexpected values found. 50% of 4 total rows." in page
    assert "7 1 reviews.csv line 5" in page
    assert "9 1 reviews.csv line 4" in page


def test_runs_add_up_in_one_folder(run: Run):
    run(contract_of(COLUMNS, BETWEEN), ROWS, run_name="first")
    index = run(contract_of(COLUMNS, BETWEEN), ROWS[:1], run_name="second").docs_index.read_text(encoding="utf-8")

    assert index.index(">second</a>") < index.index(">first</a>")
    assert index.count("validations/") == 2


@pytest.mark.parametrize(
    "run_name", ["profiling run", "", "..", "x" * 1000, "caf\N{LATIN SMALL LETTER E WITH ACUTE}/1:2"]
)
def test_whatever_a_run_is_called_it_has_its_page(run: Run, run_name: str):
    assert "2 unexpected values found" in page_of(run(contract_of(COLUMNS, BETWEEN), ROWS, run_name=run_name))


def test_few_cells_go_into_the_pages_however_many_are_bad(run: Run, tmp_path: Path):
    run(contract_of(COLUMNS, BETWEEN), [(f"R{number}", "nine", "y" * 3000, None) for number in range(3000)])

    assert sum(path.stat().st_size for path in (tmp_path / "docs").rglob("*") if path.is_file()) < 150_000


QUIET = """
import logging, sys
from pathlib import Path
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        raise SystemExit(f"asked the network: {arguments}")
sys.addaudithook(refuse)
from tests.scoring.contract.finished_pass import contract_of, expectation, pass_over
from bes.errors import InputError
from dataclasses import replace
folder = Path(sys.argv[1])
contract = contract_of({"n": "integer"}, expectation("expect_column_values_to_be_between", column="n", max_value=5))
profile, rules = pass_over(contract, [("five",), ("9",)], folder / "spill")
assert "great_expectations" not in sys.modules
from scoring.contract.docs.expectations import evaluate
evaluate(profile, rules, contract, docs_dir=folder / "docs", run_name="quiet")
try:
    evaluate(profile, [replace(rule, metric="unknown") for rule in rules], contract, docs_dir=folder, run_name="quiet")
except InputError:
    print("refused")
print(*(type(sys.modules[name]).__name__ for name in ("scipy.stats", "altair")))
"""


def test_it_prints_nothing_warns_of_nothing_asks_the_network_nothing_and_loads_no_more_than_it_needs(
    tmp_path: Path, repository: Path
):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=repository,
        check=False,
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "refused\n_LazyModule _LazyModule\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs"]
