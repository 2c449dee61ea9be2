"""What is passed on to the backend and back, and that it streams."""

import os
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import httpx
import pytest

DEADLINE_SECONDS = 30.0
SERVICE = "/workspaces/w1/services/s1"
JOB = f"{SERVICE}/jobs/0123456789abcdef0123456789abcdef"
VERSION = "api-version=2.0"
MEGABYTE = 1 << 20

OPERATIONS = [
    ("POST", f"{SERVICE}/execute?{VERSION}&details=true"),
    ("POST", f"{SERVICE}/jobs?{VERSION}"),
    ("POST", f"{JOB}/start?{VERSION}"),
    ("GET", f"{JOB}?{VERSION}"),
    ("DELETE", f"{JOB}?{VERSION}"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_each_operation_reaches_the_backend_without_the_suffix(gateway, backend, method, path):
    backend.answer = lambda handler: handler.reply(200, b'"answer"', ("Content-Type", "application/json"))

    answer = gateway.call(method, path, content=b"" if method == "GET" else b'{"a": 1}')

    assert (answer.status_code, answer.content) == (200, b'"answer"')
    assert [(each.method, each.target) for each in backend.seen] == [(method, path)]
    assert backend.seen[0].size_bytes == (0 if method == "GET" else 8)


@pytest.mark.parametrize(
    "target",
    [
        f"/workspaces/a%20b/services/%C3%A9/jobs/x%2Fy?b=1&{VERSION}&subscription-key=k&b=2&c=a+b%2B&d",
        f"/workspaces/~w;v=1/services/s:1@x/jobs/(j)!?x[0]={{y}}|'z'&{VERSION}",
        f'/workspaces/w1/services/s1/jobs/a"<>%zz?{VERSION}&y=%"<>#z',
        f"/workspaces/w1/services/s1/jobs/{'j' * 60_000}?{VERSION}",
    ],
)
def test_path_and_query_arrive_as_they_were_sent(gateway, backend, target):
    first, _, _ = gateway.call_raw(gateway.request_text("GET", target, "Connection: close"))

    assert first == "HTTP/1.1 200 OK"
    assert backend.seen[0].target == target


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 404, 429, 500, 503, 599])
def test_the_backends_status_headers_and_body_come_back_as_they_are(gateway, backend, status):
    body = b"" if status == 204 else b'{"error":{"code":"X"}}'
    headers = [("Location", f"{backend.url}/elsewhere"), ("Retry-After", "7"), ("X-Two", "a"), ("X-Two", "b")]
    backend.answer = lambda handler: handler.reply(status, body, *headers)

    answer = gateway.call("POST", f"{SERVICE}/jobs?{VERSION}")

    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["location"] == f"{backend.url}/elsewhere"
    assert answer.headers["retry-after"] == "7"
    assert answer.headers.get_list("x-two") == ["a", "b"]
    assert len(answer.headers.get_list("date")) == len(answer.headers.get_list("server")) == 1
    assert len(backend.seen) == 1


def test_headers_of_the_message_reach_the_backend_and_headers_of_the_connection_do_not(gateway, backend):
    sent = ("Authorization: Bearer abc", "X-Own: 1", "X-Own: 2", "TE: trailers", "Upgrade: h2c", "X-Hop: 1")

    gateway.call_raw(gateway.request_text("GET", f"{JOB}?{VERSION}", *sent, "Connection: x-hop, close"))

    assert sorted((name.lower(), value) for name, value in backend.seen[0].headers) == [
        ("authorization", "Bearer abc"),
        ("host", backend.url.removeprefix("http://")),
        ("x-own", "1"),
        ("x-own", "2"),
    ]


def test_headers_of_the_message_come_back_and_headers_of_the_connection_do_not(gateway, backend):
    connection = [("Keep-Alive", "timeout=9"), ("X-Hop", "1"), ("Connection", "keep-alive, X-Hop")]
    message = [("Content-Encoding", "gzip"), ("Set-Cookie", "a=1")]
    backend.answer = lambda handler: handler.reply(200, b"not gzip at all", *connection, *message)

    _, headers, body = gateway.call_raw(gateway.request_text("GET", f"{JOB}?{VERSION}", "Connection: close"))

    assert headers.keys() == {"content-encoding", "set-cookie", "content-length", "connection", "date", "server"}
    assert (headers["content-encoding"], headers["connection"], body) == ("gzip", "close", b"not gzip at all")


