"""Gates on the real stack: what they stop, what a warning lets through unscored, and golden rows under kills."""

import json
from typing import Any

import pytest

KILLED = -9
PER_JOB = 50
WORDS = ["good", "bad", "long", "short", "new", "old", "great", "awful", "dull", "bright"]
VARIED = [[f"R{number:06d}", "4", " ".join(WORDS[number % 7 :][: number % 5 + 2])] for number in range(1, 42)]
QUIET = {"psi_rows": 1000, "golden_rows": "off", "golden_job": "off"}
GOOD = {
    "input": {"Col2": "This is a good day"},
    "output": {"Col2_HashingFeature.0": "1.0", "Col2_HashingFeature.2": "2"},
}
BAD = {"input": {"Col2": "This is a good day"}, "output": {"Col2_HashingFeature.0": "7"}}


def evidence(work: Any, run_key: str) -> dict[str, Any]:
    return json.loads((work.home / "runs" / run_key / "gates.json").read_text())


def failed(gates: list[dict[str, Any]]) -> set[str]:
    return {gate["name"] for gate in gates if not gate["passed"]}


@pytest.mark.parametrize(
    ("gate", "rows", "settings", "value"),
    [
        pytest.param("row_count", VARIED[:11], {}, 0.75, id="a quarter of the rows"),
        pytest.param(
            "constant_output",
            [[key, rating, "the very same"] for key, rating, _ in VARIED],
            {"constant_output_rows": 39},
            40,
            id="one and the same text",
        ),
        pytest.param(
            "psi", [[key, rating, f"{text} {text} {text}"] for key, rating, text in VARIED], {"psi_rows": 40}, None,
            id="texts of three times the length",
        ),
    ],
)  # fmt: skip
def test_a_gate_stops_a_run_and_with_a_warning_it_is_published_without_a_further_job(
    work: Any, gate: str, rows: list[list[str]], settings: dict[str, Any], value: float | None
):
    work.rows = VARIED
    first = work.must_run(rows_per_job=PER_JOB, gates=QUIET)
    assert failed(first["gates"]) == set()
    assert {entry["message"] for entry in first["gates"] if entry["name"] in ("row_count", "psi")} == {
        "Not applicable: there is no last good run."
    }

    work.rows = rows
    others = dict.fromkeys({"row_count", "constant_output", "psi", "null_share"} - {gate}, "off")
    asked = {**QUIET, **others, **settings}
    assert work.run(rows_per_job=PER_JOB, gates={**asked, gate: "stop"}) == 1
    stopped, n_jobs = work.result(work.pid), len(work.job_ids)
    assert stopped["error"] == "GateStopped"
    assert f"--gate {gate}=warn" in stopped["text"]
    assert first["published"] in str(work.json("published/reviews/latest.json")["current"])
    (run,) = [
        run
        for run in map(work.json, [name for name in work.names("runs/") if name.endswith("run.json")])
        if run["run_key"] != first["run_key"]
    ]
    assert (run["state"], run["published"]) == ("stopped", None)
    found = [entry for entry in evidence(work, run["run_key"])["gates"] if not entry["passed"]]
    assert {(entry["name"], entry["action"]) for entry in found} == {(gate, "stop")}
    if value is not None:
        assert {entry["value"] for entry in found} == {value}
    assert all(entry["value"] > entry["threshold"] for entry in found)

    second = work.must_run(rows_per_job=PER_JOB, gates={**asked, gate: "warn"})
    assert len(work.job_ids) == n_jobs
    assert second["run_key"] == run["run_key"]
    assert work.json("published/reviews/latest.json")["current"]["folder"] == second["published"]
    assert [{**entry, "action": "warn"} for entry in found] == [
        entry for entry in second["gates"] if not entry["passed"]
    ]
    assert f"Gate {gate}:" in (work.home / "log").read_text()
    assert work.json(f"{second['published']}/profile.json")["columns"][0]["n_rows"] == len(rows) - 1


