import re
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from tests.service.running import Keys, RunningService, running_service, wait_until

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
UNSET = "0001-01-01T00:00:00+00:00"
OUTPUT = ",".join(f"Col2_HashingFeature.{index}" for index in range(8)) + "\n1,1,2,2,0,2,0,1\n"


@pytest.fixture(scope="module")
def guide(web_service: RunningService) -> dict[str, str]:
    return web_service.upload("guide-input.csv", "Col2\nThis is a good day\n")


def finished(service: RunningService, body: object) -> dict[str, Any]:
    status = service.ended(service.run(body))
    assert status["StatusCode"] == "Finished", status
    return status


def fetched(reference: dict[str, str]) -> str:
    """The result, fetched as the sample programs do: the three parts joined, and no key sent."""
    url = reference["BaseLocation"] + reference["RelativeLocation"] + reference["SasBlobToken"]
    with urlopen(url, timeout=10) as response:
        return response.read().decode()


def sas_reference(service: RunningService, name: str, *, read: bool = False, write: bool = False) -> dict[str, str]:
    account = service.blobs.account_name
    token = generate_blob_sas(
        account,
        service.container,
        name,
        account_key=service.blobs.credential.account_key,
        permission=BlobSasPermissions(read=read, write=write, create=write),
        expiry="2099-01-01",
    )
    return {
        "BaseLocation": f"{service.blobs.url.rstrip('/')}/",
        "RelativeLocation": f"{service.container}/{name}",
        "SasBlobToken": f"?{token}",
    }


def test_body_of_a_submit_is_the_quoted_job_id_and_nothing_else(
    web_service: RunningService, guide: dict[str, str]
) -> None:
    answer = web_service.submit({"Input": guide})
    assert answer.status == 200
    assert re.fullmatch(rb'"[0-9a-f]{32}"', answer.body)


def test_start_and_delete_answer_200_with_an_empty_body(web_service: RunningService, guide: dict[str, str]) -> None:
    job_id = web_service.submit({"Input": guide}).json
    started = web_service.start(job_id)
    deleted = web_service.delete(job_id)
    assert (started.status, started.body, deleted.status, deleted.body) == (200, b"", 200, b"")


def test_status_has_its_six_members_in_order_before_and_after(
    web_service: RunningService, guide: dict[str, str]
) -> None:
    job_id = web_service.submit({"Input": guide}).json
    before = web_service.status(job_id).json
    assert list(before) == ["StatusCode", "Results", "Details", "CreatedAt", "StartTime", "EndTime"]
    assert TIME.match(before.pop("CreatedAt"))
    assert before == {
        "StatusCode": "NotStarted", "Results": None, "Details": None, "StartTime": UNSET, "EndTime": UNSET,
    }  # fmt: skip
    web_service.start(job_id)
    after = web_service.ended(job_id)
    assert list(after) == ["StatusCode", "Results", "Details", "CreatedAt", "StartTime", "EndTime"]
    assert after["CreatedAt"] <= after["StartTime"] <= after["EndTime"]
    assert after["Details"] is None


def test_output_without_a_place_goes_to_the_services_own_container(
    web_service: RunningService, guide: dict[str, str]
) -> None:
    status = finished(web_service, {"Input": guide, "Outputs": None, "GlobalParameters": None})
    result = status["Results"]["output1"]
    assert list(result) == ["ConnectionString", "RelativeLocation", "BaseLocation", "SasBlobToken"]
    assert result["ConnectionString"] is None
    assert result["RelativeLocation"].startswith("experimentoutput/")
    assert result["BaseLocation"].endswith("/")
    assert result["SasBlobToken"].startswith("?")
    assert fetched(result) == OUTPUT


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("member", ["Input", "Inputs"])
@pytest.mark.parametrize("outputs", ["Output", "Outputs"])
def test_all_spellings_of_a_request_give_the_same_output(
    web_service: RunningService, guide: dict[str, str], slash: str, member: str, outputs: str
) -> None:
    name = f"spelled-{bool(slash)}-{member}-{outputs}.csv"
    source = {**guide, "RelativeLocation": slash + guide["RelativeLocation"].lstrip("/")}
    target = {**source, "RelativeLocation": f"{slash}{web_service.container}/{name}"}
    nulls = {"BaseLocation": None, "SasBlobToken": None}
    body = {
        member: {"input1": source | nulls} if member == "Inputs" else source | nulls,
        outputs: {"output1": target | nulls} if outputs == "Outputs" else target | nulls,
        "GlobalParameters": {},
    }
    status = finished(web_service, body)
    assert web_service.download(name) == OUTPUT
    assert fetched(status["Results"]["output1"]) == OUTPUT


