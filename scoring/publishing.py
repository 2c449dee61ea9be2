"""Publish a run: write aside, check, publish under its date, and move the pointer last."""

import logging
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime

from bes.errors import InputError, IntegrityError
from bes.files import replacing, sha256_of
from scoring.attempts import Attempt
from scoring.books import Books
from scoring.contract.breaker import exceeded
from scoring.counted import be, counted
from scoring.gates.judging import Judged
from scoring.journal import RunState
from scoring.keys import balance_keys
from scoring.last_good import put_profile
from scoring.manifest import JobEntry, Manifest
from scoring.open_run import OpenRun
from scoring.plan import Outcome, RunPlan, ScoredShard
from scoring.predictions import merge_predictions
from scoring.refused import write_quarantine
from scoring.report.occasions import HTML, REPORT, report_of_published, wrote_report
from scoring.stages import Stage
from scoring.version_files import (
    PREDICTIONS,
    QUARANTINE,
    fetch_predictions,
    fetch_report,
    put_file,
    put_manifest,
    version_of,
)
from scoring.versions import point_to, read_manifest

logger = logging.getLogger(__name__)


def merge_and_balance(plan: RunPlan, outcome: Outcome) -> Books:
    """Write predictions and quarantine aside, and prove that each row of the input is accounted for, by number and key.

    Raises:
        IntegrityError: A row is not; names it.
        InputError: An input file has changed since it was planned; or with the rows that the web service refuses, more
            are not scored than the contract bears.
    """
    shards, n_refused = outcome.scored, len(outcome.refused)
    n_rows = merge_predictions(
        ((shard.job.shard, shard.output_path) for shard in shards),
        plan.folder.predictions_aside,
        work=plan.folder.work,
    )
    n_scored = sum(shard.n_rows for shard in shards)
    if n_rows != n_scored:
        raise IntegrityError(f"The merged predictions have {n_rows} of {n_scored} rows.", "Run again.")
    write_quarantine(plan.folder.quarantine_aside, outcome.refused, of_contract=plan.folder.quarantine)
    books = Books(
        n_input=plan.n_input,
        n_scored=n_scored,
        n_quarantined=plan.n_quarantined + n_refused,
        n_failed=0,
        n_refused=n_refused,
    )
    books.require_balance()
    balance_keys(
        plan.inputs,
        plan.accepted,
        [shard.job.shard for shard in shards],
        key=plan.key,
        passthrough=plan.shards[0].passthrough,
        shows_keys=plan.shows_keys,
        predictions=plan.folder.predictions_aside,
        quarantine=plan.folder.quarantine_aside,
        refused=[row.shard for row in outcome.refused],
    )
    _require_tolerated(plan, books)
    return books


def _require_tolerated(plan: RunPlan, books: Books) -> None:
    # What breaks the contract alone was judged before anything was sent.
    told = exceeded(plan.tolerance, n_bad=books.n_quarantined, n_records=books.n_input)
    if not books.n_refused or told is None:
        return
    with replacing(plan.folder.quarantine) as part:
        shutil.copyfile(plan.folder.quarantine_aside, part)
    raise InputError(
        f"{books.n_quarantined:,} of {books.n_input:,} records {be(books.n_quarantined)} bad"
        f" ({books.n_quarantined / books.n_input:.2%}), {books.n_refused:,} of them refused by the web service,"
        f" and {told}.",
        f"Nothing was published; the rows are in {plan.folder.quarantine}. Mend the input; or raise the contract's"
        " tolerance and run again, which scores nothing twice.",
    )


def publish_run(run: OpenRun, outcome: Outcome, books: Books, judged: Judged) -> Manifest:
    """Publish what was written aside and checked; its manifest, which a version of the same run may have already.

    Args:
        run: It is held.
        outcome: What became of its rows.
        books: They balance.
        judged: What the gates found, and the output's profile, which is published with it.

    Raises:
        IntegrityError: A version of the same generation is published with other predictions.
    """
    run.check()
    plan = run.plan
    folder = run.version_folder
    manifest = read_manifest(run.journal.documents, folder)
    if manifest is None:
        manifest = _manifest(run, outcome.scored, books, folder).model_copy(update={"gates": judged.results})
        put_file(run, plan.folder.predictions_aside, f"{folder}/{PREDICTIONS}")
        put_file(run, plan.folder.quarantine_aside, f"{folder}/{QUARANTINE}")
        _add_report(run, outcome, manifest, judged)
        run.check()
        put_profile(run.journal.documents, folder, judged.profile)
        put_manifest(run.journal.documents, folder, manifest)
    elif manifest.predictions_sha256 != sha256_of(plan.folder.predictions_aside):
        raise IntegrityError(
            f"{folder!r} is published with other predictions than those of this run.",
            "Nothing was overwritten. Run with --rescore, which publishes another version.",
        )
    run.check()
    point_to(run.journal.documents, plan.contract, version_of(manifest, folder))
    run.change(state=RunState.PUBLISHED, published=folder)
    with replacing(plan.folder.predictions) as part:
        shutil.copyfile(plan.folder.predictions_aside, part)
    with replacing(plan.folder.quarantine) as part:
        shutil.copyfile(plan.folder.quarantine_aside, part)
    fetch_report(run.store, folder, plan.folder.report)
    logger.info("published %s to %s", counted(manifest.n_scored, "row"), plan.folder.predictions)
    return _at_home(manifest, plan)


