"""A finished job's output: brought home and checked before anybody relies on it."""

import logging

from bes.blobs import StoredBlob
from bes.errors import IntegrityError, NotFound
from bes.protocol import JobState
from scoring.attempts import Attempt, AttemptState
from scoring.books import check_output
from scoring.open_run import OpenRun
from scoring.plan import Job, ScoredShard

logger = logging.getLogger(__name__)


def take_output(run: OpenRun, job: Job, state: JobState) -> ScoredShard | None:
    """Bring a finished job's output home and check it; None when it is not whole and the shard is tried again.

    Raises:
        NotFound: The job is finished, but its output is not there, and no attempt is left.
        IntegrityError: The output is not whole, and no attempt is left.
    """
    run.check()
    journal = run.journal_of(job.shard)
    path = run.plan.folder.work / f"{job.shard.name}-output.csv"
    try:
        output = run.store.download(job.output_blob, path, for_good=False)
        logger.info("downloaded the output of %s: %d bytes", job.shard.label, output.size_bytes)
        n_rows = check_output(job.shard, path)
        with journal.lock:
            _require_unchanged(journal.last, output)
    except (NotFound, IntegrityError) as error:
        with journal.lock:
            journal.change(AttemptState.FAILED, cause=str(error))
        if journal.n_spent >= run.settings.max_attempts:
            raise
        logger.warning("%s The shard is tried again.", error.what)
        return None
    with journal.lock:
        if journal.last is not None and journal.last.state is not AttemptState.VERIFIED:
            journal.change(
                AttemptState.VERIFIED,
                output_sha256=output.sha256,
                output_size_bytes=output.size_bytes,
                output_rows=n_rows,
            )
    logger.info("%s came back with all %d rows", job.shard.label, n_rows)
    return ScoredShard(job=job, state=state, output=output, output_path=path, n_rows=n_rows)


def _require_unchanged(attempt: Attempt | None, output: StoredBlob) -> None:
    if attempt is not None and attempt.output_sha256 not in (None, output.sha256):
        raise IntegrityError(
            f"The output {output.name!r} is not the one that was checked before.",
            "Somebody has written it since. Keep others out of the container, then run again.",
        )
