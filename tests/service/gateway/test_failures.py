"""A backend that is down, slow, or breaks off in the middle."""

import socket
import threading

import httpx
import pytest

DEADLINE_SECONDS = 30.0
SERVICE = "/workspaces/w1/services/s1"
JOB = f"{SERVICE}/jobs/0123456789abcdef0123456789abcdef"
VERSION = "api-version=2.0"
FAILED = b'{ "statusCode": 500, "message": "Internal server error" }'


def test_a_backend_that_is_down_gives_500_in_the_gateways_shape(new_gateway):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with new_gateway(url) as process:
        answer = process.call("GET", f"{JOB}?{VERSION}")

    assert (answer.status_code, answer.content) == (500, FAILED)
    assert answer.headers["content-type"] == "application/json"
    assert f"no answer from the backend to GET {JOB}: ConnectError" in process.log


def test_a_backend_that_hangs_up_without_an_answer_gives_500_and_is_asked_once(gateway, backend):
    backend.answer = lambda handler: setattr(handler, "close_connection", True)

    answer = gateway.call("POST", f"{SERVICE}/jobs?{VERSION}", content=b"{}")

    assert (answer.status_code, answer.content) == (500, FAILED)
    assert len(backend.seen) == 1


def test_a_backend_that_does_not_speak_http_gives_500(gateway, backend):
    backend.answer = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    assert gateway.call("GET", f"{JOB}?{VERSION}").content == FAILED


def test_a_backend_that_is_too_slow_gives_500_and_loses_its_connection(new_gateway, backend):
    backend.answer = lambda handler: handler.wait_for_hang_up()

    with new_gateway(backend.url, BACKEND_TIMEOUT_SECONDS="0.5") as process:
        answer = process.call("POST", f"{SERVICE}/jobs?{VERSION}", content=b"{}")
        assert backend.has_lost.wait(DEADLINE_SECONDS)

    assert (answer.status_code, answer.content) == (500, FAILED)
    assert len(backend.seen) == 1


@pytest.mark.parametrize("stalls", [True, False])
def test_an_answer_that_breaks_off_breaks_off_for_the_caller_too(new_gateway, backend, stalls):
    def half(handler):
        handler.begin(200, ("Content-Length", "100"))
        handler.wfile.write(b"half")
        handler.close_connection = True
        if stalls:
            handler.wait_for_hang_up()

    backend.answer = half
    with new_gateway(backend.url, BACKEND_TIMEOUT_SECONDS="0.5") as process:
        with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection without sending complete"):
            process.call("GET", f"{JOB}?{VERSION}")
        assert process.call("GET", "/nothing").status_code == 404

    assert "the backend's answer broke off" in process.log
    assert "Traceback" not in process.log


def test_an_answer_that_comes_before_the_body_was_read_arrives(new_gateway):
    def refuse_unread(listener):
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(DEADLINE_SECONDS)
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large")
            while connection.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse_unread, args=(listener,))
        thread.start()
        with new_gateway(f"http://127.0.0.1:{listener.getsockname()[1]}") as process:
            answer = process.call("POST", f"{SERVICE}/jobs?{VERSION}", content=bytes(5_000_000))
        thread.join(DEADLINE_SECONDS)

    assert (answer.status_code, answer.content) == (413, b"too large")