def fetch_published(run: OpenRun) -> Manifest:
    """Bring the result of a published run home.

    Raises:
        NotFound: It was removed since.
    """
    plan, folder = run.plan, run.record.published
    manifest = read_manifest(run.journal.documents, folder or "")
    if folder is None or manifest is None:
        raise IntegrityError(
            f"The journal of run {plan.run_key} says that it is published as {folder!r}, but no manifest is there.",
            "Run with --rescore, which publishes another version.",
        )
    fetch_predictions(run.store, folder, manifest, plan.folder.predictions)
    run.store.download(f"{folder}/{QUARANTINE}", plan.folder.quarantine)
    fetch_report(run.store, folder, plan.folder.report)
    logger.info("fetched %s, published before, to %s", counted(manifest.n_scored, "row"), plan.folder.predictions)
    return _at_home(manifest, plan)


def _add_report(run: OpenRun, outcome: Outcome, manifest: Manifest, judged: Judged) -> None:
    path = run.plan.folder.report_aside
    if wrote_report(lambda: report_of_published(run, manifest, outcome.refused, judged=judged), path):
        put_file(run, path, f"{manifest.published}/{REPORT}", content_type=HTML)


def _at_home(manifest: Manifest, plan: RunPlan) -> Manifest:
    """The manifest with the places of the files on this machine, where it is written last."""
    folder = plan.folder
    mine = manifest.model_copy(
        update={
            "predictions": str(folder.predictions),
            "quarantine": str(folder.quarantine),
            "data_docs": str(plan.data_docs_index),
        }
    )
    mine.write(folder.manifest)
    return mine


def _manifest(run: OpenRun, scored: list[ScoredShard], books: Books, folder: str) -> Manifest:
    plan, endpoint, ended_at = run.plan, run.endpoint, datetime.now(UTC)
    return Manifest(
        run_key=plan.run_key,
        status="published",
        contract=plan.contract,
        contract_sha256=plan.contract_digest,
        endpoint=endpoint.url or "",
        workspace=endpoint.workspace,
        service=endpoint.service,
        inputs=plan.inputs,
        n_input=books.n_input,
        n_scored=books.n_scored,
        n_quarantined=books.n_quarantined,
        n_refused=books.n_refused,
        n_failed=books.n_failed,
        jobs=job_entries(run, scored),
        started_at=plan.started_at,
        ended_at=ended_at,
        duration_seconds=round((ended_at - plan.started_at).total_seconds(), 3),
        predictions=str(plan.folder.predictions),
        predictions_sha256=sha256_of(plan.folder.predictions_aside),
        quarantine=str(plan.folder.quarantine),
        data_docs=str(plan.data_docs_index),
        generation=run.record.generation,
        run_date=run.record.run_date,
        published=folder,
        gateway_calls={priority.name.lower(): n for priority, n in sorted(run.governor.n_calls.items())},
        stages=_stages(run, ended_at),
    )


def _stages(run: OpenRun, ended_at: datetime) -> dict[str, float]:
    plan = run.plan
    if plan.planned_at is not None:
        run.stages.note(Stage.VALIDATE, plan.started_at, plan.planned_at)
    run.stages.note_jobs(attempt for journal in run.journals() for attempt in journal.attempts)
    return run.stages.seconds(plan.started_at, ended_at)


def job_entries(run: OpenRun, scored: Sequence[ScoredShard]) -> list[JobEntry]:
    """What a manifest says of shards and their jobs."""
    return [_job_entry(shard, run.journal_of(shard.job.shard).last) for shard in scored]


def _job_entry(scored: ScoredShard, attempt: Attempt | None) -> JobEntry:
    job, state = scored.job, scored.state
    return JobEntry(
        index=job.shard.index,
        part=job.shard.part,
        file=job.shard.file,
        first_row=job.shard.first_row,
        n_rows=job.shard.n_rows,
        job_id=job.job_id,
        status=state.status,
        input_blob=job.input_blob,
        output_blob=job.output_blob,
        output_sha256=scored.output.sha256,
        attempt=job.attempt,
        created_at=state.created_at,
        start_time=state.start_time,
        end_time=state.end_time,
        status_calls=attempt.status_calls if attempt else None,
        noticed_after_seconds=attempt.noticed_after_seconds if attempt else None,
    )
