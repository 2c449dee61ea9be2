"""The shipped OpenAPI document: valid, and within what API Management imports.

Source of the restrictions: "API import restrictions and known issues" of API Management's documentation.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from service.openapi import METHODS, load_operations, normalised

APIM = Path(__file__).parents[3] / "deployments" / "apim"
PATH = APIM / "openapi.json"
SERVICE = "/workspaces/{workspace}/services/{service}"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(PATH.read_text(encoding="utf-8"))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    found = [
        (path, method, item[method]) for path, item in document["paths"].items() for method in METHODS if method in item
    ]
    assert len(found) == 6
    yield from found


def everything(value: object) -> Iterator[dict[str, Any]]:
    """All objects in the document."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from everything(each)


def test_it_is_valid_openapi_30(document: dict[str, Any]):
    OpenAPIV30SpecValidator(document).validate()


def test_the_validator_sees_what_is_wrong(document: dict[str, Any]):
    wrong = json.loads(json.dumps(document))
    del wrong["paths"][f"{SERVICE}/jobs"]["post"]["responses"]

    assert not OpenAPIV30SpecValidator(wrong).is_valid()


def test_the_operations_are_those_of_the_guide_and_the_description(document: dict[str, Any]):
    assert {(each["summary"], method, path) for path, method, each in operations(document)} == {
        ("RRS Execute", "post", f"{SERVICE}/execute"),
        ("BES Submit", "post", f"{SERVICE}/jobs"),
        ("BES Start", "post", f"{SERVICE}/jobs/{{jobid}}/start"),
        ("BES Status", "get", f"{SERVICE}/jobs/{{jobid}}"),
        ("BES Delete", "delete", f"{SERVICE}/jobs/{{jobid}}"),
        ("Service Description", "get", f"{SERVICE}/swagger.json"),
    }
    assert all(set(each["responses"]) == {"200"} for _, _, each in operations(document))
    assert {each.name for each in load_operations(PATH)} == {each["summary"] for _, _, each in operations(document)}


def test_version_size_and_address_can_be_imported(document: dict[str, Any]):
    assert re.fullmatch(r"3\.0\.[0-3]", document["openapi"])
    assert PATH.stat().st_size <= 4_000_000
    assert document["servers"][0]["url"] == "https://ussouthcentral.services.azureml.net"


def test_nothing_is_used_that_an_import_does_not_support(document: dict[str, Any]):
    assert set(document["components"]) == {"schemas"}
    assert "externalDocs" not in document
    for item in document["paths"].values():
        assert not {"trace", "servers"} & item.keys()
    for _, _, operation in operations(document):
        assert not {"externalDocs", "callbacks", "security", "servers"} & operation.keys()
        for parameter in operation["parameters"]:
            assert not {"allowEmptyValue", "style", "explode", "allowReserved"} & parameter.keys()
            assert parameter["in"] in ("path", "query")


def test_operations_have_names_that_an_import_keeps(document: dict[str, Any]):
    ids = [operation["operationId"] for _, _, operation in operations(document)]

    assert sorted(ids) == sorted({normalised(each) for each in ids})
    assert all(0 < len(operation["summary"]) <= 300 for _, _, operation in operations(document))


def test_parameters_have_one_name_in_path_and_query(document: dict[str, Any]):
    for path, _, operation in operations(document):
        names = [parameter["name"] for parameter in operation["parameters"]]
        in_path = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert len(set(names)) == len(names)
        assert sorted(in_path) == sorted(re.findall(r"\{(\w+)\}", path))


def test_bodies_refer_to_schemas_of_the_document_and_get_has_none(document: dict[str, Any]):
    bodies = [
        media["schema"]
        for _, _, operation in operations(document)
        for part in (operation.get("requestBody", {}), *operation["responses"].values())
        for media in part.get("content", {}).values()
    ]
    assert len(bodies) == 6
    assert all(set(schema) == {"$ref"} for schema in bodies)
    references = [each["$ref"] for each in everything(document) if "$ref" in each]
    names = {reference.removeprefix("#/components/schemas/") for reference in references}
    assert names == set(document["components"]["schemas"])
    assert not [path for path, method, each in operations(document) if method == "get" and "requestBody" in each]


def test_no_schema_refers_to_itself(document: dict[str, Any]):
    schemas = document["components"]["schemas"]

    def below(name: str) -> set[str]:
        return {each["$ref"].rpartition("/")[2] for each in everything(schemas[name]) if "$ref" in each}

    reached = {name: below(name) for name in schemas}
    for _ in schemas:
        reached = {name: found.union(*(reached[each] for each in found)) for name, found in reached.items()}
    assert [name for name, found in reached.items() if name in found] == []
