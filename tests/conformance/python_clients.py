"""Clients in Python: the guide's programs, azmlclient and azureml, as they write their requests and read answers.

A client here is a function: it has a site and an input, and gives what it would have shown to its user, or raises what
it would have told. What its language or library adds to a request is added too. Only its pauses are shorter.

Source: the guide; azmlclient 2.6.0; azureml's services.py.
"""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import requests
from azure.storage.blob import ContentSettings

from tests.conformance.sites import Site
from tests.conformance.told import JobCancelled, JobFailed, Refused
from tests.conformance.wire import DEADLINE_SECONDS, Answer, looks, send

URLLIB2 = [("Accept-Encoding", "identity"), ("Connection", "close"), ("User-Agent", "Python-urllib/2.7")]


def seed_rrs(site: Site, text: str) -> list[str]:
    """The guide's program for RRS in Python 2.7."""
    headers = [("Content-type", "application/json"), ("Authorization", f"Bearer {site.api_key}")]
    data = {"Inputs": {"input1": {"ColumnNames": ["Col2"], "Values": [[text]]}}, "GlobalParameters": {}}
    url = site.base + "/execute?api-version=2.0&details=true"
    answer = _urllib2(send("POST", url, [*URLLIB2, *headers, *site.gateway_headers], json.dumps(data).encode()))
    return json.loads(answer.body)["Results"]["output1"]["value"]["Values"][0]


def seed(site: Site, text: str) -> str:
    """The guide's program for BES in Python 2.7: `Input` and `Outputs`, slashes first, quotes cut off by position."""
    authorization = ("Authorization", f"Bearer {site.api_key}")
    headers = [*URLLIB2, ("Content-type", "application/json"), authorization, *site.gateway_headers]
    url = site.base + "/jobs"
    payload = {
        "Input": site.reference("/" + site.upload(text)),
        "Outputs": {"output1": site.reference("/" + site.new_blob())},
        "GlobalParameters": {},
    }
    result = _urllib2(send("POST", url + "?api-version=2.0", headers, json.dumps(payload).encode())).text
    job_id = result[1:-1]
    _urllib2(send("POST", url + "/" + job_id + "/start?api-version=2.0", headers, b""))
    for _ in looks():
        answer = send("GET", url + "/" + job_id + "?api-version=2.0", [*URLLIB2, authorization, *site.gateway_headers])
        result = json.loads(_urllib2(answer).body)
        status = result["StatusCode"]
        # It prints this, and cannot join a number to a text.
        assert "status:" + status
        if status in (2, "Failed"):
            raise JobFailed("Error details: " + result["Details"])
        if status in (3, "Cancelled"):
            raise JobCancelled("Job " + job_id + " cancelled!")
        if status in (4, "Finished"):
            break
    output = next(result["Results"][name] for name in result["Results"])
    url3 = output["BaseLocation"] + output["RelativeLocation"] + output["SasBlobToken"]
    return _urllib2(send("GET", url3, URLLIB2)).text


def _urllib2(answer: Answer) -> Answer:
    if not 200 <= answer.status < 300:
        raise Refused(str(json.loads(answer.body)))
    return answer


def azmlclient(site: Site, text: str) -> str:
    """C1. Always deletes the job, then downloads what it asked for itself; looks at no `Results` but for null."""
    return azmlclient_with(site, {"input1": text}, ["output1"])["output1"]


def azmlclient_with(
    site: Site, inputs: Mapping[str, str], output_names: list[str], parameters: Mapping[str, object] | None = None
) -> dict[str, str]:
    """The same with any number of tables."""
    prefix = datetime.now(UTC).strftime("%Y-%m-%d_%H%M%S_%f")
    content = ContentSettings(content_type="text.csv", content_encoding="utf-8")
    input_refs = {
        name: site.reference(site.upload(text, f"{prefix}-input-{name}.csv", content)) for name, text in inputs.items()
    }
    output_refs = {name: site.reference(site.new_blob(f"{prefix}-output-{name}.csv")) for name in output_names}
    body = json.dumps({"Inputs": input_refs, "GlobalParameters": dict(parameters or {}), "Outputs": output_refs})
    with requests.Session() as session:
        session.headers.update(dict(site.gateway_headers))
        job_id = None
        try:
            job_id = _azmlclient_call(session, site, "POST", "/jobs?api-version=2.0", body)
            if job_id.startswith('"') and job_id.endswith('"'):
                job_id = job_id[1:-1]
            _azmlclient_call(session, site, "POST", "/jobs/" + job_id + "/start?api-version=2.0")
            outputs = None
            for _ in looks():
                outputs = _azmlclient_outcome(
                    _azmlclient_call(session, site, "GET", "/jobs/" + job_id + "?api-version=2.0")
                )
                if outputs is not None:
                    break
        finally:
            if job_id is not None:
                _azmlclient_call(session, site, "DELETE", "/jobs/" + job_id + "?api-version=2.0")
    return {name: site.download(reference["RelativeLocation"]) for name, reference in output_refs.items()}


