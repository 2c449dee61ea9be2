"""The way of shards through the steps: side by side, and never for ever. The steps are the test's, the run is real."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bes.protocol import JobState, JobStatus
from bes.settings import Connections, EndpointSettings
from scoring.journal import work_plan
from scoring.opening import open_run
from scoring.pipeline import Steps, score_shards
from scoring.plan import Job, ScoredShard
from scoring.settings import RunSettings
from scoring.stopping import RunStopped, Stop
from scoring.writer import Writer
from tests.faults.driver import RUN_DATE, planned

N_SHARDS = 20
FINISHED = JobState(status=JobStatus.FINISHED)


@pytest.fixture
def run(store, tmp_path: Path):
    command = {
        "home": str(tmp_path),
        "rows": [[f"R{number}", "4", "text"] for number in range(N_SHARDS)],
        "refused": 0,
        "rows_per_job": 1,
    }
    plan = planned(command, "test")
    opened = open_run(
        plan,
        work_plan(plan, workspace="w", service="s", rows_per_job=1),
        Connections(endpoint=EndpointSettings(), storage=store._settings),
        settings=RunSettings(data_dir=tmp_path / "runs"),
        writer=Writer.here(session="test"),
        run_date=RUN_DATE,
        rescore=False,
        stop=Stop(),
    )
    yield opened
    opened.close()


class Recorder:
    """Steps in threads that remember what began when; each takes a moment."""

    def __init__(self, run, pool):
        self.run, self.pool = run, pool
        self.began = []
        self.lock = threading.Lock()
        self.under_way, self.most_at_once = Counter(), Counter()
        self.fails = {}

    def steps(self):
        return Steps(
            upload=lambda shard: self.begin("upload", shard, shard.name),
            submit=lambda shard: self.begin("submit", shard, self.job(shard)),
            start=lambda job: self.begin("start", job.shard, job),
            poll=lambda started: self.pool.submit(self.poll, started),
            download=lambda job, state: self.begin("download", job.shard, self.scored(job, state)),
        )

    def begin(self, step, shard, result):
        fails = self.fails.get((step, shard.index))
        if fails == "at once":
            raise ZeroDivisionError(step)
        self.began.append((step, shard.index))
        return self.pool.submit(self.carry_out, step, fails, result)

    def carry_out(self, step, fails, result):
        with self.lock:
            self.under_way[step] += 1
            self.most_at_once[step] = max(self.most_at_once[step], self.under_way[step])
        time.sleep(0.02)
        with self.lock:
            self.under_way[step] -= 1
        if fails:
            raise ZeroDivisionError(fails)
        return result

    def poll(self, started):
        if self.fails.get("poll"):
            raise ZeroDivisionError("poll")
        while not started.feed.is_over:
            for job_id in started.feed.take():
                started.on_end(started.job(job_id), FINISHED)
            self.run.sleep(0.005)

    @staticmethod
    def job(shard):
        return Job(shard=shard, job_id=shard.name, input_blob="", output_blob="")

    @staticmethod
    def scored(job, state):
        return ScoredShard(job=job, state=state, output=None, output_path=Path(), n_rows=1)


@pytest.fixture
def recorder(run):
    with ThreadPoolExecutor(16) as pool:
        yield Recorder(run, pool)


def test_no_more_transfers_are_under_way_than_memory_is_meant_for(recorder, run):
    score_shards(run, recorder.steps())
    assert recorder.most_at_once["upload"] == 1
    assert 1 <= recorder.most_at_once["download"] <= 2


def test_the_last_shard_is_uploaded_after_the_first_one_is_home(recorder, run):
    outcome = score_shards(run, recorder.steps())
    assert [scored.job.shard.index for scored in outcome.scored] == list(range(N_SHARDS))
    assert recorder.began.index(("download", 0)) < recorder.began.index(("upload", N_SHARDS - 1))
    assert sorted(recorder.began) == sorted(
        (step, index) for step in ("upload", "submit", "start", "download") for index in range(N_SHARDS)
    )


def test_started_goes_before_submitted_where_both_wait(recorder, run):
    score_shards(run, recorder.steps())
    order = [step for step, _ in recorder.began if step in ("submit", "start")]
    # No job waits registered while all others are registered first.
    assert order.index("start") < len(order) - 1 - order[::-1].index("submit")


@pytest.mark.parametrize("step", ["upload", "submit", "start", "download"])
@pytest.mark.parametrize("how", ["at once", "later"])
def test_a_step_that_fails_or_cannot_begin_ends_the_run_with_its_error(recorder, run, step: str, how: str):
    recorder.fails[step, 2] = how
    before = time.monotonic()
    with pytest.raises(ZeroDivisionError, match=step if how == "at once" else how):
        score_shards(run, recorder.steps())
    assert time.monotonic() - before < 20
    with pytest.raises(RunStopped):
        run.check()
    n_began = len(recorder.began)
    time.sleep(0.1)
    assert len(recorder.began) == n_began


def test_a_poller_that_fails_ends_the_run_with_its_error(recorder, run):
    recorder.fails["poll"] = True
    with pytest.raises(ZeroDivisionError, match="poll"):
        score_shards(run, recorder.steps())


def test_a_run_that_is_given_up_from_outside_ends(recorder, run):
    def upload(_shard):
        return recorder.pool.submit(run.sleep, 60)

    threading.Timer(0.1, run.stop.set).start()
    with pytest.raises(RunStopped):
        score_shards(run, replace(recorder.steps(), upload=upload))
