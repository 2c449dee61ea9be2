import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from scoring.contract.docs.datadocs import MAX_RUNS, folder_name, keep, safe_page, with_stand_ins, write_index

PAGE = """<html><head>
<link rel="stylesheet" href="https://cdn.example/a.css"><SCRIPT src="https://cdn.example/a.js"></SCRIPT >
<title>theirs</title><style>.logo { background: url('https://cdn.example/logo.png') }</style></head>
<body><img
 src="https://cdn.example/logo.png"/><script>
go()</script><label onclick="go()">Show</label><p>five</p><a href="https://example.org">home</a></body></html>"""


def run_of(number: int, *, name: str = "nightly", suite: str = "reviews", success: bool = True) -> dict[str, Any]:
    return {
        "suite_name": suite,
        "success": success,
        "statistics": {"evaluated_expectations": 9, "unsuccessful_expectations": 0 if success else 2},
        "meta": {"run_id": {"run_name": name, "run_time": f"2026-11-28T04:{number // 60:02}:{number % 60:02}.5+00:00"}},
        "results": [],
    }


def store(docs_dir: Path, result: dict[str, Any]) -> str:
    return keep(docs_dir, result, page="<p>run</p>", suite="<p>suite</p>").read_text(encoding="utf-8")


def test_scripts_and_everything_from_elsewhere_are_taken_out():
    page = safe_page(PAGE, title="ours")

    assert not re.search(r"<(script|link|img)|cdn\.example|onclick|theirs", page, re.IGNORECASE)
    assert "<label>Show</label><p>five</p>" in page
    assert "<title>ours</title>" in page


def test_the_policy_and_the_encoding_stand_before_all_else_of_a_page():
    head = safe_page(PAGE, title="<b>").split("<style>")[0]

    assert head.index('charset="utf-8"') < head.index("Content-Security-Policy") < 1024
    assert "default-src 'none'" in head
    assert "&lt;b&gt;" in head


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "\" onmouseover='alert(1)' $x ${y} $$ &amp;", "\U0010ff00"]
)
def test_a_text_with_stand_ins_is_escaped_once_whatever_a_renderer_does_to_it(text: str):
    guarded = with_stand_ins({"cells": [text]})["cells"][0]

    for drawn in (guarded, html.escape(guarded), repr([guarded])[2:-2]):
        assert not set("<>&\"'$") & set(guarded)
        shown = safe_page(f"<html><head></head><body>{drawn}</body></html>", title="t").split("<body>")[1]
        assert html.unescape(shown).startswith(text.replace("\U0010ff00", "\N{REPLACEMENT CHARACTER}")[:9])
        assert shown.count("<") == 2


def test_an_index_of_no_runs_is_a_page(tmp_path: Path):
    assert "Data Docs" in write_index(tmp_path).read_text(encoding="utf-8")


def test_the_index_lists_the_latest_run_first(tmp_path: Path):
    store(tmp_path, run_of(1, name="first"))
    store(tmp_path, run_of(3, name="third", success=False))
    index = store(tmp_path, run_of(2, name="second"))

    assert re.findall(r">(first|second|third)</a>", index) == ["third", "second", "first"]
    assert index.count("0 of 9 rules broken") == 2
    assert index.count("2 of 9 rules broken") == 1


def test_every_link_of_the_index_leads_to_a_page(tmp_path: Path):
    for number in range(3):
        index = store(tmp_path, run_of(number))

    links = re.findall(r'href="([^"]+)"', index)
    assert len(links) == 3
    assert all((tmp_path / link).read_text(encoding="utf-8") == "<p>run</p>" for link in links)


def test_the_latest_runs_stay_and_the_others_are_gone_with_result_and_page(tmp_path: Path):
    for number in range(MAX_RUNS + 3):
        index = store(tmp_path, run_of(number, name=f"run-{number}", suite=("reviews", "orders")[number % 2]))

    assert index.count("<a href=") == MAX_RUNS
    assert ">run-2<" not in index
    assert ">run-3<" in index
    for folder in ("results", "validations"):
        assert len([path for path in (tmp_path / folder).rglob("*") if path.is_file()]) == MAX_RUNS
        assert not list((tmp_path / folder).glob("*/run-2"))


def test_a_stored_result_that_cannot_be_read_does_not_keep_the_others_from_the_index(tmp_path: Path):
    store(tmp_path, run_of(1, name="first"))
    broken = tmp_path / "results" / "reviews" / "nightly" / "20261128T040000.5" / "result.json"
    broken.parent.mkdir(parents=True)
    broken.write_text('{"meta":')

    assert ">first</a>" in store(tmp_path, run_of(2, name="second"))


def test_stored_texts_are_escaped_at_every_depth(tmp_path: Path):
    store(tmp_path, run_of(1) | {"results": [{"<b>": ["<i>", {"a": "&"}], "count": 1}]})

    (stored,) = (tmp_path / "results").rglob("*.json")
    assert json.loads(stored.read_text(encoding="utf-8"))["results"] == [
        {"&lt;b&gt;": ["&lt;i&gt;", {"a": "&amp;"}], "count": 1}
    ]


@pytest.mark.parametrize(
    ("run_name", "folder"),
    [("2026-11-28 nightly", "2026-11-28-nightly"), ("", "run"), ("..", "--"), ("caf\xe9/1:2", "caf--1-2")],
)
def test_a_run_has_a_folder_whatever_it_is_called(run_name: str, folder: str):
    assert folder_name(run_name) == folder


def test_a_long_run_name_is_cut():
    assert len(folder_name("x" * 1000)) == 200
