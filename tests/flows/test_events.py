"""The events of the pipeline as they arrive on a real Prefect server, and their description."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests
from prefect import tags

from flows.batch_scoring import batch_scoring
from flows.input_watch import input_watch
from tasks.events import EVENTS, InputMissing, Payload, RowQuarantined, RunPublished, ShardFailed
from tests.flows.conftest import RunHere
from tests.patient import patient_session
from tests.waiting import settled

# All of it is one setup of three flow runs.
pytestmark = pytest.mark.timeout(900)

CONTRACT = "book_reviews"
SECRET_CELL = "only the rows know this"
EXTRACT = "review_id,Col1,Col2\n" + "".join(f"R{number:06d},4,Review {number}\n" for number in range(1, 31))
# Fewer than the contract tolerates, more than the alarm does.
BAD = f"R000031,6,{SECRET_CELL}\nR000032,4,POISON {SECRET_CELL}\n"


@pytest.fixture(scope="module")
def told(
    run_here: RunHere, stack_environment: dict[str, str], prefect_api: str, local_stack: Any, tmp_path_factory: Any
) -> dict[str, Any]:
    """All events of a run with a bad and a refused row, of the same run once more, and of a look for missing input."""
    folder, tag = tmp_path_factory.mktemp("events"), f"events-{uuid.uuid4().hex[:8]}"
    extract = folder / "extract.csv"
    extract.write_text(EXTRACT + BAD)
    book = f"{local_stack.web_service_url}/faults"
    requests.post(book, json={"kind": "refuse_rows", "marker": "POISON", "times": 100}, timeout=30).raise_for_status()
    own = {
        "BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}",
        "BATCH_SCORING_RUN_DATA_DIR": str(folder / "runs"),
    }
    environment = {**stack_environment, **own}
    watched = [f"/nowhere/{tag}/{{run_date}}/*.csv", str(extract)]
    try:
        with tags(tag):
            summary = run_here(batch_scoring, [str(extract)], CONTRACT, environment=environment)
            run_here(batch_scoring, [str(extract)], CONTRACT, environment=environment)
            run_here(input_watch, watched, CONTRACT, changed_within_hours=1, environment=environment)
    finally:
        requests.delete(book, timeout=30).raise_for_status()
    kinds = {model.event for model in EVENTS}
    events = settled(
        lambda: events_of(prefect_api, tag), complete=lambda found: {event["event"] for event in found} == kinds
    )
    return {"summary": summary, "events": events}


def events_of(api: str, tag: str) -> list[dict[str, Any]]:
    body = {
        "filter": {
            "event": {"prefix": ["batch-scoring."]},
            "related": {"id": [f"prefect.tag.{tag}"]},
            "order": "ASC",
        },
        "limit": 50,
    }
    answer = patient_session().post(f"{api}/events/filter", json=body, timeout=30)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


def payloads(told: dict[str, Any], model: type[Payload]) -> list[Any]:
    return [model.model_validate(one["payload"]) for one in told["events"] if one["event"] == model.event]


def test_a_published_run_is_told_once_although_its_result_is_fetched_again(told: dict[str, Any]):
    (published,) = payloads(told, RunPublished)
    summary = told["summary"]
    assert (published.run_key, published.n_scored, published.n_quarantined, published.n_refused) == (
        *(summary.run_key, 30, 2, 1),
    )
    assert published.published.startswith(f"published/{CONTRACT}/")


def test_the_quarantine_is_told_by_rule_and_column_and_is_high_above_the_share(told: dict[str, Any]):
    (quarantined,) = payloads(told, RowQuarantined)
    assert (quarantined.n_quarantined, quarantined.share, quarantined.high_share) == (2, 2 / 32, 0.05)
    counts = [(count.rule, count.column, count.n_rows) for count in quarantined.counts]
    assert counts == [("expect_column_values_to_be_between", "Col1", 1), ("refused_by_service", "", 1)]
    (label,) = {e["resource"]["batch-scoring.quarantine"] for e in told["events"] if "quarantined" in e["event"]}
    assert label == "high"


def test_each_job_that_ended_in_vain_is_told_with_what_follows(told: dict[str, Any]):
    failed = payloads(told, ShardFailed)
    assert [shard.cause for shard in failed] == ["job failed"] * len(failed)
    assert [shard.verdict for shard in failed] == ["halved"] * (len(failed) - 1) + ["refused"]
    assert (failed[0].shard, failed[0].file, failed[0].n_rows, failed[-1].n_rows) == ("00000", "extract.csv", 31, 1)
    assert len({shard.job_id for shard in failed}) == len(failed) > 1


def test_input_that_is_missing_is_told_with_the_date_filled_in(told: dict[str, Any]):
    (missing,) = payloads(told, InputMissing)
    (pattern,) = missing.missing
    assert pattern.startswith("/nowhere/")
    assert pattern.endswith(f"/{missing.run_date}/*.csv")


def test_every_event_is_about_the_data_set_and_names_the_flow_run(told: dict[str, Any]):
    assert {event["event"] for event in told["events"]} == {model.event for model in EVENTS}
    for event in told["events"]:
        assert event["resource"]["prefect.resource.id"] == f"batch-scoring.dataset.{CONTRACT}"
        assert "flow-run" in {related["prefect.resource.role"] for related in event["related"]}


def test_no_event_has_a_cell_of_a_row_or_a_secret(told: dict[str, Any], stack_environment: dict[str, str]):
    text = json.dumps(told["events"])
    assert "extract.csv" in text
    account_key = stack_environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"].split("AccountKey=")[1].split(";")[0]
    keys = [stack_environment[f"BATCH_SCORING_ENDPOINT_{name}_KEY"] for name in ("API", "SUBSCRIPTION")]
    for secret in (SECRET_CELL, "R000031", "sig=", account_key, *keys):
        assert secret not in text


@pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.event)
def test_the_page_describes_every_member_of_an_event(repository: Path, model: type[Payload]):
    page = (repository / "deployments/README.md").read_text(encoding="utf-8")
    _, _, section = page.partition(f"**`{model.event}`**")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section.partition("**`")[0], re.MULTILINE)
    assert rows == [(name, field.description) for name, field in model.model_fields.items()]
