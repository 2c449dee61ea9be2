"""Connections that break, jobs that hang or fail, outputs that are not whole: the run is finished all the same."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from bes.client import BesClient
from deployments.stack import LocalStack
from service.declaration import key_hash
from tests.faults.restartable import Service


def met(faults: Any) -> list[str]:
    return [entry["fault"]["kind"] for entry in faults.served()]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["submit", "status"])
def test_a_connection_that_breaks_is_borne(work: Any, undisturbed: bytes, faults: Any, operation: str, when: str):
    faults.arm(kind="drop", operation=operation, when=when)
    work.must_run()
    assert [entry["hit"] for entry in faults.served()] == [operation]
    work.require_whole(undisturbed)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_start_whose_connection_breaks_leaves_the_jobs_for_the_next_run(
    work: Any, undisturbed: bytes, faults: Any, when: str
):
    faults.arm(kind="drop", operation="start", when=when)
    assert work.run() == 1
    assert work.result(work.pid)["error"] == "Unavailable"
    assert [entry["hit"] for entry in faults.served()] == ["start"]
    jobs = work.job_ids

    work.must_run()

    assert work.job_ids == jobs
    work.require_whole(undisturbed)


@pytest.mark.parametrize(
    ("deadline", "words"),
    [("queued_timeout_seconds", "in the queue"), ("job_timeout_seconds", "had not ended")],
)
def test_a_job_that_hangs_in_the_queue_is_cancelled_and_tried_again(
    work: Any, undisturbed: bytes, faults: Any, deadline: str, words: str
):
    faults.arm(kind="queue", seconds=600)
    work.settings = {deadline: 2}
    work.must_run()
    assert met(faults) == ["queue"]
    (hung,) = [attempt for attempt in work.attempts() if attempt["state"] == "cancelled"]
    assert words in hung["cause"]
    assert sorted(attempt["number"] for attempt in work.attempts()) == [1, 1, 1, 2]
    work.require_whole(undisturbed)


def test_a_job_that_hangs_while_it_runs_is_cancelled_and_tried_again(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="hang", seconds=600)
    work.settings = {"progress_timeout_seconds": 3}
    work.must_run()
    assert met(faults) == ["hang"]
    (hung,) = [attempt for attempt in work.attempts() if attempt["state"] == "cancelled"]
    assert "ran without a sign of progress" in hung["cause"]
    work.require_whole(undisturbed)


def test_the_deadline_of_the_run_cancels_its_jobs(work: Any, faults: Any):
    faults.arm(kind="queue", seconds=600, times=3)
    work.settings = {"timeout_seconds": 2}
    assert work.run() == 1
    assert met(faults) == ["queue"] * 3
    failed = work.result(work.pid)
    assert failed["error"] == "JobTimedOut"
    assert "BATCH_SCORING_RUN_TIMEOUT_SECONDS" in failed["text"]
    work.require_no_live_job()
    assert work.names("published/") == []


def test_a_job_that_fails_once_for_the_services_own_reasons_is_tried_again(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="fail", details="Memory has been exhausted")
    work.must_run()
    assert met(faults) == ["fail"]
    (failed,) = [attempt for attempt in work.attempts() if attempt["state"] == "failed"]
    assert "Memory has been exhausted" in failed["details"]
    work.require_whole(undisturbed)


def test_a_job_that_fails_always_ends_the_run_at_the_limit(work: Any, faults: Any):
    faults.arm(kind="fail", details="Memory has been exhausted", times=100)
    work.settings = {"max_attempts": 2}
    assert work.run() == 1
    failed = work.result(work.pid)
    assert failed["error"] == "JobFailed"
    assert "Memory has been exhausted" in failed["text"]
    assert 4 <= len(met(faults)) <= 6
    assert max(attempt["number"] for attempt in work.attempts()) == 2
    work.require_no_live_job()
    assert work.names("published/") == []


def test_an_output_that_is_never_whole_is_never_published(work: Any, faults: Any):
    faults.arm(kind="duplicate_row", times=100)
    work.settings = {"max_attempts": 2}
    assert work.run() == 1
    assert work.result(work.pid)["error"] == "IntegrityError"
    assert len(met(faults)) >= 2
    work.require_no_live_job()
    assert work.names("published/") == []


def test_a_limit_that_was_reached_is_not_the_end_of_the_next_run(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="fail", details="Memory has been exhausted", times=3)
    work.settings = {"max_attempts": 1}
    assert work.run() == 1
    while work.run() != 0:
        assert len(met(faults)) <= 3
    assert met(faults) == ["fail"] * 3
    work.require_whole(undisturbed)


def test_a_job_that_somebody_cancels_is_tried_again(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="queue", seconds=600)
    pid = work.start()
    work.wait_for("status after")
    (waiting,) = [attempt for attempt in work.attempts() if attempt["number"] == 1][:1]
    with BesClient(work.endpoint) as client:
        client.delete(waiting["job_id"])
    assert work.driver.wait(pid) == 0
    assert met(faults) == ["queue"]
    work.require_whole(undisturbed)


@pytest.mark.parametrize("fault", ["lose_output", "empty_output", "truncate_output", "drop_row", "duplicate_row"])
def test_an_output_that_is_not_whole_is_made_again(work: Any, undisturbed: bytes, faults: Any, fault: str):
    faults.arm(kind=fault)
    work.must_run()
    assert met(faults) == [fault]
    (spoilt,) = [attempt for attempt in work.attempts() if attempt["state"] == "failed"]
    assert spoilt["cause"]
    work.require_whole(undisturbed)


def test_a_reference_that_has_ended_before_it_is_used_is_replaced_by_a_fresh_one(
    work: Any, undisturbed: bytes, faults: Any, proxy: Any
):
    # By the time that the job runs, nobody may read its input any more.
    faults.arm(kind="queue", seconds=3)
    work.must_run(early_references=1)
    assert met(faults) == ["queue"]
    (failed,) = [attempt for attempt in work.attempts() if attempt["state"] == "failed"]
    assert "Unable to access the provided Azure blob" in failed["details"]
    assert "Auth" in failed["details"]
    first, *others = [json.loads(call.body)["Inputs"]["input1"] for call in proxy.of("submit")]
    (fresh,) = [other for other in others if other["RelativeLocation"] == first["RelativeLocation"]]
    assert end_of(first) < end_of(others[0]) <= end_of(fresh)
    work.require_whole(undisturbed)


def end_of(reference: dict[str, str]) -> str:
    return parse_qs(reference["SasBlobToken"].removeprefix("?"))["se"][0]


ECHO = """[[services]]
name = "Echo"
workspace_id = "{workspace}"
service_id = "{service}"
key_hashes = ["{key_hash}"]
model = {{ type = "onnx", path = "echo.onnx" }}
inputs = [{{ name = "input1", columns = [{{ name = "Col2", type = "Double" }}] }}]
outputs = [{{ name = "output1", columns = [{{ name = "Col2", type = "Double" }}] }}]
"""


@pytest.fixture
def echo(local_stack: LocalStack, azurite: Any, tmp_path: Path) -> Any:
    """A web service that passes through what it is sent."""
    onnx = pytest.importorskip("onnx", reason="the package that builds the test's model is not installed")
    pytest.importorskip("onnxruntime", reason="the extra for ONNX is not installed")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, ["n", 1]) for name in ("in", "out")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["in"], ["out"])], "echo", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "echo.onnx")
    keys, definition = local_stack.keys, tmp_path / "echo.toml"
    definition.write_text(ECHO.format(workspace=keys.workspace, service=keys.service, key_hash=key_hash(keys.api_key)))
    with Service(local_stack, azurite.connection_string, tmp_path / "service", definition) as service:
        yield service


def test_an_output_in_another_order_is_made_again_where_a_column_shows_it(new_work: Any, echo: Any):
    rows = [[f"R{number:06d}", "4", f"{number}.5"] for number in range(1, 8)]
    calm, work = new_work(0), new_work(1)
    calm.endpoint = work.endpoint = echo.endpoint
    calm.rows = work.rows = rows
    calm.must_run()
    echo.arm(kind="reorder_output")

    work.must_run()

    assert echo.met() == ["reorder_output"]
    (spoilt,) = [attempt for attempt in work.attempts() if attempt["state"] == "failed"]
    assert "came back in another place than they were sent in" in spoilt["cause"]
    work.require_whole(calm.predictions)
