"""Other clients: AzureML for R, Task Factory for SSIS, DataSpider, and those of February 2015.

Functions like those of `python_clients`.

Source: R/consume.R, R/discover.R and R/services.R; the documentation of the other two, which shows no request: what it
does not tell is as Microsoft's samples have it.
"""

import json
from collections.abc import Mapping
from typing import Any

from tests.conformance.sites import Site
from tests.conformance.told import JobFailed, Refused
from tests.conformance.wire import POLL_SECONDS, Answer, looks, send, send_when_told

CURL = [("User-Agent", "R"), ("Accept", "*/*"), ("Accept-Encoding", "deflate, gzip")]


def r_azureml_rrs(site: Site, text: str) -> list[str]:
    """C6, `consume`: rows in, rows out."""
    headers = [*CURL, ("Content-Type", "application/json"), ("Authorization", f"Bearer {site.api_key}")]
    body = json.dumps({"Inputs": {"input1": [{"Col2": text}]}, "GlobalParameters": {}}, separators=(",", ":")).encode()
    # The address is `ApiLocation` with a suffix that the package appends.
    url = site.base + "/execute?api-version=2.0&details=true&format=swagger" + site.gateway_query
    answer = send("POST", url, headers, body)
    if answer.status >= 400:
        error = answer.json["error"]
        raise Refused(error["code"], error["message"], *(each["message"] for each in error["details"]))
    return list(answer.json["Results"]["output1"][0].values())


def r_azureml_discovered(site: Site) -> tuple[str, list[str], dict[str, Any]]:
    """C6, `discoverSchema`: address of a request, names of the columns, and schema, all from `swagger.json`."""
    swagger = send("GET", site.base + "/swagger.json", CURL).json
    example = swagger["definitions"]["ExecutionRequest"]["example"]["Inputs"]["input1"]
    # `[[execPathNo]]` and `paths[[2]]`: one path for RRS, and one more at least.
    [execute_path] = [path for path in swagger["paths"] if "/execute?" in path]
    assert len(swagger["paths"]) > 1
    return site.base + execute_path, list(example[0]), swagger["definitions"]["input1Item"]


def task_factory(site: Site, text: str) -> str:
    """The task of SSIS: one input file, one named output, parameters, a base address."""
    output = site.new_blob("output.csv")
    task_factory_with(site, site.reference(site.upload(text, "input.csv")), output, timeout_seconds=120.0)
    return site.download(output)


def task_factory_with(site: Site, source: Mapping[str, str], output: str, *, timeout_seconds: float) -> str:
    """The same with any input. Gives the last status; after the time-out "the component sends a cancel command"."""
    headers = _json(site)
    request = {
        "Inputs": {"input1": source},
        "Outputs": {"output1": site.reference(output)},
        "GlobalParameters": {"N-grams": "2"},
    }
    jobs = f"{site.base}/jobs"
    job_id = _succeeded(send_when_told(jobs + "?api-version=2.0", headers, json.dumps(request).encode())).json
    _succeeded(send("POST", f"{jobs}/{job_id}/start?api-version=2.0", headers, b""))
    for turn, _ in enumerate(looks()):
        status = _succeeded(send("GET", f"{jobs}/{job_id}?api-version=2.0", headers)).json["StatusCode"]
        if status in ("Failed", "Cancelled", "Finished"):
            return status
        if turn * POLL_SECONDS > timeout_seconds:
            _succeeded(send("DELETE", f"{jobs}/{job_id}?api-version=2.0", headers))
    return ""


def dataspider(site: Site, text: str) -> str:
    """The adapter's "Execute Job" that waits: names its input blob alone, and gets an output element a result."""
    status = dataspider_wait(site, dataspider_start(site, text))
    output = status["Results"]["output1"]
    return send("GET", output["BaseLocation"] + output["RelativeLocation"] + output["SasBlobToken"], []).text


def dataspider_start(site: Site, text: str) -> str:
    """All that it does without "Wait for completion of job execution". Gives the job id, which nobody asks for."""
    request = {"Inputs": {"input1": site.reference(site.upload(text))}, "GlobalParameters": {}}
    body = json.dumps(request).encode()
    job_id = _succeeded(send("POST", f"{site.base}/jobs?api-version=2.0", _json(site), body)).json
    _succeeded(send("POST", f"{site.base}/jobs/{job_id}/start?api-version=2.0", _json(site), b""))
    return job_id


def dataspider_wait(site: Site, job_id: str) -> dict[str, Any]:
    """The rest of it: the last status."""
    for _ in looks():
        status = _succeeded(send("GET", f"{site.base}/jobs/{job_id}?api-version=2.0", _json(site))).json
        if status["StatusCode"] in ("Failed", "Cancelled", "Finished"):
            break
    return status


def of_february_2015(site: Site, text: str) -> str:
    """The samples of the first contract: `Output` beside `Input`, numbers for the status, one `Result`."""
    request = {"Input": site.reference("/" + site.upload(text)), "Output": None, "GlobalParameters": {}}
    body = json.dumps(request).encode()
    job_id = _succeeded(send("POST", f"{site.base}/jobs?api-version=2.0", _json(site), body)).text[1:-1]
    _succeeded(send("POST", f"{site.base}/jobs/{job_id}/start?api-version=2.0", _json(site), b""))
    for _ in looks():
        status = _succeeded(send("GET", f"{site.base}/jobs/{job_id}?api-version=2.0", _json(site))).json
        match status["StatusCode"]:
            case 2:
                raise JobFailed(status["Details"])
            case 4:
                break
    result = status["Result"]
    return send("GET", result["BaseLocation"] + result["RelativeLocation"] + result["SasBlobToken"], []).text


def _json(site: Site) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {site.api_key}"), ("Content-Type", "application/json"), *site.gateway_headers]


def _succeeded(answer: Answer) -> Answer:
    if not 200 <= answer.status < 300:
        raise Refused(answer.text)
    return answer
