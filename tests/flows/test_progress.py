"""The progress artifact on a real Prefect server that breaks off."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from bes.settings import Connections, EndpointSettings
from scoring.journal import work_plan
from scoring.open_run import OpenRun
from scoring.opening import open_run
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.writer import Writer
from tasks.progress import ProgressBar
from tests.faults.driver import RUN_DATE, planned
from tests.faults.fault_proxy import FaultProxy


@pytest.fixture
def run(azurite: Any, tmp_path: Path) -> Iterator[OpenRun]:
    rows = [["R1", "4", "text"]]
    plan = planned({"home": str(tmp_path), "rows": rows, "refused": 0, "rows_per_job": 1}, "test")
    storage = azurite.settings.model_copy(update={"container": f"test-{uuid.uuid4().hex}"})
    opened = open_run(
        plan,
        work_plan(plan, workspace="w", service="s", rows_per_job=1),
        Connections(endpoint=EndpointSettings(), storage=storage),
        settings=RunSettings(data_dir=tmp_path / "runs"),
        writer=Writer.here(session="test"),
        run_date=RUN_DATE,
        rescore=False,
        stop=Stop(),
    )
    yield opened
    opened.close()


@pytest.mark.parametrize(("at_once", "n_tried"), [(True, 2), (False, 1)])
def test_a_move_that_broke_off_is_repeated_once_where_no_later_one_makes_up_for_it(
    run: OpenRun, prefect_api: str, at_once: bool, n_tried: int
):
    now = [0.0]
    bar = ProgressBar(run, clock=lambda: now[0])

    @flow
    def move_twice() -> None:
        bar.move(at_once=True)
        proxy.arm("artifact", 0)
        now[0] += 100
        bar.move(at_once=at_once)

    with (
        FaultProxy(prefect_api) as proxy,
        temporary_settings({PREFECT_API_URL: proxy.url, PREFECT_LOGGING_TO_API_ENABLED: False}),
    ):
        move_twice()

    assert [fault.status for fault in proxy.met] == [0]
    assert len(proxy.of("artifact")) == n_tried