def _azmlclient_call(session: requests.Session, site: Site, method: str, path: str, body: str | None = None) -> str:
    """`azureml_http_call` and the reading of its error."""
    headers = {"Authorization": ("Bearer " + site.api_key)}
    data = None
    if body is not None:
        data = str.encode(body, encoding="utf-8")
        headers["Content-Type"] = "application/json; charset=utf-8"
    response = session.request(method, site.base + path, headers=headers, data=data or None, timeout=DEADLINE_SECONDS)
    if response.status_code >= 400:
        error = response.json()["error"]
        raise Refused(error["code"], error["message"], error["details"][0]["code"], error["details"][0]["message"])
    return response.text


def _azmlclient_outcome(text: str) -> Any:
    """`read_status_or_result`: None to look again, anything else to stop."""
    result = json.loads(text)
    status = result["StatusCode"]
    if status in ("3", "Cancelled"):
        raise JobCancelled(f"The job state is '{status}' : cannot read the outcome")
    if status in ("2", "Failed"):
        raise JobFailed(f"The job ended with an error : {result['Details']}")
    if status in ("0", "NotStarted", "1", "Running", "4", "Finished"):
        return result["Results"]
    raise AssertionError("The job state is " + status + " : unknown state")


def azmlclient_rrs(site: Site, text: str) -> list[int]:
    """C1 in its first form: columns and values."""
    table = azmlclient_tables(site, {"input1": {"ColumnNames": ["Col2"], "Values": [[text]]}})["output1"]
    return table.iloc[0].tolist()


def azmlclient_rrs_swagger(site: Site, text: str) -> list[int]:
    """C1 with `use_swagger_format`: a list of rows."""
    return azmlclient_tables(site, {"input1": [{"Col2": text}]}, "&format=swagger")["output1"].iloc[0].tolist()


def azmlclient_tables(
    site: Site, inputs: Mapping[str, object], form: str = "", parameters: Mapping[str, object] | None = None
) -> dict[str, pd.DataFrame]:
    """`execute_rr` with any number of tables."""
    body = json.dumps({"Inputs": inputs, "GlobalParameters": dict(parameters or {})})
    with requests.Session() as session:
        session.headers.update(dict(site.gateway_headers))
        text = _azmlclient_call(session, site, "POST", "/execute?api-version=2.0&details=true" + form, body)
    return {name: _azmlclient_table(table) for name, table in json.loads(text)["Results"].items()}


def _azmlclient_table(table: Any) -> pd.DataFrame:
    """`azmltable_to_df`: refuses any type but `table`, and takes what the rows of a list have in common."""
    if isinstance(table, list):
        names = list(table[0].keys())
        rows = [[row[name] for name in names] for row in table]
        assert all(len(row) == len(names) for row in table)
    else:
        assert table["type"] == "table", f"This method is able to read table objects, found type={table['type']}"
        names, rows = table["value"]["ColumnNames"], table["value"]["Values"]
    # It goes through CSV to find the types of the columns.
    return pd.read_csv(io.StringIO(pd.DataFrame(rows, columns=names).to_csv(index=False)))


def azureml_rrs(site: Site, text: str) -> Sequence[int]:
    """C7, a function published with `@service` and `@returns` of eight integers: asks for no details."""
    body = {"Inputs": {"input1": {"ColumnNames": ["Col2"], "Values": [[text]]}}, "GlobalParameters": {}}
    headers = {"authorization": "bearer " + site.api_key, **dict(site.gateway_headers)}
    url = site.base + "/execute?api-version=2.0"
    response = requests.post(url, json=body, headers=headers, timeout=DEADLINE_SECONDS)
    answer = response.json()
    if response.status_code >= 300:
        if answer["error"]["code"] in ("ModuleExecutionError", "Unauthorized"):
            raise Refused(answer["error"]["details"][0]["message"])
        raise Refused(str(answer))
    value = answer["Results"]["output1"]["value"]
    assert (value.get("ColumnNames"), value.get("ColumnTypes")) == (None, None)
    # `_decode_one_response`: a cell is a text, and the text is JSON.
    return tuple(json.loads(cell) for cell in value["Values"][0])
