"""The client against a scripted gateway: exact requests, every kind of answer, and what is repeated."""

import json
import logging
import traceback

import pytest
from pydantic import SecretStr

from bes.client import BesClient, CallLimits
from bes.errors import (
    AccessDenied,
    ConfigurationError,
    NotFound,
    ProtocolError,
    Rejected,
    RemoteError,
    Throttled,
    Unavailable,
)
from bes.protocol import BlobReference, ExecuteRequest, JobRequest, JobStatus, Table
from bes.settings import EndpointSettings

WORKSPACE = "3d1b31d0d2b94b0bbd7e0b4d1e5ac1a5"
SERVICE = "f62ae9a7d6dd4a76a0b1f5d0a7b2a1de"
JOB = "88f2f0a6b61f48f0a11af748d5a6e199"
API_KEY = "bXktd2ViLXNlcnZpY2Uta2V5+/=="
SUBSCRIPTION_KEY = "0c8bdb2ba1a14d48b2c9e17d5a3bc0f6"
JOBS = f"/azureml-demo/workspaces/{WORKSPACE}/services/{SERVICE}/jobs"
SERVICE_PATH = f"/azureml-demo/workspaces/{WORKSPACE}/services/{SERVICE}"

REQUEST = JobRequest(
    inputs={"input1": BlobReference(base_location="https://a/", relative_location="c/in.csv", sas_blob_token="?sig=s")},
    outputs={"output1": BlobReference(connection_string="AccountKey=k", relative_location="c/out.csv")},
    global_parameters={"Random seed": 12345},
)
ROWS = ExecuteRequest(inputs={"input1": Table(column_names=["Text"], values=[["A good day"]])}, global_parameters={})
# With the members that clients of the service read; the definitions of ports are called otherwise elsewhere.
SWAGGER = {
    "swagger": "2.0",
    "definitions": {
        "ExecutionRequest": {"type": "object", "properties": {"Inputs": {"$ref": "#/definitions/ExecutionInputs"}}},
        "ExecutionInputs": {
            "properties": {
                "input1": {"type": "array", "items": {"$ref": "#/definitions/input1Item"}},
                "input2": {"$ref": "#/definitions/input1Item"},
            }
        },
        "input1Item": {
            "type": "object",
            "properties": {
                "Text": {"type": "string"},
                "Size": {"type": "integer", "format": "int32"},
                "Price": {"type": "number", "format": "double"},
                "New": {"type": "boolean"},
                "When": {"type": "string", "format": "date-time"},
                "Other": {"type": "object"},
            },
        },
        "ExecutionResponse": {"properties": {"Results": {"properties": {"output1": {"properties": {}}}}}},
    },
}

OPERATIONS = {
    "submit": lambda client: client.submit(REQUEST),
    "start": lambda client: client.start(JOB),
    "status": lambda client: client.status(JOB),
    "delete": lambda client: client.delete(JOB),
    "execute": lambda client: client.execute(ROWS),
    "describe": lambda client: client.describe(),
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))


def endpoint_at(address, **changes):
    return EndpointSettings(
        **{
            "url": f"{address}/azureml-demo",
            "workspace": WORKSPACE,
            "service": SERVICE,
            "api_key": SecretStr(API_KEY),
            "subscription_key": SecretStr(SUBSCRIPTION_KEY),
            **changes,
        }
    )


def client_at(address, fake_time, **limits):
    return BesClient(endpoint_at(address), limits=CallLimits(**limits), clock=fake_time.clock, sleep=fake_time.sleep)


@pytest.fixture
def client(gateway, fake_time):
    with client_at(gateway.address, fake_time) as client:
        yield client


def state(status, **members):
    return {"StatusCode": status, "Results": None, "Details": None, **members}


# What is sent


