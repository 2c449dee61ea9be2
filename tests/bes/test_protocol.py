"""The wire protocol: what is read from captured answers, and how every name is spelled."""

import json
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bes.protocol import (
    UNSET_TIME,
    BlobReference,
    ErrorDetail,
    ExecuteRequest,
    ExecuteResponse,
    GatewayErrorBody,
    JobRequest,
    JobState,
    JobStatus,
    NamedTable,
    ServiceErrorBody,
    ServiceErrorContent,
    Table,
    bearer,
    execute_path,
    jobs_path,
    wire_time,
)

CAPTURED = (
    '{"StatusCode":"Running","Results":null,"Details":null,"CreatedAt":"2016-10-14T14:52:33.979Z",'
    '"StartTime":"2016-10-14T14:52:52.168Z","EndTime":"0001-01-01T00:00:00+00:00"}'
)
DOCUMENTED_RESULT = (
    '{"ConnectionString":null,"RelativeLocation":"outputs/dataOutput.csv",'
    '"BaseLocation":"https://acct.blob.core.windows.net/","SasBlobToken":"?sv=2013-08-15&sr=b&sig=SECRET&sp=r"}'
)

# Relative locations: any text that is no lone surrogate. A percent sign is left out, since it may be an encoding.
locations = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%"), min_size=1).filter(
    lambda text: not text.startswith("/")
)


# Statuses


@pytest.mark.parametrize(
    ("spelled", "code", "status"),
    [
        ("NotStarted", 0, JobStatus.NOT_STARTED),
        ("Running", 1, JobStatus.RUNNING),
        ("Failed", 2, JobStatus.FAILED),
        ("Cancelled", 3, JobStatus.CANCELLED),
        ("Finished", 4, JobStatus.FINISHED),
    ],
)
def test_a_status_reads_and_writes_both_contracts(spelled, code, status):
    assert JobStatus(spelled) is JobStatus(code) is status
    assert (str(status), status.code) == (spelled, code)


def test_the_american_spelling_of_cancelled_is_read_and_never_written():
    assert JobStatus("Canceled") is JobStatus.CANCELLED
    assert JobState.model_validate({"StatusCode": "Canceled"}).to_wire()["StatusCode"] == "Cancelled"


@pytest.mark.parametrize("value", ["Paused", "running", "", "4", 5, -1, True, False, 1.0, None, [], {}])
def test_an_unknown_status_is_refused(value):
    with pytest.raises(ValueError):
        JobStatus(value)
    with pytest.raises(ValidationError):
        JobState.model_validate_json(json.dumps({"StatusCode": value}))


def test_three_statuses_are_the_end_of_a_job():
    assert [status for status in JobStatus if status.has_ended] == [
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus.FINISHED,
    ]


# Job states


def test_the_captured_status_is_read_and_written_byte_for_byte():
    state = JobState.model_validate_json(CAPTURED)
    assert state.status is JobStatus.RUNNING
    assert (state.results, state.details, state.end_time) == (None, None, UNSET_TIME)
    assert json.dumps(state.to_wire(), separators=(",", ":")) == CAPTURED


@pytest.mark.parametrize("code", range(5))
def test_the_integer_contract_is_read(code):
    assert JobState.model_validate_json(json.dumps({"StatusCode": code})).status.code == code


def test_a_finished_job_names_its_outputs():
    body = f'{{"StatusCode":"Finished","Results":{{"output1":{DOCUMENTED_RESULT}}},"Details":null}}'
    reference = JobState.model_validate_json(body).results["output1"]
    assert reference.url == (
        "https://acct.blob.core.windows.net/outputs/dataOutput.csv?sv=2013-08-15&sr=b&sig=SECRET&sp=r"
    )


def test_members_that_nobody_knows_are_ignored():
    assert JobState.model_validate_json('{"StatusCode":"Running","Weather":"fine"}').status is JobStatus.RUNNING


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (None, "0001-01-01T00:00:00+00:00"),
        (datetime(2016, 10, 14, 14, 52, 33, 979_999, tzinfo=UTC), "2016-10-14T14:52:33.979Z"),
        (datetime(2016, 10, 14, tzinfo=UTC), "2016-10-14T00:00:00.000Z"),
    ],
)
def test_times_are_written_to_the_millisecond(moment, written):
    assert wire_time(moment) == written


# Blob references


@given(locations)
def test_an_address_holds_the_same_name_again(name):
    reference = BlobReference(base_location="https://a/", relative_location=name, sas_blob_token="?sig=s")
    address = urlsplit(reference.url)
    assert unquote(address.path) == f"/{name}"
    assert (address.netloc, address.query) == ("a", "sig=s")
    assert reference.url.isascii()
    assert " " not in reference.url


