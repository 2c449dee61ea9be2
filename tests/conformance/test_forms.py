"""Every form in which the known clients write a submit."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.storage.blob import generate_blob_sas

from tests.conformance.calls import ended, submit
from tests.conformance.sites import INPUT, OUTPUT, Site
from tests.conformance.wire import Headers, send

NULLS = {"ConnectionString": None, "RelativeLocation": None, "BaseLocation": None, "SasBlobToken": None}


def _link(site: Site, path: str) -> dict[str, str]:
    container, blob = path.split("/", 1)
    credential = site.blobs.credential
    end = datetime.now(UTC) + timedelta(hours=1)
    token = generate_blob_sas(
        credential.account_name, container, blob, account_key=credential.account_key, permission="r", expiry=end
    )
    return {"BaseLocation": f"{site.blobs.url.rstrip('/')}/", "RelativeLocation": path, "SasBlobToken": f"?{token}"}


def _long_form(site: Site, path: str) -> dict[str, str]:
    parts = dict(part.split("=", 1) for part in site.connection_string.rstrip(";").split(";"))
    text = "DefaultEndpointsProtocol=http;BlobEndpoint={BlobEndpoint};TableEndpoint=http://127.0.0.1:1;QueueEndpoint="
    text += "http://127.0.0.1:2;FileEndpoint=http://127.0.0.1:3;AccountName={AccountName};AccountKey={AccountKey}"
    return {"ConnectionString": text.format(**parts), "RelativeLocation": path}


FORMS: dict[str, Callable[[Site, str, str], dict[str, Any]]] = {
    "Input with nulls, Outputs null, GlobalParameters null": lambda site, source, _: {
        "Input": {**NULLS, **site.reference("/" + source)}, "Outputs": None, "GlobalParameters": None,
    },
    "Input alone, no slash": lambda site, source, _: {"Input": site.reference(source)},
    "Input and Inputs null": lambda site, source, _: {"Input": site.reference(source), "Inputs": None, "Output": None},
    "Inputs and Input null": lambda site, source, target: {
        "GlobalParameters": {}, "Inputs": {"input1": site.reference(source)}, "Input": None,
        "Outputs": {"output1": site.reference(target)},
    },
    "Inputs with nulls and slashes": lambda site, source, target: {
        "Inputs": {"input1": {**NULLS, **site.reference("/" + source)}},
        "Outputs": {"output1": {**NULLS, **site.reference("/" + target)}}, "GlobalParameters": {},
    },
    "Input and Outputs": lambda site, source, target: {
        "Input": site.reference("/" + source), "Outputs": {"output1": site.reference("/" + target)},
        "GlobalParameters": {},
    },
    "Input and Output": lambda site, source, target: {
        "Input": site.reference(source), "Output": site.reference(target), "GlobalParameters": {},
    },
    "Outputs without members": lambda site, source, _: {"Input": site.reference(source), "Outputs": {}},
    "a batch pool": lambda site, source, _: {"Input": site.reference(source), "AzureBatchPoolId": "pool"},
    "a long connection string": lambda site, source, target: {
        "Input": _long_form(site, source), "Output": _long_form(site, target),
    },
    "a link with a token": lambda site, source, target: {
        "Input": {**NULLS, **_link(site, source)}, "Output": site.reference(target),
    },
    "parameters as numbers": lambda site, source, _: {
        "Input": site.reference(source), "GlobalParameters": {"N-grams": 2, "Hashing bitsize": 3},
    },
    "parameters as texts and null": lambda site, source, _: {
        "Input": site.reference(source), "GlobalParameters": {"N-grams": "2", "Hashing bitsize": None},
    },
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_submit_takes_every_form_of_the_body(site: Site, form: str) -> None:
    source, target = site.upload(INPUT), site.new_blob()
    order = FORMS[form](site, source, target)
    state = ended(site, order)
    assert state["StatusCode"] == "Finished", state["Details"]
    result = state["Results"]["output1"]
    answer = send("GET", result["BaseLocation"] + result["RelativeLocation"] + result["SasBlobToken"], [])
    assert answer.text.splitlines() == OUTPUT
    is_named = bool(order.get("Output") or order.get("Outputs"))
    assert site.exists(target) == is_named


def test_input_and_inputs_together_are_refused(site: Site, order: dict[str, Any]) -> None:
    answer = submit(site, {**order, "Inputs": {"input1": order["Input"]}})
    assert answer.json["error"]["details"] == [
        {
            "code": "DuplicateInputInBatchCall",
            "message": "The batch request is invalid. Cannot specify both single and multiple input at the same time. "
            "Remove one of these items from the request and try again.",
        }
    ]


ODD_HEADERS: dict[str, Headers] = {
    "text/json": [("Content-Type", "text/json")],
    "an encoding that is none": [("Content-Type", "text/json"), ("Content-Encoding", "UTF-8")],
    "another charset": [("Content-Type", "application/json; charset=us-ascii")],
    "Accept and Accept-Charset": [("Accept", "text/json"), ("Accept-Charset", "UTF-8")],
    "no type at all": [],
}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
@pytest.mark.parametrize("odd", ODD_HEADERS)
def test_headers_of_the_clients_are_no_obstacle(site: Site, order: dict[str, Any], odd: str, scheme: str) -> None:
    headers = [("Authorization", f"{scheme} {site.api_key}"), *ODD_HEADERS[odd], *site.gateway_headers]
    assert submit(site, order, headers).status == 200
