"""The calls of BES and RRS in their plainest form, for the tests that look at the answers themselves."""

import json
from typing import Any

from tests.conformance.sites import Site
from tests.conformance.wire import Answer, Headers, looks, send


def headers_of(site: Site) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {site.api_key}"), ("Content-Type", "application/json"), *site.gateway_headers]


def call(site: Site, method: str, path: str, body: object = None, headers: Headers | None = None) -> Answer:
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return send(method, f"{site.base}{path}", headers_of(site) if headers is None else headers, content)


def submit(site: Site, body: object, headers: Headers | None = None) -> Answer:
    return call(site, "POST", "/jobs?api-version=2.0", body, headers)


def status(site: Site, job_id: str) -> Answer:
    return call(site, "GET", f"/jobs/{job_id}?api-version=2.0")


def delete(site: Site, job_id: str) -> Answer:
    return call(site, "DELETE", f"/jobs/{job_id}?api-version=2.0")


def started(site: Site, body: object) -> str:
    job_id = submit(site, body).json
    assert call(site, "POST", f"/jobs/{job_id}/start?api-version=2.0", b"").status in (200, 204)
    return job_id


def state_when(site: Site, job_id: str, *wanted: str) -> dict[str, Any]:
    """The job's state, as soon as its status is one of these."""
    for _ in looks():
        state = status(site, job_id).json
        if state["StatusCode"] in wanted:
            return state
    raise AssertionError(job_id)


def ended(site: Site, body: object) -> dict[str, Any]:
    return state_when(site, started(site, body), "Failed", "Cancelled", "Finished")


def arm(site: Site, **fault: object) -> None:
    answer = send("POST", f"{site.address}/faults", [], json.dumps(fault).encode())
    assert answer.status == 200, answer.text