@given(locations, st.sampled_from(["", "/"]), st.sampled_from(["", "/"]), st.sampled_from(["", "?"]))
def test_slashes_and_question_marks_between_the_parts_may_be_there_or_not(name, base_end, name_start, token_start):
    reference = BlobReference(
        base_location=f"https://a{base_end}", relative_location=name_start + name, sas_blob_token=f"{token_start}sig=s"
    )
    plain = BlobReference(base_location="https://a/", relative_location=name, sas_blob_token="?sig=s")
    assert reference.url == plain.url
    assert reference.place == plain.place


def test_a_name_that_is_encoded_already_is_not_encoded_twice():
    reference = BlobReference(base_location="https://a/", relative_location="c/in%20put.csv")
    assert reference.url == "https://a/c/in%20put.csv"


def test_the_emulators_account_stays_in_the_address():
    reference = BlobReference(base_location="http://127.0.0.1:10000/account/", relative_location="c/b.csv")
    assert reference.url == "http://127.0.0.1:10000/account/c/b.csv"


def test_a_form_a_reference_has_a_place_for_messages():
    reference = BlobReference(connection_string="AccountName=a;AccountKey=SECRET", relative_location="/c/b.csv")
    assert reference.place == "c/b.csv"


@pytest.mark.parametrize("show", [repr, str, lambda value: value.place], ids=["repr", "str", "place"])
def test_credentials_are_not_shown(show):
    reference = BlobReference(
        connection_string="AccountKey=SECRET",
        relative_location="c/b.csv",
        base_location="https://a/",
        sas_blob_token="?sig=SECRET",
    )
    assert "c/b.csv" in show(reference)
    assert "SECRET" not in show(reference)


@pytest.mark.parametrize("show", [repr, str])
def test_credentials_are_not_shown_in_a_request_or_a_state_either(show):
    reference = BlobReference(connection_string="AccountKey=SECRET", sas_blob_token="?sig=SECRET")
    shown = show(JobRequest(input=reference, inputs={"i": reference}, output=reference, outputs={"o": reference}))
    shown += show(JobState(status=JobStatus.FINISHED, results={"o": reference}))
    assert "BlobReference" in shown
    assert "SECRET" not in shown


def test_what_cannot_be_read_is_not_quoted():
    with pytest.raises(ValidationError) as caught:
        JobRequest.model_validate_json('{"Input":{"ConnectionString":["AccountKey=SECRET"],"SasBlobToken":7}}')
    assert "Input.ConnectionString" in str(caught.value)
    assert "SECRET" not in str(caught.value)


# Names and their order


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (BlobReference(), ["ConnectionString", "RelativeLocation", "BaseLocation", "SasBlobToken"]),
        (JobRequest(), ["Input", "Inputs", "Output", "Outputs", "GlobalParameters"]),
        (
            JobState(status=JobStatus.RUNNING),
            ["StatusCode", "Results", "Details", "CreatedAt", "StartTime", "EndTime"],
        ),
        (Table(values=[]), ["ColumnNames", "ColumnTypes", "Values"]),
        (NamedTable(value=Table(values=[])), ["type", "value"]),
        (ExecuteRequest(), ["Inputs", "GlobalParameters"]),
        (ExecuteResponse(results={}), ["Results"]),
        (ErrorDetail(code="c", message="m"), ["code", "message"]),
        (ServiceErrorContent(code="c", message="m"), ["code", "message", "details"]),
        (ServiceErrorBody(error=ServiceErrorContent(code="c", message="m")), ["error"]),
        (GatewayErrorBody(status_code=429, message="m"), ["statusCode", "message"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_members_are_spelled_and_ordered_as_on_the_wire(value, names):
    assert list(value.to_wire()) == names


def test_both_error_bodies_that_were_captured_are_read():
    service = ServiceErrorBody.model_validate_json(
        '{"error":{"code":"Unauthorized","message":"Request is unauthorized to access resource.","details":'
        '[{"code":"ScoreRequestUnauthorized","message":"Invalid credentials provided."}]}}'
    )
    flat = GatewayErrorBody.model_validate_json('{ "statusCode": 404, "message": "Resource not found" }')
    assert [detail.code for detail in service.error.details] == ["ScoreRequestUnauthorized"]
    assert (flat.status_code, flat.message) == (404, "Resource not found")


def test_only_tables_are_taken_as_output_of_execute():
    with pytest.raises(ValidationError):
        NamedTable.model_validate({"type": "DataTable", "value": {"Values": []}})


def test_values_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        JobState.model_validate_json(CAPTURED).details = "changed"


def test_paths_are_those_of_the_published_operations():
    assert jobs_path("w", "s") == "/workspaces/w/services/s/jobs"
    assert jobs_path("w", "s", "j") == "/workspaces/w/services/s/jobs/j"
    assert jobs_path("w", "s", "j", "start") == "/workspaces/w/services/s/jobs/j/start"
    assert execute_path("w", "s") == "/workspaces/w/services/s/execute"
    assert bearer("k") == {"Authorization": "Bearer k"}
