"""The service as a process: how it starts, how it ends, and what it answers whatever it is sent."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.declaration import feature_hashing_declaration
from tests.campaigns import sampled
from tests.service.held_storage import TOKEN
from tests.service.running import (
    DEADLINE_SECONDS,
    Keys,
    RunningService,
    environment_of,
    running_service,
)

GUIDE = {"Inputs": {"input1": {"ColumnNames": ["Col2"], "Values": [["This is a good day"]]}}, "GlobalParameters": {}}
COUNTS = ["1", "1", "2", "2", "0", "2", "0", "1"]


def attempt(home: Path, connection_string: str | None, settings: dict) -> subprocess.CompletedProcess:
    """A service that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "service.web_service"],
        env=environment_of(home, connection_string, settings),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def test_text_of_the_guide_gets_the_counts_of_the_guide_through_rrs(web_service: RunningService) -> None:
    answer = web_service.execute(GUIDE, "api-version=2.0&details=true")
    assert answer.json["Results"]["output1"]["value"]["Values"] == [COUNTS]


def test_text_of_the_guide_gets_the_counts_of_the_guide_through_bes(web_service: RunningService) -> None:
    source = web_service.upload("acceptance.csv", "Col2\nThis is a good day\n")
    body = {"Input": source, "Outputs": {"output1": web_service.reference("guide-out.csv")}, "GlobalParameters": {}}
    assert web_service.ended(web_service.run(body))["StatusCode"] == "Finished"
    assert web_service.download("guide-out.csv").splitlines()[1:] == [",".join(COUNTS)]


def test_health_answers_without_a_key(web_service: RunningService) -> None:
    answer = web_service.call("GET", f"{web_service.url}/health", headers={"Authorization": ""})
    assert (answer.status, answer.json) == (200, {"status": "healthy"})


@pytest.mark.parametrize("sig", sampled(["SIGTERM", "SIGINT"], 1))
def test_service_says_one_line_and_ends_cleanly_within_seconds(azurite: Any, tmp_path: Path, sig: str) -> None:
    with running_service(tmp_path, azurite.connection_string, keys=Keys()) as service:
        address = urlsplit(service.url)
        with socket.create_connection((address.hostname, address.port)):
            began = time.monotonic()
            service.process.send_signal(getattr(signal, sig))
            assert service.process.wait(DEADLINE_SECONDS) == 0
        # Far less than the 120 s for which a connection is kept, and more than a busy machine takes.
        assert time.monotonic() - began < 30
        assert service.process.stdout.read() == ""
        assert "Traceback" not in service.log.read_text()
        assert oct((tmp_path / "data").stat().st_mode)[-3:] == "700"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    sampled(
        [
            pytest.param({"definition": "/nowhere/service.toml"}, "/nowhere/service.toml: cannot be read"),
            pytest.param({"definition": None}, "BATCH_SCORING_SERVICE_DEFINITION: Field required"),
            pytest.param({"port": "many"}, "BATCH_SCORING_SERVICE_PORT: Input should be a valid integer"),
            pytest.param({"storage_connection_string": "AccountName=a;AccountKey=?!"}, "InvalidBlobConnectionString"),
            pytest.param({"faults": "true", "host": "0.0.0.0"}, "faults may be injected on a loopback address only"),
            pytest.param({"executor": "dask"}, "dask_scheduler is not set"),
        ],
        3,
    ),
)
def test_service_that_is_set_wrong_says_so_in_one_line_and_ends(
    tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    text = feature_hashing_declaration(workspace="0" * 32, service="1" * 32, key_hashes=["2" * 64])
    (tmp_path / "service.toml").write_text(text)
    ended = attempt(tmp_path, None, changed)
    assert ended.returncode != 0
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "?!" not in ended.stderr


def test_second_service_on_the_same_data_is_refused(web_service: RunningService) -> None:
    home = web_service.log.parent
    ended = attempt(home, web_service.connection_string, {})
    assert ended.returncode != 0
    assert "Is another service running on it?" in ended.stderr


UNAUTHORIZED = (401, "Unauthorized", "ScoreRequestUnauthorized")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic {key}", "{key}", "Bearer {key} {key}"])
def test_call_without_a_good_key_is_unauthorized(web_service: RunningService, authorization: str) -> None:
    headers = {"Authorization": authorization.format(key=web_service.api_key)}
    for method, path in (("POST", "/execute"), ("POST", "/jobs"), ("POST", "/jobs/x/start"), ("GET", "/jobs/x")):
        body = b"{}" if method == "POST" else None
        answer = web_service.call(method, f"{web_service.base}{path}?api-version=2.0", body, headers)
        assert answer.codes == UNAUTHORIZED
        assert answer.message == "Invalid credentials provided."


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_both_keys_are_good_in_any_spelling_of_the_scheme(web_service: RunningService, scheme: str) -> None:
    for key in (web_service.api_key, web_service.secondary_key):
        assert web_service.execute(GUIDE, headers={"Authorization": f"{scheme} {key}"}).status == 200


def test_address_that_leads_nowhere_says_which_part_is_wrong(web_service: RunningService) -> None:
    good, other = web_service.base, "f" * 32
    assert web_service.call("GET", good.replace(web_service.workspace, other) + "/swagger.json").codes == (
        404, "NotFound", "WorkspaceNotFound",
    )  # fmt: skip
    assert web_service.call("GET", good.replace(web_service.service, other) + "/swagger.json").codes == (
        404, "NotFound", "WebServiceNotFound",
    )  # fmt: skip
    assert web_service.call("GET", good.replace(web_service.service, "mine") + "/swagger.json").codes == (
        400, "BadArgument", "WebServiceIdInvalid",
    )  # fmt: skip


def test_guid_with_dashes_is_taken(web_service: RunningService) -> None:
    plain = web_service.service
    dashed = "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:])).upper()
    assert web_service.call("GET", web_service.base.replace(plain, dashed) + "/swagger.json").status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("PUT", "/health"), ("GET", "/faultss"), ("GET", "/services")]
)
def test_operation_that_does_not_exist_is_not_found(web_service: RunningService, method: str, path: str) -> None:
    answer = web_service.call(method, web_service.url + path)
    assert answer.codes == (404, "NotFound", "ResourceNotFound")