@pytest.mark.parametrize(
    ("operation", "answer", "method", "path", "query"),
    [
        ("submit", JOB, "POST", JOBS, {}),
        ("start", b"", "POST", f"{JOBS}/{JOB}/start", {}),
        ("status", state("Running"), "GET", f"{JOBS}/{JOB}", {}),
        ("delete", b"", "DELETE", f"{JOBS}/{JOB}", {}),
        ("execute", {"Results": {}}, "POST", f"{SERVICE_PATH}/execute", {"details": "true"}),
        ("describe", SWAGGER, "GET", f"{SERVICE_PATH}/swagger.json", {}),
    ],
)
def test_each_operation_is_one_request_with_both_keys_and_the_version(
    client, gateway, operation, answer, method, path, query
):
    gateway.answers(200, answer)
    OPERATIONS[operation](client)
    (received,) = gateway.received
    assert (received.method, received.path) == (method, path)
    assert received.query == {"api-version": "2.0", **query}
    assert received.headers["authorization"] == f"Bearer {API_KEY}"
    assert received.headers["ocp-apim-subscription-key"] == SUBSCRIPTION_KEY


def test_submit_sends_the_job_spelled_as_on_the_wire(client, gateway):
    gateway.answers(200, JOB)
    client.submit(REQUEST)
    (received,) = gateway.received
    assert received.headers["content-type"] == "application/json"
    assert json.loads(received.body) == {
        "Input": None,
        "Inputs": {
            "input1": {
                "ConnectionString": None,
                "RelativeLocation": "c/in.csv",
                "BaseLocation": "https://a/",
                "SasBlobToken": "?sig=s",
            }
        },
        "Output": None,
        "Outputs": {
            "output1": {
                "ConnectionString": "AccountKey=k",
                "RelativeLocation": "c/out.csv",
                "BaseLocation": None,
                "SasBlobToken": None,
            }
        },
        "GlobalParameters": {"Random seed": 12345},
    }


def test_execute_sends_the_rows_in_the_column_values_form(client, gateway):
    gateway.answers(200, {"Results": {}})
    client.execute(ROWS)
    (received,) = gateway.received
    table = {"ColumnNames": ["Text"], "ColumnTypes": None, "Values": [["A good day"]]}
    assert json.loads(received.body) == {"Inputs": {"input1": table}, "GlobalParameters": {}}


def test_start_status_and_delete_send_no_body(client, gateway):
    for answer in (b"", state("Running"), b""):
        gateway.answers(200, answer)
    client.start(JOB)
    client.status(JOB)
    client.delete(JOB)
    assert [received.body for received in gateway.received] == [b"", b"", b""]


def test_a_slash_at_the_end_of_the_address_changes_nothing(gateway, fake_time):
    gateway.answers(200, JOB)
    endpoint = endpoint_at(gateway.address, url=f"{gateway.address}/azureml-demo/")
    with BesClient(endpoint, clock=fake_time.clock, sleep=fake_time.sleep) as client:
        client.submit(REQUEST)
    assert gateway.received[0].path == JOBS


