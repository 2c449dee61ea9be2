"""Who may call what: operations, keys, and the gateway's own answers to the byte."""

import json

import httpx
import pytest

SERVICE = "/workspaces/w1/services/s1"
JOB = f"{SERVICE}/jobs/0123456789abcdef0123456789abcdef"
VERSION = "api-version=2.0"
PRIMARY, SECONDARY, SUSPENDED = "primary-key-0001", "secondary-key-0002", "suspended-key-0003"

MISSING = (
    b'{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include '
    b'subscription key when making requests to an API." }'
)
INVALID = (
    b'{ "statusCode": 401, "message": "Access denied due to invalid subscription key. Make sure to provide a valid '
    b'key for an active subscription." }'
)
NOT_FOUND = b'{ "statusCode": 404, "message": "Resource not found" }'
CHALLENGE = (
    'AzureApiManagementKey realm="https://gw.example:8080/azureml-demo",name="Ocp-Apim-Subscription-Key",type="header"'
)


@pytest.mark.parametrize("key", [PRIMARY, SECONDARY])
@pytest.mark.parametrize("place", ["header", "query"])
def test_either_key_opens_from_header_or_query(gateway, backend, key, place):
    query = f"&subscription-key={key}" if place == "query" else ""
    headers = {"ocp-apim-SUBSCRIPTION-key": key} if place == "header" else {}

    answer = gateway.call("GET", f"{JOB}?{VERSION}{query}", headers=headers)

    assert answer.status_code == 200
    assert len(backend.seen) == 1


@pytest.mark.parametrize(
    ("query", "header", "body", "length"),
    [
        ("", "X: 1", MISSING, 152),
        ("", "Ocp-Apim-Subscription-Key: ", MISSING, 152),
        ("", "Ocp-Apim-Subscription-Key: wrong", INVALID, 143),
        ("&subscription-key=wrong", "X: 1", INVALID, 143),
        (f"&subscription-key={PRIMARY}", "Ocp-Apim-Subscription-Key: wrong", INVALID, 143),
        ("", f"Ocp-Apim-Subscription-Key: {SUSPENDED}", INVALID, 143),
    ],
)
def test_without_a_valid_key_the_answer_is_401_to_the_byte(gateway, backend, query, header, body, length):
    first, headers, answered = gateway.call_raw(
        f"POST /azureml-demo{SERVICE}/jobs?{VERSION}{query} HTTP/1.1\r\nHost: gw.example:8080\r\n{header}\r\n"
        "Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    )

    assert first == "HTTP/1.1 401 Unauthorized"
    assert answered == body
    assert headers["content-length"] == str(length) == str(len(body))
    assert headers["content-type"] == "application/json"
    assert headers["www-authenticate"] == CHALLENGE
    assert headers.keys() == {"content-length", "content-type", "www-authenticate", "date", "connection"}
    assert backend.seen == []


def test_a_host_that_would_end_the_quoted_realm_cannot(gateway, backend):
    _, headers, _ = gateway.call_raw(
        f'GET /azureml-demo{JOB}?{VERSION} HTTP/1.1\r\nHost: a"b,c\r\nConnection: close\r\n\r\n'
    )

    assert headers["www-authenticate"].startswith('AzureApiManagementKey realm="https://abc/azureml-demo",name=')


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("POST", "/health"),
        ("GET", f"{JOB}?{VERSION}"),
        ("GET", f"/azureml-demo{JOB}"),
        ("PUT", f"/azureml-demo{JOB}?{VERSION}"),
        ("GET", f"/azureml-demox{JOB}?{VERSION}"),
        ("GET", f"/azureml-demo/..{JOB}?{VERSION}"),
        ("GET", f"/azureml-demo/azureml-demo{JOB}?{VERSION}"),
        ("GET", f"/%61zureml-demo{JOB}?{VERSION}"),
        ("OPTIONS", "*"),
        ("GET", f"http://elsewhere/azureml-demo{JOB}?{VERSION}"),
    ],
)
@pytest.mark.parametrize("key", ["", f"Ocp-Apim-Subscription-Key: {PRIMARY}\r\n"])
def test_what_is_no_operation_is_404_to_the_byte_whatever_its_key(gateway, backend, method, target, key):
    first, headers, body = gateway.call_raw(
        f"{method} {target} HTTP/1.1\r\nHost: gateway\r\n{key}Connection: close\r\n\r\n"
    )

    assert first == "HTTP/1.1 404 Not Found"
    assert body == NOT_FOUND
    assert headers["content-length"] == str(len(NOT_FOUND)) == "54"
    assert headers["content-type"] == "application/json"
    assert backend.seen == []


def test_a_refused_upload_leaves_the_connection_usable(gateway, backend):
    with httpx.Client(trust_env=False, timeout=30) as client:
        url = f"{gateway.url}/azureml-demo{SERVICE}/jobs?{VERSION}"
        refused = client.post(url, content=bytes(5_000_000))
        accepted = client.post(url, content=b"{}", headers=gateway.key)

    assert (refused.status_code, accepted.status_code) == (401, 200)
    assert [each.size_bytes for each in backend.seen] == [2]


def test_the_health_probe_needs_no_key_and_no_backend(gateway, backend):
    first, headers, body = gateway.call_raw("GET /health HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")

    assert first == "HTTP/1.1 200 OK"
    assert json.loads(body) == {"status": "ok"}
    assert "date" in headers
    assert backend.seen == []
