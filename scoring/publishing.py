"""Publish a run: the predictions first, the manifest last, each whole or not at all."""

import logging
from datetime import UTC, datetime

from bes.errors import IntegrityError
from bes.files import sha256_of
from bes.settings import EndpointSettings
from scoring.books import Books
from scoring.manifest import JobEntry, Manifest
from scoring.plan import RunPlan, ScoredShard
from scoring.predictions import merge_predictions

logger = logging.getLogger(__name__)


def publish_run(plan: RunPlan, scored: list[ScoredShard], books: Books, *, endpoint: EndpointSettings) -> Manifest:
    """Merge the outputs, then write the manifest that names them.

    Raises:
        IntegrityError: The merged file does not hold the rows that the books say.
    """
    n_rows = merge_predictions(((shard.job.shard, shard.output_path) for shard in scored), plan.folder.predictions)
    if n_rows != books.n_scored:
        raise IntegrityError(
            f"{str(plan.folder.predictions)!r} holds {n_rows} rows instead of {books.n_scored}.", "Run again."
        )
    ended_at = datetime.now(UTC)
    manifest = Manifest(
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
        n_failed=books.n_failed,
        jobs=[_entry(shard) for shard in scored],
        started_at=plan.started_at,
        ended_at=ended_at,
        duration_seconds=round((ended_at - plan.started_at).total_seconds(), 3),
        predictions=str(plan.folder.predictions),
        predictions_sha256=sha256_of(plan.folder.predictions),
        quarantine=str(plan.folder.quarantine),
        data_docs=str(plan.data_docs_index),
    )
    manifest.write(plan.folder.manifest)
    logger.info("published %d rows to %s", n_rows, plan.folder.predictions)
    return manifest


def _entry(scored: ScoredShard) -> JobEntry:
    job, state = scored.job, scored.state
    return JobEntry(
        index=job.shard.index,
        file=job.shard.file,
        first_row=job.shard.first_row,
        n_rows=job.shard.n_rows,
        job_id=job.job_id,
        status=state.status,
        input_blob=job.input_blob,
        output_blob=job.output_blob,
        output_sha256=scored.output.sha256,
        created_at=state.created_at,
        start_time=state.start_time,
        end_time=state.end_time,
    )
