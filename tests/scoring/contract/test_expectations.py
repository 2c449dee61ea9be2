import html
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bes.errors import InputError
from scoring.contract.expectations import Evaluation, evaluate
from scoring.contract.model import Contract, Expectation
from scoring.contract.table import InputTable, read_input

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)> $template ${x} $$ &amp;'


def contract_of(*expectations: dict[str, Any], columns: dict[str, str]) -> Contract:
    key = next(iter(columns))
    return Contract.model_validate(
        {
            "name": "parity",
            "key": key,
            "columns": columns,
            "inputs": {"input1": [key]},
            "output": "output1",
            "expectations": [
                {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": key}},
                {"type": "expect_column_values_to_be_unique", "kwargs": {"column": key}},
                *expectations,
            ],
        }
    )


@pytest.fixture
def run(tmp_path: Path, write_csv):
    def run(contract: Contract, rows: list[list[str]], run_name: str = "nightly") -> Evaluation:
        table = read_input([write_csv(rows, header=list(contract.columns))], list(contract.columns))
        return evaluate(table, contract, docs_dir=tmp_path / "docs", run_name=run_name)

    return run


def found(evaluation: Evaluation) -> list[tuple[int, str, str]]:
    return sorted((finding.row, finding.column, finding.rule) for finding in evaluation.findings)


def pages_of(docs: Path) -> dict[str, str]:
    pages = {path.relative_to(docs).as_posix(): path.read_text(encoding="utf-8") for path in docs.rglob("*.html")}
    assert len(pages) >= 3
    return pages


def test_a_finding_says_what_where_and_why(contract: Contract, run):
    evaluation = run(contract, [["R000001", "5", "two\nlines"], ["R000002", "9", "fine"]])

    (finding,) = evaluation.findings
    assert (finding.row, finding.file, finding.record, finding.line) == (1, "reviews.csv", 2, 4)
    assert (finding.column, finding.value, finding.message) == ("Col1", "9", "must be between 1 and 5")
    assert (finding.rule, finding.severity) == ("expect_column_values_to_be_between", "critical")


def test_one_bad_cell_does_not_keep_its_column_from_being_judged(contract: Contract, run):
    evaluation = run(contract, [["R000001", "five", "fine"], ["R000002", "0", "fine"], ["R000003", "", "fine"]])

    assert found(evaluation) == [
        (0, "Col1", "type"),
        (1, "Col1", "expect_column_values_to_be_between"),
        (2, "Col1", "expect_column_values_to_not_be_null"),
    ]


def test_a_column_that_is_empty_throughout_breaks_only_the_rule_against_that(contract: Contract, run):
    evaluation = run(contract, [["R000001", "", "fine"], ["R000002", "", "fine"]])

    assert found(evaluation) == [(row, "Col1", "expect_column_values_to_not_be_null") for row in (0, 1)]


def test_a_key_that_ends_in_a_line_end_does_not_match(contract: Contract, run):
    evaluation = run(contract, [["R000001", "5", "fine"], ["R000002\n", "5", "fine"]])

    assert found(evaluation) == [(1, "review_id", "expect_column_values_to_match_regex")]


def test_a_hostile_cell_cannot_stall_a_regular_expression(run):
    contract = contract_of(
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "id", "regex": "^(a+)+$"}},
        columns={"id": "string", "text": "string"},
    )

    assert found(run(contract, [["a" * 5000 + "!", "x"]])) == [(0, "id", "expect_column_values_to_match_regex")]


def test_a_table_that_is_too_small_is_a_failure_of_the_table(run):
    rule = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 10}, "severity": "warning"}
    contract = contract_of(rule, columns={"id": "string", "text": "string"})

    (failure,) = run(contract, [["a", "x"]]).table_failures

    assert (failure.rule, failure.severity, failure.observed) == (rule["type"], "warning", "1")
    assert failure.message == "number of rows must be at least 10"


def test_a_rule_that_cannot_be_evaluated_is_an_error_and_never_passes(contract: Contract, run):
    broken = Expectation.model_construct(
        type="expect_column_values_to_match_regex", kwargs={"column": "Col2", "regex": "("}, severity="critical"
    )

    with pytest.raises(InputError, match=r"could not evaluate expect_column_values_to_match_regex 'Col2': .*regular"):
        run(contract.model_copy(update={"expectations": (broken,)}), [["R000001", "5", "fine"]])


COLUMNS = {"id": "string", "rating": "integer", "price": "float", "text": "string"}
SUITE: list[dict[str, Any]] = [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "rating"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rating", "min_value": 1, "max_value": 5}},
    {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "price", "min_value": 0, "max_value": 10.5, "strict_min": True, "strict_max": True},
        "severity": "warning",
    },
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "price"}, "severity": "info"},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "rating", "value_set": [1, 2, 3]}},
    {"type": "expect_column_values_to_not_be_in_set", "kwargs": {"column": "text", "value_set": ["spam", "NA"]}},
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "id", "regex": "^R[0-9]{3}$"}},
    {"type": "expect_column_values_to_not_match_regex", "kwargs": {"column": "text", "regex": "(?i)<script"}},
    {"type": "expect_column_value_lengths_to_be_between", "kwargs": {"column": "text", "min_value": 2, "max_value": 9}},
    {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "id", "value": 4}, "severity": "warning"},
]