def test_proxies_and_netrc_of_the_environment_are_ignored(gateway, client, deaf_address, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, deaf_address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    gateway.answers(200, JOB)
    assert client.submit(REQUEST) == JOB
    assert gateway.received[0].headers["authorization"] == f"Bearer {API_KEY}"


# What comes back


def test_submit_returns_the_job_id_without_its_quotes(client, gateway):
    gateway.answers(200, f'"{JOB}"'.encode())
    assert client.submit(REQUEST) == JOB


def test_status_returns_the_outputs_of_a_finished_job(client, gateway):
    result = {"BaseLocation": "https://a/", "RelativeLocation": "c/out.csv", "SasBlobToken": "?sig=s"}
    gateway.answers(200, state("Finished", Results={"output1": result}))
    found = client.status(JOB)
    assert found.status is JobStatus.FINISHED
    assert found.results["output1"].url == "https://a/c/out.csv?sig=s"


def test_status_keeps_no_signature_that_the_service_quotes(client, gateway):
    gateway.answers(200, state("Failed", Details="no https://a/in.csv?sv=1&sig=SECRET, Bearer SECRET"))
    assert client.status(JOB).details == "no https://a/in.csv?sv=1&sig=*** Bearer ***"


def test_execute_returns_the_scored_rows(client, gateway):
    value = {"ColumnNames": ["Scored"], "ColumnTypes": ["Double"], "Values": [["0.5"], [None]]}
    gateway.answers(200, {"Results": {"output1": {"type": "table", "value": value}}})
    assert client.execute(ROWS).results["output1"].value.values == [["0.5"], [None]]


def test_describe_returns_the_ports_with_their_columns_and_types(client, gateway):
    gateway.answers(200, SWAGGER)
    found = client.describe()
    columns = {
        "Text": "string",
        "Size": "integer",
        "Price": "number",
        "New": "boolean",
        "When": "date-time",
        "Other": None,
    }
    assert found.inputs == {"input1": columns, "input2": columns}
    assert list(found.inputs["input1"]) == list(columns)
    assert found.outputs == {"output1": {}}


def test_a_gateway_that_does_not_let_the_description_through_is_told_what_to_add(client, gateway):
    gateway.answers(404, {"statusCode": 404, "message": "Resource not found"})
    with pytest.raises(NotFound, match=r"swagger\.json") as caught:
        client.describe()
    assert "Service Description" in caught.value.next_step
    assert "openapi.json" in caught.value.next_step


def test_a_service_that_does_not_exist_has_no_description(client, gateway):
    gateway.refuses(404, "NotFound", "WebServiceNotFound")
    with pytest.raises(NotFound, match="WebServiceNotFound") as caught:
        client.describe()
    assert "BATCH_SCORING_ENDPOINT_SERVICE" in caught.value.next_step


@pytest.mark.parametrize("status", [200, 204])
def test_start_and_delete_take_both_answers_of_the_service(client, gateway, status):
    gateway.answers(status)
    gateway.answers(status)
    client.start(JOB)
    client.delete(JOB)
    assert [received.method for received in gateway.received] == ["POST", "DELETE"]


@every_operation
def test_a_page_instead_of_an_answer_is_not_the_protocol(client, gateway, operation):
    gateway.answers(200, b"<html><body>Please log in</body></html>", Content_Type="text/html; charset=utf-8")
    with pytest.raises(ProtocolError, match="BATCH_SCORING_ENDPOINT_URL"):
        operation(client)
    assert len(gateway.received) == 1


@every_operation
def test_a_redirect_is_not_followed(client, gateway, operation):
    gateway.answers(302, Location=f"{gateway.address}/elsewhere")
    with pytest.raises(ProtocolError, match="HTTP 302"):
        operation(client)
    assert len(gateway.received) == 1


@every_operation
def test_a_redirect_to_nowhere_is_not_a_success(client, gateway, operation):
    gateway.answers(302)
    with pytest.raises(ProtocolError, match="HTTP 302"):
        operation(client)


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("submit", {"id": JOB}),
        ("submit", 7),
        ("submit", b""),
        ("submit", ""),
        ("submit", "../secret?"),
        ("status", {"StatusCode": "Paused"}),
        ("status", {"StatusCode": True}),
        ("status", {"StatusCode": 5}),
        ("status", {"StatusCode": "Failed", "Details": {"why": "an object"}}),
        ("status", {}),
        ("status", JOB),
        ("execute", {"Results": {"output1": {"type": "DataTable", "value": {"Values": []}}}}),
        ("execute", b"{"),
        ("describe", b"{"),
        ("describe", []),
        ("describe", {"swagger": "2.0"}),
        ("describe", {"definitions": {"ExecutionRequest": {}}}),
        ("describe", {"definitions": {**SWAGGER["definitions"], "ExecutionInputs": {"$ref": "#/definitions/gone"}}}),
        ("describe", {"definitions": {**SWAGGER["definitions"], "input1Item": {"$ref": "#/definitions/input1Item"}}}),
    ],
)
def test_an_answer_of_another_form_is_not_the_protocol(client, gateway, operation, answer):
    gateway.answers(200, answer)
    with pytest.raises(ProtocolError, match=f"The answer to {operation} from '{gateway.address}/azureml-demo'"):
        OPERATIONS[operation](client)


# What is refused


