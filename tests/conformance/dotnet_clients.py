"""Clients on .NET: azuremlps, Microsoft's C# sample, its SDK for BES, and Data Factory, as they write and read.

Functions like those of `python_clients`. What HttpClient does is done: it waits for `100 Continue` before it sends a
body, or sends it in chunks; it has no `Content-Type` where there is no content.

Source: azuremlps' AzureMLSDK.cs and Util.cs; the sample as the portal made it; the pages about SDK and Data Factory.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from tests.conformance.sites import Site
from tests.conformance.told import JobCancelled, JobFailed, Refused
from tests.conformance.wire import POLL_SECONDS, Answer, looks, send, send_in_chunks, send_when_told

JSON_UTF8 = ("Content-Type", "application/json; charset=utf-8")
JSON_ASCII = ("Content-Type", "application/json; charset=us-ascii")


def _bearer(site: Site) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {site.api_key}"), *site.gateway_headers]


def _azuremlps(site: Site) -> list[tuple[str, str]]:
    return [
        ("Authorization", f"Bearer {site.api_key}"),
        ("x-ms-metaanalytics-authorizationtoken", site.api_key),
        ("x-aml-sdk", "dotnetsdk_0.2.5"),
    ]


def azuremlps_rrs(site: Site, text: str) -> list[str]:
    """C2, `Invoke-AmlWebServiceRRSEndpoint`: the request is a file of the user's, the answer another."""
    request = {"Inputs": {"input1": {"ColumnNames": ["Col2"], "Values": [[text]]}}, "GlobalParameters": {"N-grams": 2}}
    url = site.base + "/execute?api-version=2.0&details=true" + site.gateway_query
    answer = _succeeded(send_when_told(url, [*_azuremlps(site), JSON_ASCII], json.dumps(request, indent=4).encode()))
    return json.loads(answer.text)["Results"]["output1"]["value"]["Values"][0]


def azuremlps(site: Site, text: str) -> str:
    """C2. The job is a file of the user's, addresses are made by replacing text, and it looks without any pause."""
    output = site.new_blob()
    job = {
        "GlobalParameters": {"N-grams": 2},
        "Inputs": {"input1": site.reference(site.upload(text))},
        "Outputs": {"output1": site.reference(output)},
    }
    azuremlps_with(site, json.dumps(job, indent=4).replace("\n", "\r\n"))
    return site.download(output)


def azuremlps_with(site: Site, job: str) -> None:
    """`Invoke-AmlWebServiceBESEndpoint` with any job."""
    submit_url = site.base + "/jobs?api-version=2.0" + site.gateway_query
    common = _azuremlps(site)
    typed = [*common, JSON_ASCII]
    job_id = _succeeded(send_when_told(submit_url, typed, job.encode("ascii"))).text.replace('"', "")
    start_url = submit_url.replace("jobs?api-version=2.0", "jobs/" + job_id + "/start?api-version=2.0")
    _succeeded(send("POST", start_url, typed, b""))
    for _ in looks(pause_seconds=0):
        status_url = submit_url.replace("jobs?api-version=2.0", "jobs/" + job_id + "?api-version=2.0")
        answer = _succeeded(send("GET", status_url, common))
        status: str = answer.json["StatusCode"]
        if status == "Failed":
            raise JobFailed(answer.text)
        if status == "Finished":
            return


def _succeeded(answer: Answer) -> Answer:
    """`IsSuccessStatusCode`, and the error envelope as the samples show it."""
    if not 200 <= answer.status < 300:
        raise Refused(answer.text)
    return answer


def microsoft_csharp_rrs(site: Site, text: str) -> list[str]:
    """C5, the sample for RRS; it prints the answer."""
    request = {"Inputs": {"input1": {"ColumnNames": ["Col2"], "Values": [[text]]}}, "GlobalParameters": {}}
    url = site.base + "/execute?api-version=2.0&details=true"
    answer = _succeeded(send_in_chunks(url, [*_bearer(site), JSON_UTF8], json.dumps(request).encode()))
    return json.loads(answer.text)["Results"]["output1"]["value"]["Values"][0]


def microsoft_csharp(site: Site, text: str) -> str:
    """C5, the sample that the portal made for every web service."""
    status = microsoft_csharp_with(site, text, timeout_seconds=120.0)
    first = next(iter(status["Results"].values()))
    # `new Uri(new Uri(BaseLocation), RelativeLocation)`, and the token as credentials of the storage library.
    url = urljoin(first["BaseLocation"], first["RelativeLocation"]) + "?" + first["SasBlobToken"].lstrip("?")
    head = _succeeded(send("HEAD", url, [("x-ms-version", "2014-02-14")]))
    last = int(head.headers["content-length"]) - 1
    blob = send("GET", url, [("x-ms-range", f"bytes=0-{last}"), ("x-ms-version", "2014-02-14")])
    return _succeeded(blob).text