def test_golden_rows_that_come_back_otherwise_cost_no_job(work: Any):
    assert work.run(golden=[GOOD, BAD]) == 1
    stopped = work.result(work.pid)
    assert stopped["error"] == "GateStopped"
    assert "golden[1].output.Col2_HashingFeature.0: The web service answers '1' instead of '7'" in stopped["text"]
    assert not [step for step in work.trace if step.startswith(("submit", "upload"))]
    (key,) = [path.name for path in (work.home / "runs").iterdir()]
    assert failed(evidence(work, key)["gates"]) == {"golden_rows"}

    manifest = work.must_run(golden=[GOOD, BAD], gates={"golden_rows": "warn", "golden_job": "off"})
    (golden,) = [entry for entry in manifest["gates"] if entry["name"] == "golden_rows"]
    assert (golden["passed"], golden["value"], golden["threshold"], golden["action"]) == (False, 1, 0, "warn")


def test_golden_rows_that_a_job_makes_other_than_known_stop_the_run_before_its_own_jobs(work: Any):
    only_job = {"golden_rows": "off"}
    assert work.run(golden=[GOOD, BAD], gates=only_job) == 1
    assert work.result(work.pid)["error"] == "GateStopped"
    (golden_job,) = work.job_ids

    manifest = work.must_run(golden=[GOOD, BAD], gates={**only_job, "golden_job": "warn"})
    assert work.job_ids.count(golden_job) == 1
    assert len(work.job_ids) == 1 + len(manifest["jobs"])
    assert golden_job not in {job["job_id"] for job in manifest["jobs"]}
    assert (manifest["n_input"], manifest["n_scored"]) == (7, 6)
    (golden,) = [entry for entry in manifest["gates"] if entry["name"] == "golden_job"]
    assert (golden["passed"], golden_job in golden["message"]) == (False, True)
    assert failed(manifest["gates"]) == {"golden_job"}


@pytest.mark.parametrize("moment", ["intent after", "submitted after", "started after", "verified after"])
def test_a_golden_job_is_taken_up_after_a_kill(work: Any, undisturbed: bytes, moment: str):
    # Golden rows are the first that are sent, so that the first step of a kind is theirs.
    assert work.run(golden=[GOOD], kill_at=f"journal {moment}") == KILLED
    manifest = work.must_run(golden=[GOOD])
    assert work.predictions == undisturbed
    assert {entry["passed"] for entry in manifest["gates"]} == {True}
    golden = work.json(f"runs/{manifest['run_key']}/shards/golden.json")
    verified = [attempt["job_id"] for attempt in golden["attempts"] if attempt["state"] == "verified"]
    assert len(verified) == 1
    # A job whose id was not written down never started, so there is another one.
    assert len(golden["attempts"]) == (2 if moment == "intent after" else 1)
    assert f"job {verified[0]}" in str(manifest["gates"])
    work.require_no_live_job()


def test_golden_rows_that_the_service_refuses_in_a_job_stop_the_run_with_its_words(work: Any, faults: Any):
    faults.arm(kind="refuse_rows", marker="good day", times=9)
    assert work.run(golden=[GOOD], gates={"golden_rows": "off"}) == 1
    stopped = work.result(work.pid)
    assert (stopped["error"], "the cell is refused" in stopped["text"]) == ("GateStopped", True)
    assert len(work.job_ids) == len(faults.served()) == 1


def test_where_there_is_no_rrs_or_no_golden_row_the_gate_does_not_apply(work: Any, faults: Any):
    faults.arm(kind="status", operation="execute", status=404)
    manifest = work.must_run(golden=[GOOD], gates={"golden_job": "off"})
    assert len(faults.served()) == 1
    (golden,) = [entry for entry in manifest["gates"] if entry["name"] == "golden_rows"]
    assert (golden["passed"], golden["message"].startswith("Not applicable: there is no RRS.")) == (True, True)

    work.rows = VARIED
    manifest = work.must_run(rows_per_job=PER_JOB)
    messages = {entry["message"] for entry in manifest["gates"] if entry["name"].startswith("golden")}
    assert messages == {"Not applicable: the contract has no golden rows."}


def test_a_version_that_was_decided_is_published_whatever_the_gates_say_later(work: Any, undisturbed: bytes):
    assert work.run(kill_at="manifest after") == KILLED
    manifest = work.must_run(gates={"constant_output": "stop", "constant_output_rows": 1, "null_share": "stop"})
    assert (work.predictions, manifest["status"]) == (undisturbed, "published")