@every_operation
@pytest.mark.parametrize(
    ("status", "message", "kind", "variable"),
    [
        (401, "Access denied due to missing subscription key.", AccessDenied, "_SUBSCRIPTION_KEY"),
        (403, "Forbidden", AccessDenied, "_SUBSCRIPTION_KEY"),
        (500, "Internal server error", Unavailable, ""),
        (503, "Service unavailable", Unavailable, ""),
        (504, "Gateway timeout", Unavailable, ""),
        (413, "Request entity too large", Rejected, "policies"),
    ],
)
def test_the_gateways_flat_error_names_the_gateway(client, gateway, operation, status, message, kind, variable):
    gateway.answers(status, {"statusCode": status, "message": message})
    with pytest.raises(RemoteError) as caught:
        operation(client)
    assert type(caught.value) is kind
    text = str(caught.value)
    assert repr(f"{gateway.address}/azureml-demo") in text
    assert message in text
    assert f"HTTP {status}" in text
    assert variable in caught.value.next_step


@every_operation
@pytest.mark.parametrize(
    ("status", "code", "detail", "kind", "variable"),
    [
        (401, "Unauthorized", "ScoreRequestUnauthorized", AccessDenied, "BATCH_SCORING_ENDPOINT_API_KEY"),
        (400, "BadArgument", "InvalidBlobExtension", Rejected, "contract"),
        (500, "InternalError", "UnknownError", Unavailable, ""),
        (408, "RequestTimeout", "ScoreRequestTimeout", Unavailable, ""),
        (503, "ServiceUnavailable", "RequestThrottled", Unavailable, ""),
        (504, "GatewayTimeout", "BackendScoreTimeout", Unavailable, ""),
    ],
)
def test_the_services_error_names_the_service_and_its_codes(
    client, gateway, operation, status, code, detail, kind, variable
):
    gateway.refuses(status, code, detail, "Look here.")
    with pytest.raises(RemoteError) as caught:
        operation(client)
    assert type(caught.value) is kind
    assert f"{SERVICE!r} answers HTTP {status} ({code}, {detail}): Refused. Look here." in caught.value.what
    assert variable in caught.value.next_step


def test_a_refusal_carries_the_status_and_all_codes(client, gateway):
    gateway.refuses(400, "BadArgument", "InvalidBlobExtension")
    with pytest.raises(Rejected) as caught:
        client.submit(REQUEST)
    assert (caught.value.status, caught.value.codes) == (400, ("BadArgument", "InvalidBlobExtension"))


@pytest.mark.parametrize(
    ("from_gateway", "variables"),
    [
        (True, ["BATCH_SCORING_ENDPOINT_URL"]),
        (False, ["BATCH_SCORING_ENDPOINT_WORKSPACE", "BATCH_SCORING_ENDPOINT_SERVICE"]),
    ],
)
def test_not_found_says_whether_the_gateway_or_the_service_knows_nothing(client, gateway, from_gateway, variables):
    if from_gateway:
        gateway.answers(404, {"statusCode": 404, "message": "Resource not found"})
    else:
        gateway.refuses(404, "NotFound", "WorkspaceNotFound")
    with pytest.raises(NotFound) as caught:
        client.submit(REQUEST)
    assert all(variable in caught.value.next_step for variable in variables)


@pytest.mark.parametrize("from_gateway", [True, False])
def test_an_outage_behind_the_gateway_may_have_had_an_effect(client, gateway, from_gateway):
    if from_gateway:
        gateway.answers(504, {"statusCode": 504, "message": "Gateway timeout"})
    else:
        gateway.refuses(500, "InternalError", "UnknownError")
    with pytest.raises(Unavailable) as caught:
        client.submit(REQUEST)
    assert caught.value.was_sent is True


def test_a_refusal_without_any_known_body_is_still_named(client, gateway):
    gateway.answers(502, b"<html>Bad Gateway</html>", Content_Type="text/html")
    with pytest.raises(Unavailable, match="HTTP 502: no message"):
        client.status(JOB)


@every_operation
@pytest.mark.parametrize("fault", ["flat", "envelope", "throttled", "page", "dropped"])
def test_no_error_and_no_traceback_holds_a_key(client, gateway, fake_time, operation, fault):
    match fault:
        case "flat":
            gateway.answers(401, {"statusCode": 401, "message": "Access denied due to invalid subscription key."})
        case "envelope":
            gateway.refuses(401, "Unauthorized", "ScoreRequestUnauthorized")
        case "throttled":
            gateway.throttles("301")
        case "page":
            gateway.answers(200, b"<html>", Content_Type="text/html")
        case "dropped":
            gateway.drops()
    with pytest.raises(RemoteError) as caught:
        operation(client)
    texts = [str(caught.value), repr(caught.value), "".join(traceback.format_exception(caught.value))]
    assert not [text for text in texts if API_KEY in text or SUBSCRIPTION_KEY in text]


