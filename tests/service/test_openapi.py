"""Which OpenAPI documents declare operations, and which are refused with file and line."""

import json
from pathlib import Path

import pytest

from service.openapi import OpenApiFileError, load_operations, normalised


def operation(name: str, *parameters: tuple[str, str, bool]) -> dict[str, object]:
    declared = [{"name": each, "in": place, "required": required} for each, place, required in parameters]
    return {"operationId": name, "summary": name.title(), "parameters": declared, "responses": {}}


def document(**paths: object) -> str:
    return json.dumps({"openapi": "3.0.1", "info": {"title": "T", "version": "1"}, "paths": paths}, indent=1)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(tmp_path: Path, text: str) -> OpenApiFileError:
    path = write(tmp_path, text)
    with pytest.raises(OpenApiFileError) as caught:
        load_operations(path)
    assert f"The OpenAPI document '{path}' cannot be used: " in str(caught.value)
    return caught.value


def test_template_name_and_optional_parameters_are_what_an_import_makes_of_them(tmp_path: Path):
    get = operation("Get Thing", ("id", "path", True), ("api-version", "query", True), ("details", "query", False))

    (found,) = load_operations(write(tmp_path, document(**{"/things/{id}": {"get": get}})))

    assert (found.id, found.name, found.method) == ("get-thing", "Get Thing", "GET")
    assert found.url_template == "/things/{id}?api-version={apiversion}&details={details}"
    assert (found.optional_query, found.has_body) == ({"details"}, False)


def test_parameters_of_a_path_are_those_of_its_operations(tmp_path: Path):
    item = {"parameters": [{"name": "id", "in": "path", "required": True}], "delete": operation("d")}

    (found,) = load_operations(write(tmp_path, document(**{"/things/{id}": item})))

    assert found.url_template == "/things/{id}"


def test_literal_paths_go_before_templates_and_more_parameters_before_fewer(tmp_path: Path):
    paths = {
        "/{id}": {"get": operation("any", ("id", "path", True))},
        "/latest": {"get": operation("latest")},
    }

    assert [each.id for each in load_operations(write(tmp_path, document(**paths)))] == ["latest", "any"]


@pytest.mark.parametrize(
    ("written", "name"), [("BES Status", "bes-status"), ("GET-/foo/{bar}?buzz={quix}", "get-foo-bar-buzz-quix")]
)
def test_an_operation_id_is_normalised_as_the_documentation_shows(written: str, name: str):
    assert normalised(written) == name


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("{\n}}", 2, "not JSON, Extra data"),
        ("[" * 100_000, None, "nested too deeply"),
        ("[]", None, "Input should be a valid dictionary"),
        (document(), None, "paths: Dictionary should have at least 1 item"),
        (document(**{"/a": {"get": operation("a")}}).replace("3.0.1", "3.1.0"), None, "openapi: String should match"),
        (document(**{"/a": {"get": {"summary": "A"}}}), 8, "paths > /a > get > operationId: Field required"),
        (document(**{"/a": {"get": {"operationId": "a"}}}), 8, "paths > /a > get > summary: Field required"),
        (document(**{"/a": {"get": operation("a", ("c", "cookie", False))}}), 8, "Input should be 'path', 'query'"),
        (document(a={"get": operation("a")}), 8, "the path 'a' must begin with '/'"),
        (document(**{"/a/{b}c": {"get": operation("a")}}), 8, "each segment be literal or one {parameter}"),
        (document(**{"/a/*": {"get": operation("a")}}), 8, "each segment be literal"),
        (document(**{"/a/{b}": {"get": operation("a")}}), 8, "'A': its path parameters are not those of '/a/{b}'"),
        (
            document(**{"/{b}": {"get": operation("a", ("b", "path", True), ("b", "query", True))}}),
            8,
            "'A': a parameter of path and query has a name that another has",
        ),
        (
            document(**{"/a": {"get": operation("a")}, "/b": {"get": operation("A")}}),
            16,
            "'A' has the operationId of 'A'; give each its own",
        ),
        (
            document(
                **{
                    "/{a}": {"get": operation("a", ("a", "path", True))},
                    "/{b}": {"get": operation("b", ("b", "path", True))},
                }
            ),
            22,
            "'B' clashes with 'A': the same calls are both; take one out",
        ),
        (
            document(**{"/a": {"get": operation("a")}, "/b": {"get": operation("b")}}).replace('"/b"', '"/a"'),
            16,
            "'/a' is there 2 times; make them one",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_place(tmp_path: Path, text: str, line: int | None, problem: str):
    refused = refusal(tmp_path, text)

    assert problem in str(refused)
    assert refused.line == line


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(OpenApiFileError, match=r"none\.json.*No such file or directory; name another file"):
        load_operations(tmp_path / "none.json")
