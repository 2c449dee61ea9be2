"""The order of a run's steps, round after round, until each shard has one whole output."""

from collections.abc import Callable
from dataclasses import dataclass

from bes.protocol import JobState, JobStatus
from scoring.jobs import judge_failure
from scoring.open_run import OpenRun
from scoring.plan import Job, ScoredShard
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


def score_shards(run: OpenRun, steps: Steps) -> list[ScoredShard]:
    """One whole output for each shard of the run, in the order of the rows.

    Raises:
        JobFailed: A shard was tried in vain; names it and quotes the service.
        JobTimedOut: The run's own deadline has passed.
    """
    pending = list(run.plan.shards)
    live: list[Job] = []
    scored: dict[str, ScoredShard] = {}
    steps.upload(pending)
    while pending or live:
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
        pending = [job.shard for job in ended if job.shard.name not in scored]
    return [scored[name] for name in sorted(scored)]
