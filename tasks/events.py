"""The events of the pipeline, for automations and for others to act on: counts and names, never cells, never secrets.

Each event has an id that follows from the fact it tells, so that the server takes the same fact only once. What Prefect
tells by itself is not told again: a run that fails is `prefect.flow-run.Failed`.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import PurePath
from typing import ClassVar, Final, Literal

from prefect.events import emit_event
from pydantic import BaseModel, ConfigDict, Field

from bes.protocol import JobState, JobStatus
from scoring.attempts import Verdict
from scoring.contract.quarantine import REFUSED
from scoring.manifest import Manifest
from scoring.open_run import OpenRun
from scoring.plan import Job, RunPlan

MAX_RULES: Final = 100
"""Of one event; a contract has tens. An event holds at most 1.5 MB."""

_FACTS: Final = uuid.UUID("6f0d3c1e-6a3b-5a86-9a57-0c1b5a3f7a52")
"""Namespace of the ids of our events; made once, and never changed."""


class Payload(BaseModel):
    """What an event tells. Its subject is always the data set: `batch-scoring.dataset.<name of the contract>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: ClassVar[str]


class RunPublished(Payload):
    """A version of a data set was published: by a run, or by a requeue of its mended rows."""

    event = "batch-scoring.run.published"

    run_key: str = Field(description="Key of the run.")
    generation: int = Field(description="1, and one more each time that the same work was scored again.")
    run_date: date | None = Field(description="Date under which it is published.")
    published: str | None = Field(description="Folder of the version in the container.")
    n_input: int = Field(description="Rows of the input.")
    n_scored: int = Field(description="Rows that are scored.")
    n_quarantined: int = Field(description="Rows that are not.")
    n_refused: int = Field(description="Those of them that the web service refuses.")
    n_requeued: int = Field(description="Mended rows among those that are scored.")
    n_jobs: int = Field(description="BES jobs of the run itself.")
    duration_seconds: float = Field(description="From the check of the input to the end.")
    predictions_sha256: str = Field(description="Digest of predictions.csv.")


class RuleCount(BaseModel):
    """How many rows one rule has put into the quarantine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    column: str
    n_rows: int


class RowQuarantined(Payload):
    """A run was published whose quarantine is not empty."""

    event = "batch-scoring.row.quarantined"

    run_key: str = Field(description="Key of the run.")
    generation: int = Field(description="As in `batch-scoring.run.published`.")
    n_input: int = Field(description="Rows of the input.")
    n_quarantined: int = Field(description="Rows that are not scored.")
    n_refused: int = Field(description="Those of them that the web service refuses.")
    share: float = Field(description="`n_quarantined` of `n_input`, 0 to 1.")
    high_share: float = Field(description="The share above which the label `batch-scoring.quarantine` is `high`.")
    counts: tuple[RuleCount, ...] = Field(
        description="`rule`, `column` and `n_rows` of each rule that was broken; a row may break several."
    )
    n_rules_left_out: int = Field(description=f"Rules beyond the first {MAX_RULES}.")


class ShardFailed(Payload):
    """A job of a shard ended in vain. What follows is the run's business: another job, halves, or its end."""

    event = "batch-scoring.shard.failed"

    run_key: str = Field(description="Key of the run.")
    shard: str = Field(description="Name of the shard, with the part of it where it was halved.")
    file: str = Field(description="Name of the input file.")
    first_row: int = Field(description="Place of its first row among all accepted rows, from 0.")
    n_rows: int = Field(description="Rows of the shard.")
    job_id: str = Field(description="The BES job.")
    attempt: int = Field(description="Number of the attempt, from 1.")
    cause: Literal["job failed", "job cancelled", "output not whole"] = Field(
        description="`job failed`, `job cancelled` or `output not whole`; also the label `batch-scoring.cause`."
    )
    verdict: Verdict | None = Field(
        description="`halved` or `refused` where it is about the rows; the journal has the service's words."
    )


class InputMissing(Payload):
    """Files that a run needs were not there when they were looked for."""

    event = "batch-scoring.input.missing"

    run_date: date = Field(description="The date whose input was looked for.")
    missing: tuple[str, ...] = Field(description="The patterns, with the date filled in, that named no new file.")


EVENTS: Final[tuple[type[Payload], ...]] = (RunPublished, RowQuarantined, ShardFailed, InputMissing)


def tell_published(manifest: Manifest) -> None:
    """Tell that a version is published."""
    payload = RunPublished(
        **manifest.model_dump(include=set(RunPublished.model_fields) & set(Manifest.model_fields)),
        n_requeued=sum(step.n_rows for step in manifest.requeued_from),
        n_jobs=len(manifest.jobs),
    )
    _tell(manifest.contract, payload, fact=str(manifest.published))


def tell_quarantined(manifest: Manifest, plan: RunPlan, *, high_share: float) -> None:
    """Tell how many rows of a run are in the quarantine, by rule and column, if any are.

    Args:
        manifest: Of the published run.
        plan: Its findings.
        high_share: Above it, the event's label `batch-scoring.quarantine` is `high`.
    """
    if not manifest.n_quarantined:
        return
    counts = list(_counts(manifest, plan))
    share = manifest.n_quarantined / manifest.n_input
    payload = RowQuarantined(
        **manifest.model_dump(include=set(RowQuarantined.model_fields) & set(Manifest.model_fields)),
        share=round(share, 6),
        high_share=high_share,
        counts=tuple(counts[:MAX_RULES]),
        n_rules_left_out=max(0, len(counts) - MAX_RULES),
    )
    label = "high" if share > high_share else "usual"
    _tell(manifest.contract, payload, fact=str(manifest.published), labels={"batch-scoring.quarantine": label})


def tell_ended(run: OpenRun, job: Job, state: JobState) -> None:
    """Tell of a job that ended `Failed` or `Cancelled`; nothing is told of one that is finished."""
    if state.status is JobStatus.FAILED:
        _tell_shard(run, job, "job failed")
    elif state.status is JobStatus.CANCELLED:
        _tell_shard(run, job, "job cancelled")


def tell_bad_output(run: OpenRun, job: Job) -> None:
    """Tell that a job is finished, but its output is missing or not whole."""
    _tell_shard(run, job, "output not whole")


def tell_missing(dataset: str, run_date: date, missing: Iterable[str]) -> None:
    """Tell that input is missing."""
    payload = InputMissing(run_date=run_date, missing=tuple(missing))
    _tell(dataset, payload, fact=" ".join([run_date.isoformat(), *payload.missing]))


def _counts(manifest: Manifest, plan: RunPlan) -> Iterable[RuleCount]:
    for finding in plan.findings_by_rule.itertuples():
        if finding.severity == "critical":
            yield RuleCount(rule=str(finding.rule), column=str(finding.column), n_rows=int(str(finding.count)))
    if manifest.n_refused:
        yield RuleCount(rule=REFUSED, column="", n_rows=manifest.n_refused)


def _tell_shard(run: OpenRun, job: Job, cause: Literal["job failed", "job cancelled", "output not whole"]) -> None:
    last = run.journal_of(job.shard).last
    payload = ShardFailed(
        run_key=run.plan.run_key,
        shard=job.shard.name,
        file=PurePath(job.shard.file).name,
        first_row=job.shard.first_row,
        n_rows=job.shard.n_rows,
        job_id=job.job_id,
        attempt=job.attempt,
        cause=cause,
        verdict=last.verdict if last is not None else None,
    )
    _tell(run.plan.contract, payload, fact=job.job_id, labels={"batch-scoring.cause": cause})


def _tell(dataset: str, payload: Payload, *, fact: str, labels: Mapping[str, str] | None = None) -> None:
    resource = {"prefect.resource.id": f"batch-scoring.dataset.{dataset}", "prefect.resource.name": dataset}
    emit_event(
        payload.event,
        # Automations match labels, never payloads.
        resource={**resource, **(labels or {})},
        payload=payload.model_dump(mode="json"),
        id=uuid.uuid5(_FACTS, f"{payload.event} {dataset} {fact}"),
    )
