"""The form of a run, as Prefect's UI and server are told of it: explained, and checked before a run exists."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.deployments.conftest import prefect_command
from tests.patient import patient_session

RUN, REQUEUE, SWEEP = "batch-scoring/on-demand", "requeue/on-demand", "sweep/hourly"
BACKFILL, WATCH = "batch-scoring/backfill", "input-watch/daily"
GOOD = {
    RUN: {"inputs": ["extract.csv"], "contract": "book_reviews"},
    REQUEUE: {"run_key": "0123456789abcdef", "fixed": "fixed.csv"},
    SWEEP: {},
    BACKFILL: {"first_date": "2026-11-01", "last_date": "2026-11-02", "inputs": ["{run_date}.csv"]},
    WATCH: {"inputs": ["extract.csv"]},
}


class Forms:
    """The deployments of the shipped file, on the session's server."""

    def __init__(self, api: str) -> None:
        self.api = api
        self.session = patient_session()

    def deployment(self, name: str) -> dict[str, Any]:
        answer = self.session.get(f"{self.api}/deployments/name/{name}", timeout=60)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def send(self, name: str, **parameters: Any) -> requests.Response:
        """What the UI's form does, and `prefect deployment run`."""
        url = f"{self.api}/deployments/{self.deployment(name)['id']}/create_flow_run"
        return self.session.post(url, json={"parameters": {**GOOD[name], **parameters}}, timeout=60)

    def n_runs(self, name: str) -> int:
        """How many runs of a deployment were created by hand."""
        mine = {"deployments": {"id": {"any_": [self.deployment(name)["id"]]}}, "limit": 200}
        found = self.session.post(f"{self.api}/flow_runs/filter", json=mine, timeout=60).json()
        return sum(not run["auto_scheduled"] for run in found)


@pytest.fixture(scope="module")
def forms(repository: Path, stack_environment: dict[str, str], prefect_api: str, keep_process: None) -> Iterator[Forms]:
    with pytest.MonkeyPatch.context() as here:
        here.chdir(repository)
        done = prefect_command("deploy", "--json", environment=stack_environment)
    assert done.returncode == 0, done.stderr
    made = Forms(prefect_api)
    yield made
    made.session.close()


@pytest.mark.parametrize("name", GOOD)
def test_each_parameter_has_a_title_a_description_and_a_default_unless_it_is_required(forms: Forms, name: str):
    deployment = forms.deployment(name)
    assert deployment["enforce_parameter_schema"] is True
    schema = deployment["parameter_openapi_schema"]
    if name in (RUN, REQUEUE, SWEEP):
        assert {"web_service", "storage"} <= set(schema["properties"])
    for parameter, told in schema["properties"].items():
        assert told.get("title"), parameter
        assert len(told.get("description") or "") > 10, parameter
        assert "default" in told or parameter in schema["required"], parameter


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (RUN, {"inputs": []}),
        (RUN, {"inputs": [" "]}),
        (RUN, {"inputs": "extract.csv"}),
        (RUN, {"contract": "book reviews"}),
        (RUN, {"contract": ""}),
        (RUN, {"rows_per_job": 0}),
        (RUN, {"rows_per_job": "many"}),
        (RUN, {"run_date": "2026-13-01"}),
        (RUN, {"run_date": "yesterday"}),
        (RUN, {"rescore": "perhaps"}),
        (RUN, {"time_zone": "Mars/Olympus"}),
        (RUN, {"retries": {"retry": 1}}),
        (RUN, {"web_service": "Not A Name"}),
        (RUN, {"storage": {"connection_string": "x"}}),
        (RUN, {"unknown": 1}),
        (BACKFILL, {"first_date": "2026-11-1"}),
        (BACKFILL, {"at_once": 0}),
        (WATCH, {"changed_within_hours": 0}),
        (REQUEUE, {"run_key": "short"}),
        (REQUEUE, {"fixed": ""}),
        (REQUEUE, {"unknown": 1}),
        (SWEEP, {"live_jobs": "keep"}),
        (SWEEP, {"idle_minutes": -1}),
        (SWEEP, {"keep_days": -1}),
        (SWEEP, {"unknown": 1}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value.partition("/")[0],
)
def test_a_wrong_value_is_refused_and_no_run_is_made(forms: Forms, name: str, wrong: dict[str, Any]):
    before = forms.n_runs(name)
    answer = forms.send(name, **wrong)
    assert answer.status_code in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY), answer.text
    assert next(iter(wrong)) in answer.text
    assert forms.n_runs(name) == before


@pytest.mark.parametrize("name", [RUN, REQUEUE, SWEEP])
def test_right_values_make_a_run(forms: Forms, name: str):
    more = {"run_date": "2026-11-28", "rows_per_job": 10, "contract": "a b/c.yaml"} if name == RUN else {}
    answer = forms.send(name, **more, web_service="nightly", storage=None)
    assert answer.status_code == HTTPStatus.CREATED, answer.text
    forms.session.delete(f"{forms.api}/flow_runs/{answer.json()['id']}", timeout=60).raise_for_status()
