"""The order of a run's steps, round after round, until each row is in one whole output or is refused alone."""

from collections.abc import Callable
from dataclasses import dataclass

from bes.protocol import JobState, JobStatus
from scoring.isolation import Isolation
from scoring.jobs import judge_failure
from scoring.open_run import OpenRun
from scoring.plan import Job, Outcome, ScoredShard
from scoring.shards import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps, each for several shards at once; how they are carried out is the caller's business.

    Args:
        upload: Uploads the inputs.
        submit: Registers jobs.
        start: Starts jobs.
        poll: Waits until all have ended, or one in vain.
        download: Brings outputs home and checks them; None stands for one that is not whole.
    """

    upload: Callable[[list[Shard]], list[str]]
    submit: Callable[[list[Shard]], list[Job]]
    start: Callable[[list[Job]], list[Job]]
    poll: Callable[[list[Job]], dict[str, JobState]]
    download: Callable[[list[Job], dict[str, JobState]], list[ScoredShard | None]]


def score_shards(run: OpenRun, steps: Steps) -> Outcome:
    """One whole output for each shard of the run or for its parts, and the rows that the web service refuses.

    Raises:
        JobFailed: A shard was tried in vain, the search for refused rows reached its limit, or all rows are refused;
            quotes the service.
        JobTimedOut: The run's own deadline has passed.
    """
    isolation = Isolation(run)
    pending = isolation.affordable(part for shard in run.plan.shards for part in isolation.parts_of(shard))
    live: list[Job] = []
    scored: dict[str, ScoredShard] = {}
    uploaded: set[str] = set()
    while pending or live:
        fresh = [shard for shard in pending if shard.name not in uploaded]
        if fresh:
            steps.upload(fresh)
            uploaded |= {shard.name for shard in fresh}
        if pending:
            live += steps.start(steps.submit(pending))
        states = steps.poll(live)
        ended = [job for job in live if job.job_id in states and states[job.job_id].status.has_ended]
        live = [job for job in live if job not in ended]
        finished = [job for job in ended if states[job.job_id].status is JobStatus.FINISHED]
        in_vain = [job for job in ended if job not in finished]
        # Their outputs first: what is whole stays whole, whatever becomes of the others.
        outputs = steps.download(finished, states) if finished else []
        scored |= {output.job.shard.name: output for output in outputs if output is not None}
        for job in in_vain:
            judge_failure(run, job, states[job.job_id])
        undone = [job.shard for job in ended if job.shard.name not in scored]
        pending = isolation.affordable(part for shard in undone for part in isolation.parts_of(shard))
    isolation.require_end(is_any_scored=bool(scored))
    in_order = sorted(scored.values(), key=lambda shard: shard.job.shard.first_row)
    return Outcome(scored=in_order, refused=isolation.refused)
