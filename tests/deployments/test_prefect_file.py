"""What can be wrong in a file of deployments is told before anything is deployed; the shipped one is right."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.server.schemas.schedules import CronSchedule

from bes.errors import ConfigurationError
from deployments.prefect_file import load_flows, read_prefect_file
from scoring.run_dates import run_date_of

NIGHTLY = {
    "name": "nightly",
    "entrypoint": "flows/batch_scoring.py:batch_scoring",
    "parameters": {"inputs": ["a.csv"], "time_zone": "Europe/Berlin", "missed_runs": "latest"},
    "schedules": [{"slug": "nightly", "cron": "30 3 * * *", "timezone": "Europe/Berlin"}],
    "work_pool": {"name": "batch-scoring"},
}


@pytest.fixture(autouse=True)
def at_the_root(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def with_parameters(**changed: Any) -> dict[str, Any]:
    return {"parameters": {**NIGHTLY["parameters"], **changed}}


def with_schedule(**changed: Any) -> dict[str, Any]:
    return {"schedules": [{**NIGHTLY["schedules"][0], **changed}]}


def test_the_shipped_file_names_all_flows_and_its_parameters_fit_them(repository: Path):
    named = load_flows(read_prefect_file(repository / "deployments/prefect.yaml"))
    assert {"batch-scoring/nightly", "batch-scoring/on-demand", "sweep/hourly", "requeue/on-demand"} <= set(named)
    assert {deployment.work_pool.name for deployment in named.values()} == {"batch-scoring"}


@pytest.mark.parametrize("change", ["2027-03-28", "2027-10-31"])
@pytest.mark.parametrize("cron", ["shipped", "30 0 * * *", "30 2 * * *"])
def test_each_day_has_one_run_of_its_own_date_when_the_clocks_change(repository: Path, change: str, cron: str):
    (schedule,) = next(
        deployment.schedules
        for deployment in read_prefect_file(repository / "deployments/prefect.yaml").deployments
        if deployment.name == "nightly"
    )
    day = datetime.fromisoformat(change).replace(tzinfo=ZoneInfo(schedule.timezone))
    prefect = CronSchedule(cron=schedule.cron if cron == "shipped" else cron, timezone=schedule.timezone)

    moments = asyncio.run(prefect.get_dates(n=5, start=day - timedelta(days=2)))

    dates = [run_date_of(moment, schedule.timezone) for moment in moments]
    assert dates == [(day + timedelta(days=days)).date() for days in range(-2, 3)]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            with_schedule(timezone="Europe/Berln"),
            "'nightly'.schedules[0].timezone: There is no time zone 'Europe/Berln'",
        ),
        (with_schedule(cron="61 3 * * *"), "schedules[0].cron: '61 3 * * *' is not a cron expression"),
        (with_schedule(cron=None), "schedules[0].cron: "),
        (with_schedule(slug=""), "schedules[0].slug: "),
        ({"schedules": NIGHTLY["schedules"] * 2}, "The slug 'nightly' stands twice"),
        ({"schedules": [{"interval": 3600, "slug": "hourly"}]}, "schedules[0].cron: Field required"),
        ({"work_pool": None}, "deployment 'nightly'.work_pool: "),
        ({"entrypoint": "flows/nothing.py:nothing"}, "There is no file 'flows/nothing.py' below"),
        ({"entrypoint": "flows/batch_scoring.py:nothing"}, "does not load: "),
        ({"entrypoint": "flows/steps.py:steps_of"}, "does not load: Function with name 'steps_of' is not a flow"),
        ({"entrypoint": "flows.nothing.nothing"}, "does not load: No module named 'flows.nothing'"),
        (with_parameters(rows_per_job=0), "parameters: Validation failed for field 'rows_per_job'"),
        (with_parameters(retries={"retires": 1}), "'retires' was unexpected"),
        (with_schedule(parameters={"rescore": "perhaps"}), "nightly, schedule 'nightly': parameters: "),
        (with_schedule(parameters={"time_zone": "Asia/Tokyo"}), "the parameter time_zone is Asia/Tokyo"),
        (with_parameters(row_per_job=5), "The flow has no parameter 'row_per_job'; it has inputs, "),
        (with_parameters(time_zone="UTC"), "'nightly' is in Europe/Berlin, and the parameter time_zone is UTC"),
        (
            {"concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"}},
            "the run that missed_runs 'latest' leaves the work to may be cancelled. Take ENQUEUE",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_do(tmp_path: Path, changed: dict[str, Any], told: str):
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump({"deployments": [{**NIGHTLY, **changed}]}))
    with pytest.raises(ConfigurationError) as caught:
        load_flows(read_prefect_file(path))
    assert told in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("deployments: [\n  {name: a\n", "line "),
        ("- name: a\n", "It has no deployments"),
        ("deployments: []\n", "deployments: "),
        ("deployments: [a]\n", "deployments[0]: "),
        ("", "It has no deployments"),
        ("name: \xff\n", "It is not YAML"),
    ],
)
def test_a_file_that_is_no_file_of_deployments_is_refused_by_its_name(tmp_path: Path, text: str, told: str):
    path = tmp_path / "prefect.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"prefect\.yaml") as caught:
        read_prefect_file(path)
    assert told in str(caught.value)


def test_a_file_that_is_not_there_and_a_name_that_stands_twice_are_refused(tmp_path: Path):
    path = tmp_path / "prefect.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_prefect_file(path)
    path.write_text(yaml.safe_dump({"deployments": [NIGHTLY, NIGHTLY]}))
    with pytest.raises(ConfigurationError, match="batch-scoring/nightly stands twice"):
        load_flows(read_prefect_file(path))


def test_the_flows_are_looked_for_below_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump({"deployments": [NIGHTLY]}))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="Deploy from the root of the project"):
        load_flows(read_prefect_file(path))
