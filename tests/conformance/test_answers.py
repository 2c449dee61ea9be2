"""What the clients rely on in the answers: links to results, errors, tables."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.conformance.calls import call, started, state_when, status, submit
from tests.conformance.sites import OUTPUT, TEXT, TWO_PORTS, Site
from tests.conformance.wire import Answer, send


def test_result_is_three_parts_that_joined_as_they_are_anybody_can_read(site: Site, order: dict[str, Any]) -> None:
    job_id = started(site, {**order, "Output": site.reference("/" + site.new_blob("results of today.csv"))})
    result = state_when(site, job_id, "Finished")["Results"]["output1"]
    assert list(result) == ["ConnectionString", "RelativeLocation", "BaseLocation", "SasBlobToken"]
    assert result["ConnectionString"] is None
    assert result["BaseLocation"].endswith("/")
    assert not result["RelativeLocation"].startswith("/")
    assert result["SasBlobToken"].startswith("?")
    answer = send("GET", result["BaseLocation"] + result["RelativeLocation"] + result["SasBlobToken"], [])
    assert (answer.status, answer.text.splitlines()) == (200, OUTPUT)


def test_every_status_signs_links_of_its_own_that_read_for_a_day(site: Site, order: dict[str, Any]) -> None:
    job_id = started(site, order)
    tokens = [state_when(site, job_id, "Finished")["Results"]["output1"]["SasBlobToken"]]
    # Its times are whole seconds.
    time.sleep(1.1)
    tokens.append(status(site, job_id).json["Results"]["output1"]["SasBlobToken"])
    windows = [{name: values[0] for name, values in parse_qs(token[1:]).items()} for token in tokens]
    assert windows[0]["se"] < windows[1]["se"]
    for window in windows:
        assert (window["sr"], window["sp"]) == ("b", "r")
        start, end = datetime.fromisoformat(window["st"]), datetime.fromisoformat(window["se"])
        assert end - start == timedelta(hours=24, minutes=5)


ERRORS: dict[str, tuple[int, Callable[[Site], Answer]]] = {
    "no key": (401, lambda site: call(site, "POST", "/execute?api-version=2.0", {}, site.gateway_headers)),
    "wrong key": (401, lambda site: status(replace(site, api_key="wrong"), "0" * 32)),
    "wrong version": (400, lambda site: call(site, "GET", f"/jobs/{'0' * 32}?api-version=1.0")),
    "no such job": (404, lambda site: status(site, "0" * 32)),
    "no such web service": (404, lambda site: status(site.at("f" * 32), "0" * 32)),
    "no id": (400, lambda site: status(site.at("mine"), "0" * 32)),
    "empty body": (400, lambda site: submit(site, b"")),
    "no JSON": (400, lambda site: submit(site, b"<html>")),
    "no input": (400, lambda site: submit(site, {})),
    "too large": (413, lambda site: submit(site, b" " * (5 << 20))),
    "empty RRS request": (400, lambda site: call(site, "POST", "/execute?api-version=2.0", b"")),
    "wrong column": (
        400,
        lambda site: call(
            site, "POST", "/execute?api-version=2.0", {"Inputs": {"input1": {"ColumnNames": ["x"], "Values": [["y"]]}}}
        ),
    ),
    "wrong parameter": (
        400,
        lambda site: submit(site, {"Input": site.reference("mycontainer/in.csv"), "GlobalParameters": {"no": 1}}),
    ),
}


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_of_the_service_is_an_envelope_with_details(site: Site, error: str) -> None:
    wanted, provoke = ERRORS[error]
    answer = provoke(site)
    assert answer.status == wanted
    assert answer.headers["content-type"].startswith("application/json")
    content = answer.json["error"]
    assert all(isinstance(content[name], str) and content[name] for name in ("code", "message"))
    assert content["details"]
    for detail in content["details"]:
        assert all(isinstance(detail[name], str) and detail[name] for name in ("code", "message"))


@pytest.mark.parametrize(("method", "path"), [("GET", "/jobs"), ("PUT", "/jobs/x"), ("GET", "/nothing"), ("GET", "")])
def test_paths_and_methods_that_do_not_exist_are_told_in_an_envelope_too(direct: Site, method: str, path: str) -> None:
    answer = call(direct, method, f"{path}?api-version=2.0")
    assert answer.status == 404
    assert answer.json["error"]["details"][0]["code"]


def test_tables_of_rrs_are_typed_table_and_all_their_cells_are_texts(direct: Site) -> None:
    site = direct.at(TWO_PORTS)
    body = {
        "Inputs": {
            "input1": {"ColumnNames": ["Col2"], "Values": [[TEXT], [None], [7]]},
            "input2": {"ColumnNames": ["Rating", "Col2"], "Values": [["1", TEXT]]},
        },
        "GlobalParameters": {},
    }
    for query in ("", "&details=true", "&details=false"):
        results = call(site, "POST", f"/execute?api-version=2.0{query}", body).json["Results"]
        assert list(results) == ["output1", "output2"]
        assert [len(table["value"]["Values"]) for table in results.values()] == [3, 1]
        for table in results.values():
            assert table["type"] == "table"
            assert all(isinstance(cell, str) for row in table["value"]["Values"] for cell in row)
            expected = {"ColumnNames", "ColumnTypes", "Values"} if query == "&details=true" else {"Values"}
            assert set(table["value"]) == expected
