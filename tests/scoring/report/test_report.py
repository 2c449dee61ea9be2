"""The report's model: verdict, comparison, timeline, and what is left out of a run that is too large for a page."""

import pytest

from bes.errors import JobFailed
from scoring.attempts import AttemptState, Verdict
from scoring.manifest import GateResult
from scoring.output_profile import OutputProfile
from scoring.report.gathering import failure_of, report_of
from scoring.report.model import Segment
from scoring.report.page import as_html
from tests.scoring.report.knowns import ENDPOINT, at, attempt, books, column, known, last_good, story


def test_a_run_of_which_every_row_is_scored_and_nothing_changed_is_good_and_asks_for_nothing():
    report = report_of(known(last=last_good()))

    assert report.verdict.kind == "good"
    assert report.verdict.sentence == "All 1,000 rows are scored and published."
    assert report.verdict.is_normal == "Compared with the run of 2026-11-27, nothing stands out."
    assert report.next_steps == ("Nothing.",)


@pytest.mark.parametrize(
    ("n_input", "n_quarantined", "sentence"),
    [
        (1, 0, "The only row is scored and published."),
        (2, 1, "1 of 2 rows is scored and published; 1 is quarantined."),
        (4, 2, "2 of 4 rows are scored and published; 2 are quarantined."),
    ],
)
def test_one_row_is_spoken_of_as_one(n_input: int, n_quarantined: int, sentence: str):
    assert report_of(known(books=books(n_input, n_quarantined=n_quarantined))).verdict.sentence == sentence


def test_quarantined_rows_lead_to_the_command_that_requeues_them():
    report = report_of(known(books=books(1000, n_quarantined=1)))

    assert report.verdict.sentence == "999 of 1,000 rows are scored and published; 1 is quarantined."
    (step,) = report.next_steps
    assert "`batch-scoring requeue 0f91e4fbbf1384cb --fixed COPY`" in step


def test_what_changed_since_the_last_good_run_is_named_and_only_what_matters_stands_out():
    last = last_good(n_input=2000, n_scored=2000, contract_sha256="0" * 64, duration_seconds=11.0)
    report = report_of(known(last=last))

    by_name = {change.name: change for change in report.changes}
    assert list(by_name) == ["rows in", "share scored", "duration", "contract", "web service"]
    assert (by_name["rows in"].before, by_name["rows in"].now) == ("2,000", "1,000")
    assert by_name["rows in"].difference == "\u221250.0 %"
    assert by_name["share scored"].difference == "0.00 points"
    assert [name for name, change in by_name.items() if change.is_notable] == ["rows in", "contract"]
    assert report.verdict.kind == "warn"
    assert "this stands out: rows in \u221250.0 %, contract changed." in report.verdict.is_normal
    assert f"`batch-scoring rollback reviews --if-latest {report.version}`" in report.next_steps[-1]


@pytest.mark.parametrize(
    ("before", "now", "stands_out"),
    [
        ("http://127.0.0.1:4000/azureml-demo", "http://127.0.0.1:5000/azureml-demo", []),
        ("http://127.0.0.1:4000/azureml-demo", "http://127.0.0.1:4000/azureml", ["endpoint"]),
        ("http://127.0.0.1:4000/azureml-demo", "https://gateway.example/azureml-demo", ["endpoint"]),
        ("https://gateway.example:4000/azureml", "https://gateway.example:5000/azureml", ["endpoint"]),
    ],
)
def test_another_endpoint_stands_out_but_not_another_port_of_the_embedded_default(before, now, stands_out):
    report = report_of(known(endpoint=ENDPOINT.model_copy(update={"url": now}), last=last_good(endpoint=before)))

    assert [change.name for change in report.changes if change.is_notable] == stands_out


