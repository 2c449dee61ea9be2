"""The structure of the Bicep file: parsed, not compiled, for no compiler is in the package registries."""

import json
from pathlib import Path
from typing import Any

import pycep
import pytest

from service.gateway_configuration import load_configuration
from service.openapi import load_operations

APIM = Path(__file__).parents[3] / "deployments" / "apim"
SERVICE = "Microsoft.ApiManagement/service"


@pytest.fixture(scope="module")
def bicep() -> dict[str, Any]:
    return pycep.BicepParser().parse(text=(APIM / "main.bicep").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def resources(bicep: dict[str, Any]) -> dict[str, Any]:
    return bicep["resources"]


def loaded(value: object) -> list[str]:
    """The files that an expression loads, in order."""
    if isinstance(value, dict):
        if value.get("type") == "load_text_content":
            return [value["parameters"]["file_path"]]
        return [path for each in value.values() for path in loaded(each)]
    return [path for each in value for path in loaded(each)] if isinstance(value, list) else []


def made(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    found = {name: each for name, each in resources.items() if each["type"] == kind and not each["existing"]}
    assert found, kind
    return found


def test_everything_that_the_guide_makes_by_hand_is_made(resources: dict[str, Any]):
    assert {each["type"].removeprefix(SERVICE) for each in resources.values() if not each["existing"]} == {
        "",
        "/apis",
        "/apis/policies",
        "/apis/operations/policies",
        "/namedValues",
        "/products",
        "/products/apis",
        "/products/policies",
        "/subscriptions",
    }
    assert {each["api_version"] for each in resources.values()} == {"2024-05-01"}


def test_the_api_imports_the_shipped_operations(resources: dict[str, Any]):
    (api,) = made(resources, f"{SERVICE}/apis").values()

    properties = api["config"]["properties"]
    assert (properties["format"], loaded(properties["value"])) == ("openapi+json", ["openapi.json"])
    assert (properties["displayName"], properties["protocols"]) == ("AzureML Demo API", ["https"])


def test_the_gateway_enforces_the_files_that_are_deployed(resources: dict[str, Any]):
    kinds = ("apis/policies", "apis/operations/policies", "products/policies")
    deployed = {name: each for kind in kinds for name, each in made(resources, f"{SERVICE}/{kind}").items()}
    files = {path for each in deployed.values() for path in loaded(each["config"]["properties"]["value"])}
    configuration = (APIM / "gateway.toml").read_text()

    assert all(each["config"]["properties"]["format"] == "xml" for each in deployed.values())
    assert all(each["config"]["name"] == "policy" for each in deployed.values())
    assert files == {f"policies/{path.name}" for path in (APIM / "policies").iterdir()}
    assert {path for path in files if f'"{path}"' not in configuration} == {"policies/api-with-key.xml"}


def test_every_policy_is_within_what_the_gateway_enforces(tmp_path: Path):
    text = (APIM / "gateway.toml").read_text().replace("policies/api.xml", "policies/api-with-key.xml")
    path = tmp_path / "gateway.toml"
    path.write_text(text.replace('= "policies/', f'= "{APIM}/policies/').replace('"openapi', f'"{APIM}/openapi'))

    assert load_configuration(path, suffix=None, named_values={"aml-api-key": "k"}).apis


def test_operations_with_a_policy_are_operations_of_the_document(resources: dict[str, Any]):
    operations = {name: each for name, each in resources.items() if each["type"] == f"{SERVICE}/apis/operations"}
    names = {each["config"]["name"] for each in operations.values()}

    assert names == {"rrs-execute", "bes-status"}
    assert names <= {each.id for each in load_operations(APIM / "openapi.json")}
    for name, policy in made(resources, f"{SERVICE}/apis/operations/policies").items():
        of = operations[policy["config"]["parent"]]["config"]["name"]
        assert loaded(policy["config"]["properties"]["value"]) == [f"policies/operation-{of}.xml"], name


def test_each_product_has_its_policy_and_the_api(resources: dict[str, Any]):
    products = made(resources, f"{SERVICE}/products")
    policies = {each["config"]["parent"]: each for each in made(resources, f"{SERVICE}/products/policies").values()}
    links = {each["config"]["parent"] for each in made(resources, f"{SERVICE}/products/apis").values()}

    assert set(products) == set(policies) == links == {"starter", "unlimited"}
    for name, policy in policies.items():
        assert loaded(policy["config"]["properties"]["value"]) == [f"policies/product-{name}.xml"]
        assert products[name]["config"]["properties"]["state"] == "published"


def test_every_file_that_is_loaded_is_there(resources: dict[str, Any]):
    files = [path for each in resources.values() for path in loaded(each["config"])]

    assert len(files) == 7
    assert [path for path in files if not (APIM / path).is_file()] == []


def test_every_parent_and_dependency_is_declared(resources: dict[str, Any]):
    for name, each in resources.items():
        config = each["config"].get("config", each["config"])
        assert {config.get("parent"), *config.get("dependsOn", [])} - {None} <= resources.keys(), name


def test_secrets_come_in_as_secure_parameters_and_never_go_out(bicep: dict[str, Any]):
    decorators = {each["type"] for each in bicep["parameters"]["webServiceApiKey"]["decorators"]}

    assert "secure" in decorators
    assert set(bicep["outputs"]) == {"endpointUrl", "subscriptionName"}
    assert "listSecrets" not in (APIM / "main.bicep").read_text()


def test_the_parameters_file_gives_parameters_that_there_are(bicep: dict[str, Any]):
    given = json.loads((APIM / "main.parameters.json").read_text())["parameters"]

    needed = {name for name, each in bicep["parameters"].items() if each["default"] is None}
    assert needed <= set(given) <= set(bicep["parameters"])
    assert "webServiceApiKey" not in given