def is_integer(cell: str) -> bool:
    digits = cell[1:] if cell[:1] in {"+", "-"} else cell
    return digits.isascii() and digits.isdigit() and len(digits) <= 18


def expected_findings(rows: list[list[str]]) -> list[tuple[int, str, str]]:
    """Say what breaks which rule, in plain Python and without a look at how the product does it."""
    ids = [row[0] for row in rows]
    prices = [float(row[2]) for row in rows if re.fullmatch(r"-?[0-9.]+", row[2])]
    expected = []
    for number, (id_, rating, price, text) in enumerate(rows):
        broken = {
            ("id", "not_be_null"): not id_,
            ("id", "be_unique"): id_ and ids.count(id_) > 1,
            ("id", "match_regex"): id_ and not re.fullmatch("R[0-9]{3}", id_),
            ("id", "lengths_to_equal"): id_ and len(id_) != 4,
            ("rating", "type"): rating and not is_integer(rating),
            ("rating", "not_be_null"): not rating,
            ("rating", "be_between"): is_integer(rating) and not 1 <= int(rating) <= 5,
            ("rating", "be_in_set"): rating and rating not in {"1", "2", "3", "+1", "003"},
            ("price", "type"): price and not re.fullmatch(r"-?[0-9.]+", price),
            ("price", "be_between"): re.fullmatch(r"-?[0-9.]+", price) and not 0 < float(price) < 10.5,
            ("price", "be_unique"): price
            and (prices.count(float(price)) if re.fullmatch(r"-?[0-9.]+", price) else [r[2] for r in rows].count(price))
            > 1,
            ("text", "not_be_in_set"): text in {"spam", "NA"},
            ("text", "not_match_regex"): "<script" in text.lower(),
            ("text", "lengths_to_be_between"): text and not 2 <= len(text) <= 9,
        }
        expected += [(number, column, rule) for (column, rule), breaks in broken.items() if breaks]
    return sorted(expected)


def short(rule: str) -> str:
    return re.sub(r"^expect_column_values?_(to_)?", "", rule)


def test_the_findings_are_those_of_an_independent_computation(run):
    dice = random.Random(20240831)
    ids = [f"R{number:03d}" for number in range(500)] + ["R1", "r001", "R0001", "R001\n", ""]
    ratings = ["1", "2", "3", "4", "5", "0", "6", "-1", "+1", "003", "five", "1.0", "", " 3", "9" * 19]
    prices = ["1", "1.0", "0", "10.5", "10.49", "-3.5", "free", ""] + [f"{number / 7:.4f}" for number in range(300)]
    texts = ["fine", "x", "", "spam", "NA", "<SCRIPT>", "a<script", "y" * 10, "z" * 9, "\N{GRINNING FACE}", "é\ncafé"]
    rows = [[dice.choice(cells) for cells in (ids, ratings, prices, texts)] for _ in range(400)]

    evaluation = run(contract_of(*SUITE, columns=COLUMNS), rows)

    expected = expected_findings(rows)
    assert [(row, column, short(rule)) for row, column, rule in found(evaluation)] == expected
    assert {rule for _, _, rule in expected} == {short(rule["type"]) for rule in SUITE} | {"type"}
    severities = {(finding.column, short(finding.rule)): finding.severity for finding in evaluation.findings}
    assert (severities["price", "be_between"], severities["price", "be_unique"]) == ("warning", "info")


def test_great_expectations_counts_what_the_findings_count(run, tmp_path: Path):
    rows = [[f"R{number:03d}", rating, "1", "fine"] for number, rating in enumerate(["five", "9", "", "2", "7"])]

    run(contract_of(*SUITE, columns=COLUMNS), rows)

    (stored,) = (tmp_path / "docs" / "results").rglob("*.json")
    counts = {
        (one["expectation_config"]["kwargs"].get("column"), one["expectation_config"]["type"]): one["result"]
        for one in json.loads(stored.read_text(encoding="utf-8"))["results"]
    }
    assert counts["rating", "expect_column_values_to_be_of_type"]["unexpected_count"] == 1
    assert counts["rating", "expect_column_values_to_be_between"]["unexpected_count"] == 2
    assert counts["rating", "expect_column_values_to_not_be_null"]["unexpected_count"] == 1
    assert counts["rating", "expect_column_values_to_be_in_set"]["unexpected_count"] == 3


