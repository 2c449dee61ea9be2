"""When a report is written: a run is published, a run fails, an input is refused, mended rows are added."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bes.blobs import BlobStore
from bes.errors import GateStopped, ScoringError, Unavailable
from bes.files import replacing, sha256_of
from bes.settings import EndpointSettings, StorageSettings
from scoring.contract.refusal import InputRefused
from scoring.gates.judging import Evidence, Judged
from scoring.last_good import LastGood, last_good
from scoring.manifest import GateResult, Manifest
from scoring.open_run import OpenRun
from scoring.output_profile import OutputProfile, profile_predictions
from scoring.plan import RefusedRow, RunPlan
from scoring.report.findings import findings_of_check, findings_of_plan, findings_of_service, hides_words
from scoring.report.gathering import Known, failure_of, report_of
from scoring.report.model import BooksLine, FileLine, RunReport
from scoring.report.page import as_html
from scoring.report.timeline import ShardStory
from scoring.validation import Work

logger = logging.getLogger(__name__)

REPORT: Final = "report.html"
HTML: Final = "text/html; charset=utf-8"


def report_of_published(
    run: OpenRun,
    manifest: Manifest,
    refused: Sequence[RefusedRow],
    *,
    judged: Judged | None = None,
) -> RunReport:
    """The report of a run and the version that it is published as.

    Args:
        run: Its journal knows when each shard was where.
        manifest: Of the version.
        refused: Rows that the web service refuses.
        judged: What is known of its output, and with what it is compared; None when it was published before.
    """
    plan = run.plan
    findings = (*findings_of_plan(plan), *findings_of_service(refused, hides_words=hides_words(plan)))
    known = replace(
        _known_of(manifest),
        files=_files_of(manifest, plan.folder.quarantine_aside),
        findings=findings,
        stories=stories_of(run),
        session=run.record.writer.session,
        profile=judged.compared if judged else None,
        last=judged.last if judged else None,
    )
    return report_of(known)


def report_of_requeued(manifest: Manifest, quarantine: Path, judged: Judged) -> RunReport:
    """The report of a version to which mended rows were added."""
    known = replace(
        _known_of(manifest), files=_files_of(manifest, quarantine), profile=judged.compared, last=judged.last
    )
    return report_of(known)


def report_of_failed(
    plan: RunPlan,
    run: OpenRun | None,
    endpoint: EndpointSettings,
    error: BaseException,
    *,
    last: LastGood | None = None,
    is_last_known: bool = True,
) -> RunReport:
    """The report of a run that published nothing, with what was known by then.

    Args:
        plan: What was to be scored.
        run: None when this process never held it.
        endpoint: The web service.
        error: What ended it.
        last: What is published.
        is_last_known: Whether nothing is published where `last` is None.
    """
    stories = stories_of(run) if run is not None else []
    n_scored = sum(story.n_rows for story in stories if story.is_home)
    n_refused = sum(story.n_rows for story in stories if story.is_refused)
    n_quarantined = plan.n_quarantined + n_refused
    record = run.record if run is not None else None
    return report_of(
        Known(
            dataset=plan.contract,
            run_key=plan.run_key,
            contract_sha256=plan.contract_digest,
            endpoint=endpoint,
            inputs=plan.inputs,
            started_at=plan.started_at,
            books=BooksLine(
                n_input=plan.n_input,
                n_scored=n_scored,
                n_quarantined=n_quarantined,
                n_refused=n_refused,
                n_failed=0,
                n_open=plan.n_input - n_quarantined - n_scored,
            ),
            run_date=record.run_date if record else None,
            generation=record.generation if record else 1,
            session=record.writer.session if record else "",
            failure=failure_of(error, hides_words=hides_words(plan)),
            files=_quarantine_of(plan.folder.quarantine),
            findings=findings_of_plan(plan),
            stories=stories,
            gates=_gates_of(plan) if isinstance(error, GateStopped) else (),
            profile=_profile_of(plan, last) if isinstance(error, GateStopped) else None,
            last=last,
            is_last_known=is_last_known,
        )
    )


def report_of_refused(
    work: Work,
    endpoint: EndpointSettings,
    error: ScoringError,
    *,
    last: LastGood | None = None,
    is_last_known: bool = True,
) -> RunReport:
    """The report of a run whose input was refused: nothing was sent."""
    refused = error if isinstance(error, InputRefused) else None
    n_quarantined = refused.n_quarantined if refused else 0
    n_input = refused.n_input if refused else None
    return report_of(
        Known(
            dataset=work.contract.name,
            run_key=work.run_key,
            contract_sha256=work.contract_digest,
            endpoint=endpoint,
            inputs=work.inputs,
            started_at=work.started_at,
            books=BooksLine(
                n_input=n_input,
                n_scored=0,
                n_quarantined=n_quarantined,
                n_refused=0,
                n_failed=0,
                n_open=None if n_input is None else n_input - n_quarantined,
            ),
            failure=failure_of(error),
            nothing_sent=True,
            files=_quarantine_of(work.folder.quarantine) if refused else (),
            findings=findings_of_check(refused.findings) if refused else (),
            last=last,
            is_last_known=is_last_known,
        )
    )


def write_report(report: RunReport, path: Path) -> None:
    """Write the page; `path` appears whole or not at all."""
    with replacing(path) as part:
        part.write_text(as_html(report), encoding="utf-8")


def wrote_report(make: Callable[[], RunReport], path: Path) -> bool:
    """Write the page of a version that is about to be published; False when that fails.

    It tells about the result and is no part of it: a night's scores are not lost for a page.
    """
    try:
        write_report(make(), path)
    except Exception:
        logger.exception("the report could not be written; the version is published without it")
        return False
    return True


def read_last_good(
    storage: StorageSettings, dataset: str, run_key: str, error: BaseException
) -> tuple[LastGood | None, bool]:
    """What a run that failed is compared with, and whether that is known.

    It is not when the storage may be why, since it would be waited for.
    """
    if isinstance(error, Unavailable):
        return None, False
    try:
        with BlobStore(storage) as store:
            return last_good(store.documents(), dataset, other_than=run_key), True
    except ScoringError as problem:
        logger.info("nothing is compared with the last good run: %s", problem.what)
        return None, False


def stories_of(run: OpenRun) -> list[ShardStory]:
    """The shards of the run and their parts that this execution has asked the journal for; golden rows are neither."""
    sources = run.plan.accepted
    return [
        ShardStory(
            number=journal.shard.number,
            file=journal.shard.file,
            first_row=journal.shard.first_row,
            n_rows=journal.shard.n_rows,
            attempts=journal.attempts,
        )
        for journal in run.journals()
        if journal.shard.source in sources
    ]


def _known_of(manifest: Manifest) -> Known:
    return Known(
        dataset=manifest.contract,
        run_key=manifest.run_key,
        contract_sha256=manifest.contract_sha256,
        endpoint=EndpointSettings(url=manifest.endpoint, workspace=manifest.workspace, service=manifest.service),
        inputs=manifest.inputs,
        started_at=manifest.started_at,
        ended_at=manifest.ended_at,
        books=BooksLine(
            n_input=manifest.n_input,
            n_scored=manifest.n_scored,
            n_quarantined=manifest.n_quarantined,
            n_refused=manifest.n_refused,
            n_failed=manifest.n_failed,
            n_open=0,
        ),
        run_date=manifest.run_date,
        generation=manifest.generation,
        version=manifest.published,
        gates=manifest.gates,
    )


def _gates_of(plan: RunPlan) -> tuple[GateResult, ...]:
    return Evidence.model_validate_json(plan.folder.gates.read_bytes()).gates


def _profile_of(plan: RunPlan, last: LastGood | None) -> OutputProfile:
    """The output that a gate does not let through: what somebody must look at to decide."""
    profile = last.profile if last else None
    return profile_predictions(plan.folder.predictions_aside, n_kept=plan.n_kept, last=profile).compared


def _files_of(manifest: Manifest, quarantine: Path) -> tuple[FileLine, ...]:
    """What lies beside the report in the folder of the version, and the Data Docs beside it at home."""
    predictions = FileLine(
        role="predictions",
        name="predictions.csv",
        href="predictions.csv",
        size_bytes=None,
        sha256=manifest.predictions_sha256,
    )
    others = [("manifest", "manifest.json", "manifest.json"), ("Data Docs", "data_docs", "data_docs/index.html")]
    return (
        predictions,
        *_quarantine_of(quarantine),
        *(FileLine(role=role, name=name, href=href, size_bytes=None, sha256=None) for role, name, href in others),
    )


def _quarantine_of(path: Path) -> tuple[FileLine, ...]:
    if not path.is_file():
        return ()
    size, digest = path.stat().st_size, sha256_of(path)
    return (FileLine(role="quarantine", name="quarantine.csv", href="quarantine.csv", size_bytes=size, sha256=digest),)
