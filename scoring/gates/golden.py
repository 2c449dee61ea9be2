"""Golden rows before any other: the web service must still answer them as the contract says, at once and in a job."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from bes.client import BesClient
from bes.errors import IntegrityError, JobFailed, NotFound, Unavailable
from bes.protocol import JobStatus
from bes.redaction import redact
from scoring.books import open_output
from scoring.contract.golden import ask_golden_rows, compare_outputs
from scoring.contract.model import GoldenRow
from scoring.contract.problem import ContractProblem
from scoring.contract.reading.accepted import CheckedFile, ChunkMap
from scoring.contract.reading.dialect import Dialect
from scoring.counted import counted
from scoring.gates.judging import leave_evidence, require_open
from scoring.gates.rules import result_of
from scoring.gates.settings import GateSettings
from scoring.isolation import Isolation
from scoring.jobs import judge_failure, start_shard, submit_shard, upload_shard
from scoring.manifest import GateResult
from scoring.open_run import OpenRun
from scoring.outputs import take_output
from scoring.plan import RunPlan, ScoredShard
from scoring.requeue.mended import MendedFile
from scoring.shards import Shard
from scoring.waiting import wait_for_job

logger = logging.getLogger(__name__)

_ROWS, _JOB = "golden_rows", "golden_job"
_NAMED: Final = 3
"""Cells that a message names; the rest is counted."""


def ask_at_once(run: OpenRun, client: BesClient, settings: GateSettings) -> list[GateResult]:
    """Ask RRS for the golden rows, in one call; nothing where the gate is off.

    Raises:
        GateStopped: They come back otherwise, and the gate stops the run.
        RemoteError: The gateway or the web service does not answer, and the gate would stop the run.
    """
    if settings.golden_rows == "off":
        return []
    result = _asked(run, client, settings)
    _require_open(run, [result])
    return [result]


def _asked(run: OpenRun, client: BesClient, settings: GateSettings) -> GateResult:
    plan = run.plan
    if not plan.golden:
        return result_of(settings, _ROWS, "Not applicable: the contract has no golden rows.")
    _know_all(run)
    run.check()
    try:
        problems = ask_golden_rows(
            plan.golden, inputs={plan.input_port: plan.sent}, output=plan.output_port, client=client
        )
    except NotFound as error:
        return result_of(settings, _ROWS, f"Not applicable: there is no RRS. {error.what}")
    except Unavailable as error:
        if settings.golden_rows == "stop":
            raise
        return result_of(settings, _ROWS, f"They could not be asked for. {error.what}", passed=False)
    return _compared(settings, _ROWS, plan, problems, "RRS")


def score_in_a_job(
    run: OpenRun, client: BesClient, settings: GateSettings, before: Sequence[GateResult]
) -> list[GateResult]:
    """Score the golden rows as a shard of their own, which is in no book; nothing where the gate is off.

    Its journal is kept like that of any other: after a crash the same job is taken up.

    Args:
        run: Of which no other shard is sent yet.
        client: For the web service.
        settings: The action.
        before: What the gates said so far, for the evidence.

    Returns:
        That, and what this gate says.

    Raises:
        GateStopped: They come back otherwise or are refused, and the gate stops the run.
        RemoteError: The job failed for other reasons, and the gate would stop the run.
    """
    if settings.golden_job == "off":
        return [*before]
    results = [*before, _scored(run, client, settings)]
    _require_open(run, results)
    return results


def _know_all(run: OpenRun) -> None:
    # Jobs of an earlier execution may live: if the run ends here, it must know them to cancel them.
    isolation = Isolation(run)
    for shard in run.plan.shards:
        isolation.parts_of(shard)


def _scored(run: OpenRun, client: BesClient, settings: GateSettings) -> GateResult:
    plan = run.plan
    if not plan.golden:
        return result_of(settings, _JOB, "Not applicable: the contract has no golden rows.")
    _know_all(run)
    try:
        scored = _score(run, client, golden_shard(plan))
    except (JobFailed, NotFound, IntegrityError) as error:
        if settings.golden_job == "stop":
            raise
        return result_of(settings, _JOB, error.what, passed=False)
    if isinstance(scored, str):
        return result_of(settings, _JOB, f"The web service refuses the golden rows: {scored}", passed=False)
    output = open_output(scored.job.shard, scored.output_path)
    rows = [list(row.values()) for batch in output.batches() for row in batch.to_pylist()]
    problems = compare_outputs(plan.golden, output.header, rows)
    return _compared(settings, _JOB, plan, problems, f"job {scored.job.job_id}")


def _score(run: OpenRun, client: BesClient, shard: Shard) -> ScoredShard | str:
    """The scored rows, or the words with which the service refuses them."""
    upload_shard(run, shard)
    while True:
        job = start_shard(run, client, submit_shard(run, client, shard))
        state = wait_for_job(run, client, job)
        if state.status is JobStatus.FINISHED:
            scored = take_output(run, job, state)
            if scored is not None:
                return scored
            continue
        last = run.journal_of(shard).last
        if last is not None and last.verdict is not None:
            return redact(state.details or "no details given")
        judge_failure(run, job, state)


def golden_shard(plan: RunPlan) -> Shard:
    """The golden rows as a shard that is named after them, behind all others."""
    nothing = np.array([], dtype=np.int64)
    n_rows = len(plan.golden)
    file = CheckedFile(
        path=Path("golden"),
        name="golden rows",
        dialect=Dialect(),
        columns=plan.sent,
        chunks=ChunkMap(
            offset=nothing,
            size_bytes=nothing,
            first_record=nothing,
            first_line=nothing,
            n_records=np.array([n_rows]),
            n_readable=nothing,
            is_clean=nothing.astype(np.bool_),
        ),
    )
    return Shard(
        index=len(plan.shards),
        source=MendedFile(file=file, rejected=nothing, mended=_cells(plan.golden, plan.sent)),
        offset=0,
        first_row=0,
        n_rows=n_rows,
        sent=plan.sent,
        key=None,
        passthrough=(),
        called="golden",
    )


def _cells(golden: Sequence[GoldenRow], columns: Sequence[str]) -> dict[int, tuple[str, ...]]:
    return {number: tuple(row.input[name] for name in columns) for number, row in enumerate(golden, start=1)}


def _compared(
    settings: GateSettings, name: str, plan: RunPlan, problems: Sequence[ContractProblem], by: str
) -> GateResult:
    rows = counted(len(plan.golden), "golden row")
    message = f"{rows} came back from {by} as the contract says."
    if problems:
        named = " ".join(f"{problem.member}: {problem.what}" for problem in problems[:_NAMED])
        others = f" And {len(problems) - _NAMED} others." if len(problems) > _NAMED else ""
        message = f"{rows} came back from {by} otherwise than the contract says. {named}{others}"
    else:
        logger.info("%s", message)
    return result_of(settings, name, message, passed=not problems, value=len(problems), threshold=0)


def _require_open(run: OpenRun, results: Sequence[GateResult]) -> None:
    if all(result.passed or result.action == "warn" for result in results):
        return
    leave_evidence(run.plan.folder, results, run_key=run.plan.run_key)
    require_open(run.plan.folder, results)
