import re
from pathlib import Path

import pytest

from scoring.contract.datadocs import MAX_EXAMPLE_CHARACTERS, MAX_EXAMPLES, make_safe, published, write_index
from scoring.contract.findings import Finding

PAGE = """<html><head>
<link rel="stylesheet" href="https://cdn.example/a.css"><SCRIPT src="https://cdn.example/a.js"></SCRIPT >
<style>.logo { background: url('https://cdn.example/logo.png') }</style></head>
<body><img
 src="https://cdn.example/logo.png"/><script>
go()</script><p>five &lt;script&gt;</p><a href="https://example.org">home</a></body></html>"""


def finding(value: str, row: int = 0) -> Finding:
    return Finding(
        row=row,
        file="<b>.csv",
        record=row + 1,
        line=row + 2,
        column="Col2",
        rule="type",
        severity="critical",
        value=value,
        message="must be something",
    )


def test_scripts_and_everything_from_elsewhere_are_taken_out(tmp_path: Path):
    (tmp_path / "page.html").write_text(PAGE)

    make_safe(tmp_path)

    page = (tmp_path / "page.html").read_text()
    assert not re.search(r"<(script|link|img)|cdn\.example", page, re.IGNORECASE)
    assert "<p>five &lt;script&gt;</p>" in page
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_making_a_page_safe_twice_changes_nothing(tmp_path: Path):
    (tmp_path / "page.html").write_text(PAGE)
    make_safe(tmp_path)
    once = (tmp_path / "page.html").read_text()

    make_safe(tmp_path)

    assert (tmp_path / "page.html").read_text() == once


def test_an_index_of_no_runs_is_a_page(tmp_path: Path):
    assert "Data Docs" in write_index(tmp_path).read_text()


def test_published_values_are_escaped_at_every_depth():
    stored = published({"observed_value": ["<b>", {"a": "&"}], "unexpected_count": 1}, [finding("<script>")])

    assert stored["observed_value"] == ["&lt;b&gt;", {"a": "&amp;"}]
    assert stored["partial_unexpected_list"] == ["&lt;script&gt;"]
    assert stored["unexpected_index_list"] == [
        {"value": "&lt;script&gt;", "file": "&lt;b&gt;.csv", "record": 1, "line": 2}
    ]


def test_published_examples_are_few_and_short():
    stored = published({"unexpected_index_list": list(range(1000))}, [finding("x" * 9999, row) for row in range(1000)])

    assert len(stored["unexpected_index_list"]) == MAX_EXAMPLES
    assert {len(value) for value in stored["partial_unexpected_list"]} == {MAX_EXAMPLE_CHARACTERS}


@pytest.mark.parametrize("result", [{"observed_value": 7}, {"element_count": 7, "unexpected_index_list": []}])
def test_a_rule_that_holds_is_published_without_examples(result: dict):
    assert set(published(result, [])) == {name for name in result if "index" not in name}