def test_connection_string_with_all_its_endpoints_is_taken(web_service: RunningService, guide: dict[str, str]) -> None:
    extra = "QueueEndpoint=http://127.0.0.1:1/a;TableEndpoint=http://127.0.0.1:1/a;FileEndpoint=http://127.0.0.1:1/a;"
    long = guide["ConnectionString"].rstrip(";") + ";" + extra
    finished(web_service, {"Input": {**guide, "ConnectionString": long}})


def test_references_by_sas_are_read_and_written_and_their_token_is_not_given_away(
    web_service: RunningService, guide: dict[str, str]
) -> None:
    source = sas_reference(web_service, "guide-input.csv", read=True)
    target = sas_reference(web_service, "by-sas.csv", write=True)
    result = finished(web_service, {"Input": source, "Outputs": {"output1": target}})["Results"]["output1"]
    assert web_service.download("by-sas.csv") == OUTPUT
    assert result["BaseLocation"] + result["RelativeLocation"] == target["BaseLocation"] + target["RelativeLocation"]
    assert result["SasBlobToken"] == ""


def test_tab_separated_values_are_read_and_written(web_service: RunningService) -> None:
    source = web_service.upload("in.tsv", "Id\tCol2\n1\tThis is a good day\n2\ta, b\n")
    finished(web_service, {"Input": source, "Output": web_service.reference("out.TSV")})
    assert web_service.download("out.TSV").splitlines()[:2] == OUTPUT.replace(",", "\t").splitlines()


def test_names_that_need_encoding_work_in_both_directions(web_service: RunningService) -> None:
    source = web_service.upload("Ordner ü/in put.csv", "Col2\nThis is a good day\n")
    result = finished(web_service, {"Input": source, "Output": web_service.reference("Ordner ü/out put.csv")})
    assert fetched(result["Results"]["output1"]) == OUTPUT
    again = {**result["Results"]["output1"]}
    refused = web_service.submit({"Input": again})
    assert refused.status == 200, refused.body


def test_links_are_signed_anew_for_24_hours_on_every_status(web_service: RunningService, guide: dict[str, str]) -> None:
    job_id = web_service.run({"Input": guide})
    first = web_service.ended(job_id)["Results"]["output1"]["SasBlobToken"]
    assert "sp=r" in first.removeprefix("?").split("&")
    again = wait_until(
        lambda: (new := web_service.status(job_id).json["Results"]["output1"]["SasBlobToken"]) != first and new
    )
    assert "sig=" in again


def test_existing_output_is_replaced(web_service: RunningService, guide: dict[str, str]) -> None:
    target = web_service.upload("replaced.csv", "old")
    finished(web_service, {"Input": guide, "Output": target})
    assert web_service.download("replaced.csv") == OUTPUT


def test_global_parameters_reach_the_model(web_service: RunningService, guide: dict[str, str]) -> None:
    body = {"Input": guide, "Output": web_service.reference("wide.csv"), "GlobalParameters": {"Hashing bitsize": "5"}}
    finished(web_service, body)
    assert len(web_service.download("wide.csv").splitlines()[1].split(",")) == 32


def test_second_start_is_refused(web_service: RunningService, guide: dict[str, str]) -> None:
    job_id = web_service.run({"Input": guide})
    web_service.ended(job_id)
    answer = web_service.start(job_id)
    assert answer.codes == (400, "InvalidOperation", "CannotStartJob")
    assert answer.message == "The job cannot be started because it is in Finished state."


def test_deleted_job_is_cancelled_and_cannot_be_started(web_service: RunningService, guide: dict[str, str]) -> None:
    job_id = web_service.submit({"Input": guide}).json
    web_service.delete(job_id)
    assert web_service.status(job_id).json["StatusCode"] == "Cancelled"
    assert web_service.start(job_id).codes == (400, "InvalidOperation", "CannotStartJob")


def test_delete_of_a_finished_job_is_harmless_however_often_and_keeps_the_output(
    web_service: RunningService, guide: dict[str, str]
) -> None:
    job_id = web_service.run({"Input": guide, "Output": web_service.reference("kept.csv")})
    web_service.ended(job_id)
    assert [web_service.delete(job_id).status for _ in range(2)] == [200, 200]
    status = web_service.status(job_id).json
    assert status["StatusCode"] == "Finished"
    assert fetched(status["Results"]["output1"]) == OUTPUT


@pytest.mark.parametrize("job_id", ["0" * 32, "none", "%00", "x" * 1000])
def test_job_that_does_not_exist_is_not_found(web_service: RunningService, job_id: str) -> None:
    for answer in (web_service.status(job_id), web_service.start(job_id), web_service.delete(job_id)):
        assert answer.codes == (404, "NotFound", "JobNotFound")


def test_missing_job_id_is_told(web_service: RunningService) -> None:
    for answer in (web_service.status(""), web_service.start(""), web_service.delete("")):
        assert answer.codes == (400, "BadArgument", "MissingJobId")


