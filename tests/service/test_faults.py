import http.client
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from service.faults import FaultBook, QueueFault, read_fault, spoil
from tests.service.running import RunningService

ROWS = "Col2\nThis is a good day\nanother\nand one more\n"
BODY = {"Inputs": {"input1": {"Values": [["a"]]}}}


@pytest.fixture
def order(faulty_service: RunningService) -> dict[str, Any]:
    return {"Input": faulty_service.upload("rows.csv", ROWS), "Output": faulty_service.reference("faulty-out.csv")}


def served(service: RunningService) -> list[dict[str, Any]]:
    return service.call("GET", f"{service.url}/faults").json["served"]


def hung_up(call: Any) -> bool:
    try:
        call()
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ConnectionResetError)
    return False


@pytest.mark.parametrize("status", [400, 401, 404, 408, 409, 413, 500, 503, 504])
def test_next_calls_of_an_operation_fail_with_the_status_that_was_asked_for(
    faulty_service: RunningService, order: dict[str, Any], status: int
) -> None:
    faulty_service.fault(kind="status", operation="submit", status=status, times=2)
    answers = [faulty_service.submit(order) for _ in range(3)]
    assert [answer.status for answer in answers] == [status, status, 200]
    assert answers[0].json["error"]["details"][0]["code"]
    assert [entry["hit"] for entry in served(faulty_service)] == ["submit", "submit"]


def test_each_operation_can_be_hit_alone(faulty_service: RunningService, order: dict[str, Any]) -> None:
    for operation in ("submit", "start", "status", "delete", "execute"):
        faulty_service.fault(kind="status", operation=operation, status=503)
    assert faulty_service.submit(order).status == 503
    job_id = faulty_service.submit(order).json
    assert faulty_service.status(job_id).status == 503
    assert faulty_service.start(job_id).status == 503
    assert faulty_service.status(job_id).json["StatusCode"] == "NotStarted"
    assert faulty_service.delete(job_id).status == 503
    assert faulty_service.execute(BODY).status == 503
    assert faulty_service.execute(BODY).status == 200
    assert len(served(faulty_service)) == 5


def test_connection_dropped_before_the_effect_leaves_none(
    faulty_service: RunningService, order: dict[str, Any]
) -> None:
    job_id = faulty_service.submit(order).json
    faulty_service.fault(kind="drop", operation="start", when="before")
    assert hung_up(lambda: faulty_service.start(job_id))
    assert faulty_service.status(job_id).json["StatusCode"] == "NotStarted"
    assert faulty_service.start(job_id).status == 200


def test_connection_dropped_after_the_effect_leaves_it(faulty_service: RunningService, order: dict[str, Any]) -> None:
    job_id = faulty_service.submit(order).json
    faulty_service.fault(kind="drop", operation="start", when="after")
    assert hung_up(lambda: faulty_service.start(job_id))
    assert faulty_service.start(job_id).codes == (400, "InvalidOperation", "CannotStartJob")
    assert faulty_service.ended(job_id)["StatusCode"] == "Finished"
    assert "Traceback" not in faulty_service.log.read_text()


def test_call_is_delayed(faulty_service: RunningService, order: dict[str, Any]) -> None:
    faulty_service.fault(kind="delay", operation="submit", seconds=0.5)
    began = time.monotonic()
    assert faulty_service.submit(order).status == 200
    assert time.monotonic() - began >= 0.5


def test_started_job_is_kept_in_the_queue(faulty_service: RunningService, order: dict[str, Any]) -> None:
    faulty_service.fault(kind="queue", seconds=1)
    began = time.monotonic()
    job_id = faulty_service.run(order)
    assert faulty_service.status(job_id).json["StatusCode"] == "NotStarted"
    assert faulty_service.ended(job_id)["StatusCode"] == "Finished"
    assert time.monotonic() - began >= 1


def test_job_fails_with_the_text_that_was_asked_for(faulty_service: RunningService, order: dict[str, Any]) -> None:
    faulty_service.fault(kind="fail", details="All rows must have same number of elements")
    status = faulty_service.ended(faulty_service.run(order))
    assert status["StatusCode"] == "Failed"
    assert "All rows must have same number of elements" in status["Details"]


def test_output_is_lost(faulty_service: RunningService, order: dict[str, Any]) -> None:
    faulty_service.fault(kind="lose_output")
    order["Output"] = faulty_service.reference("lost.csv")
    assert faulty_service.ended(faulty_service.run(order))["StatusCode"] == "Finished"
    assert not faulty_service.exists("lost.csv")


@pytest.mark.parametrize("kind", ["empty_output", "truncate_output", "reorder_output", "drop_row", "duplicate_row"])
def test_output_is_spoiled(faulty_service: RunningService, order: dict[str, Any], kind: str) -> None:
    faulty_service.ended(faulty_service.run(order))
    good = faulty_service.download("faulty-out.csv")
    faulty_service.fault(kind=kind)
    assert faulty_service.ended(faulty_service.run(order))["StatusCode"] == "Finished"
    bad = faulty_service.download("faulty-out.csv")
    header, *rows = good.splitlines()
    wrong = {
        "empty_output": bad == "",
        "truncate_output": bad == good[: len(bad)] and not bad.endswith("\n") and bad.count("\n") == len(rows),
        "reorder_output": bad.splitlines() == [header, *reversed(rows)] and bad != good,
        "drop_row": bad.splitlines() == [header, *rows[1:]],
        "duplicate_row": bad.splitlines() == [header, *rows, rows[-1]],
    }
    assert wrong[kind], bad