def test_every_answer_has_a_request_id(web_service: RunningService) -> None:
    answers = [web_service.execute(GUIDE), web_service.execute(b"x"), web_service.call("GET", f"{web_service.url}/no")]
    ids = {answer.headers["x-ms-request-id"] for answer in answers}
    assert len(ids) == 3


@pytest.mark.parametrize("path", ["/execute", "/jobs"])
@pytest.mark.parametrize("n_bytes", [(4 << 20) + 1, 100_000_000])
def test_body_that_is_too_large_gets_413(web_service: RunningService, path: str, n_bytes: int) -> None:
    answer = web_service.call("POST", f"{web_service.base}{path}?api-version=2.0", b" " * n_bytes)
    assert answer.codes == (413, "MemoryQuotaViolation", "OutOfMemoryLimit")
    assert answer.message.endswith("The request body may not be larger than 4194304 bytes.")


def test_client_that_waits_for_leave_to_send_too_much_gets_413_at_once(web_service: RunningService) -> None:
    address = urlsplit(web_service.base)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(
            f"POST {address.path}/execute?api-version=2.0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            f"{web_service.api_key}\r\nContent-Length: 100000000\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_body_in_chunks_without_a_length_is_limited_too(web_service: RunningService) -> None:
    address = urlsplit(web_service.base)
    chunk = b"%x\r\n%s\r\n" % (1 << 20, b" " * (1 << 20))
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            f"POST {address.path}/execute?api-version=2.0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            f"{web_service.api_key}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(6):
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["Inputs", "Input", "Outputs", "GlobalParameters", "input1", "ColumnNames", "Values", "Col2",
             "ConnectionString", "RelativeLocation", "BaseLocation", "SasBlobToken", "output1"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(JSON, st.binary(max_size=20)))
def test_no_body_whatever_makes_the_service_stumble(web_service: RunningService, body: Any) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    for answer in (web_service.execute(sent), web_service.submit(sent)):
        assert answer.status in (200, 400)
        if answer.status == 400:
            assert answer.json["error"]["details"][0]["message"]


SEGMENT = st.text(max_size=12).map(lambda text: urllib.parse.quote(text, safe="")) | st.just("0" * 32)
TAIL = st.sampled_from(["execute", "jobs", "jobs/{segment}", "jobs/{segment}/start", "swagger.json", "{segment}", ""])
QUERY = st.dictionaries(
    st.sampled_from(["api-version", "details", "format", "subscription-key", "x"]),
    st.sampled_from(["2.0", "1.0", "true", "false", "swagger", "", "\N{SNOWMAN}"]),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    tail=TAIL,
    segment=SEGMENT,
    query=QUERY,
    body=st.sampled_from([None, b"", b"{}", b"[", b"\xff"]),
    is_ours=st.booleans(),
)
def test_no_request_to_any_operation_gets_a_500(
    web_service: RunningService, method: str, tail: str, segment: str, query: dict[str, str], body: Any, is_ours: bool
) -> None:
    base = web_service.base if is_ours else f"{web_service.url}/workspaces/{segment}/services/{segment}"
    address = f"{base}/{tail.format(segment=segment)}?{urllib.parse.urlencode({'api-version': '2.0', **query})}"
    assert web_service.call(method, address, body).status in (200, 400, 401, 404)
    assert web_service.call("GET", f"{web_service.url}/health").status == 200


def test_a_connection_is_still_there_for_the_next_status_call(web_service: RunningService) -> None:
    address = urlsplit(web_service.url)
    with contextlib.closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)) as connection:
        for pause_seconds in (6, 0):
            connection.request("GET", "/health")
            assert connection.getresponse().read()
            time.sleep(pause_seconds)
            assert connection.sock is not None