# Throttling


@every_operation
def test_a_throttled_call_is_repeated_exactly_when_the_gateway_says(client, gateway, fake_time, operation):
    gateway.throttles("57")
    gateway.throttles("3")
    gateway.refuses(400, "BadArgument", "BadVersionCall")
    with pytest.raises(Rejected):
        operation(client)
    assert fake_time.sleeps == [57, 3]
    assert gateway.received[0] == gateway.received[1] == gateway.received[2]


def test_a_throttled_submit_returns_the_id_of_the_repeated_call(client, gateway, fake_time):
    gateway.throttles("57")
    gateway.answers(200, JOB)
    assert client.submit(REQUEST) == JOB
    assert fake_time.sleeps == [57]


def test_waiting_for_the_gateway_is_logged_without_keys(client, gateway, caplog):
    gateway.throttles("57")
    gateway.answers(200, JOB)
    with caplog.at_level(logging.DEBUG):
        client.submit(REQUEST)
    assert "the gateway throttles; next call in 57 s" in caplog.messages
    assert API_KEY not in caplog.text
    assert SUBSCRIPTION_KEY not in caplog.text


def test_a_wait_beyond_the_budget_is_an_error_at_once(gateway, fake_time):
    gateway.throttles("57")
    gateway.throttles("57")
    with (
        client_at(gateway.address, fake_time, throttled_seconds=60) as client,
        pytest.raises(Throttled, match="Run again in 57 s") as caught,
    ):
        client.status(JOB)
    assert caught.value.retry_after_seconds == 57
    assert caught.value.was_sent is False
    assert fake_time.sleeps == [57]


def test_a_used_up_quota_is_throttling_and_not_a_wrong_key(client, gateway, fake_time):
    gateway.throttles("7940", status=403)
    with pytest.raises(Throttled) as caught:
        client.submit(REQUEST)
    assert caught.value.retry_after_seconds == 7940
    assert fake_time.sleeps == []


@pytest.mark.parametrize("retry_after", [None, "soon", "Fri, 31 Dec 2027 23:59:59 GMT", "-1", "\N{SUPERSCRIPT TWO}"])
def test_a_call_that_is_throttled_without_a_number_of_seconds_waits_longer_each_time_and_is_made_again(
    client, gateway, fake_time, retry_after
):
    for _ in range(4):
        gateway.throttles(retry_after)
    gateway.answers(200, JOB)
    assert client.submit(REQUEST) == JOB
    assert all(0.75 * most <= pause <= most for pause, most in zip(fake_time.sleeps, [1, 2, 4, 8], strict=True))


def test_throttling_without_a_time_is_borne_for_as_long_as_any_other(gateway, fake_time):
    for _ in range(6):
        gateway.throttles(None)
    with client_at(gateway.address, fake_time, throttled_seconds=40) as client, pytest.raises(Throttled) as caught:
        client.status(JOB)
    assert (caught.value.retry_after_seconds, caught.value.was_sent) == (None, False)
    assert sum(fake_time.sleeps) <= 40


def test_no_seconds_to_wait_do_not_make_a_busy_loop(client, gateway, fake_time):
    gateway.throttles("0")
    gateway.throttles("0")
    gateway.answers(200, JOB)
    client.submit(REQUEST)
    assert fake_time.sleeps == [1, 1]


# No answer


@every_operation
def test_a_refused_connection_is_an_outage_in_which_nothing_was_sent(deaf_address, fake_time, operation):
    with client_at(deaf_address, fake_time) as client, pytest.raises(Unavailable, match="cannot be reached") as caught:
        operation(client)
    assert caught.value.was_sent is False
    assert repr(f"{deaf_address}/azureml-demo") in caught.value.what


def test_an_unknown_host_is_an_outage_in_which_nothing_was_sent(fake_time):
    with client_at("http://gateway.invalid", fake_time) as client, pytest.raises(Unavailable) as caught:
        client.submit(REQUEST)
    assert caught.value.was_sent is False