def microsoft_csharp_with(
    site: Site, text: str, *, timeout_seconds: float, source: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The same up to the last status. After the time-out it deletes the job, and still goes by what it saw before."""
    nothing = {"ConnectionString": None, "RelativeLocation": None, "BaseLocation": None, "SasBlobToken": None}
    request = {
        "Inputs": {"input1": {**nothing, **(source or site.reference(site.upload(text)))}},
        "GlobalParameters": {},
        "Outputs": {"output1": {**nothing, **site.reference(site.new_blob("output1results.csv"))}},
    }
    common = _bearer(site)
    base_url = site.base + "/jobs"
    body = json.dumps(request).encode()
    job_id = _read_as(str, send_when_told(base_url + "?api-version=2.0", [*common, JSON_UTF8], body))
    _succeeded(send("POST", base_url + "/" + job_id + "/start?api-version=2.0", common, b""))
    job_location = base_url + "/" + job_id + "?api-version=2.0"
    status: dict[str, Any] = {}
    for turn, _ in enumerate(looks()):
        status = _read_as(dict, send("GET", job_location, common))
        if turn * POLL_SECONDS > timeout_seconds and status["StatusCode"] not in ("Failed", "Cancelled", "Finished"):
            _succeeded(send("DELETE", job_location, common))
            return status
        match status["StatusCode"]:
            case "NotStarted" | "Running":
                continue
            case "Failed":
                raise JobFailed(f"Error details: {status['Details']}")
            case "Cancelled":
                raise JobCancelled(f"Job {job_id} cancelled!")
            case "Finished":
                break
    return status


def _read_as(kind: type, answer: Answer) -> Any:
    """`ReadAsAsync`: chooses how to read by the type of the content, and refuses what it does not know."""
    _succeeded(answer)
    assert answer.headers["content-type"].split(";")[0] in ("application/json", "text/json")
    value = answer.json
    assert isinstance(value, kind)
    return value


def dotnet_sdk(site: Site, text: str) -> str:
    """Microsoft.Azure.MachineLearning: `RegisterBatchJobAsync`, `StartAsync`, `WaitForCompletionAsync`."""
    endpoint_uri = site.base + "/"
    request = {
        "Input": site.reference(site.upload(text)),
        "GlobalParameters": {"N-grams": "2", "Hashing bitsize": "3"},
        "Outputs": {"output1": site.reference(site.new_blob())},
    }
    common = _bearer(site)
    submit_url = endpoint_uri + "jobs?api-version=2.0"
    job_id = _read_as(str, _runtime(send_in_chunks(submit_url, [*common, JSON_UTF8], json.dumps(request).encode())))
    _runtime(send("POST", endpoint_uri + "jobs/" + job_id + "/start?api-version=2.0", common, b""))
    for _ in looks():
        status = _read_as(dict, _runtime(send("GET", endpoint_uri + "jobs/" + job_id + "?api-version=2.0", common)))
        # `job.CreatedAt.ToLocalTime()` is what an application of it shows.
        datetime.fromisoformat(status["CreatedAt"]).astimezone()
        if status["StatusCode"] == "Failed":
            raise JobFailed(status["Details"])
        if status["StatusCode"] == "Finished":
            break
    output = status["Results"]["output1"]
    absolute_uri = output["BaseLocation"] + output["RelativeLocation"] + output["SasBlobToken"]
    return _succeeded(send("GET", absolute_uri, [])).text


def _runtime(answer: Answer) -> Answer:
    """`RuntimeException{ErrorCode, Message, Details[]{Code, Message}}`."""
    if answer.status >= 300:
        error = answer.json["error"]
        raise Refused(error["code"], error["message"], [(each["code"], each["message"]) for each in error["details"]])
    return answer


def adf(site: Site, text: str) -> str:
    """The activity `AzureMLBatchExecution` of Data Factory: the linked service's `mlEndpoint` ends with `/jobs`."""
    output = site.new_blob()
    adf_with(site, {"input1": site.reference(site.upload(text))}, {"output1": site.reference(output)}, {"N-grams": "2"})
    return site.download(output)


def adf_with(
    site: Site, inputs: Mapping[str, object], outputs: Mapping[str, object], parameters: Mapping[str, str]
) -> None:
    """The same with any inputs and outputs. Both of its messages are as users reported them."""
    ml_endpoint = site.base + "/jobs"
    common = _bearer(site)
    request = {"Inputs": inputs, "Outputs": outputs, "GlobalParameters": parameters}
    answer = send_when_told(ml_endpoint + "?api-version=2.0", [*common, JSON_UTF8], json.dumps(request).encode())
    if answer.status >= 300:
        error = answer.json["error"]
        raise Refused(
            f"Batch Execution failed. The response from the Machine Learning service at endpoint {ml_endpoint} was "
            f"'{error['message']} {error['details'][0]['message']}'."
        )
    job_id = _read_as(str, answer)
    _succeeded(send("POST", f"{ml_endpoint}/{job_id}/start?api-version=2.0", common, b""))
    for _ in looks():
        status = _read_as(dict, send("GET", f"{ml_endpoint}/{job_id}?api-version=2.0", common))
        if status["StatusCode"] == "Failed":
            raise JobFailed(
                f"Batch Execution Service request has failed. Endpoint {ml_endpoint}. Job ID: {job_id}. "
                f"Details: {status['Details']}"
            )
        if status["StatusCode"] == "Finished":
            return
