"""What the clients rely on in the life of a job: submit, start, status, delete."""

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.conformance.calls import arm, call, delete, ended, headers_of, started, state_when, status, submit
from tests.conformance.sites import INPUT, NO_OUTPUT, OUTPUT, SUBSCRIPTION, TEXT, TWO_PORTS, Site
from tests.conformance.wire import looks, send
from tests.service.held_storage import HeldStorage

UNSET = "0001-01-01T00:00:00+00:00"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
STATUSES = ("NotStarted", "Running", "Failed", "Cancelled", "Finished")


def test_submit_answers_200_and_the_quoted_id_without_a_byte_around_it(site: Site, order: dict[str, Any]) -> None:
    answer = submit(site, order)
    assert answer.status == 200
    assert re.fullmatch(rb'"[0-9a-f]{32}"', answer.body)
    assert answer.headers["content-type"].startswith("application/json")


def test_submit_starts_nothing(site: Site, order: dict[str, Any]) -> None:
    job_id = submit(site, order).json
    time.sleep(0.5)
    assert status(site, job_id).json["StatusCode"] == "NotStarted"


@pytest.mark.parametrize("sent", ["an empty body", "no body", "an empty body of type JSON"])
def test_start_takes_what_the_clients_send_and_answers_nothing(site: Site, order: dict[str, Any], sent: str) -> None:
    job_id = submit(site, order).json
    headers = headers_of(site) if "JSON" in sent else [each for each in headers_of(site) if each[0] != "Content-Type"]
    body = None if sent == "no body" else b""
    answer = call(site, "POST", f"/jobs/{job_id}/start?api-version=2.0", body, headers)
    assert answer.status in (200, 204)
    assert answer.body == b""
    assert state_when(site, job_id, "Finished")["Results"]


def test_second_start_is_refused_with_the_state_of_the_job(site: Site, order: dict[str, Any]) -> None:
    job_id = started(site, order)
    state_when(site, job_id, "Finished")
    answer = call(site, "POST", f"/jobs/{job_id}/start?api-version=2.0", b"")
    assert answer.status == 400
    assert answer.json["error"] == {
        "code": "InvalidOperation",
        "message": "The request is invalid in the current context.",
        "details": [
            {
                "code": "CannotStartJob",
                "message": "The job cannot be started because it is in Finished state.",
            }
        ],
    }


def test_status_has_six_members_in_order_and_unset_times_before_the_start(site: Site, order: dict[str, Any]) -> None:
    state = status(site, submit(site, order).json).json
    assert list(state) == ["StatusCode", "Results", "Details", "CreatedAt", "StartTime", "EndTime"]
    assert TIME.fullmatch(state["CreatedAt"])
    del state["CreatedAt"]
    assert list(state.values()) == ["NotStarted", None, None, UNSET, UNSET]


def test_started_job_that_waits_in_the_queue_is_still_not_started(faulty: Site) -> None:
    arm(faulty, kind="queue", seconds=3600)
    job_id = started(faulty, {"Input": faulty.reference(faulty.upload(INPUT))})
    state = status(faulty, job_id).json
    assert (state["StatusCode"], state["StartTime"], state["EndTime"]) == ("NotStarted", UNSET, UNSET)
    assert delete(faulty, job_id).status in (200, 204)
    assert status(faulty, job_id).json["StatusCode"] == "Cancelled"


def test_status_of_a_running_job_has_no_results_and_no_end(direct: Site, slow_storage: HeldStorage) -> None:
    job_id = started(direct, {"Input": slow_storage.reference("running.csv")})
    state = state_when(direct, job_id, "Running")
    assert (state["Results"], state["Details"], state["EndTime"]) == (None, None, UNSET)
    assert TIME.fullmatch(state["StartTime"])
    assert delete(direct, job_id).status in (200, 204)


def test_results_appear_only_with_finished_and_every_status_is_one_of_five(site: Site, order: dict[str, Any]) -> None:
    job_id = started(site, order)
    states = []
    for _ in looks(pause_seconds=0):
        states.append(status(site, job_id).json)
        if states[-1]["StatusCode"] == "Finished":
            break
    assert {state["StatusCode"] for state in states} <= set(STATUSES)
    assert [state["Results"] for state in states[:-1]] == [None] * (len(states) - 1)
    assert list(states[-1]["Results"]) == ["output1"]
    assert all(TIME.fullmatch(states[-1][name]) for name in ("CreatedAt", "StartTime", "EndTime"))


def test_results_are_an_empty_object_and_not_null_without_outputs(direct: Site) -> None:
    site = direct.at(NO_OUTPUT)
    state = ended(site, {"Input": site.reference(site.upload(INPUT))})
    assert (state["StatusCode"], state["Results"], state["Details"]) == ("Finished", {}, None)