@every_operation
@pytest.mark.parametrize("fault", ["drops", "breaks_off", "stalls"])
def test_a_call_without_an_answer_may_have_been_received_and_is_made_once(gateway, fake_time, operation, fault):
    getattr(gateway, fault)()
    with (
        client_at(gateway.address, fake_time, read_seconds=0.1) as client,
        pytest.raises(Unavailable, match="does not answer") as caught,
    ):
        operation(client)
    assert caught.value.was_sent is True
    assert len(gateway.received) == 1


def test_a_connection_that_the_gateway_has_closed_is_made_anew(client, gateway):
    gateway.answers(200, state("Running"), Connection="close")
    gateway.answers(200, JOB)
    client.status(JOB)
    assert client.submit(REQUEST) == JOB


# Start and delete can be repeated


def test_a_job_that_cannot_be_started_any_more_counts_as_started(client, gateway):
    gateway.refuses(400, "InvalidOperation", "CannotStartJob")
    client.start(JOB)
    assert [received.method for received in gateway.received] == ["POST"]


def test_any_other_refusal_to_start_stands(client, gateway):
    gateway.refuses(400, "BadArgument", "BlobNotFound")
    with pytest.raises(Rejected, match="BlobNotFound"):
        client.start(JOB)


def test_starting_an_unknown_job_is_an_error(client, gateway):
    gateway.refuses(404, "NotFound", "JobNotFound")
    with pytest.raises(NotFound, match="JobNotFound"):
        client.start(JOB)


def test_deleting_an_unknown_job_is_harmless(client, gateway):
    gateway.refuses(404, "NotFound", "JobNotFound")
    gateway.refuses(404, "NotFound", "JobNotFound")
    client.delete(JOB)
    assert [received.method for received in gateway.received] == ["DELETE", "GET"]


def test_deleting_an_ended_job_that_the_service_does_not_delete_is_harmless(client, gateway):
    gateway.refuses(404, "NotFound", "JobNotFound")
    gateway.answers(200, state("Finished"))
    client.delete(JOB)


def test_a_gateway_without_the_delete_operation_does_not_pass_for_a_deleted_job(client, gateway):
    gateway.answers(404, {"statusCode": 404, "message": "Resource not found"})
    gateway.answers(200, state("Running"))
    with pytest.raises(NotFound, match="Resource not found"):
        client.delete(JOB)


# Settings


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080/azureml-demo", "localhost:8080", "gateway", "ftp://gateway", "http://"]
)
def test_an_address_that_is_none_is_a_setting_to_mend(fake_time, url):
    with (
        BesClient(endpoint_at("", url=url), clock=fake_time.clock, sleep=fake_time.sleep) as client,
        pytest.raises(ConfigurationError, match="BATCH_SCORING_ENDPOINT_URL"),
    ):
        client.status(JOB)


@pytest.mark.parametrize("name", ["url", "workspace", "service", "api_key", "subscription_key"])
def test_an_endpoint_with_a_part_missing_names_the_variable(name):
    empty = SecretStr("") if name.endswith("key") else ""
    with pytest.raises(ConfigurationError, match=f"BATCH_SCORING_ENDPOINT_{name.upper()} not set"):
        BesClient(endpoint_at("http://gateway", **{name: empty}))


def test_an_empty_endpoint_names_every_variable():
    with pytest.raises(ConfigurationError) as caught:
        BesClient(EndpointSettings(url=None))
    for name in ("URL", "WORKSPACE", "SERVICE", "API_KEY", "SUBSCRIPTION_KEY"):
        assert f"BATCH_SCORING_ENDPOINT_{name}" in caught.value.what


@pytest.mark.parametrize("name", ["api_key", "subscription_key"])
@pytest.mark.parametrize("key", ["with-line-end\n", " with-blank", "two words", "ellipsis\N{HORIZONTAL ELLIPSIS}"])
def test_a_key_that_no_header_can_carry_is_named_but_not_shown(name, key):
    with pytest.raises(ConfigurationError, match=f"BATCH_SCORING_ENDPOINT_{name.upper()}") as caught:
        BesClient(endpoint_at("http://gateway", **{name: SecretStr(key)}))
    assert key.strip() not in str(caught.value)
