"""Clients in Java: bonapetite and nk773, as they write their requests and read the answers.

Functions like those of `python_clients`. Both tell that their body is encoded in "UTF-8", which is no encoding.

Source: AzureMLBESClient.java with its property file; AzureML_BESApp.java.
"""

import json
from contextlib import closing

from tests.conformance.sites import Site
from tests.conformance.told import Refused
from tests.conformance.wire import Answer, Headers, connect, looks, send, send_on

JAVA = [("Connection", "Keep-Alive"), ("User-Agent", "Apache-HttpClient/4.5.3 (Java/1.8.0_121)"),
        ("Accept-Encoding", "gzip,deflate")]  # fmt: skip
JAVA_BODY = [("Content-Type", "text/json"), ("Content-Encoding", "UTF-8")]


def _java(site: Site) -> list[tuple[str, str]]:
    return [("Accept", "text/json"), ("Accept-Charset", "UTF-8"), ("Authorization", f"Bearer {site.api_key}"), *JAVA]


def bonapetite(site: Site, text: str) -> str:
    """C3. Success is 200 or 204 and nothing else, on one connection; reads the output with the account's key."""
    # What its property file says, on one line; `{CONTAINER}/{INPUT_FILENAME}` without a slash in front.
    request = (
        '{ "GlobalParameters": {}, "Inputs": { "input1": { "ConnectionString": "{CONNECTION}", "RelativeLocation": '
        '"{INPUT}" } }, "Outputs": { "output1": { "ConnectionString": "{CONNECTION}", "RelativeLocation": "{OUTPUT}" } '
        "} }"
    )
    output = site.new_blob("azureMLOutput.csv")
    blanks = {"{CONNECTION}": site.connection_string, "{INPUT}": site.upload(text), "{OUTPUT}": output}
    for blank, value in blanks.items():
        request = request.replace(blank, value)
    api_url, api_version = site.base + "/", "2.0" + site.gateway_query
    with closing(connect(api_url)) as http_client:

        def call(method: str, action: str, headers: Headers, body: bytes | None = None) -> Answer:
            url = api_url + action + "?api-version=" + api_version
            answer = send_on(http_client, method, url, headers, body)
            if answer.status not in (200, 204):
                raise Refused(url, answer.status, answer.text)
            return answer

        java = _java(site)
        job_id = call("POST", "jobs", [*java, *JAVA_BODY], request.encode()).text.replace('"', "")
        call("POST", "jobs/" + job_id + "/start", java, b"")
        for _ in looks():
            # Gson reads a number into a text.
            status = str(call("GET", "jobs/" + job_id, java).json["StatusCode"])
            if status in ("Finished", "4"):
                break
    return site.download(output)


def nk773(site: Site, text: str) -> str:
    """C4, the Java sample of Microsoft's pages. Submits and starts; what becomes of the job it does not ask."""
    api_url, start_job_url = site.base + "/jobs?api-version=2.0", site.base + "/jobs"
    output = site.new_blob()
    job = {
        "Inputs": {"input1": site.reference(site.upload(text))},
        "Outputs": {"output1": site.reference(output)},
        "GlobalParameters": {},
    }
    lines = "".join(f"{line}\n" for line in json.dumps(job, indent=2).splitlines())
    java = [*_java(site), *site.gateway_headers]
    job_id = send("POST", api_url, [*java, *JAVA_BODY], lines.encode()).text.replace('"', "")
    started = send("POST", start_job_url + "/" + job_id + "/start?api-version=2.0", java, b"")
    # It prints the status line of an answer without a body, and the body of any other: an error would be shown here.
    assert (started.status in (200, 204), started.body) == (True, b"")
    # Its cancel forgets the slash and the version, so it reaches no job.
    lost = send("DELETE", start_job_url + job_id, java)
    assert lost.status == 404
    for _ in looks():
        if site.exists(output):
            break
    return site.download(output)
