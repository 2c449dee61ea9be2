"""Ask the gates whether what was scored may be published."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring.books import Books
from scoring.gates.judging import Judged, judge_run
from scoring.gates.settings import GateSettings
from scoring.manifest import GateResult
from scoring.open_run import OpenRun
from scoring.stages import Stage


# No retries: what was scored does not change by itself. Not cached: it reads and writes files.
@task(task_run_name="check gates", cache_policy=NO_CACHE)
def check_gates(run: OpenRun, books: Books, golden: list[GateResult], settings: GateSettings) -> Judged:
    """What is known of the output, with what each gate says of it."""
    with run.stages.during(Stage.GATES):
        return judge_run(run, books, golden, settings)
