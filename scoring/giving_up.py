"""The end of a run that did not end well: what becomes of its jobs."""

import logging
import time

from bes.client import BesClient
from bes.errors import GateStopped, InputError, IntegrityError, JobFailed, JobTimedOut, NotFound, Rejected, ScoringError
from scoring.counted import be, counted
from scoring.jobs import cancel_jobs
from scoring.open_run import OpenRun
from scoring.shard_journal import ShardJournal

logger = logging.getLogger(__name__)

_DECIDED = (InputError, GateStopped, JobFailed, JobTimedOut, IntegrityError, Rejected, NotFound)
"""With these the run is over. Anything else is an outage, another process or a mistake here: the jobs are healthy."""

_PAUSES_SECONDS = (1.0, 4.0)
"""Before a job that could not be cancelled is cancelled again: a gateway restarts, and the user waits."""


def give_up(run: OpenRun, client: BesClient, error: BaseException) -> None:
    """Cancel the jobs of a run that is over or was interrupted; leave them for the next execution otherwise.

    Args:
        run: It is closed.
        client: For the web service.
        error: What ended it.
    """
    run.stop.set()
    interrupted = not isinstance(error, Exception)
    if interrupted or isinstance(error, _DECIDED):
        cause = "interrupted" if interrupted else str(error)
        _cancel(run, client, cause=f"the run was given up: {cause}")
        run.close(cause)
        return
    n_live = sum(_may_live(journal) for journal in run.journals())
    if n_live:
        what = error.what if isinstance(error, ScoringError) else type(error).__name__
        logger.warning("%s %s left to the next run of the same work: %s", counted(n_live, "job"), be(n_live), what)
    run.close()


def _may_live(journal: ShardJournal) -> bool:
    # A step that is under way holds the lock. It is waited for, or the id of a job that it submits would be lost.
    with journal.lock:
        return journal.last is not None and journal.last.state.may_live


def _cancel(run: OpenRun, client: BesClient, *, cause: str) -> None:
    n_left = cancel_jobs(run, client, cause=cause)
    for pause in _PAUSES_SECONDS:
        if not n_left:
            return
        time.sleep(pause)
        n_left = cancel_jobs(run, client, cause=cause)