def test_a_gate_that_warns_is_in_the_verdict_and_comes_first():
    passed = GateResult(
        name="null_share", column="score", value=0.0, threshold=0.1, action="stop", passed=True, message=""
    )
    warned = passed.model_copy(update={"name": "psi", "value": 0.4, "action": "warn", "passed": False})
    report = report_of(known(gates=[passed, warned], last=last_good()))

    assert [(gate.name, gate.outcome) for gate in report.gates] == [("psi", "warned"), ("null_share", "passed")]
    assert "the gate psi of score" in report.verdict.is_normal


def test_a_gate_that_does_not_apply_is_not_said_to_be_passed():
    def psi(column: str | None, value: float | None) -> GateResult:
        message = "Not applicable: there is no last good run." if value is None else ""
        return GateResult(name="psi", column=column, value=value, action="warn", passed=True, message=message)

    nothing = report_of(known(gates=[psi(None, None)]))
    empty = psi("e", None).model_copy(update={"message": "Not applicable: the column is empty."})
    gates = [psi("a", 0.1), psi("b", None), psi("c", 0.2), psi("d", None), empty]
    some = report_of(known(gates=gates, last=last_good()))

    assert [(gate.outcome, gate.n_columns) for gate in nothing.gates] == [("not applied", 1)]
    assert "Not applicable: there is no last good run." in as_html(nothing)
    assert "Not applicable: there is no last good run." in as_html(some)
    assert "Not applicable: the column is empty." in as_html(some)
    assert [(gate.outcome, gate.n_columns, gate.value) for gate in some.gates] == [
        ("passed", 2, "0.2"),
        ("not applied", 2, ""),
        ("not applied", 1, ""),
    ]
    assert [report.verdict.kind for report in (nothing, some)] == ["good", "good"]


def test_a_run_that_failed_says_what_stays_the_latest_and_repeats_the_next_step_of_its_error():
    error = JobFailed("Job 7 ended Failed: out of memory", "Ask the owner.", "7", "out of memory")
    report = report_of(known(failure=failure_of(error), last=last_good(), version=None))

    assert report.verdict.kind == "bad"
    assert report.verdict.sentence == "Nothing was published. The version of 2026-11-27 stays the latest."
    assert report.failure is not None
    assert report.failure.what == "Job 7 ended Failed: out of memory"
    assert report.next_steps == ("Ask the owner.",)
    assert [change.name for change in report.changes] == ["rows in", "contract", "web service"]


def test_what_the_service_quotes_of_sensitive_cells_is_not_in_the_failure():
    error = JobFailed("Job 7 ended Failed: bad cell 'jo@x.org'", "Mend it.", "7", "bad cell 'jo@x.org'")

    assert failure_of(error, hides_words=True).what == "Job 7 ended Failed: (redacted)"


def test_an_unexpected_error_keeps_no_signature():
    assert "sig=***" in failure_of(ValueError("GET http://x/?sig=abc%2F")).what


def test_an_attempt_is_drawn_as_sending_queued_running_and_coming_home():
    report = report_of(known(stories=[story("0", attempt())]))

    assert report.timeline is not None
    (lane,) = report.timeline.lanes
    assert lane.segments == (
        Segment(kind="sending", begin=0.0, end=1.0, is_lost=False),
        Segment(kind="queued", begin=1.0, end=3.0, is_lost=False),
        Segment(kind="running", begin=3.0, end=7.0, is_lost=False),
        Segment(kind="transfer", begin=7.0, end=8.0, is_lost=False),
    )
    assert (lane.rows_per_second, lane.note) == (25.0, "")
    assert report.timeline.home == ((8.0, 100),)
    assert report.throughput.median_queued_seconds == 2.0


def test_a_clock_of_the_service_that_is_wrong_moves_nothing_out_of_its_attempt():
    wrong = attempt().model_copy(
        update={"service_start_time": at(-500).isoformat(), "service_end_time": "01/01/0001 00:00:00"}
    )
    report = report_of(known(stories=[story("0", wrong)]))

    assert report.timeline is not None
    segments = report.timeline.lanes[0].segments
    assert all(0 <= segment.begin < segment.end <= 8 for segment in segments)
    assert sum(segment.end - segment.begin for segment in segments) == pytest.approx(8)