def test_many_clients_at_once_are_all_served(web_service: RunningService) -> None:
    answers = []
    source = web_service.upload("many.csv", "Col2\nThis is a good day\n")
    threads = [
        threading.Thread(target=lambda: answers.append(web_service.ended(web_service.run({"Input": source}))))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert [answer["StatusCode"] for answer in answers] == ["Finished"] * 12


def test_no_secret_reaches_a_log_an_error_or_details(azurite: Any, tmp_path: Path) -> None:
    keys = Keys()
    with running_service(tmp_path, azurite.connection_string, keys=keys) as service:
        source = service.upload("in.csv", "Col2\nThis is a good day\n")
        account_key = service.blobs.credential.account_key
        wrong_key = {**source, "ConnectionString": source["ConnectionString"].replace(account_key, "c2VjcmV0LWtleQ==")}
        by_sas = {
            "BaseLocation": f"{service.blobs.url.rstrip('/')}/",
            "RelativeLocation": f"{service.container}/in.csv",
            "SasBlobToken": TOKEN,
        }
        seen = [service.execute(GUIDE, "api-version=2.0&subscription-key=gateway-secret").body]
        seen += [service.submit({"Input": {**source, "RelativeLocation": "x"}}).body]
        seen += [service.submit({"Input": source | {"ConnectionString": source["ConnectionString"] + "x"}}).body]
        seen += [service.execute(GUIDE, headers={"Authorization": "Bearer wrong-secret"}).body]
        for body in (
            {"Input": source},
            {"Input": wrong_key},
            {"Input": by_sas},
            {"Input": source, "Output": wrong_key},
        ):
            answer = service.submit(body)
            seen += [answer.body]
            if answer.status == 200:
                service.start(answer.json)
                seen += [str(service.ended(answer.json)["Details"]).encode()]
        assert service.stop() == 0
        text = service.log.read_text() + b"\n".join(seen).decode()
        assert "failed: Unable to access the provided Azure blob" in text
        secrets = (keys.primary, keys.secondary, account_key, "c2VjcmV0", TOKEN[-20:], "gateway-secret", "wrong-secret")
        assert [secret for secret in secrets if secret in text] == []


def test_jobs_begun_by_a_service_with_other_storage_settings_do_not_stop_it(azurite: Any, tmp_path: Path) -> None:
    keys = Keys()
    with running_service(tmp_path, azurite.connection_string, keys=keys) as service:
        job_id = service.submit({"Input": service.upload("in.csv", "Col2\na\n")}).json
    with running_service(tmp_path, azurite.connection_string, keys=keys, allowed_storage_hosts="other:1") as service:
        service.start(job_id)
        status = service.ended(job_id)
        assert status["StatusCode"] == "Failed"
        assert "not among those that are allowed" in status["Details"]


def test_port_that_is_taken_is_named(web_service: RunningService, tmp_path: Path) -> None:
    text = feature_hashing_declaration(workspace="0" * 32, service="1" * 32, key_hashes=["2" * 64])
    (tmp_path / "service.toml").write_text(text)
    port = urlsplit(web_service.url).port
    ended = attempt(tmp_path, None, {"port": port})
    assert ended.returncode != 0
    assert f"Cannot listen on 127.0.0.1:{port}" in ended.stderr