def test_job_hangs_while_it_runs_until_it_is_cancelled(faulty_service: RunningService, order: dict[str, Any]) -> None:
    faulty_service.fault(kind="hang", seconds=600)
    job_id = faulty_service.run(order)
    time.sleep(2)
    assert faulty_service.status(job_id).json["StatusCode"] == "Running"
    faulty_service.delete(job_id)
    assert faulty_service.ended(job_id)["StatusCode"] == "Cancelled"
    assert [entry["hit"] for entry in served(faulty_service)] == [job_id]
    assert faulty_service.ended(faulty_service.run(order))["StatusCode"] == "Finished"


def test_link_to_a_result_is_expired_once(faulty_service: RunningService, order: dict[str, Any]) -> None:
    job_id = faulty_service.run(order)
    faulty_service.ended(job_id)
    faulty_service.fault(kind="expired_sas")
    answers = []
    for _ in range(2):
        link = faulty_service.status(job_id).json["Results"]["output1"]
        url = link["BaseLocation"] + link["RelativeLocation"] + link["SasBlobToken"]
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                answers.append(response.status)
        except urllib.error.HTTPError as error:
            with error:
                answers.append(error.code)
    assert answers == [403, 200]


def test_cancelled_is_spelled_the_american_way_once(faulty_service: RunningService, order: dict[str, Any]) -> None:
    job_id = faulty_service.submit(order).json
    faulty_service.delete(job_id)
    faulty_service.fault(kind="canceled")
    assert [faulty_service.status(job_id).json["StatusCode"] for _ in range(2)] == ["Canceled", "Cancelled"]


def test_faults_are_armed_in_lists_and_cleared(faulty_service: RunningService) -> None:
    url = f"{faulty_service.url}/faults"
    two = [{"kind": "canceled"}, {"kind": "status", "operation": "execute", "status": 500, "times": 3}]
    assert len(faulty_service.call("POST", url, two).json["armed"]) == 2
    faulty_service.execute(BODY)
    listing = faulty_service.call("GET", url).json
    assert [fault["times"] for fault in listing["armed"]] == [1, 2]
    assert len(listing["served"]) == 1
    assert faulty_service.call("DELETE", url).json == {"armed": [], "served": []}
    assert faulty_service.execute(BODY).status == 200


@pytest.mark.parametrize(
    "body",
    [b"", {"kind": "earthquake"}, {"kind": "status", "operation": "submit"}, {"kind": "drop", "when": "later"}, 3,
     {"kind": "fail", "details": "x", "times": 0}, {"kind": "queue", "seconds": -1}, {"kind": "fail", "detail": "x"}],
)  # fmt: skip
def test_fault_that_is_not_known_is_refused(faulty_service: RunningService, body: object) -> None:
    answer = faulty_service.call("POST", f"{faulty_service.url}/faults", body)
    assert answer.codes == (400, "BadArgument", "RequestBodyInvalid")


def test_fault_is_used_up_by_as_many_hits_as_were_armed() -> None:
    book = FaultBook()
    book.arm(read_fault({"kind": "queue", "seconds": 1, "times": 2}))
    hits = [book.take(QueueFault, f"job{index}") for index in range(3)]
    assert [hit is not None for hit in hits] == [True, True, False]


def test_spoiling_an_output_without_rows_does_no_harm() -> None:
    kinds = ("lose_output", "empty_output", "truncate_output", "reorder_output", "drop_row", "duplicate_row")
    assert [spoil(kind, b"a,b\n") for kind in kinds] == [None, b"", b"", b"a,b\n", b"a,b\n", b"a,b\n"]


def test_jobs_with_a_row_that_holds_the_marker_fail_and_name_it_and_others_do_not(
    faulty_service: RunningService, order: dict[str, Any]
) -> None:
    faulty_service.fault(kind="refuse_rows", marker="BAD", times=2)
    good = faulty_service.ended(faulty_service.run(order))
    assert (good["StatusCode"], served(faulty_service)) == ("Finished", [])
    for name, rows, line in (("one", f'{ROWS}"two\nlines"\nsomething BAD\n', 7), ("two", "Col2\nBAD\n", 2)):
        order["Input"] = faulty_service.upload(f"{name}.csv", rows)
        job_id = faulty_service.run(order)
        status = faulty_service.ended(job_id)
        assert status["StatusCode"] == "Failed"
        assert f"Line {line}, column 'Col2': the cell is refused" in status["Details"]
        assert served(faulty_service)[-1]["hit"] == job_id
    assert faulty_service.ended(faulty_service.run(order))["StatusCode"] == "Finished"