@pytest.mark.parametrize(
    ("body", "code", "part"),
    [
        (b"", "RequestBodyInvalid", ""),
        (b"null", "RequestIsEmpty", ""),
        (b"{'Input': 1}", "RequestBodyInvalid", ""),
        ({"Input": "blob"}, "RequestBodyInvalid", "Input: "),
        ({"Inputs": ["blob"]}, "RequestBodyInvalid", "Inputs: "),
        ({"Input": "$in", "GlobalParameters": 3}, "RequestBodyInvalid", "GlobalParameters: "),
        ({"Input": "$in", "Inputs": {"input1": "$in"}}, "DuplicateInputInBatchCall", ""),
        ({}, "BatchJobInputsNotSpecified", ": input1."),
        ({"Input": None, "Inputs": {}}, "BatchJobInputsNotSpecified", ": input1."),
        ({"Inputs": {"input2": "$in"}}, "InvalidInputNames", "request: input2. "),
        ({"Inputs": {"Input1": "$in"}}, "InvalidInputNames", "Did you mean 'input1'?"),
        ({"Inputs": {"input1": None}}, "MissingInputBlobInformation", ""),
        ({"Input": {}}, "MissingInputBlobInformation", ""),
        ({"Input": {"RelativeLocation": "a/b.csv"}}, "MissingInputBlobInformation", ""),
        ({"Input": {"ConnectionString": "x", "RelativeLocation": "a/b.csv"}}, "InvalidBlobConnectionString", ""),
        ({"Input": "$noname"}, "InputBlobRelativeLocationInvalid", ""),
        ({"Input": "$noextension"}, "InvalidBlobExtension", ".csv, .tsv"),
        ({"Input": "$in", "Output": "$noextension"}, "InvalidBlobExtension", ""),
        ({"Input": "$in", "Outputs": {"output2": "$out"}}, "InvalidOutputOverrideName", "Did you mean 'output1'?"),
        ({"Input": "$in", "Outputs": {"output1": None}}, "MissingOutputOverrideSpecification", "override output1."),
        ({"Input": "$in", "Outputs": {"output1": {}}}, "MissingOutputOverrideSpecification", "override output1."),
        ({"Input": "$in", "Output": "$out", "Outputs": {"output1": "$out"}}, "RequestBodyInvalid", ""),
        ({"Input": "$in", "Output": "$in"}, "InvalidBlob", "may be neither"),
        ({"Input": "$in", "GlobalParameters": {"n-grams": 2}}, "UnexpectedParameter", "Did you mean 'N-grams'?"),
        ({"Input": "$in", "GlobalParameters": {"N-grams": 0}}, "BadParameterValue", "'N-grams'"),
        ({"Input": {"BaseLocation": "http://127.0.0.1:1/", "RelativeLocation": "c-c/b.csv", "SasBlobToken": "?a=x"}},
         "InvalidBlob", "'127.0.0.1:1' is not among those that are allowed"),
    ],
)  # fmt: skip
def test_wrong_submit_gets_its_documented_error_and_registers_nothing(
    web_service: RunningService, guide: dict[str, str], body: object, code: str, part: str
) -> None:
    references = {
        "$in": guide,
        "$out": web_service.reference("out.csv"),
        "$noname": {**guide, "RelativeLocation": ""},
        "$noextension": web_service.reference("training/input"),
    }

    def filled(value: object) -> object:
        if isinstance(value, dict):
            return {name: filled(member) for name, member in value.items()}
        return references.get(value, value) if isinstance(value, str) else value

    answer = web_service.submit(filled(body))
    assert answer.codes == (400, "BadArgument", code)
    assert answer.json["error"]["message"] == "Invalid argument provided."
    assert part in answer.message
    assert "AccountKey=" not in answer.message.replace("AccountKey=***", "")


def test_message_of_a_wrong_extension_reads_as_the_captured_one(
    web_service: RunningService, guide: dict[str, str]
) -> None:
    answer = web_service.submit({"Input": {**guide, "RelativeLocation": "vishal/training/input"}})
    assert answer.message == (
        "The blob reference: vishal/training/input has an invalid or missing file extension. "
        'Supported file extensions for this output type are: ".csv, .tsv".'
    )


def test_service_without_storage_of_its_own_asks_for_a_place_for_every_output(azurite: Any, tmp_path: Path) -> None:
    host = azurite.url.split("/")[2]
    with running_service(
        tmp_path, azurite.connection_string, keys=Keys(), storage_connection_string=None, allowed_storage_hosts=host
    ) as service:
        source = service.upload("in.csv", "Col2\nThis is a good day\n")
        assert service.submit({"Input": source}).codes == (400, "BadArgument", "MissingRequiredOutputOverrides")
        finished(service, {"Input": source, "Output": service.reference("out.csv")})
        assert service.download("out.csv") == OUTPUT