def test_cells_with_markup_are_shown_as_text_and_never_run(contract: Contract, run, tmp_path: Path):
    run(contract, [[SCRIPT, IMAGE, SCRIPT], [IMAGE, SCRIPT, "x"], ["R000001", "5", "fine"]], run_name=SCRIPT)

    pages = pages_of(tmp_path / "docs")
    for page in pages.values():
        assert not re.search(r"<(script|img|link)\b", page, re.IGNORECASE)
    validation = next(page for name, page in pages.items() if name.startswith("validations/"))
    assert html.escape(SCRIPT) in validation
    assert html.escape(IMAGE) in validation
    stored = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "docs").rglob("*.json"))
    assert "<" not in stored.replace("<DATAFRAME>", "")


def test_a_column_and_a_rule_with_special_characters_are_shown_as_text(run, tmp_path: Path):
    column = "Q&A \" onmouseover='alert(3)' $x >5"
    contract = contract_of(
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": column, "value_set": ["<u>ok</u>"]}},
        columns={"id": "string", column: "string"},
    )

    assert found(run(contract, [["a", "<i>no</i>"]])) == [(0, column, "expect_column_values_to_be_in_set")]
    for page in pages_of(tmp_path / "docs").values():
        assert not re.search(r"<(u>|i>no|[a-z]+[^>]*onmouseover)", page)


def test_no_page_asks_the_network_for_anything(contract: Contract, run, tmp_path: Path):
    run(contract, [["R000001", "9", "fine"]])

    for page in pages_of(tmp_path / "docs").values():
        assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)\s*=\s*[\"']?https?:", page)
        assert not re.search(r"(?:url\(|@import)", page)
        assert "Content-Security-Policy" in page


def test_the_pages_can_be_read_without_scripts(contract: Contract, run, tmp_path: Path):
    index = run(
        contract, [["R000001", "9", "fine"], ["R000002", "5", "fine"]], run_name="2024-08-31 nightly"
    ).docs_index

    link = re.search(r'<a href="([^"]+)">2024-08-31-nightly</a>', index.read_text(encoding="utf-8"))
    assert link is not None
    assert "failed" in index.read_text(encoding="utf-8")
    page = re.sub(
        r"<style>.*?</style>|<[^>]+>", " ", (index.parent / link[1]).read_text(encoding="utf-8"), flags=re.DOTALL
    )
    text = " ".join(html.unescape(page).split())
    assert "1 unexpected values found" in text
    assert "file record line 9 1 reviews.csv 1 2" in text


def test_runs_add_up_in_one_folder(contract: Contract, run):
    run(contract, [["R000001", "9", "fine"]], run_name="first")
    index = run(contract, [["R000001", "5", "fine"]], run_name="second").docs_index.read_text(encoding="utf-8")

    assert index.index(">second</a>") < index.index(">first</a>")
    assert index.count("validations/") == 2


@pytest.mark.parametrize(
    "run_name", ["profiling run", "", "..", "x" * 1000, "caf\N{LATIN SMALL LETTER E WITH ACUTE}/2024:08"]
)
def test_whatever_a_run_is_called_it_has_its_page(contract: Contract, run, run_name: str):
    index = run(contract, [["R000001", "9", "fine"]], run_name=run_name).docs_index

    link = re.search(r'<a href="(validations/[^"]+)">', index.read_text(encoding="utf-8"))
    assert link is not None
    assert (index.parent / link[1]).resolve().is_relative_to(index.parent.resolve())
    assert "1 unexpected values found" in (index.parent / link[1]).read_text(encoding="utf-8")


def test_few_cells_go_into_the_pages_however_many_are_bad(contract: Contract, run, tmp_path: Path):
    evaluation = run(contract, [[f"R{number:06d}", "nine", "y" * 3000] for number in range(3000)])

    assert len(evaluation.findings) == 3000
    assert sum(path.stat().st_size for path in (tmp_path / "docs").rglob("*") if path.is_file()) < 300_000


QUIET = """
import logging, sys
from pathlib import Path
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        raise SystemExit(f"asked the network: {arguments}")
sys.addaudithook(refuse)
from scoring.contract.check import check_input
from scoring.contract.loading import load_contract
folder, contracts = Path(sys.argv[1]), Path(sys.argv[2])
check_input([folder / "reviews.csv"], load_contract("book_reviews", contracts), docs_dir=folder / "docs",
            quarantine_path=folder / "quarantine.csv", run_name="quiet")
"""


def test_a_check_prints_nothing_warns_of_nothing_and_asks_the_network_nothing(
    tmp_path: Path, write_csv, contracts_dir: Path
):
    write_csv([["R000001", "five", SCRIPT], ["R000002", "5", "fine"]])

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET, str(tmp_path), str(contracts_dir)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "quarantine.csv", "reviews.csv"]


def test_the_table_that_is_checked_is_not_changed(contract: Contract, write_csv, tmp_path: Path):
    table: InputTable = read_input([write_csv([["R000001", "five", ""]])], list(contract.columns))
    before = table.text.copy()

    evaluate(table, contract, docs_dir=tmp_path / "docs", run_name="nightly")

    assert table.text.equals(before)
