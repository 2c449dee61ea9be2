"""Write the run's artifacts: predictions, manifest and report on disk; summary, tables and links in Prefect."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from bes.errors import Conflict, ScoringError
from bes.settings import Connections
from scoring.books import Books
from scoring.gates.judging import Judged
from scoring.manifest import JobEntry, Manifest
from scoring.open_run import OpenRun
from scoring.plan import Outcome, RunPlan
from scoring.publishing import fetch_published, publish_run
from scoring.report.model import Lane, RunReport
from scoring.report.naming import name_report
from scoring.report.occasions import (
    read_last_good,
    report_of_failed,
    report_of_published,
    report_of_refused,
    write_report,
)
from scoring.summary import RunSummary
from scoring.validation import Work
from scoring.versions import other_latest
from tasks.events import tell_published, tell_quarantined
from tasks.evidence import Places, leave_artifacts, leave_error

logger = logging.getLogger(__name__)


# Not cached: it writes files.
@task(task_run_name="write artifacts", cache_policy=NO_CACHE)
def write_artifacts(run: OpenRun, outcome: Outcome, books: Books, judged: Judged) -> RunSummary:
    """Publish the run and leave its evidence."""
    manifest = publish_run(run, outcome, books, judged)
    _tell(manifest, run)
    return _leave_evidence(lambda: report_of_published(run, manifest, outcome.refused, judged=judged), manifest, run)


# Not cached: it writes files.
@task(task_run_name="fetch published result", cache_policy=NO_CACHE)
def fetch_result(run: OpenRun) -> RunSummary:
    """Bring the result of a run that is published already home, and leave its evidence."""
    manifest = fetch_published(run)
    # Or this very flow run published it and was interrupted, perhaps before it could tell.
    was_before = run.record.writer.flow_run != flow_run.id
    if not was_before:
        _tell(manifest, run)
    summary = _leave_evidence(lambda: report_of_published(run, manifest, ()), manifest, run)
    return summary.model_copy(update={"published_before": was_before})


def _tell(manifest: Manifest, run: OpenRun) -> None:
    tell_published(manifest)
    tell_quarantined(manifest, run.plan, high_share=run.settings.quarantine_alarm_share)


# Not cached: it writes files.
@task(task_run_name="write failure report", cache_policy=NO_CACHE)
def leave_failure(plan: RunPlan, run: OpenRun | None, connections: Connections, error: BaseException) -> None:
    """The evidence of a run that published nothing: what was known by then, the error, and what to do next.

    The error names the report that was written.
    """
    with _only_logged("the evidence of the failure could not be written"):
        last, is_known = read_last_good(connections.storage, plan.contract, plan.run_key, error)
        report = report_of_failed(plan, run, connections.endpoint, error, last=last, is_last_known=is_known)
        # Who met a run that another process holds does not write in its place.
        if run is not None or not isinstance(error, Conflict):
            write_report(report, plan.folder.report)
            name_report(error, plan.folder.report)
        lanes = report.timeline.lanes if report.timeline else ()
        leave_artifacts(report, [_job_of_lane(lane) for lane in lanes], _places(plan))


def leave_refusal(contract: str, work: Work | None, connections: Connections, error: ScoringError) -> None:
    """The evidence of a run whose input was refused.

    Args:
        contract: As it was asked for.
        work: None when the contract or the files could not even be found.
        connections: The web service, and the storage that knows the last good run.
        error: Why.
    """
    with _only_logged("the evidence of the failure could not be written"):
        if work is None:
            leave_error(contract, error.what, error.next_step)
            return
        last, is_known = read_last_good(connections.storage, work.contract.name, work.run_key, error)
        report = report_of_refused(work, connections.endpoint, error, last=last, is_last_known=is_known)
        write_report(report, work.folder.report)
        name_report(error, work.folder.report)
        leave_artifacts(report, (), {"report": work.folder.report})


@contextmanager
def _only_logged(what: str) -> Iterator[None]:
    # How the run ended is what its user must read, whatever becomes of the page about it.
    try:
        yield
    except (ScoringError, OSError) as error:
        logger.warning("%s: %s", what, error)
    except Exception:
        logger.exception(what)


def _leave_evidence(make: Callable[[], RunReport], manifest: Manifest, run: OpenRun) -> RunSummary:
    plan = run.plan
    with _only_logged("the run is published; its artifacts could not be made"):
        leave_artifacts(make(), [_job_of_entry(job) for job in manifest.jobs], _places(plan, manifest))
    return RunSummary(
        **manifest.model_dump(include=set(RunSummary.model_fields) & set(Manifest.model_fields)),
        n_jobs=len(manifest.jobs),
        manifest=plan.folder.manifest,
        report=plan.folder.report if plan.folder.report.is_file() else None,
        latest=other_latest(run.journal.documents, plan.contract, manifest.published),
    )


def _places(plan: RunPlan, manifest: Manifest | None = None) -> Places:
    folder = plan.folder
    places = {"report": folder.report, "quarantine file": folder.quarantine, "data docs": plan.data_docs_index}
    if manifest is not None:
        places |= {"predictions": folder.predictions, "manifest": folder.manifest}
    return {name: path for name, path in places.items() if path.is_file()}


def _job_of_entry(job: JobEntry) -> dict[str, Any]:
    return job.model_dump(exclude={"input_blob", "output_blob", "output_sha256"})


def _job_of_lane(lane: Lane) -> dict[str, Any]:
    return {
        "shard": lane.number,
        "file": lane.file,
        "n_rows": lane.n_rows,
        "attempts": lane.n_attempts,
        "state": lane.state,
        "note": lane.note,
    }
