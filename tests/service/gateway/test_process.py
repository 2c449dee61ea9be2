"""The process: its ready line, its end, its log, its settings."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

JOB = "/workspaces/w1/services/s1/jobs/0123456789abcdef0123456789abcdef"
VERSION = "api-version=2.0"
PRIMARY, SECONDARY, SUSPENDED = "primary-key-0001", "secondary-key-0002", "suspended-key-0003"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0_one_line_and_no_traceback(new_gateway, backend, number):
    with new_gateway(backend.url) as process:
        assert process.call("GET", f"{JOB}?{VERSION}").status_code == 200
        code, rest = process.stop(number)

    assert (code, rest) == (0, b"")
    assert "Traceback" not in process.log
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(process.address, timeout=5)


def test_no_key_reaches_the_log(new_gateway, backend):
    with new_gateway(backend.url, BACKEND_TIMEOUT_SECONDS="0.5") as process:
        for key in (PRIMARY, SECONDARY, SUSPENDED, "unknown-key-0004"):
            in_query = process.call("GET", f"{JOB}?{VERSION}&subscription-key={key}", headers={})
            in_header = process.call("GET", f"{JOB}?{VERSION}", headers={"Ocp-Apim-Subscription-Key": key})
            assert in_query.status_code == in_header.status_code == (200 if key in (PRIMARY, SECONDARY) else 401)
        backend.answer = lambda handler: handler.wait_for_hang_up()
        process.call("GET", f"{JOB}?{VERSION}&subscription-key={PRIMARY}")

    assert "service.gateway: BES Status by 'nightly': 200" in process.log
    assert "answered 401: Access denied due to invalid subscription key." in process.log
    assert "no answer from the backend" in process.log
    forbidden = ("key-0001", "key-0002", "key-0003", "key-0004", "Traceback")
    assert [text for text in forbidden if text in process.log] == []


def run(environment):
    settings = {f"BATCH_SCORING_GATEWAY_{name}": value for name, value in environment.items()}
    command = [sys.executable, "-m", "service.gateway"]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "BATCH_SCORING_GATEWAY_BACKEND_URL: Field required; BATCH_SCORING_GATEWAY_SUBSCRIPTIONS: Field required."),
        ({"BACKEND_URL": "http://u:secret@h", "SUBSCRIPTIONS": "s"}, "must have no user, password, query or fragment."),
        ({"BACKEND_URL": "http://h", "SUBSCRIPTIONS": "none.toml"}, "'none.toml' cannot be used: No such file"),
        ({"BACKEND_URL": "http://h", "SUBSCRIPTIONS": "s", "SUFFIX": "/a/"}, "SUFFIX: String should match pattern"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_starts(environment, message):
    ended = run(environment)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("The gateway cannot start: ")
    assert message in ended.stderr
    assert "secret" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_named_and_nothing_starts(new_gateway, backend):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(new_gateway(backend.url, PORT=port).environment)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}: Address already in use")
    assert "Traceback" not in ended.stderr


def test_calls_that_do_not_end_are_cut_so_that_the_process_ends(new_gateway, backend):
    backend.answer = lambda handler: handler.wait_for_hang_up()

    with new_gateway(backend.url) as process, process.caller(process.request_text("GET", f"{JOB}?{VERSION}")):
        end = time.monotonic() + 30
        while not backend.seen and time.monotonic() < end:
            time.sleep(0.02)
        began = time.monotonic()
        code, rest = process.stop()

    assert (code, rest) == (0, b"")
    assert time.monotonic() - began < 9
    assert "Traceback" not in process.log
    assert backend.has_lost.wait(30)