def test_results_stand_in_the_order_of_the_outputs_since_some_clients_save_the_first_one_only(direct: Site) -> None:
    site = direct.at(TWO_PORTS)
    first, second = site.upload(INPUT), site.upload(f"Rating,Col2\n1,{TEXT}\n")
    inputs = {"input2": site.reference(second), "input1": site.reference(first)}
    outputs = {name: site.reference(site.new_blob()) for name in ("output2", "output1")}
    assert list(ended(site, {"Inputs": inputs, "Outputs": outputs})["Results"]) == ["output1", "output2"]


def test_details_of_a_failed_job_are_a_text(site: Site) -> None:
    state = ended(site, {"Input": site.reference(site.new_blob("missing.csv"))})
    assert (state["StatusCode"], state["Results"]) == ("Failed", None)
    assert isinstance(state["Details"], str)
    assert "missing.csv" in state["Details"]


def test_contract_of_2015_has_numbers_and_a_single_result(of_2015: Site) -> None:
    order = {"Input": of_2015.reference(of_2015.upload(INPUT)), "Output": None, "GlobalParameters": {}}
    job_id = submit(of_2015, order).json
    state = status(of_2015, job_id).json
    assert (state["StatusCode"], state["Result"], state["Details"]) == (0, None, None)
    assert call(of_2015, "POST", f"/jobs/{job_id}/start?api-version=2.0", b"").status in (200, 204)
    for _ in looks():
        state = status(of_2015, job_id).json
        if state["StatusCode"] not in (0, 1):
            break
    assert state["StatusCode"] == 4
    assert "Results" not in state
    result = state["Result"]
    assert set(result) == {"ConnectionString", "RelativeLocation", "BaseLocation", "SasBlobToken"}
    fetched = send("GET", result["BaseLocation"] + result["RelativeLocation"] + result["SasBlobToken"], [])
    assert fetched.text.splitlines() == OUTPUT
    cancelled = submit(of_2015, order).json
    delete(of_2015, cancelled)
    assert status(of_2015, cancelled).json["StatusCode"] == 3


def test_delete_of_a_job_that_was_not_started_cancels_it_and_may_be_repeated(site: Site, order: dict[str, Any]) -> None:
    job_id = submit(site, order).json
    assert [delete(site, job_id).status // 100 for _ in range(2)] == [2, 2]
    assert status(site, job_id).json["StatusCode"] == "Cancelled"


def test_delete_of_a_running_job_cancels_it_and_leaves_no_output(direct: Site, slow_storage: HeldStorage) -> None:
    target = direct.new_blob()
    order = {"Input": slow_storage.reference("delete.csv"), "Output": direct.reference(target)}
    job_id = started(direct, order)
    state_when(direct, job_id, "Running")
    assert [delete(direct, job_id).status // 100 for _ in range(2)] == [2, 2]
    state = status(direct, job_id).json
    assert (state["StatusCode"], state["Results"]) == ("Cancelled", None)
    assert not direct.exists(target)


def test_delete_of_a_finished_job_keeps_its_outputs_and_may_be_repeated(site: Site, order: dict[str, Any]) -> None:
    target = site.new_blob()
    job_id = started(site, {**order, "Output": site.reference(target)})
    state_when(site, job_id, "Finished")
    assert [delete(site, job_id).status // 100 for _ in range(2)] == [2, 2]
    assert site.download(target).splitlines() == OUTPUT


def test_address_of_a_new_web_service_is_served_with_the_same_protocol(direct: Site) -> None:
    site = replace(direct, base=f"{direct.address}/subscriptions/{SUBSCRIPTION}/services/{TWO_PORTS}")
    reference = site.reference(site.upload(f"Rating,Col2\n1,{TEXT}\n"))
    state = ended(site, {"Inputs": {"input1": reference, "input2": {**reference}}})
    assert state["StatusCode"] == "Finished"


def test_web_service_with_a_subscription_is_served_under_that_as_well(direct: Site) -> None:
    own = direct.at(TWO_PORTS)
    one, two = {"Values": [[TEXT]]}, {"Values": [["1", TEXT]]}
    body = {"Inputs": {"input1": one, "input2": two}}
    for scope in (f"workspaces/{own.workspace}", f"subscriptions/{SUBSCRIPTION}"):
        site = replace(own, base=f"{direct.address}/{scope}/services/{TWO_PORTS}")
        assert call(site, "POST", "/execute?api-version=2.0", body).status == 200
    elsewhere = replace(own, base=f"{direct.address}/subscriptions/{'d' * 32}/services/{TWO_PORTS}")
    answer = call(elsewhere, "POST", "/execute?api-version=2.0", body)
    assert (answer.status, answer.json["error"]["code"]) == (404, "NotFound")
    assert answer.json["error"]["details"][0]["code"] == "WorkspaceNotFound"