def test_retries_and_halved_shards_are_counted_and_said():
    failed = attempt(state=AttemptState.FAILED)
    stories = [
        story("0", failed, attempt(number=2, begin=10)),
        story("1", attempt(state=AttemptState.FAILED, verdict=Verdict.HALVED), first_row=100),
        story("1-0", attempt(begin=9), first_row=100, n_rows=50),
        story("1-1", attempt(begin=9, state=AttemptState.FAILED, verdict=Verdict.REFUSED), first_row=150, n_rows=1),
    ]
    timeline = report_of(known(stories=stories, ended_at=at(20))).timeline

    assert timeline is not None
    assert [(lane.number, lane.note) for lane in timeline.lanes] == [
        ("0", "attempt 2"),
        ("1", "scored in halves"),
        ("1-0", ""),
        ("1-1", "refused"),
    ]
    assert (timeline.n_retries, timeline.n_halved) == (1, 1)
    assert [segment.is_lost for segment in timeline.lanes[0].segments] == [True] * 4 + [False] * 4
    assert timeline.home[-1][1] == 150


def test_jobs_are_those_that_count_and_what_was_in_vain_stands_beside_them():
    lost = attempt(state=AttemptState.FAILED).model_copy(update={"job_id": None, "orphan_possible": True})
    unsent = attempt(state=AttemptState.CANCELLED).model_copy(update={"job_id": None})
    yesterday = attempt(begin=-86400, state=AttemptState.CANCELLED, session="before")
    stories = [
        story("0", lost, attempt(number=2, begin=10)),
        story("1", unsent, attempt(number=2, begin=10), first_row=100),
        story("2", yesterday, attempt(number=2), first_row=200),
        story("3", attempt(state=AttemptState.FAILED, verdict=Verdict.HALVED), first_row=300),
        story("3-0", attempt(begin=9), first_row=300, n_rows=50),
        story("3-1", attempt(begin=9, state=AttemptState.FAILED, verdict=Verdict.REFUSED), first_row=350, n_rows=1),
    ]
    report = report_of(known(stories=stories, ended_at=at(20)))

    assert report.timeline is not None
    assert (report.timeline.n_jobs, report.timeline.n_jobs_in_vain) == (4, 4)
    assert "<dt>Jobs for the input</dt><dd>4 <small>and 4 in vain</small></dd>" in as_html(report)


def test_what_an_earlier_execution_did_is_told_and_does_not_stretch_the_timeline():
    yesterday = attempt(begin=-86400, session="before")
    timeline = report_of(known(stories=[story("0", yesterday), story("1", attempt(), first_row=100)])).timeline

    assert timeline is not None
    assert timeline.seconds == 12
    assert (timeline.lanes[0].segments, timeline.lanes[0].note) == ((), "from an earlier execution")


def test_of_too_many_shards_those_with_trouble_are_drawn():
    stories = [story(str(index), attempt(), first_row=index * 100) for index in range(2000)]
    stories[1234] = story("1234", attempt(state=AttemptState.FAILED), attempt(number=2, begin=2), first_row=123400)
    timeline = report_of(known(stories=stories)).timeline

    assert timeline is not None
    assert (len(timeline.lanes), timeline.n_lanes) == (100, 2000)
    assert "1234" in {lane.number for lane in timeline.lanes}
    assert len(timeline.home) <= 121
    assert timeline.home[-1][1] == 200_000


def test_of_too_many_columns_those_that_moved_most_are_drawn():
    before = [column(f"c{index}") for index in range(200)]
    now = [*before[:150], column("c150", counts=(0, 70, 10, 20, 0)), *before[151:]]
    profile = OutputProfile(columns=tuple(now), n_columns_left_out=9800)
    report = report_of(known(profile=profile, last=last_good(*before)))

    assert report.columns[0].now.name == "c150"
    assert (len(report.columns), report.left_out.columns) == (24, 9976)
