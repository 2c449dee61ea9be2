"""Every answer that is API Management's own, over a socket, byte for byte; only the date is taken out."""

import socket
from pathlib import Path

import pytest

from tests.service.gateway.rehearsal import (
    JOB,
    KEYS,
    VERSION,
    MovedClock,
    Rehearsal,
    policy_text,
    rehearse,
    write_configuration,
)

KEY = f"Ocp-Apim-Subscription-Key: {KEYS['trial'][1]}\r\n"


def request(key: str, target: str = f"/azureml-demo{JOB}?{VERSION}") -> str:
    return f"GET {target} HTTP/1.1\r\nHost: demoazureml.azure-api.net\r\n{key}Connection: close\r\n\r\n"


def answer(status: str, body: str, *headers: str) -> bytes:
    lines = [*headers, f"content-length: {len(body)}", "connection: close"]
    return "\r\n".join([f"HTTP/1.1 {status}", *sorted(lines)]).encode() + b"\r\n\r\n" + body.encode()


def in_order(raw: bytes) -> bytes:
    """Neither the order of headers nor the case of their names means anything."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    lowered = [name.lower() + colon + value for name, colon, value in (line.partition(b":") for line in lines)]
    return b"\r\n".join([first, *sorted(lowered)]) + separator + body


JSON = "content-type: application/json"
CHALLENGE = (
    'www-authenticate: AzureApiManagementKey realm="https://demoazureml.azure-api.net/azureml-demo",'
    'name="Ocp-Apim-Subscription-Key",type="header"'
)
MISSING = answer(
    "401 Unauthorized",
    '{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription '
    'key when making requests to an API." }',
    JSON,
    CHALLENGE,
)
INVALID = answer(
    "401 Unauthorized",
    '{ "statusCode": 401, "message": "Access denied due to invalid subscription key. Make sure to provide a valid key '
    'for an active subscription." }',
    JSON,
    CHALLENGE,
)
NOT_FOUND = answer("404 Not Found", '{ "statusCode": 404, "message": "Resource not found" }', JSON)
FAILED = answer("500 Internal Server Error", '{ "statusCode": 500, "message": "Internal server error" }', JSON)


def out_of_quota(what: str, duration: str, seconds: int) -> bytes:
    message = f"Out of {what} quota. Quota will be replenished in {duration}."
    body = f'{{ "statusCode": 403, "message": "{message}" }}'
    return answer("403 Forbidden", body, JSON, f"retry-after: {seconds}")


def rate_limited(seconds: int) -> bytes:
    body = f'{{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in {seconds} seconds." }}'
    return answer("429 Too Many Requests", body, JSON, f"retry-after: {seconds}")


def test_the_lengths_are_those_that_were_captured():
    lengths = [raw.partition(b"\r\n\r\n")[2] for raw in (MISSING, INVALID, rate_limited(57))]

    assert [len(body) for body in lengths] == [152, 143, 84]


@pytest.mark.parametrize(
    ("key", "target", "expected"),
    [
        ("", f"/azureml-demo{JOB}?{VERSION}", MISSING),
        ("Ocp-Apim-Subscription-Key: wrong\r\n", f"/azureml-demo{JOB}?{VERSION}", INVALID),
        ("", f"/azureml-demo{JOB}?{VERSION}&subscription-key=wrong", INVALID),
        (KEY, f"/azureml-demo{JOB}", NOT_FOUND),
        (KEY, f"/other{JOB}?{VERSION}", NOT_FOUND),
        ("", "/", NOT_FOUND),
    ],
)
def test_keys_and_operations(tmp_path: Path, backend, key: str, target: str, expected: bytes):
    with rehearse(tmp_path, backend.url) as gateway:
        assert in_order(gateway.raw(request(key, target))) == expected
    assert backend.seen == []


def test_rate_limit(tmp_path: Path, backend):
    with rehearse(tmp_path, backend.url) as gateway:
        statuses = [gateway.poll().status_code for _ in range(5)]
        gateway.clock.now += 3
        assert in_order(gateway.raw(request(KEY))) == rate_limited(57)
        gateway.clock.now += 56.999
        assert in_order(gateway.raw(request(KEY))) == rate_limited(1)
        gateway.clock.now += 0.001
        assert gateway.poll().status_code == 200

    assert statuses == [200] * 5
    assert len(backend.seen) == 6


def test_call_quota(tmp_path: Path, backend):
    with rehearse(tmp_path, backend.url) as gateway:
        for _ in range(20):
            assert [gateway.poll().status_code for _ in range(5)] == [200] * 5
            gateway.clock.now += 60
        assert in_order(gateway.raw(request(KEY))) == out_of_quota("call volume", "6.23:40:00", 604800 - 1200)
        gateway.clock.now += 6 * 86400 + 21 * 3600 + 27 * 60 + 40
        assert in_order(gateway.raw(request(KEY))) == out_of_quota("call volume", "02:12:20", 7940)
        gateway.clock.now += 7940
        assert gateway.poll().status_code == 200

    assert len(backend.seen) == 101


def test_bandwidth_quota(tmp_path: Path, backend):
    backend.answer = lambda handler: handler.reply(200, bytes(600))
    product = policy_text(inbound='<base/><quota bandwidth="1" renewal-period="3600"/>')
    configuration = write_configuration(tmp_path, product=product)

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        sent = [gateway.call("POST", f"{JOB}/start?{VERSION}", content=bytes(212)).status_code for _ in range(2)]
        assert in_order(gateway.raw(request(KEY))) == out_of_quota("bandwidth", "01:00:00", 3600)
        gateway.clock.now += 3600
        assert gateway.poll().status_code == 200

    # Two calls of 812 bytes each are more than a kilobyte; the first alone is not.
    assert sent == [200, 200]


def test_a_backend_that_is_down(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with rehearse(tmp_path, url) as gateway:
        assert in_order(gateway.raw(request(KEY))) == FAILED


def test_a_backend_that_is_too_slow(tmp_path: Path, backend):
    backend.answer = lambda handler: handler.wait_for_hang_up()

    with rehearse(tmp_path, backend.url, backend_timeout_seconds=0.2) as gateway:
        assert in_order(gateway.raw(request(KEY))) == FAILED


def poll_often(gateway: Rehearsal, times: int) -> list[int]:
    return [gateway.poll().status_code for _ in range(times)]


def test_a_restart_keeps_the_quota_and_forgets_the_rate(tmp_path: Path, backend):
    clock = MovedClock()
    configuration = write_configuration(
        tmp_path,
        product=policy_text(
            inbound='<rate-limit calls="2" renewal-period="60"/><quota calls="3" renewal-period="604800"/>'
        ),
    )
    options = {"configuration": configuration, "data_dir": tmp_path / "data", "clock": clock}

    with rehearse(tmp_path, backend.url, **options) as gateway:
        assert poll_often(gateway, 3) == [200, 200, 429]
    with rehearse(tmp_path, backend.url, **options) as gateway:
        assert poll_often(gateway, 2) == [200, 403]
        clock.now += 604800
        assert poll_often(gateway, 1) == [200]
