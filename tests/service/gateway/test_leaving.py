"""Callers that hang up: the backend's connection goes with them, and nothing stays behind."""

import socket
import time

DEADLINE_SECONDS = 30.0
SERVICE = "/workspaces/w1/services/s1"
JOB = f"{SERVICE}/jobs/0123456789abcdef0123456789abcdef"
VERSION = "api-version=2.0"


def eventually(condition):
    end = time.monotonic() + DEADLINE_SECONDS
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def test_leaving_during_the_upload_ends_the_call_to_the_backend(gateway, backend):
    with gateway.caller(gateway.request_text("POST", f"{SERVICE}/jobs?{VERSION}", "Content-Length: 1000000")) as caller:
        caller.sendall(b"x" * 200_000)
        assert backend.has_begun.wait(DEADLINE_SECONDS)

    assert backend.has_lost.wait(DEADLINE_SECONDS)
    assert backend.seen == []


def test_leaving_before_the_answer_ends_the_call_to_the_backend(gateway, backend):
    backend.answer = lambda handler: handler.wait_for_hang_up()

    with gateway.caller(gateway.request_text("POST", f"{SERVICE}/jobs?{VERSION}", "Content-Length: 2") + "{}"):
        assert eventually(lambda: len(backend.seen) == 1)
        assert not backend.has_lost.is_set()

    assert backend.has_lost.wait(DEADLINE_SECONDS)


def test_leaving_during_the_answer_ends_the_call_to_the_backend(gateway, backend):
    backend.answer = lambda handler: handler.reply_in_chunks(bytes(65536), 1_000_000)

    with gateway.caller(gateway.request_text("GET", f"{JOB}?{VERSION}")) as caller:
        assert caller.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert not backend.has_lost.wait(0.2)

    assert backend.has_lost.wait(DEADLINE_SECONDS)


def test_a_hundred_callers_that_leave_leave_no_connection_behind(new_gateway, backend):
    backend.answer = lambda handler: handler.wait_for_hang_up()

    with new_gateway(backend.url) as process:
        before = process.n_descriptors
        callers = [socket.create_connection(process.address, timeout=DEADLINE_SECONDS) for _ in range(100)]
        for caller in callers:
            caller.sendall(process.request_text("GET", f"{JOB}?{VERSION}").encode())
        assert eventually(lambda: len(backend.seen) == 100)
        assert process.n_descriptors >= before + 200

        for caller in callers:
            caller.close()

        assert eventually(lambda: process.n_descriptors <= before)
    assert process.log.count("BES Status by 'nightly': the caller left") == 100