def test_a_start_without_a_body_stays_without_one(gateway, backend):
    answer = gateway.call("POST", f"{JOB}/start?{VERSION}")

    assert answer.status_code == 200
    assert backend.seen[0].header("content-length") == ["0"]
    assert backend.seen[0].header("transfer-encoding") == []


def test_a_path_in_the_backends_address_stays_in_front(new_gateway, backend):
    with new_gateway(f"{backend.url}/api/10.4/", SUFFIX="") as process, httpx.Client(trust_env=False) as client:
        assert client.get(f"{process.url}{JOB}?{VERSION}", headers=process.key).status_code == 200
        assert client.get(f"{process.url}/health").status_code == 200

    assert [each.target for each in backend.seen] == [f"/api/10.4{JOB}?{VERSION}"]


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_fifty_megabytes_pass_both_ways_in_flat_memory(gateway, backend, framing):
    part, times = os.urandom(MEGABYTE), 50
    expected = sha256(part * times).hexdigest()
    backend.answer = lambda handler: handler.reply_in_chunks(part, times)
    length = {"Content-Length": str(len(part) * times)} if framing == "length" else {}
    gateway.call("GET", f"{JOB}?{VERSION}")
    before_bytes = gateway.peak_bytes
    came_back = sha256()

    upload = {"content": (part for _ in range(times)), "headers": gateway.key | length}
    with gateway.call_streaming("POST", f"{SERVICE}/jobs?{VERSION}", **upload) as answer:
        for piece in answer.iter_raw():
            came_back.update(piece)

    seen = backend.seen[-1]
    assert (seen.size_bytes, seen.digest, came_back.hexdigest()) == (50 * MEGABYTE, expected, expected)
    assert bool(seen.header("content-length")) == (framing == "length")
    assert gateway.peak_bytes - before_bytes < 20 * MEGABYTE


def test_the_first_part_of_an_answer_arrives_before_the_last_is_sent(gateway, backend):
    first_arrived = threading.Event()

    def answer_in_two(handler):
        handler.begin(200, ("Content-Length", "10"))
        handler.wfile.write(b"first")
        assert first_arrived.wait(DEADLINE_SECONDS)
        handler.wfile.write(b"-last")

    backend.answer = answer_in_two
    with gateway.call_streaming("GET", f"{JOB}?{VERSION}") as answer:
        parts = answer.iter_raw()
        first = next(parts)
        first_arrived.set()
        assert (first, b"".join(parts)) == (b"first", b"-last")


def test_the_first_part_of_a_body_arrives_before_the_last_is_sent(gateway, backend):
    def body():
        yield b"first"
        assert backend.has_begun.wait(DEADLINE_SECONDS)
        yield b"-last"

    assert gateway.call("POST", f"{SERVICE}/jobs?{VERSION}", content=body()).status_code == 200
    assert backend.seen[0].digest == sha256(b"first-last").hexdigest()


def test_a_caller_that_expects_100_continue_gets_it(gateway, backend):
    expecting = ("Content-Length: 2", "Expect: 100-continue")
    with gateway.caller(gateway.request_text("POST", f"{SERVICE}/jobs?{VERSION}", *expecting)) as caller:
        assert caller.recv(65536).startswith(b"HTTP/1.1 100 ")
        caller.sendall(b"{}")
        assert caller.recv(65536).startswith(b"HTTP/1.1 200 ")

    assert (backend.seen[0].size_bytes, backend.seen[0].header("expect")) == (2, [])


def test_fifty_callers_are_served_at_the_same_time_and_each_gets_its_own_answer(gateway, backend):
    everyone_is_here = threading.Barrier(50)

    def echo(handler):
        everyone_is_here.wait(DEADLINE_SECONDS)
        handler.reply(200, handler.path.encode())

    backend.answer = echo
    paths = [f"{SERVICE}/jobs/{number}?{VERSION}" for number in range(50)]
    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(lambda path: gateway.call("GET", path), paths))

    assert [answer.text for answer in answers] == paths


def test_small_answers_do_not_wait_for_an_acknowledgement(gateway, backend):
    with httpx.Client(trust_env=False, timeout=DEADLINE_SECONDS, headers=gateway.key) as client:
        seconds = []
        for _ in range(100):
            began = time.monotonic()
            assert client.get(f"{gateway.url}/azureml-demo{JOB}?{VERSION}").status_code == 200
            seconds.append(time.monotonic() - began)

    # 2 ms each; a delayed acknowledgement would be 40 ms in each call, a busy machine is slow in some.
    assert statistics.median(seconds) < 0.02
